package embedded

import (
	"slices"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// Links say whom a parameter refers to, or that they do not know.
func TestLinks(t *testing.T) {
	types := typeNumbers(r4.Resources())
	schemas := newSchemas(types)
	for _, c := range []struct {
		typ, rest, param string
		want             []string // nil: not whole
	}{
		{"Observation", `"subject":{"reference":"Patient/a"}`, "patient", []string{"a"}},
		{"Observation", `"subject":{"reference":"Patient/a/_history/3"}`, "subject", []string{"a"}},
		{"Observation", `"subject":{"reference":"Patient/a"},"performer":[{"reference":"Practitioner/x"}]`, "subject", []string{"a"}},
		{"Observation", `"subject":{"reference":"Patient/a"},"performer":[{"reference":"Practitioner/x"}]`, "performer", nil},
		{"Observation", `"subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/b"}]`, "patient", []string{"a"}},
		{"Observation", `"subject":{"reference":"Patient/a"},"performer":[{"reference":"Patient/b"},{"reference":"Patient/a"}]`, "performer", []string{"a", "b"}},
		{"Observation", `"subject":{"reference":"Group/g"},"performer":[{"reference":"Patient/b"}]`, "subject", nil},
		{"Observation", `"subject":{"reference":"http://elsewhere.org/Patient/a"}`, "subject", nil},
		{"Observation", `"status":"final"`, "patient", []string{}},
		{"Observation", `"encounter":{"reference":"Encounter/e"}`, "encounter", nil}, // no parameter of the compartment
		{"Group", `"member":[{"entity":{"reference":"Patient/1"}},{"entity":{"reference":"Patient/2"}},{"entity":{"reference":"Patient/3"}},{"entity":{"reference":"Patient/4"}}]`, "member", []string{"1", "2", "3", "4"}},
		{"Group", `"member":[{"entity":{"reference":"Patient/1"}},{"entity":{"reference":"Patient/2"}},{"entity":{"reference":"Patient/3"}},{"entity":{"reference":"Patient/4"}},{"entity":{"reference":"Patient/5"}}]`, "member", nil},
	} {
		res, err := fhir.Parse([]byte(`{"resourceType":"`+c.typ+`","id":"1",`+c.rest+`}`), fhir.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		e := (&index.Indexer{}).Entries(res)
		sch := &schemas[types.number(c.typ)]
		d := newDocument(sch, 1, &e)
		val := d.appendLinks(types, nil)
		if n := linksLen(append(slices.Clone(val), 1, 2, 3)); n != len(val) {
			t.Errorf("%s %s: length %d of %d", c.typ, c.rest, n, len(val))
		}
		bit := sch.link(r4.Lookup(c.typ, c.param).Num)
		l := links(val)
		if l.whole(bit) != (c.want != nil) {
			t.Errorf("%s %s: %s is whole: %v", c.typ, c.rest, c.param, l.whole(bit))
			continue
		}
		got := []string{}
		for id := range l.patients(bit) {
			got = append(got, readID(id))
		}
		if c.want != nil && !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %s refers to %v, want %v", c.typ, c.rest, c.param, got, c.want)
		}
		for n := range val {
			if linksLen(val[:n]) == len(val) {
				t.Errorf("%x: length of a part", val)
			}
		}
	}
}
