package scope

import (
	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Bound is the most that a user or a client may see and do, whatever was granted: a Policy, or Unavailable where there
// is one that cannot be evaluated. "No policy" is no Bound at all; everything but a Policy denies.
type Bound interface{ bound() }

// Policy opens the data of patients to some letters. The zero Policy opens nothing.
type Policy struct {
	Patients Patients
	Letters  Letters
}

func (Policy) bound()      {}
func (Unavailable) bound() {}

// Patients says whose data a policy opens; nil is nobody's.
type Patients interface{ patients() }

type (
	// Everyone is every patient, and what belongs to none: every type.
	Everyone struct{}
	// Panel is a set of patients: their compartments, and what is visible beside them (access.md D7).
	Panel struct{ search.Panel }
	// Rule is the panel that a search for Patients finds. Before Access.Settle has found it, types are granted and
	// nothing of them is in reach.
	Rule struct {
		Query search.Query
		pairs []search.Pair // where the search asks by parameters that R4 does not have: Query is still to be read from them
		since uint64        // by the parameters of that generation
	}
)

func (Everyone) patients() {}
func (Panel) patients()    {}
func (Rule) patients()     {}

// Settled says whether the access depends on no snapshot: Settle gives itself.
func (a *Access) Settled() bool { return !a.asked.open && !ruled(a.ctx.User) && !ruled(a.ctx.Client) }

func ruled(b Bound) bool {
	_, ok := ruleOf(b)
	return ok
}

func ruleOf(b Bound) (Rule, bool) {
	p, _ := b.(Policy)
	r, ok := p.Patients.(Rule)
	return r, ok
}

// Settle is the access with the search parameters of the request's snapshot, and with the panels that the rules of its
// policies find there. find answers them under the policies' own authority.
func (a *Access) Settle(params func() (*parameters.Set, error), find func(search.Query) (search.Panel, error)) (search.Access, error) {
	settled := *a
	if a.asked.open {
		now, err := params()
		if err != nil {
			return nil, err
		}
		if ctx := a.asked.ctx; now != ctx.Params {
			ctx.Params = now
			settled = *a.asked.set.Access(ctx)
		}
	}
	settled.asked = asked{}
	for _, b := range []*Bound{&settled.ctx.User, &settled.ctx.Client} {
		r, ok := ruleOf(*b)
		if !ok {
			continue
		}
		panel, err := find(r.Query)
		if err != nil {
			return nil, err
		}
		p := (*b).(Policy)
		p.Patients = Panel{panel}
		*b = p
	}
	return &settled, nil
}

// within is what a bound leaves of a type by a letter; everything if there is none.
func within(b Bound, i search.Interaction, typ string) search.Expr {
	if b == nil {
		return search.All
	}
	p, ok := b.(Policy)
	if !ok || !p.Letters.Has(i) {
		return search.None
	}
	switch patients := p.Patients.(type) {
	case Everyone:
		return search.All
	case Panel:
		return panelReach(patients.Panel, i, typ)
	case Rule:
		if panelReach(search.Panel{}, i, typ) == search.None {
			return search.None
		}
	case nil:
		return panelReach(search.Panel{}, i, typ)
	default:
		return search.None
	}
	return search.Or{} // granted, and nothing is in reach yet
}

// contentWithin is what a bound leaves of new content: under a panel it speaks of no other Patient's data.
func contentWithin(b Bound, i search.Interaction, typ string) search.Expr {
	e := within(b, i, typ)
	p, ok := b.(Policy)
	panel, paneled := p.Patients.(Panel)
	if !ok || !paneled || e == search.None {
		return e
	}
	return search.And{e, search.SoleAny{P: subjectParam(typ), Panel: panel.Panel}}
}

// panelReach is what a panel opens of a type (access.md §2, D7). As under patient/, what all patients share is only
// read, and Patients are neither created nor deleted.
func panelReach(panel search.Panel, i search.Interaction, typ string) search.Expr {
	switch compartments.ClassOf(typ) {
	case compartments.InPatient:
		if typ == "AuditEvent" && writes(i) || typ == "Patient" && (i == search.Create || i == search.Delete) {
			return search.None
		}
		if typ == "Provenance" && !writes(i) {
			return search.Or{search.InAny{Panel: panel}, search.Linked{}}
		}
		return search.InAny{Panel: panel}
	case compartments.Subject:
		e := search.Param{P: subjectParam(typ), Any: make([]search.Value, 0, len(panel.IDs()))}
		for _, id := range panel.IDs() {
			ref := fhir.Reference{Type: "Patient", ID: id}
			e.Any = append(e.Any, search.Value{Raw: ref.String(), Ref: ref})
		}
		return e
	}
	return sharedReach(i, typ)
}

// sharedReach is what everybody who is bound to patients sees of a type that belongs to none.
func sharedReach(i search.Interaction, typ string) search.Expr {
	if writes(i) {
		return search.None
	}
	switch compartments.ClassOf(typ) {
	case compartments.Directory, compartments.Definitional:
		return search.All
	case compartments.Linked:
		return search.Linked{}
	}
	return search.None
}

// subjectParam is the parameter that names the patient of a type outside the compartment; nil of others.
func subjectParam(typ string) *r4.SearchParameter {
	return r4.Lookup(typ, compartments.SubjectParam(typ))
}
