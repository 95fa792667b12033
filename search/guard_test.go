package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// letters is an Access that says which letter it was asked for: the set of letter r is the id "r:Type", and so on.
type letters struct{}

func (letters) Allowed(i search.Interaction, typ string) search.Expr {
	return search.ID(string("cruds"[i]) + ":" + typ)
}

// TestGuardLetters is the table of access.md §2: which letter counts at which position.
func TestGuardLetters(t *testing.T) {
	q, err := search.Parse("Observation", pairs(t, "encounter.subject:Patient.name=x&_include=Observation:encounter&_include=Encounter:subject&_revinclude=Provenance:target&_revinclude=Provenance:target:Patient"), goldenOptions)
	if err != nil {
		t.Fatal(err)
	}
	g := search.Guard(q, letters{})
	if got, want := g.Where().String(), "(and type:Observation (chain encounter:Encounter (and (chain subject:Patient (and name=x id:s:Patient)) id:s:Encounter)) id:s:Observation)"; got != want {
		t.Errorf("root and chains:\n%s\nwant\n%s", got, want)
	}
	var includes []string
	for _, i := range g.Includes() {
		for _, of := range i.Of() {
			includes = append(includes, of.Where().String())
		}
	}
	if want := []string{"(and type:Encounter (or id:r:Encounter id:s:Encounter))", "(and type:Provenance id:s:Provenance)"}; !slices.Equal(includes, want) {
		t.Errorf("includes %q, want %q", includes, want)
	}

	q, err = search.Parse("Patient", pairs(t, "_has:Observation:patient:code=x"), goldenOptions)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := search.Guard(q, letters{}).Where().String(), "(and type:Patient (has Observation:patient (and code=x id:s:Observation)) id:s:Patient)"; got != want {
		t.Errorf("_has: %s, want %s", got, want)
	}
	for i, want := range []string{"id:c:Patient", "id:r:Patient", "id:u:Patient", "id:d:Patient", "id:s:Patient"} {
		g := search.GuardRead("Patient", "1", search.Interaction(i), letters{})
		if g.Where().String() != "(and type:Patient id:1 "+want+")" || g.Allowed().String() != want || g.ID() != "1" {
			t.Errorf("read by %c: %v, %v", "cruds"[i], g.Where(), g.Allowed())
		}
	}
	if got := search.GuardCondition(q, letters{}); len(got.Includes()) != 0 || got.Where().String() != search.Guard(q, letters{}).Where().String() {
		t.Errorf("a condition sees what a search does: %v", got.Where())
	}
	h := search.GuardHistory([]string{"Patient", "Observation", "Patient"}, letters{})
	if m := h.Members(); len(m) != 2 || m[0].Where().String() != "(and type:Observation id:s:Observation)" || m[1].Type() != "Patient" {
		t.Errorf("history: %v", m)
	}
}

// TestGuardSort: each step of each key along a chain is guarded by s, in a copy.
func TestGuardSort(t *testing.T) {
	q, err := search.Parse("Observation", pairs(t, "_sort=status,encounter:Encounter.subject:Patient.family,-subject:Patient.birthdate"), goldenOptions)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, key := range search.Guard(q, letters{}).Sort() {
		for _, l := range key.Via {
			got = append(got, l.P.Code+" "+l.Of().Type()+" "+l.Of().Allowed().String())
		}
	}
	if want := []string{"encounter Encounter id:s:Encounter", "subject Patient id:s:Patient", "subject Patient id:s:Patient"}; !slices.Equal(got, want) {
		t.Errorf("keys by %q, want %q", got, want)
	}
	for _, key := range q.Sort {
		for _, l := range key.Via {
			if of := l.Of(); of.Type() != "" || of.Allowed() != search.None {
				t.Errorf("the query that was asked has %s in its order", of.Allowed())
			}
		}
	}
}

