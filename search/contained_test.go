package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

var containers = []string{
	`{"resourceType":"MedicationRequest","id":"m1","contained":[{"resourceType":"Medication","id":"x","code":{"text":"a"},"status":"active"},{"resourceType":"Medication","id":"y","code":{"coding":[{"code":"b"}]}}],"medicationReference":{"reference":"#x"}}`,
	`{"resourceType":"MedicationRequest","id":"m2","contained":[{"resourceType":"Patient","id":"x","gender":"male"}]}`,
	`{"resourceType":"Medication","id":"own","code":{"coding":[{"code":"b"}]},"status":"active"}`,
	`{"resourceType":"Medication","id":"nested","status":"inactive","contained":[{"resourceType":"Medication","id":"x","status":"active"}]}`,
	`{"resourceType":"Patient","id":"p","gender":"male"}`,
}

// TestContained: _contained=true finds what contains a match, of whatever type; both also what matches by itself.
func TestContained(t *testing.T) {
	var world []*fhir.Resource
	for _, body := range containers {
		world = append(world, resource(t, body))
	}
	open := drawn{"MedicationRequest": search.All, "Medication": search.All, "Patient": search.All}
	for _, c := range []struct {
		query string
		a     drawn
		want  string
	}{
		{"_contained=true", open, "m1 nested"},
		{"_contained=true&status=active", open, "m1 nested"},
		{"_contained=both&status=active", open, "m1 nested own"},
		{"_contained=false&status=active", open, "own"},
		{"status=active", open, "own"},
		{"_contained=true&code=b", open, "m1"},
		{"_contained=both&code=b&_containedType=container", open, "m1 own"},
		{"_contained=true&code=b&status=active", open, ""}, // both of the same resource
		{"_contained=true&status:not=active", open, "m1"},
		{"_contained=true&_id=x,own", open, "m1 nested"},
		{"_contained=both&_id=x,own", open, "m1 nested own"},
		{"_contained=true", drawn{"MedicationRequest": search.None, "Medication": search.All}, "nested"},
		{"_contained=true", drawn{"MedicationRequest": search.ID("m1"), "Medication": search.All}, "m1 nested"},
		{"_contained=both", drawn{"MedicationRequest": search.All, "Medication": search.ID("own")}, "own"}, // of a part of the type nothing is seen inside
		{"_contained=true", drawn{"MedicationRequest": search.All}, ""},
	} {
		q, err := search.Parse("Medication", pairs(t, c.query), goldenOptions)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		g := search.Guard(q, c.a)
		members := g.Members()
		if g.Type() != "" {
			members = []search.Guarded{g}
		}
		var got []string
		for _, m := range members {
			got = append(got, strings.Fields(find(world, m.Type(), m.Where()))...)
			if where := search.Simplify(m.Where()); search.Simplify(where).String() != where.String() {
				t.Errorf("%s: %s is not simple", c.query, where)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s for %v: %v, want %s", c.query, c.a, got, c.want)
		}
	}
}

// What goes with no _contained says so; leniently it is _contained that is left out.
func TestContainedRefuses(t *testing.T) {
	for _, query := range []string{
		"_contained=true&ingredient:Medication.code=a", "_contained=both&_has:MedicationRequest:medication:status=active", "_contained=true&_include=Medication:manufacturer",
		"_contained=true&_revinclude:iterate=MedicationRequest:medication", "_contained=true&_elements=code", "_contained=true&_sort=status", "_contained=true&_containedType=contained&_total=accurate", "_contained=both&_containedType=contained&_summary=count", "_contained=true&_contained=false",
	} {
		if q, err := search.Parse("Medication", pairs(t, query), goldenOptions); err == nil {
			t.Errorf("%s is %v", query, q.Branches)
		}
		o := goldenOptions
		o.Lenient = true
		if q, err := search.Parse("Medication", pairs(t, query), o); err != nil || len(q.Ignored) != 1 {
			t.Errorf("%s, leniently: %v, %v", query, q.Ignored, err)
		}
	}
	if _, err := search.ParseTypes([]string{"Medication", "Patient"}, pairs(t, "_contained=true"), goldenOptions); fhir.KindOf(err) != fhir.KindUnknownParam {
		t.Errorf("of several types: %v", err)
	}
}
