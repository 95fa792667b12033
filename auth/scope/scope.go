package scope

import (
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Scope is one data scope: level/Type.letters?constraint. The zero Scope grants nothing.
type Scope struct {
	Level      Level
	Type       string // a resource type, or "*"
	Letters    Letters
	Constraint Constraint

	text string // as it was written
}

// Level is the part before the slash: whose data.
type Level uint8

// The levels. The zero Level reaches nothing.
const (
	Patient Level = iota + 1 // the compartment of the patient in context
	User                     // what the user may see
	System                   // everything
)

var levels = [...]string{Patient: "patient", User: "user", System: "system"}

func (l Level) String() string { return levels[l] }

// level is that of the word, 0 if there is none.
func level(word string) Level {
	for l := Patient; l <= System; l++ {
		if levels[l] == word {
			return l
		}
	}
	return 0
}

// dataScope says whether the word belongs to the grammar of data scopes: what begins like one is one, or is refused.
func dataScope(word string) bool {
	head, _, slash := strings.Cut(word, "/")
	return slash && level(head) != 0
}

// ParseScope reads one data scope of SMART v1 or v2:
//
//	( patient | user | system ) "/" ( Type | "*" ) "." ( read | write | "*" )
//	( patient | user | system ) "/" ( Type | "*" ) "." [c][r][u][d][s] [ "?" name=value { "&" name=value } ]
//
// A type that R4 does not have, letters out of order or twice, and a constraint that cannot be evaluated are errors:
// such a scope is not granted, never widened. Names and values may be percent-encoded; "+" is a plus.
func ParseScope(text string) (Scope, error) {
	head, query, constrained := strings.Cut(text, "?")
	word, rest, _ := strings.Cut(head, "/")
	typ, actions, _ := strings.Cut(rest, ".")
	s := Scope{Level: level(word), Type: typ, Constraint: Unconstrained{}, text: text}
	var ok bool
	s.Letters, ok = parseLetters(actions)
	switch {
	case !printable(text):
		return Scope{}, refuse(text, "it has characters that a scope cannot have (RFC 6749 §3.3)")
	case s.Level == 0:
		return Scope{}, refuse(text, "it begins with neither patient/, user/ nor system/")
	case typ != "*" && !r4.IsResource(typ):
		return Scope{}, refuse(text, "%q is no resource type of R4", typ)
	case !ok:
		return Scope{}, refuse(text, "%q is neither read, write, * nor letters in the order cruds", actions)
	case !constrained:
		return s, nil
	case actions == "read" || actions == "write" || actions == "*":
		return Scope{}, refuse(text, "a constraint needs the letters of SMART v2")
	}
	where, err := parseWhere(typ, query)
	if err != nil {
		return Scope{}, refuse(text, "%s", why(err))
	}
	s.Constraint = where
	return s, nil
}

func refuse(text, format string, args ...any) *fhir.Error {
	e := fhir.Errorf(fhir.KindInvalid, "scope", format, args...)
	e.Diagnostics = "scope " + text + " is not granted: " + e.Diagnostics
	return e
}

// printable says whether s is a scope-token of RFC 6749 §3.3.
func printable(s string) bool {
	for _, c := range s {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// String is the canonical form: v2 letters, constraint sorted.
func (s Scope) String() string {
	head := s.Level.String() + "/" + s.Type + "." + s.Letters.String()
	if where, ok := s.Constraint.(Where); ok {
		return head + "?" + where.String()
	}
	return head
}

// Text is the scope as it was asked for.
func (s Scope) Text() string { return s.text }

// covers says whether s allows all that t allows, but for the letters.
func (s Scope) covers(t Scope) bool {
	return s.Level == t.Level && (s.Type == "*" || s.Type == t.Type) && implies(t.Constraint, s.Constraint)
}

// meet is what both s and t allow; without letters, if that is nothing.
func (s Scope) meet(t Scope) Scope {
	if s.Level != t.Level || s.Type != t.Type && s.Type != "*" && t.Type != "*" {
		return Scope{}
	}
	m := Scope{Level: s.Level, Type: s.Type, Letters: s.Letters & t.Letters, Constraint: both(s.Constraint, t.Constraint)}
	if s.Type == "*" {
		m.Type = t.Type
	}
	m.text = m.String()
	return m
}

// names says whether the scope is about the type with the letter.
func (s Scope) names(i search.Interaction, typ string) bool {
	return s.Letters.Has(i) && (s.Type == typ || s.Type == "*")
}