// TestGuardIncludeTypes: an include may bring what its references name, of each type that is searched; one that iterates
// what those of any type name.
func TestGuardIncludeTypes(t *testing.T) {
	const ofPatient = "Organization Patient Practitioner PractitionerRole RelatedPerson"
	for _, c := range []struct{ types, include, want string }{
		{"Patient", "_include=*", ofPatient},
		{"Patient,Slot", "_include=*", ofPatient + " Schedule"},
		{"Slot,Patient", "_include=*", ofPatient + " Schedule"},
		{"Patient,Slot", "_include=Slot:*", "Schedule"},
		{"Patient,Slot", "_include=*:*:Schedule", "Schedule"},
		{"Slot", "_include:iterate=Patient:*", ofPatient},
		{"Slot", "_include:iterate=Patient:link", "Patient RelatedPerson"},
		{"Slot", "_include:iterate=*:*:Schedule", "Schedule"},
	} {
		types := strings.Split(c.types, ",")
		q, err := search.ParseTypes(types, pairs(t, "_type="+c.types+"&"+c.include), goldenOptions)
		if len(types) == 1 {
			q, err = search.Parse(types[0], pairs(t, c.include), goldenOptions)
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range search.Guard(q, search.Unrestricted).Includes() {
			for _, of := range i.Of() {
				got = append(got, of.Type())
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s of %s brings %v, want %s", c.include, c.types, got, c.want)
		}
	}
	q, err := search.Parse("Slot", pairs(t, "_include:iterate=*"), goldenOptions)
	if err != nil {
		t.Fatal(err)
	}
	if of := search.Guard(q, search.Unrestricted).Includes()[0].Of(); !slices.ContainsFunc(of, func(g search.Guarded) bool { return g.Type() == "Encounter" }) {
		t.Errorf("what is included leads to %d types, and to no Encounter", len(of))
	}
}

// TestGuardFailsClosed: without an access, and where an access gives nothing, nothing is found.
func TestGuardFailsClosed(t *testing.T) {
	q, err := search.Parse("Patient", nil, goldenOptions)
	if err != nil {
		t.Fatal(err)
	}
	if got := (search.Guarded{}).Allowed(); got != search.None {
		t.Errorf("zero: %v is allowed", got)
	}
	for name, g := range map[string]search.Guarded{
		"zero":                 {},
		"no access":            search.Guard(q, nil),
		"nil set":              search.Guard(q, drawn{}),
		"read without access":  search.GuardRead("Patient", "1", search.Read, nil),
		"zero query":           search.Guard(search.Query{Type: "Patient"}, search.Unrestricted),
		"condition, nil set":   search.GuardCondition(q, drawn{}),
		"no access, condition": search.GuardCondition(q, nil),
	} {
		if e := search.Simplify(g.Where()); e != search.None {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// TestContainedCountsWhereTheTypeIsOpen: what is inside a visible resource is found by a chain only if the caller may
// search its type without a constraint.
func TestContainedCountsWhereTheTypeIsOpen(t *testing.T) {
	world := []*fhir.Resource{resource(t, `{"resourceType":"Observation","id":"o","contained":[{"resourceType":"Patient","id":"c","gender":"male"}],"subject":{"reference":"#c"}}`)}
	male := parse(t, "Patient", "gender=male")
	for _, c := range []struct {
		patients search.Expr
		want     string
	}{{search.All, "o"}, {male, ""}, {search.None, ""}, {search.And{search.All, search.All}, "o"}} {
		for _, where := range []search.Expr{parse(t, "Observation", "subject:Patient.gender=male"), search.Contains{Type: "Patient", X: male}} {
			g := search.Guard(search.Query{Type: "Observation", Where: where}, drawn{"Observation": search.All, "Patient": c.patients})
			if got := find(world, "Observation", g.Where()); got != c.want {
				t.Errorf("%v, Patients in %v: %q", where, c.patients, got)
			}
		}
	}
	chain := parse(t, "Observation", "subject:Patient.gender=male").(search.Chain)
	chain.Contained = false
	if g := search.Guard(search.Query{Type: "Observation", Where: chain}, search.Unrestricted); find(world, "Observation", g.Where()) != "" {
		t.Error("what is inside counts, and nobody asked for it")
	}
}
