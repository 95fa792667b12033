package scope

import (
	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// reach is what a level opens of a type by a letter, before any constraint and any policy.
func (a *Access) reach(l Level, i search.Interaction, typ string) search.Expr {
	switch l {
	case System:
		return a.systemReach(i, typ)
	case Patient:
		return a.patientReach(i, typ)
	case User:
		if a.ctx.User == nil || writes(i) && (typ == "AuditEvent" || changesBehaviour(typ)) { // by system/ only
			return search.None
		}
		if typ == "Binary" && i != search.Create { // access.md D8
			return search.Linked{}
		}
		return search.All // that the policy leaves
	}
	return search.None
}

// contentReach is what new content must be in.
func (a *Access) contentReach(l Level, i search.Interaction, typ string) search.Expr {
	e := a.reach(l, i, typ)
	switch {
	case e == search.Linked{}: // new content is linked later
		return search.All
	case e == search.None || e == search.All:
		return e
	}
	if compartments.ClassOf(typ) == compartments.Subject {
		return search.And{e, search.Only{Compartment: a.patient()}}
	}
	return search.And{e, search.Sole{Compartment: a.patient()}}
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
func (a *Access) patientReach(i search.Interaction, typ string) search.Expr {
	if a.ctx.Patient == "" {
		return search.None
	}
	switch compartments.ClassOf(typ) {
	case compartments.InPatient:
		switch {
		case typ == "AuditEvent" && writes(i), typ == "Patient" && (i == search.Create || i == search.Delete):
			return search.None
		case typ == "Provenance" && !writes(i):
			return search.Or{a.alone(), search.And{search.Only{Compartment: a.patient(), OrNone: true}, search.Linked{}}}
		case compartments.NeedsOnly(typ):
			return a.alone()
		}
		return search.In{Compartment: a.patient()}
	case compartments.Subject:
		ref := a.patient()
		return search.Param{P: subjectParam(typ), Any: []search.Value{{Raw: ref.String(), Ref: ref}}}
	}
	return sharedReach(i, typ)
}

// alone is the compartment without what refers to any other Patient.
func (a *Access) alone() search.Expr {
	return search.And{search.In{Compartment: a.patient()}, search.Only{Compartment: a.patient()}}
}

func (a *Access) patient() fhir.Reference {
	return fhir.Reference{Type: "Patient", ID: a.ctx.Patient}
}

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
