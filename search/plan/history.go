package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
)

// Changes is a flat plan over the versions of one type, or of several, newest first; made by plan only.
type Changes struct {
	parts []ChangesPart
	since int64 // inclusive, microseconds; 0 is the beginning
	until int64 // exclusive; 0 is the end
	keep  func(Source, *Row) (bool, error)
}

// ChangesPart are types of which the caller sees the charts of the same Patients, or more than charts.
type ChangesPart struct {
	Types []string // sorted, not empty
	// Patients are ids, sorted: whatever Keep keeps is filed under one of them (index.Entries.Charts). nil: Keep is to be
	// asked of all versions of the types.
	Patients []string
}

// Parts are the types by where their versions are to be looked for; no type is in two of them.
func (c Changes) Parts() []ChangesPart { return c.parts }

// Since is the earliest LastUpdated, in microseconds; 0 is the beginning.
func (c Changes) Since() int64 { return c.since }

// Until is the time, in microseconds, before which LastUpdated is; 0 is the end.
func (c Changes) Until() int64 { return c.until }

// Keep says whether the caller may see a version; false for the zero Changes. src is the snapshot that is read.
func (c Changes) Keep(src Source, r *Row) (bool, error) {
	if c.keep == nil {
		return false, nil
	}
	return c.keep(src, r)
}

// add puts a type to those that are looked for in the same place. There are patients, or they are nil.
func (c *Changes) add(typ string, patients []string) {
	for i := range c.parts {
		if p := &c.parts[i]; slices.Equal(p.Patients, patients) {
			p.Types = append(p.Types, typ)
			return
		}
	}
	c.parts = append(c.parts, ChangesPart{[]string{typ}, patients})
}

// History is the history of the types of a GuardHistory plan, newest first. The keys of w.Sort count nothing.
func History(ctx context.Context, src Source, p Plan, t Times, w Window) (Page, error) {
	if err := p.own.held(ctx, src); err != nil {
		return Page{}, err
	}
	c := Changes{since: t.Since, until: t.until(), keep: func(src Source, r *Row) (bool, error) {
		i, ok := slices.BinarySearchFunc(p.members, r.Type, func(m Plan, typ string) int { return strings.Compare(m.typ, typ) })
		if !ok {
			return false, nil
		}
		shows := func(r *Row) (bool, error) { return p.members[i].shows(ctx, src, r) }
		if ok, err := shows(r); !ok || err != nil {
			return false, err
		}
		return t.holds(ctx, src, r, shows)
	}}
	for _, m := range p.members {
		switch patients, ok := charts(m.typ, m.allowed); {
		case !ok || len(patients) > maxPanelTerms:
			c.add(m.typ, nil)
		case len(patients) > 0:
			c.add(m.typ, patients)
		}
	}
	return src.Changes(ctx, c, w)
}

// charts are Patients, sorted, such that whatever of the type is in e is in the chart of one of them (index.Entries.Charts);
// ok is false where there are none to be named. No version is seen but by what itself says (access.md §2, "Versions"), so
// that those of which e holds are filed there.
//
//	charts(None) = {}; charts(And{x, y}) = the fewer of charts(x), charts(y); charts(Or{x, y}) = charts(x) ∪ charts(y)
func charts(typ string, e search.Expr) (patients []string, ok bool) {
	switch e := e.(type) {
	case search.Const:
		return nil, e == search.None
	case search.In:
		return []string{e.Compartment.ID}, e.Compartment.Type == "Patient" && compartments.ClassOf(typ) == compartments.InPatient
	case search.InAny:
		return e.Panel.IDs(), compartments.ClassOf(typ) == compartments.InPatient
	case search.Param:
		return chartsBy(typ, e)
	case search.And:
		for _, x := range e {
			if list, is := charts(typ, x); is && (!ok || len(list) < len(patients)) {
				patients, ok = list, true
			}
		}
		return patients, ok
	case search.Or:
		for _, x := range e {
			list, is := charts(typ, x)
			if !is {
				return nil, false
			}
			patients = append(patients, list...)
		}
		slices.Sort(patients)
		return slices.Compact(patients), true
	}
	return nil, false
}

// chartsBy are the Patients that a parameter by which a type is in charts asks for, if it asks for them alone.
func chartsBy(typ string, e search.Param) (patients []string, ok bool) {
	by := r4.Lookup(typ, cmp.Or(compartments.SubjectParam(typ), compartments.PatientImplies(typ)))
	if e.P != by || e.Mod != search.ModNone {
		return nil, false
	}
	for _, v := range e.Any {
		if v.Ref.Type != "Patient" || !v.Ref.Local() {
			return nil, false
		}
		patients = append(patients, v.Ref.ID)
	}
	slices.Sort(patients)
	return slices.Compact(patients), true
}
