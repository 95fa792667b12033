package scope

import (
	"slices"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// reach is what a level opens of a type by a letter, before any constraint, within the user's policy.
func (a *Access) reach(l Level, i search.Interaction, typ string) search.Expr {
	return a.within(l, i, typ, a.patientReach)
}

// contentReach is what new content must be in.
func (a *Access) contentReach(l Level, i search.Interaction, typ string) search.Expr {
	return a.within(l, i, typ, a.patientContent)
}

func (a *Access) within(l Level, i search.Interaction, typ string, of func(string, search.Interaction, string) search.Expr) search.Expr {
	u := a.ctx.User
	if u != nil && !u.Letters.Has(i) {
		return search.None
	}
	var reach search.Expr = search.None
	switch l {
	case System:
		reach = a.systemReach(i, typ)
	case Patient:
		reach = of(a.ctx.Patient, i, typ)
		if u != nil && !u.All && slices.Equal(u.Patients, []string{a.ctx.Patient}) {
			return reach // it is the user's reach, too
		}
	case User:
		if u == nil || writes(i) && (typ == "AuditEvent" || changesBehaviour(typ)) { // by system/ only
			return search.None
		}
		return a.userReach(i, typ, of)
	}
	if u != nil {
		reach = conjoin(reach, a.userReach(i, typ, of))
	}
	return reach
}

// userReach is what the user's policy opens.
func (a *Access) userReach(i search.Interaction, typ string, of func(string, search.Interaction, string) search.Expr) search.Expr {
	if a.ctx.User.All {
		return a.systemReach(i, typ)
	}
	some := search.Or{}
	for _, p := range a.ctx.User.Patients {
		switch e := of(p, i, typ); e {
		case search.All:
			return search.All
		case search.None:
		default:
			some = append(some, e)
		}
	}
	switch {
	case len(some) == 1:
		return some[0]
	case len(some) > 0:
		return some
	}
	return search.None
}

// patientContent is what new content under a patient must be in.
func (a *Access) patientContent(id string, i search.Interaction, typ string) search.Expr {
	e := a.patientReach(id, i, typ)
	if e == search.None || e == search.All {
		return e
	}
	if compartments.ClassOf(typ) == compartments.Subject {
		return search.And{e, search.Only{Compartment: patient(id)}}
	}
	return search.And{e, search.Sole{Compartment: patient(id)}}
}

// systemReach is everything, but for writes of what changes the server's behaviour.
func (a *Access) systemReach(i search.Interaction, typ string) search.Expr {
	switch {
	case !writes(i):
		return search.All
	case typ == "AuditEvent" && i != search.Create:
		return search.None // nobody rewrites the log
	case !a.ctx.Administrator && changesBehaviour(typ):
		return search.None
	}
	return search.All
}

// patientReach is what a patient opens: the compartment, resources about the patient, and, to read, what
// all patients share.
func (a *Access) patientReach(id string, i search.Interaction, typ string) search.Expr {
	if id == "" {
		return search.None
	}
	switch compartments.ClassOf(typ) {
	case compartments.InPatient:
		switch {
		case typ == "AuditEvent" && writes(i), typ == "Patient" && (i == search.Create || i == search.Delete):
			return search.None
		case compartments.NeedsOnly(typ):
			return search.And{search.In{Compartment: patient(id)}, search.Only{Compartment: patient(id)}}
		}
		return search.In{Compartment: patient(id)}
	case compartments.Subject:
		p := r4.Lookup(typ, compartments.SubjectParam(typ))
		ref := patient(id)
		return search.Param{P: p, Any: []search.Value{{Raw: ref.String(), Ref: ref}}}
	case compartments.Directory, compartments.Definitional:
		if !writes(i) {
			return search.All
		}
	case compartments.Linked:
		if !writes(i) {
			return search.Or{} // granted, but nothing is in reach: linked types are not followed yet
		}
	}
	return search.None
}

func patient(id string) fhir.Reference { return fhir.Reference{Type: "Patient", ID: id} }

func writes(i search.Interaction) bool {
	return i == search.Create || i == search.Update || i == search.Delete
}

// changesBehaviour says whether resources of the type steer the server.
func changesBehaviour(typ string) bool {
	switch typ {
	case "CompartmentDefinition", "OperationDefinition", "SearchParameter", "StructureDefinition", "Subscription":
		return true
	}
	return false
}
