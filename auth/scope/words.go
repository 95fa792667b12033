package scope

import (
	"slices"
	"strings"
)

// Describe is a scope in plain English, a sentence without a dot.
func Describe(word string) string {
	if !dataScope(word) {
		return describeOther(word)
	}
	s, err := ParseScope(word)
	if err != nil {
		return word
	}
	return s.Describe()
}

func describeOther(word string) string {
	switch word {
	case "openid":
		return "Know who you are"
	case "fhirUser":
		return "Know which person of the health record you are"
	case "profile":
		return "Know your name"
	case "offline_access":
		return "Stay connected while you are away, until you withdraw it"
	case "online_access":
		return "Stay connected while you are signed in"
	case "launch":
		return "Know what you are working with here"
	}
	if typ, ok := strings.CutPrefix(word, "launch/"); ok {
		return "Know which " + typ + " you have chosen"
	}
	if event, ok := strings.CutPrefix(word, "fhircast/"); ok {
		name, action, _ := strings.Cut(event, ".")
		if action == "write" {
			return "Tell other apps of your session about " + name
		}
		return "Follow " + name + " of your session"
	}
	return word
}

// Describe is the scope in plain English: "Read and search Observation of this patient, only category laboratory".
func (s Scope) Describe() string {
	what := s.Type
	if what == "*" {
		what = "everything"
	}
	of := map[Level]string{Patient: " of this patient", User: " that you may see", System: " of every patient"}[s.Level]
	text := s.Letters.words() + " " + what + of
	where, ok := s.Constraint.(Where)
	if !ok {
		return text
	}
	var only []string
	for _, t := range where.terms {
		var values []string
		for _, v := range t.values {
			values = append(values, v[strings.LastIndexByte(v, '|')+1:])
		}
		only = append(only, t.name+" "+strings.Join(values, " or "))
	}
	return text + ", only " + strings.Join(only, " and ")
}

// words are the letters as verbs.
func (l Letters) words() string {
	verbs := [...]string{"create", "read", "change", "delete", "search"} // in the order of cruds
	var list []string
	for _, i := range []int{1, 4, 0, 2, 3} {
		if l&(1<<i) != 0 {
			list = append(list, verbs[i])
		}
	}
	if len(list) == 0 {
		return "Nothing of"
	}
	text := strings.Join(list, ", ")
	if n := len(list) - 1; n > 0 {
		text = strings.Join(list[:n], ", ") + " and " + list[n]
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// Writes says whether the scope changes data.
func (s Scope) Writes() bool { return s.Letters&(1<<0|1<<2|1<<3) != 0 }

// categories are the parts of types that people know, as US Core and the guides on it have them.
var categories = map[string][]string{
	"Observation": {"vital-signs", "laboratory", "social-history", "survey", "imaging", "procedure", "exam", "therapy", "activity"},
	"Condition":   {"problem-list-item", "encounter-diagnosis", "health-concern"},
}

var systems = map[string]string{
	"Observation": "http://terminology.hl7.org/CodeSystem/observation-category",
	"Condition":   "http://terminology.hl7.org/CodeSystem/condition-category",
}

// Narrower are scopes for a part of what s is for, by category; none if s has a constraint or its type no parts.
func (s Scope) Narrower() []string {
	if _, all := s.Constraint.(Unconstrained); !all {
		return nil
	}
	var list []string
	for _, c := range categories[s.Type] {
		system := systems[s.Type]
		if c == "health-concern" {
			system = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
		}
		list = append(list, s.Level.String()+"/"+s.Type+"."+s.Letters.String()+"?category="+system+"|"+c)
	}
	return slices.Clip(list)
}
