package scope

import (
	"errors"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Set is a set of scopes: data scopes, and others that open no data. The zero Set is empty. Sets do not change.
type Set struct {
	data  []Scope  // in the order asked for, each spelling once
	other []string // likewise
}

// Parse reads scopes separated by blanks. The Set holds those that are well-formed; each of the others is one error
// of refused (nil if there is none) and grants nothing. Where a constraint names a parameter that R4 does not have,
// Available says whether the server has it: who grants asks for that, too.
func Parse(text string) (set Set, refused fhir.Errors) {
	for _, word := range strings.Fields(text) {
		if !dataScope(word) && printable(word) {
			if _, _, err := parseEvent(word); err != nil {
				refused = append(refused, err)
			} else if !slices.Contains(set.other, word) {
				set.other = append(set.other, word)
			}
			continue
		}
		s, err := ParseScope(word)
		if err != nil {
			var e *fhir.Error
			errors.As(err, &e) // ParseScope has no other errors
			refused = append(refused, e)
			continue
		}
		set.add(s)
	}
	return set, refused
}

// Of is a Set of data scopes.
func Of(scopes ...Scope) Set {
	var set Set
	for _, s := range scopes {
		set.add(s)
	}
	return set
}

func (s *Set) add(t Scope) {
	if !slices.ContainsFunc(s.data, func(have Scope) bool { return have.text == t.text }) {
		s.data = append(s.data, t)
	}
}

// Data are the data scopes in the order asked for. It is shared: do not change it.
func (s Set) Data() []Scope { return s.data }

// Other are the scopes that open no data: launch/patient, openid, offline_access, __mine. It is shared: do not change it.
func (s Set) Other() []string { return s.other }

// Has says whether the set holds this scope that opens no data.
func (s Set) Has(other string) bool { return slices.Contains(s.other, other) }

// Text are the scopes as they were asked for, each once: what a token response says.
func (s Set) Text() string {
	words := make([]string, 0, len(s.data)+len(s.other))
	for _, d := range s.data {
		words = append(words, d.text)
	}
	return strings.Join(append(words, s.other...), " ")
}

// String is the canonical form: sorted, and without what another scope of the set covers. Two sets that cover each
// other have the same.
func (s Set) String() string {
	var kept []Scope
	for _, t := range s.data {
		for _, u := range s.data {
			if u.covers(t) && !t.covers(u) {
				t.Letters &^= u.Letters
			}
		}
		if t.Letters == 0 {
			continue
		}
		same := slices.IndexFunc(kept, func(k Scope) bool { return k.covers(t) && t.covers(k) })
		if same < 0 {
			kept = append(kept, t)
		} else {
			kept[same].Letters |= t.Letters
		}
	}
	words := plainest(s.other)
	for _, k := range kept {
		words = append(words, k.String())
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// Covers says whether everything that t allows s allows too. It compares scope by scope: the 148 types one by one do
// not cover "*".
func (s Set) Covers(t Set) bool {
	return !slices.ContainsFunc(t.data, func(d Scope) bool { return !s.coversScope(d) }) &&
		!slices.ContainsFunc(t.other, func(o string) bool { return !s.coversOther(o) })
}

func (s Set) coversScope(t Scope) bool {
	missing := t.Letters
	for _, d := range s.data {
		if d.covers(t) {
			missing &^= d.Letters
		}
	}
	return missing == 0
}

// Intersect is the largest set that both s and t cover, in the spelling of s where s asks for no more than t allows.
func (s Set) Intersect(t Set) Set {
	granted, _ := s.Narrow(t)
	return granted
}

// Narrow is Intersect, for a request s and what may be granted at most. Cut are the scopes of s, as they were asked
// for, that are not granted in full.
func (s Set) Narrow(ceiling Set) (granted Set, cut []string) {
	for _, d := range s.data {
		if ceiling.coversScope(d) {
			granted.add(d)
			continue
		}
		cut = append(cut, d.text)
		for _, c := range ceiling.data {
			if m := d.meet(c); !granted.coversScope(m) {
				granted.add(m)
			}
		}
	}
	for _, o := range s.other {
		if ceiling.coversOther(o) {
			granted = granted.With(o)
			continue
		}
		cut = append(cut, o)
		for _, m := range ceiling.meetOther(o) {
			if !granted.coversOther(m) {
				granted = granted.With(m)
			}
		}
	}
	return granted, cut
}

// NeedsPatient says whether a scope of the set means nothing without a patient in context: such a set is issued only
// with one.
func (s Set) NeedsPatient() bool {
	return slices.ContainsFunc(s.data, func(d Scope) bool { return d.Level == Patient })
}

// With is the set and one more scope; what is malformed adds nothing.
func (s Set) With(word string) Set {
	more, _ := Parse(word)
	out := Set{slices.Clip(s.data), slices.Clip(s.other)}
	for _, d := range more.data {
		out.add(d)
	}
	for _, o := range more.other {
		if !out.Has(o) {
			out.other = append(out.other, o)
		}
	}
	return out
}

// Without is the set without a scope that opens no data.
func (s Set) Without(other string) Set {
	s.other = slices.DeleteFunc(slices.Clone(s.other), func(o string) bool { return o == other })
	return s
}
