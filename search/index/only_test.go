package index

import (
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Which Patient a resource speaks of, if it is one and nobody else (access.md D4).
func TestOnlyPatient(t *testing.T) {
	x := &Indexer{Base: "https://here.test/fhir"}
	const one, two = `{"reference":"Patient/1"}`, `{"reference":"Patient/2"}`
	for _, c := range []struct {
		rest string
		only string // the id; "" is none
		none bool   // no Patient at all
	}{
		{``, "", true},
		{`,"subject":` + one, "1", false},
		{`,"subject":` + one + `,"author":` + one, "1", false},
		{`,"subject":` + one + `,"author":` + two, "", false},
		{`,"subject":` + two + `,"author":` + one, "", false},
		{`,"subject":` + one + `,"author":{"reference":"Practitioner/2"}`, "1", false},
		{`,"author":{"reference":"Practitioner/2"}`, "", true},
		{`,"subject":{"reference":"Patient/1/_history/2"}`, "1", false},
		{`,"subject":{"reference":"https://here.test/fhir/Patient/1"}`, "1", false},
		{`,"subject":{"reference":"https://other.test/fhir/Patient/1"}`, "", false},
		{`,"subject":` + one + `,"author":{"reference":"https://other.test/fhir/Patient/1"}`, "", false},
		{`,"author":{"reference":"https://other.test/fhir/Practitioner/1"}`, "", true},
		// Wherever it stands: arrays, extensions, contained resources.
		{`,"a":[{"b":[{"c":` + one + `}]}]`, "1", false},
		{`,"a":[{"b":[{"c":` + one + `},{"c":` + two + `}]}]`, "", false},
		{`,"extension":[{"url":"urn:x","valueReference":` + two + `}],"subject":` + one, "", false},
		{`,"contained":[{"resourceType":"Observation","id":"o","subject":` + two + `}],"subject":` + one, "", false},
		{`,"contained":[{"resourceType":"Observation","id":"o","subject":` + one + `}]`, "1", false},
		// A contained Patient may be anybody, if something refers to it; other contained resources are nobody.
		{`,"contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}`, "", false},
		{`,"contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"},"author":` + one, "", false},
		{`,"contained":[{"resourceType":"Patient","id":"p"}],"subject":` + one, "1", false},
		{`,"contained":[{"resourceType":"Group","id":"g"},{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#g"},"author":` + one, "1", false},
		{`,"contained":[{"resourceType":"Group","id":"g"}],"subject":{"reference":"#g"}`, "", true},
		// A reference whose type is said beside it, and one by identifier alone.
		{`,"subject":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","type":"Patient"}`, "", false},
		{`,"subject":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520","type":"Group"}`, "", true},
		{`,"subject":{"reference":"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}`, "", true},
		{`,"subject":{"reference":"Practitioner/1","type":"Patient"}`, "", true},
		{`,"subject":{"type":"Patient","identifier":{"value":"1"}}`, "", false},
		{`,"subject":{"type":"Patient","identifier":{"value":"1"}},"author":` + one, "", false},
		{`,"subject":{"type":"Group","identifier":{"value":"1"}}`, "", true},
		{`,"subject":{"type":"Patient"}`, "", true},
		{`,"subject":{"type":"Patient","identifier":"1"}`, "", true},
		{`,"subject":{"type":"Patient","identifier":[{"value":"1"}]}`, "", true}, // no Reference has several
		{`,"subject":{"identifier":{"value":"1"}}`, "", true},
		{`,"subject":{"reference":"Patient/1","identifier":{"value":"1"},"type":"Patient"}`, "1", false},
		{`,"type":"Patient","identifier":[{"value":"1"}],"subject":` + one, "1", false},
	} {
		res, err := fhir.Parse([]byte(`{"resourceType":"AuditEvent","id":"x"`+c.rest+`}`), fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		patient, ok := x.OnlyPatient(res)
		if ok != (c.only != "") || ok && (patient != fhir.Reference{Type: "Patient", ID: c.only}) {
			t.Errorf("%s: only %v, %v, want %q", c.rest, patient, ok, c.only)
		}
		if got := x.NoPatient(res); got != c.none {
			t.Errorf("%s: no patient: %v", c.rest, got)
		}
	}
}
