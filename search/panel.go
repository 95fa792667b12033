package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Panel is a set of Patients, fixed for a request: those whose data a user's policy opens (access.md §2). The zero
// Panel is empty. Panels do not change.
type Panel struct {
	ids []string // sorted, distinct
}

// NewPanel is the panel of the Patients with these ids.
func NewPanel(ids []string) Panel {
	return Panel{slices.Compact(slices.Sorted(slices.Values(ids)))}
}

// IDs are the ids of the Patients, sorted. They are shared: do not change them.
func (p Panel) IDs() []string { return p.ids }

// Has says whether the Patient of that id is in p.
func (p Panel) Has(id string) bool {
	_, ok := slices.BinarySearch(p.ids, id)
	return ok
}

// within says whether all of p are in q.
func (p Panel) within(q Panel) bool {
	return len(p.ids) <= len(q.ids) && !slices.ContainsFunc(p.ids, func(id string) bool { return !q.Has(id) })
}

// String are the ids; of many the first ones, and how many there are.
func (p Panel) String() string {
	const shown = 8
	if len(p.ids) <= shown {
		return strings.Join(p.ids, ",")
	}
	return strings.Join(p.ids[:shown], ",") + ",… (" + strconv.Itoa(len(p.ids)) + ")"
}

// simplifyInAny: nobody's compartments hold nothing, one Patient's are In; a type outside the Patient compartment has no
// members.
func simplifyInAny(e InAny, typ string) Expr {
	switch {
	case len(e.Panel.ids) == 0, typ != "" && compartments.Params("Patient", typ) == nil:
		return None
	case len(e.Panel.ids) == 1:
		return simplifyIn(In{fhir.Reference{Type: "Patient", ID: e.Panel.ids[0]}}, typ)
	}
	return e
}
