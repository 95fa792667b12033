package search

import (
	"github.com/firewarden/firewarden/internal/fhir"
)

// Contains is _contained: some resource of the type inside the resource at hand is in X, which has no Chain or Has. What
// is inside is a part of its container and is seen with it; Guard leaves it to those who may search the type as a whole.
type Contains struct {
	Type string
	X    Expr
}

func (Contains) expr()            {}
func (e Contains) String() string { return printed(e) }

func (w World) matchContains(e *Contains, res *fhir.Resource) bool { return len(w.within(e, res)) > 0 }

// within are the resources inside that make e true.
func (w World) within(e *Contains, res *fhir.Resource) (found []*fhir.Resource) {
	res.Root.Get("contained").Each(func(n *fhir.Node) {
		if n.Str("resourceType") == e.Type {
			if inner := res.Sub(n); Match(w, e.X, inner) {
				found = append(found, inner)
			}
		}
	})
	return found
}

// Contained is what a match of a search by _contained was found by: itself, or resources inside of it.
func (g Guarded) Contained(w World, res *fhir.Resource) (itself bool, inside []*fhir.Resource) {
	for _, m := range g.members {
		if m.typ == res.Type {
			return Match(w, outside(m.where), res), w.inside(m.where, res)
		}
	}
	return false, nil
}

// inside are the resources that the Contains of e find.
func (w World) inside(e Expr, res *fhir.Resource) (found []*fhir.Resource) {
	switch e := e.(type) {
	case And, Or:
		for _, x := range Parts(e) {
			found = append(found, w.inside(x, res)...)
		}
	case Contains:
		return w.within(&e, res)
	}
	return found
}

// outside is e without what is contained.
func outside(e Expr) Expr {
	switch e.(type) {
	case And, Or:
		return Map(e, outside)
	case Contains:
		return None
	}
	return e
}

// containment reads _contained and _containedType.
func (p *parser) containment(name, value string) *fhir.Error {
	switch {
	case p.several:
		return p.unknown("%s is for a search on one type", name)
	case name == "_containedType" && value != "container" && value != "contained":
		return p.bad("_containedType is container or contained: %q", shown(value))
	case name == "_containedType":
		p.inner = value == "contained"
		return nil
	case value != "false" && value != "true" && value != "both":
		return p.bad("_contained is false, true or both: %q", shown(value))
	}
	p.within = value
	return nil
}

// containers makes a search for what is contained of the one type of q: a search for containers, of every type, and with
// both for those of the type themselves (R4 search.html#contained).
func (p *parser) containers(q *Query) *fhir.Error {
	if p.within == "" || p.within == "false" {
		return nil
	}
	p.place = "http._contained"
	typ, where := q.Branches[0].Type, q.Branches[0].Where
	switch {
	case Joins(where):
		return p.unknown("_contained goes with no chain or _has")
	case len(q.Include)+len(q.RevInclude) > 0:
		return p.unknown("_contained goes with no _include or _revinclude: containers are of many types")
	case !q.Subset.Whole() && p.names != nil:
		return p.unknown("_contained goes with no _elements: containers are of many types")
	}
	if p.inner && (q.Total != TotalNone || q.CountOnly) {
		return p.unknown("a count of what is contained is not supported: ask for one of containers, with _containedType=container")
	}
	for _, k := range q.Branches[0].Sort {
		if len(k.Via) > 0 || k.P.Base != "" {
			return p.unknown("with _contained, _sort takes parameters that all types have: containers are of many types")
		}
	}
	q.Contained = p.inner
	sort := q.Branches[0].Sort
	q.Branches = nil
	for _, t := range searchable() {
		b := Branch{Type: t, Where: Contains{typ, where}, Sort: sort}
		if t == typ && p.within == "both" {
			b.Where = Or{where, b.Where}
		}
		q.Branches = append(q.Branches, b)
	}
	return nil
}
