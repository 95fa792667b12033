package words

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
)

// Sentence is a scope in words, without a full stop, and the language that it is in: lang, or English if there is no
// table for lang. A scope that is malformed, or that nothing is known of, is named.
func (t Texts) Sentence(text, lang string) (sentence, in string) {
	data, err := scope.ParseScope(text)
	name := text
	if err == nil {
		name = data.String()
	}
	for _, s := range t.speakers(lang) {
		if own := s.texts.find(s.tag, func(l *Language) string { return l.Scopes[name] }); own != "" {
			return own, s.in
		}
		switch {
		case !s.composes():
		case err == nil:
			return s.data(data), s.in
		default:
			if said := s.other(text); said != "" {
				return said, s.in
			}
		}
	}
	return text, lang // not reached: English composes
}

// other says a scope that opens no data; "" if the language has nothing to say it with.
func (s speaker) other(name string) string {
	if own := s.own(func(l *Language) string { return l.Scopes[name] }); own != "" {
		return own
	}
	if word, ok := strings.CutPrefix(name, "launch/"); ok && launch.Type(word) != "" {
		return replace(s.own(func(l *Language) string { return l.Context }), "{type}", s.typ(launch.Type(word)))
	}
	if event, ok := strings.CutPrefix(name, "fhircast/"); ok {
		way := event[strings.LastIndexByte(event, '.')+1:]
		event = strings.TrimSuffix(event, "."+way)
		if all := s.own(func(l *Language) string { return l.Events["all"] }); event == "*" && all != "" {
			event = all
		}
		if pattern := s.own(func(l *Language) string { return l.Events[way] }); pattern != "" {
			return replace(pattern, "{event}", event)
		}
	}
	return replace(s.own(func(l *Language) string { return l.Unknown }), "{scope}", name)
}

// data says a scope that opens data.
func (s speaker) data(d scope.Scope) string {
	level := d.Level.String()
	switch class := compartments.ClassOf(d.Type); {
	case d.Type == "*":
		level += "/*"
	case d.Level == scope.Patient && (class == compartments.Directory || class == compartments.Definitional):
		level = "shared"
	}
	only := ""
	switch c := d.Constraint.(type) {
	case scope.Unconstrained:
	case scope.Where:
		var terms []string
		for name, values := range c.Terms() {
			terms = append(terms, s.term(d.Type, name, values))
		}
		only = replace(s.say(func(l *Language) string { return l.Only }), "{terms}", list(terms, s.and()))
	default:
		return replace(s.say(func(l *Language) string { return l.Unknown }), "{scope}", d.Text())
	}
	return Capital(replace(s.say(func(l *Language) string { return l.Sentences[level] }),
		"{verbs}", s.verbs(d.Letters), "{type}", s.typ(d.Type), "{only}", only))
}

func (s speaker) and() string { return s.say(func(l *Language) string { return l.And }) }

// verbs are the letters in the order in which people think of them: looking before touching.
func (s speaker) verbs(letters scope.Letters) string {
	var verbs []string
	for _, c := range "rscud" {
		if letter := string(c); strings.Contains(letters.String(), letter) {
			verbs = append(verbs, s.say(func(l *Language) string { return l.Verbs[letter] }))
		}
	}
	return list(verbs, s.and())
}

// term is one parameter of a constraint.
func (s speaker) term(typ, name string, values []string) string {
	code, modifier, _ := strings.Cut(name, ":")
	if typ == "*" {
		typ = ""
	}
	p := r4.Lookup(typ, code)
	if p == nil {
		return strings.ReplaceAll(name, "-", " ") + " " + unescape(strings.Join(values, ",")) // a server's own: of what type is not known here
	}
	said := make([]string, len(values))
	for i, v := range values {
		said[i] = s.value(p.Type, modifier, v)
	}
	pattern := s.pattern(p.Type, modifier, values)
	param := s.say(func(l *Language) string { return l.Parameters[code] })
	if param == "" {
		param = strings.ReplaceAll(strings.TrimPrefix(code, "_"), "-", " ")
	}
	return replace(pattern, "{name}", param, "{values}", list(said, s.say(func(l *Language) string { return l.Or })), "{modifier}", modifier)
}

