package mongo

import (
	"cmp"
	"slices"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// keys are what is indexed of a resource: those of its terms that narrow a search, the same again behind each patient
// whose chart it belongs to, and what the main date and the presence of parameters need.
func (s *schema) keys(e *index.Entries, shape string) []string {
	out := append(make([]string, 0, len(e.Terms)), shape)
	for _, t := range e.Terms {
		switch t.Form {
		case index.FormCode:
			if t.Num == idNum {
				continue
			}
			for _, p := range e.Compartments {
				out = append(out, behind(p, s.word(t)))
			}
		case index.FormReference:
			if s.patient(t.Num, t.Text) {
				continue // the compartment finds it
			}
		case index.FormID:
			if s.known(e, t) {
				continue
			}
		case index.FormIdentCode, index.FormCanonical, index.FormURI, index.FormString, index.FormPrefix, index.FormIn, index.FormComposite:
		default:
			continue
		}
		out = append(out, s.word(t))
	}
	for _, key := range s.dates(e) {
		out = append(out, key)
		for _, p := range e.Compartments {
			out = append(out, behind(p, key))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// known says whether the bare id of a reference is found by one of its types.
func (s *schema) known(e *index.Entries, t index.Term) bool {
	return slices.ContainsFunc(s.targets(t.Num), func(typ string) bool {
		_, ok := slices.BinarySearchFunc(e.Terms, index.Term{Num: t.Num, Form: index.FormReference, Text: typ + "/" + t.Text}, func(a, b index.Term) int {
			return cmp.Or(cmp.Compare(a.Num, b.Num), cmp.Compare(a.Form, b.Form), cmp.Compare(a.Text, b.Text))
		})
		return ok
	})
}

// dates are keyWide and keyOdd, where they hold.
func (s *schema) dates(e *index.Entries) []string {
	if !s.dated() {
		return nil
	}
	var found []index.Range
	for _, r := range e.Ranges {
		if r.Num == s.main.Num {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		low, _ := keyTime(found[0].Low)
		high, _ := keyTime(found[0].High)
		if low != fhir.MinTime && high != fhir.MaxTime && high-low <= day {
			return nil
		}
		return []string{keyWide}
	}
	return []string{keyOdd}
}
