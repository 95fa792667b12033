package search

import (
	"slices"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// World is what Match looks at beyond the resource itself. The zero World works: chains find only what is contained,
// _has finds nothing.
type World struct {
	Index *index.Indexer // how values are extracted; nil is the zero Indexer
	// Each calls f for the current resources of a type until f returns false; nil is an empty world.
	Each func(typ string, f func(*fhir.Resource) bool)
	// Probe, if it is there, answers Has and Every instead of Each.
	Probe Prober
}

// A Prober answers questions about other resources without walking over all of them.
type Prober interface {
	// Sees says whether there is a current resource of that type and id, and x holds it.
	Sees(typ, id string, x Expr) bool
	// Refers is Has of the resource of that type and id.
	Refers(e Has, typ, id string) bool
}

// Match says whether res is in the set e: the reference semantics (search.md), straight on the values of the
// resource, without terms or plans. What it does not know is in no set.
func Match(w World, e Expr, res *fhir.Resource) bool {
	switch e := e.(type) {
	case Const:
		return bool(e)
	case And:
		for _, x := range e {
			if !Match(w, x, res) {
				return false
			}
		}
		return len(e) > 0
	case Or:
		for _, x := range e {
			if Match(w, x, res) {
				return true
			}
		}
		return false
	case Not:
		return e.X != nil && !Match(w, e.X, res)
	case Type:
		return res.Type == string(e)
	case ID:
		return res.ID == string(e)
	case Param:
		return w.matchParam(&e, res)
	case Missing:
		return (len(w.values(e.P, res)) == 0) == e.Is
	case In:
		return compartments.Member(e.Compartment, res.Type, res.ID, func(code string) []fhir.Reference {
			return w.References(r4.Lookup(res.Type, code), res)
		})
	case InAny:
		return slices.ContainsFunc(w.patients(res), func(r fhir.Reference) bool { return e.Panel.Has(r.ID) })
	case Sole:
		patients := w.patients(res)
		return len(patients) == 1 && patients[0] == e.Compartment
	case SoleAny:
		patients := w.patients(res)
		if e.P != nil {
			patients = slices.DeleteFunc(w.References(e.P, res), func(r fhir.Reference) bool { return r.Type != "Patient" })
		}
		return len(patients) > 0 && !slices.ContainsFunc(patients, func(r fhir.Reference) bool { return !r.Local() || !e.Panel.Has(r.ID) })
	case Only:
		if e.OrNone && w.indexer().NoPatient(res) {
			return true
		}
		patient, ok := w.indexer().OnlyPatient(res)
		return ok && patient == e.Compartment
	case Every:
		refs := w.References(e.P, res)
		return len(refs) > 0 && !slices.ContainsFunc(refs, func(r fhir.Reference) bool { return !r.Local() || !w.sees(r, e.Of.Of(r.Type)) })
	case Shared:
		return index.Shared(w.References(e.P, res))
	case Chain:
		return w.matchChain(&e, res)
	case Has:
		return w.matchHas(&e, res)
	case Contains:
		return w.matchContains(&e, res)
	}
	return false
}

// patients are the Patients whose compartment holds the resource.
func (w World) patients(res *fhir.Resource) []fhir.Reference {
	of := compartments.Of(res.Type, res.ID, func(code string) []fhir.Reference {
		return w.References(r4.Lookup(res.Type, code), res)
	})
	return slices.DeleteFunc(of, func(r fhir.Reference) bool { return r.Type != "Patient" })
}

func (w World) indexer() *index.Indexer {
	if w.Index == nil {
		return &index.Indexer{}
	}
	return w.Index
}

func (w World) values(p *r4.SearchParameter, res *fhir.Resource) []index.Value {
	return w.indexer().Values(p, res)
}

// References are the literal references among the values of p; none for a nil p.
func (w World) References(p *r4.SearchParameter, res *fhir.Resource) []fhir.Reference {
	if p == nil {
		return nil
	}
	var out []fhir.Reference
	for _, v := range w.values(p, res) {
		if v.Type == r4.Reference {
			out = append(out, v.Ref)
		}
	}
	return out
}

// matchParam: some value of the resource is what some value of the search asks for; with :not and :not-in none is, so a
// resource without a value is found. As long as a value is open nothing is found.
func (w World) matchParam(e *Param, res *fhir.Resource) bool {
	if e.open() {
		return false
	}
	for _, v := range w.values(e.P, res) {
		for i := range e.Any {
			if matchValue(e.P, e.Mod, &e.Any[i], &v) {
				return !e.Mod.Negative()
			}
		}
	}
	return e.Mod.Negative()
}

// matchChain: P refers to some resource of type Target that is in X, elsewhere or inside the resource.
func (w World) matchChain(e *Chain, res *fhir.Resource) bool {
	refs := w.References(e.P, res)
	if e.Contained && !Joins(e.X) {
		for _, r := range refs {
			if c := contained(res, r.Fragment); c != nil && c.Type == e.Target && Match(w, e.X, c) {
				return true
			}
		}
	}
	found := false
	if w.Each != nil && len(refs) > 0 {
		w.Each(e.Target, func(target *fhir.Resource) bool {
			found = refersTo(e.P, refs, target) && Match(w, e.X, target)
			return !found
		})
	}
	return found
}

// sees says whether the current resource that r names is in x.
func (w World) sees(r fhir.Reference, x Expr) bool {
	found := false
	switch {
	case w.Probe != nil:
		return w.Probe.Sees(r.Type, r.ID, x)
	case w.Each != nil:
		w.Each(r.Type, func(res *fhir.Resource) bool {
			found = res.ID == r.ID && Match(w, x, res)
			return !found
		})
	}
	return found
}

// matchHas: some resource of type Source that is in X refers to this one by P.
func (w World) matchHas(e *Has, res *fhir.Resource) bool {
	if w.Probe != nil {
		return w.Probe.Refers(*e, res.Type, res.ID)
	}
	found := false
	if w.Each != nil {
		w.Each(e.Source, func(source *fhir.Resource) bool {
			found = refersTo(e.P, w.References(e.P, source), res) && Match(w, e.X, source)
			return !found
		})
	}
	return found
}

// refersTo says whether one of the values of p is a reference to the resource, or a canonical that names it.
func refersTo(p *r4.SearchParameter, refs []fhir.Reference, res *fhir.Resource) bool {
	canonical := index.Canonical(p)
	for _, r := range refs {
		if r.Local() && r.Type == res.Type && r.ID == res.ID || canonical && index.Names(r.URL, res) {
			return true
		}
	}
	return false
}

// contained is the resource with that id inside res, nil if there is none.
func contained(res *fhir.Resource, id string) *fhir.Resource {
	if id == "" {
		return nil
	}
	var found *fhir.Resource
	res.Root.Get("contained").Each(func(n *fhir.Node) {
		if found == nil && n.Str("id") == id {
			found = res.Sub(n)
		}
	})
	return found
}

// Joins says whether e joins other resources: it has a Chain, a Has or an Every.
func Joins(e Expr) bool {
	switch e.(type) {
	case Chain, Has, Every:
		return true
	}
	return slices.ContainsFunc(Parts(e), Joins)
}