// kinds are the types of parameters as keys of Language.Modifiers have them.
var kinds = [...]string{r4.Number: "number", r4.Date: "date", r4.String: "string", r4.Token: "token",
	r4.Reference: "reference", r4.Composite: "composite", r4.Quantity: "quantity", r4.URI: "uri", r4.Special: "special"}

// pattern is that of a parameter's type and modifier.
func (s speaker) pattern(typ r4.ParamType, modifier string, values []string) string {
	kind := kinds[typ]
	keys := []string{kind, ""}
	switch {
	case modifier == "missing":
		keys = []string{":missing=" + strings.Join(values, "")}
	case modifier != "" && !r4.IsResource(modifier):
		keys = []string{kind + ":" + modifier, ":" + modifier, ":"}
	}
	for _, k := range keys {
		if p := s.say(func(l *Language) string { return l.Modifiers[k] }); p != "" {
			return p
		}
	}
	return "{name} {values}"
}

// value is one of the values that a parameter is asked for.
func (s speaker) value(typ r4.ParamType, modifier, v string) string {
	switch {
	case modifier == "text" || modifier == "in" || modifier == "not-in":
		return unescape(v)
	case r4.IsResource(modifier):
		return modifier + "/" + unescape(v)
	case typ == r4.Token && modifier == "":
		return s.token(v)
	case typ == r4.Token && slices.Contains([]string{"not", "below", "above"}, modifier):
		return s.token(v)
	case typ == r4.Date:
		return s.ordered("date ", v, v)
	case typ == r4.Number || typ == r4.Quantity:
		parts := split(v)
		if len(parts) == 3 { // number|system|unit
			return s.ordered("number ", v, strings.TrimSpace(parts[0]+" "+parts[2]))
		}
		return s.ordered("number ", v, v)
	}
	return unescape(v)
}

// ordered is a value with a prefix like ge (R4 search.html#prefix).
func (s speaker) ordered(kind, v, said string) string {
	if len(v) > 2 && v[0] >= 'a' && v[0] <= 'z' {
		if p := s.say(func(l *Language) string { return l.Prefixes[kind+v[:2]] }); p != "" {
			return replace(p, "{value}", unescape(said[2:]))
		}
	}
	return unescape(said)
}

// token is [system|]code.
func (s speaker) token(v string) string {
	parts := split(v)
	if len(parts) != 2 {
		return s.code("", unescape(v))
	}
	system, code := unescape(parts[0]), unescape(parts[1])
	name := s.say(func(l *Language) string { return l.Systems[system] })
	if name == "" {
		name = system
	}
	pattern := "both"
	switch {
	case system == "":
		pattern = "none"
	case code == "":
		pattern = "any"
	case s.say(func(l *Language) string { return l.Values[system+"|"+code] }) != "", plain(system):
		return s.code(system, code)
	}
	return replace(s.say(func(l *Language) string { return l.Codes[pattern] }), "{code}", s.code(system, code), "{system}", name)
}

// code is a code in words, or with blanks where it is made of words.
func (s speaker) code(system, code string) string {
	for _, k := range []string{system + "|" + code, code} {
		if text := s.say(func(l *Language) string { return l.Values[k] }); text != "" {
			return text
		}
	}
	if strings.ToLower(code) == code && !strings.ContainsAny(code, "0123456789") {
		return strings.ReplaceAll(code, "-", " ")
	}
	return code
}

// plain says whether the codes of a system are words that need no mention of it: those of FHIR itself.
func plain(system string) bool {
	return strings.HasPrefix(system, "http://terminology.hl7.org/CodeSystem/") || strings.HasPrefix(system, "http://hl7.org/fhir/") ||
		strings.HasPrefix(system, "http://hl7.org/fhir/us/core/CodeSystem/")
}

// split parts a value at the bars that are not escaped.
func split(v string) []string {
	var out []string
	from := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '|':
			out = append(out, v[from:i])
			from = i + 1
		}
	}
	return append(out, v[from:])
}

// unescape takes away the backslashes of R4 search.html#escaping.
func unescape(v string) string {
	return strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\|`, `|`, `\$`, `$`).Replace(v)
}
