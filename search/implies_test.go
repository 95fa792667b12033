package search_test

import (
	"slices"
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Membership goes away beside a parameter only where every match of the parameter proves it: by that parameter, with no
// modifier, of resources of this server, all of them of the compartment. Everything else keeps it.
func TestMembershipIsKept(t *testing.T) {
	one := fhir.Reference{Type: "Patient", ID: "1"}
	for _, member := range []search.Expr{search.In{Compartment: one}, search.InAny{Panel: search.NewPanel([]string{"1", "2"})}} {
		kept := func(typ string, fact search.Expr) bool {
			and, ok := search.Simplify(search.And{search.Type(typ), fact, member}).(search.And)
			return ok && slices.ContainsFunc(and, func(e search.Expr) bool { return e.String() == member.String() })
		}
		of := func(typ, code string, mod search.Modifier, refs ...fhir.Reference) search.Expr {
			p := search.Param{P: r4.Lookup(typ, code), Mod: mod}
			for _, r := range refs {
				p.Any = append(p.Any, search.Value{Raw: r.String(), Ref: r})
			}
			return p
		}
		for mod := search.ModNone; mod <= search.ModVersions; mod++ {
			if got := kept("Observation", of("Observation", "patient", mod, one)); got != (mod != search.ModNone) {
				t.Errorf("%v beside patient with modifier %v: kept %v", member, mod, got)
			}
		}
		for _, r := range []fhir.Reference{
			{Type: "Group", ID: "1"}, {ID: "1"}, {Type: "Patient", ID: "1", URL: "http://other/Patient/1"}, {Fragment: "1"}, {Type: "Patient", ID: "3"}, {Type: "patient", ID: "1"},
		} {
			for _, refs := range [][]fhir.Reference{{r}, {one, r}, {r, one}} {
				if !kept("Observation", of("Observation", "subject", search.ModNone, refs...)) {
					t.Errorf("%v is lost beside subject=%v", member, refs)
				}
			}
		}
		pairs := 0
		for _, typ := range r4.Resources() {
			for _, p := range r4.Params(typ) {
				if p.Type != r4.Reference || len(p.Targets) > 0 && !slices.Contains(p.Targets, "Patient") || typ == "Patient" {
					continue
				}
				links := slices.Contains(compartments.Params("Patient", typ), p.Code) || p.Code == compartments.PatientImplies(typ)
				if compartments.Params("Patient", typ) == nil {
					continue // nothing of the type is a member
				}
				pairs++
				if got := kept(typ, of(typ, p.Code, search.ModNone, one)); got == links {
					t.Errorf("%v of %s beside %s: kept %v", member, typ, p.Code, got)
				}
			}
		}
		if pairs < 100 {
			t.Errorf("%d parameters", pairs)
		}
	}
	// Of another compartment its own parameters count.
	encounter := search.In{Compartment: fhir.Reference{Type: "Encounter", ID: "1"}}
	encountered := search.Param{P: r4.Lookup("Observation", "patient"), Any: []search.Value{{Raw: "Encounter/1", Ref: fhir.Reference{Type: "Encounter", ID: "1"}}}}
	if got := search.Simplify(search.And{search.Type("Observation"), encountered, encounter}); got.String() != "(and type:Observation patient=Encounter/1 in:Encounter/1)" {
		t.Errorf("an Encounter for a patient: %v", got) // patient implies the compartments of Patients
	}
	for query, want := range map[string]string{
		"encounter=Encounter/1": "(and type:Observation encounter=Encounter/1)",
		"encounter=Encounter/2": "(and type:Observation encounter=Encounter/2 in:Encounter/1)",
		"patient=1":             "(and type:Observation patient=Patient/1 in:Encounter/1)",
	} {
		if got := search.Simplify(search.And{search.Type("Observation"), parse(t, "Observation", query), encounter}); got.String() != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	device := search.In{Compartment: fhir.Reference{Type: "Device", ID: "1"}}
	if got := search.Simplify(search.And{search.Type("Observation"), parse(t, "Observation", "patient=1"), device}); got.String() != "(and type:Observation patient=Patient/1 in:Device/1)" {
		t.Errorf("the Device: %v", got)
	}
}
