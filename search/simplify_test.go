package search_test

import (
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

func TestSimplify(t *testing.T) {
	in := func(id string) search.Expr { return search.In{Compartment: fhir.Reference{Type: "Patient", ID: id}} }
	any := func(ids ...string) search.Expr { return search.InAny{Panel: search.NewPanel(ids)} }
	only := func(id string) search.Expr {
		return search.Only{Compartment: fhir.Reference{Type: "Patient", ID: id}}
	}
	a, b, c := parse(t, "Observation", "code=a"), parse(t, "Observation", "code=b"), parse(t, "Observation", "code=c")
	p1 := parse(t, "Observation", "patient=1")
	subject1 := parse(t, "Observation", "subject=Patient/1")
	performer1 := parse(t, "Observation", "performer=Patient/1")
	focus1 := parse(t, "Observation", "focus=Patient/1")
	audit1 := parse(t, "AuditEvent", "patient=1")
	chain := func(x search.Expr) search.Expr {
		return search.Chain{P: r4.Lookup("Observation", "subject"), Target: "Patient", X: x}
	}
	has := func(x search.Expr) search.Expr {
		return search.Has{Source: "Observation", P: r4.Lookup("Observation", "patient"), X: x}
	}
	inside := func(x search.Expr) search.Expr { return search.Contains{Type: "Patient", X: x} }
	encounter := func(id string) search.Expr {
		return search.In{Compartment: fhir.Reference{Type: "Encounter", ID: id}}
	}
	type (
		and = search.And
		or  = search.Or
	)
	observation, patient := search.Type("Observation"), search.Type("Patient")
	for _, x := range []struct {
		law string
		e   search.Expr
		out string
	}{
		{"All is left out of an intersection", and{search.All, a}, "code=a"},
		{"None takes all", and{a, search.None, b}, "none"},
		{"an empty And is nothing", and{}, "none"},
		{"also inside another", and{a, and{}}, "none"},
		{"all of All is All, written out", and{search.All, search.All}, "all"},
		{"nil is nothing", and{a, nil}, "none"},
		{"not of nil is nothing", search.Not{}, "none"},
		{"nested Ands are flat", and{a, and{b, and{c}}}, "(and code=a code=b code=c)"},
		{"twice is once", and{a, b, a}, "(and code=a code=b)"},
		{"None is left out of a union", or{search.None, a}, "code=a"},
		{"All takes all", or{a, search.All}, "all"},
		{"an empty Or is nothing", or{}, "none"},
		{"nested Ors are flat", or{a, or{b, or{c, a}}}, "(or code=a code=b code=c)"},
		{"not not", search.Not{X: search.Not{X: a}}, "code=a"},
		{"not all", search.Not{X: search.All}, "none"},
		{"not none", search.Not{X: or{}}, "all"},
		{"x and not x", and{a, search.Not{X: a}}, "none"},
		{"x or not x", or{a, search.Not{X: a}}, "all"},
		{"a fact in a union", and{a, or{and{a, b}, c}}, "(and code=a (or code=b code=c))"},
		{"absorption", or{a, and{a, b}}, "code=a"},
		{"absorption, the other way", and{a, or{a, b}}, "code=a"},
		{"a fact does not reach into a chain", and{a, chain(a)}, "(and code=a (chain subject:Patient code=a))"},
		{"what unions have in common comes first", or{and{in("1"), a}, and{in("1"), b}}, "(and in:Patient/1 (or code=a code=b))"},
		{"type is single-valued", and{observation, patient}, "none"},
		{"type is single-valued, in a union", and{observation, or{and{patient, a}, b}}, "(and type:Observation code=b)"},
		{"id is single-valued", and{search.ID("1"), search.ID("2")}, "none"},
		{"id is single-valued, in a union", and{search.ID("1"), or{search.ID("2"), search.ID("1")}}, "id:1"},
		{"values repeat", and{a, b}, "(and code=a code=b)"},
		{"chain to nothing", chain(and{a, search.None}), "none"},
		{"has nothing", has(or{}), "none"},
		{"a type in a chain to another type", chain(observation), "none"},
		{"a type in a chain to it", chain(and{patient, a}), "(chain subject:Patient code=a)"},
		{"patient=P implies membership", and{observation, p1, in("1")}, "(and type:Observation patient=Patient/1)"},
		{"so does any parameter of the compartment", and{observation, performer1, in("1")}, "(and type:Observation performer=Patient/1)"},
		{"and subject=P", and{observation, in("1"), subject1}, "(and type:Observation subject=Patient/1)"},
		{"in a union of scopes", and{observation, p1, or{and{in("1"), a}, and{in("1"), b}}}, "(and type:Observation patient=Patient/1 (or code=a code=b))"},
		{"focus=P implies nothing", and{observation, focus1, in("1")}, "(and type:Observation focus=Patient/1 in:Patient/1)"},
		{"another patient implies nothing", and{observation, p1, in("2")}, "(and type:Observation patient=Patient/1 in:Patient/2)"},
		{"of several patients neither is implied", and{observation, parse(t, "Observation", "patient=1,2"), in("1")}, "(and type:Observation patient=Patient/1,Patient/2 in:Patient/1)"},
		{"without the type nothing is known", and{p1, in("1")}, "(and patient=Patient/1 in:Patient/1)"},
		{"not to refer to P implies nothing", and{observation, search.Not{X: p1}, in("1")}, "(and type:Observation (not patient=Patient/1) in:Patient/1)"},
		{"Only never goes away", and{search.Type("AuditEvent"), audit1, in("1"), only("1")}, "(and type:AuditEvent patient=Patient/1 only:Patient/1)"},
		{"of Patients only the one itself is in", and{patient, in("1")}, "(and type:Patient id:1)"},
		{"another Patient is not", and{patient, in("1"), search.ID("2")}, "none"},
		{"types outside a compartment have no members", and{search.Type("Organization"), in("1")}, "none"},
		{"nobody's compartments hold nothing", any(), "none"},
		{"a panel of one is a compartment", any("1"), "in:Patient/1"},
		{"who is named twice is one", any("1", "1"), "in:Patient/1"},
		{"of Patients a panel of one is that one", and{patient, or{any("1"), any("1", "2")}}, "(and type:Patient (or id:1 in-any:1,2))"},
		{"a member of one of a panel", and{any("1", "2"), in("2")}, "in:Patient/2"},
		{"a member of another may be one, too", and{any("1", "2"), in("3")}, "(and in-any:1,2 in:Patient/3)"},
		{"a smaller panel", and{any("1", "2", "3"), any("3", "1")}, "in-any:1,3"},
		{"panels that overlap stay: resources have several Patients", and{any("1", "2"), any("2", "3")}, "(and in-any:1,2 in-any:2,3)"},
		{"a union with a smaller panel", or{any("1", "2"), any("2", "1", "3")}, "in-any:1,2,3"},
		{"a union with a compartment", or{in("2"), any("1", "2")}, "in-any:1,2"},
		{"a union with another compartment", or{in("3"), any("1", "2")}, "(or in:Patient/3 in-any:1,2)"},
		{"patient=P of the panel", and{observation, p1, any("1", "2")}, "(and type:Observation patient=Patient/1)"},
		{"several of the panel", and{observation, parse(t, "Observation", "patient=1,2"), any("1", "2", "3")}, "(and type:Observation patient=Patient/1,Patient/2)"},
		{"one of them is not of the panel", and{observation, parse(t, "Observation", "patient=1,4"), any("1", "2", "3")}, "(and type:Observation patient=Patient/1,Patient/4 in-any:1,2,3)"},
		{"focus=P of the panel implies nothing", and{observation, focus1, any("1", "2")}, "(and type:Observation focus=Patient/1 in-any:1,2)"},
		{"a Patient of the panel", and{patient, any("1", "2"), search.ID("1")}, "(and type:Patient id:1)"},
		{"a Patient who is not", and{patient, any("1", "2"), search.ID("3")}, "none"},
		{"types outside have no members of a panel", and{search.Type("Organization"), any("1", "2")}, "none"},
		{"all of the panel, read in three cases", and{any("1", "2"), or{and{any("1", "2"), a}, b}}, "(and in-any:1,2 (or code=a code=b))"},
		{"a chain to Patient knows the type", chain(in("1")), "(chain subject:Patient id:1)"},
		{"a fact in a union, behind it", and{or{and{a, b}, c}, a}, "(and (or code=b code=c) code=a)"},
		{"absorption, from behind", and{or{a, b}, a}, "code=a"},
		{"absorption in a union, from behind", or{and{a, b}, a}, "code=a"},
		{"what is known not to hold", and{search.Not{X: a}, or{a, b}}, "(and (not code=a) code=b)"},
		{"what is known not to hold, from behind", and{or{a, b}, search.Not{X: a}}, "(and code=b (not code=a))"},
		{"what is not known to hold in a union", or{search.Not{X: a}, and{a, b}}, "(or (not code=a) code=b)"},
		{"a fact in a complement", and{a, search.Not{X: and{a, b}}}, "(and code=a (not code=b))"},
		{"an intersection is no fact", or{and{a, b}, search.Not{X: and{a, b}}}, "(or (and code=a code=b) (not (and code=a code=b)))"},
		{"nor is its complement", and{search.Not{X: and{a, b}}, or{and{a, b}, c}}, "(and (not (and code=a code=b)) (or (and code=a code=b) code=c))"},
		{"a union is no fact", and{or{a, b}, search.Not{X: or{a, b}}}, "(and (or code=a code=b) (not (or code=a code=b)))"},
		{"nor is it common", or{and{or{a, b}, c}, and{or{a, b}, p1}}, "(or (and (or code=a code=b) code=c) (and (or code=a code=b) patient=Patient/1))"},
		{"one of several that has no more than what all have", or{and{a, b}, and{a, b, c}}, "(and code=a code=b)"},
		{"and in another order", or{and{b, c, a}, and{a, b}}, "(and code=b code=a)"},
		{"of three nothing in common", or{and{a, b}, and{a, c}, p1}, "(or (and code=a code=b) (and code=a code=c) patient=Patient/1)"},
		{"what a union has in common is taken as a fact beside it", and{or{and{a, b}, and{a, c}}, or{a, p1}}, "(and code=a (or code=b code=c))"},
		{"an id that another excludes", and{search.ID("1"), search.Not{X: search.ID("2")}}, "id:1"},
		{"an id in all but another", or{search.ID("1"), search.Not{X: search.ID("2")}}, "(not id:2)"},
		{"an id or not that one", or{search.ID("1"), search.Not{X: search.ID("1")}}, "all"},
		{"no type beside its complement", and{observation, search.Not{X: observation}}, "none"},
		{"a type or another", or{observation, patient}, "(or type:Observation type:Patient)"},
		{"nobody else of the panel: in a union nothing is known", and{patient, or{any("1", "2"), search.ID("1")}}, "(and type:Patient (or in-any:1,2 id:1))"},
		{"nor of who is not of it", and{patient, or{search.ID("3"), any("1", "2")}}, "(and type:Patient (or id:3 in-any:1,2))"},
		{"a type inside another intersection is one of all", and{and{patient}, or{any("1", "2"), in("1")}}, "(and type:Patient (or in-any:1,2 id:1))"},
		{"a compartment that is not of a Patient is none of a panel", or{encounter("1"), any("1", "2")}, "(or in:Encounter/1 in-any:1,2)"},
		{"nor does it say that of one", and{any("1", "2"), encounter("1")}, "(and in-any:1,2 in:Encounter/1)"},
		{"what is inside nothing", inside(and{a, search.None}), "none"},
		{"what is inside is of its type", inside(and{patient, a}), "(contains Patient code=a)"},
		{"and of no other", inside(observation), "none"},
		{"anything inside", inside(or{search.All, a}), "(contains Patient all)"},
		{"a chain to anything", chain(or{search.All, a}), "(chain subject:Patient all)"},
		{"has anything", has(or{search.All, a}), "(has Observation:patient all)"},
		{"has of its type", has(and{observation, a}), "(has Observation:patient code=a)"},
		{"nothing at all", nil, "none"},
		{"nil in a union", or{nil, a}, "code=a"},
		{"a parameter without values", and{a, search.Param{P: r4.Lookup("Observation", "code")}}, "none"},
	} {
		got := search.Simplify(x.e)
		if got.String() != x.out {
			t.Errorf("%s: %v is %v, want %s", x.law, x.e, got, x.out)
		}
		if again := search.Simplify(got); again.String() != got.String() {
			t.Errorf("%s: %v is simplified to %v", x.law, got, again)
		}
	}
}

// TestSimplifyLeavesItsInput: an Access may hand out one expression many times.
func TestSimplifyLeavesItsInput(t *testing.T) {
	a, b := parse(t, "Observation", "code=a"), parse(t, "Observation", "code=b")
	shared := search.Or{search.And{search.Type("Observation"), a, search.All}, search.And{search.Type("Observation"), b}}
	before := shared.String()
	search.Simplify(search.And{search.Type("Observation"), a, shared})
	if shared.String() != before {
		t.Errorf("%s became %s", before, shared)
	}
}
