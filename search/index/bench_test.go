package index

import (
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// observation is a vital sign of some 1,500 bytes, with components.
const observation = `{"resourceType":"Observation","id":"bp-1","meta":{"versionId":"1","lastUpdated":"2024-03-01T09:30:10.120Z","profile":["http://hl7.org/fhir/StructureDefinition/bp"]},"identifier":[{"system":"urn:ietf:rfc:3986","value":"urn:uuid:187e0c12-8dd2-67e2-99b2-bf273c878281"}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel with all children optional"}],"text":"Blood pressure systolic & diastolic"},"subject":{"reference":"Patient/123","display":"Peter Chalmers"},"encounter":{"reference":"Encounter/456"},"effectiveDateTime":"2024-03-01T09:30:00+01:00","issued":"2024-03-01T09:30:10.120Z","performer":[{"reference":"Practitioner/789"}],"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}]},"valueQuantity":{"value":107,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4","display":"Diastolic blood pressure"}]},"valueQuantity":{"value":60,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`

func parse(t testing.TB, text string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(text), fhir.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func BenchmarkEntries(b *testing.B) {
	res := parse(b, observation)
	x := &Indexer{Base: "http://127.0.0.1:8080/fhir"}
	b.SetBytes(int64(len(observation)))
	b.ReportAllocs()
	for b.Loop() {
		e := x.Entries(res)
		if len(e.Terms) < 20 {
			b.Fatal(e)
		}
	}
}

func BenchmarkValues(b *testing.B) {
	res := parse(b, observation)
	x := &Indexer{Base: "http://127.0.0.1:8080/fhir"}
	for _, code := range []string{"code", "patient", "date", "combo-code-value-quantity"} {
		p := r4.Lookup("Observation", code)
		b.Run(code, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if len(x.Values(p, res)) == 0 {
					b.Fatal("no value")
				}
			}
		})
	}
}
