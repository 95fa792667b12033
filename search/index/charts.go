package index

import (
	"strings"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
)

// Charts are the ids of the Patients in whose charts a resource of the type is, sorted: those whose compartment holds it;
// of a type that is in no compartment but has a subject (access.md D7), those that are that. Changes are found by them: a
// version is filed under its charts, a deletion under those of the version before it.
func (e *Entries) Charts(typ string) []string {
	var out []string
	if p := r4.Lookup(typ, compartments.SubjectParam(typ)); p != nil {
		for _, t := range e.Terms {
			if id, ok := strings.CutPrefix(t.Text, "Patient/"); ok && t.Num == p.Num && t.Form == FormReference {
				out = append(out, id)
			}
		}
		return out
	}
	for _, c := range e.Compartments {
		if id, ok := strings.CutPrefix(c, "Patient/"); ok {
			if out == nil {
				out = make([]string, 0, len(e.Compartments))
			}
			out = append(out, id)
		}
	}
	return out
}
