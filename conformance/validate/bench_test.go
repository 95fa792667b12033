package validate

import (
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// observation is a blood pressure of 1.5 KB, as an electronic health record writes it.
const observation = `{
  "resourceType": "Observation",
  "id": "bp-1",
  "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bp"]},
  "status": "final",
  "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs", "display": "vital-signs"}]}],
  "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure panel with all children optional"}], "text": "Blood pressure"},
  "subject": {"reference": "Patient/9d1a4b7e-0d1b-4c3a-8f0e-2f6a3f5b7c11"},
  "encounter": {"reference": "Encounter/1c2d3e4f-5a6b-7c8d-9e0f-a1b2c3d4e5f6"},
  "effectiveDateTime": "2019-03-14T09:26:53-05:00",
  "issued": "2019-03-14T09:26:53.589-05:00",
  "performer": [{"reference": "Practitioner/7", "display": "Dr. Ada Quinn"}],
  "component": [
    {
      "code": {"coding": [{"system": "http://loinc.org", "code": "8462-4", "display": "Diastolic Blood Pressure"}], "text": "Diastolic Blood Pressure"},
      "valueQuantity": {"value": 77.0, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    },
    {
      "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic Blood Pressure"}], "text": "Systolic Blood Pressure"},
      "valueQuantity": {"value": 121.0, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
    }
  ]
}`

func parse(t testing.TB, s string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(s), fhir.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func BenchmarkStructure(b *testing.B) {
	res := parse(b, observation)
	b.SetBytes(int64(len(observation)))
	b.ReportAllocs()
	for b.Loop() {
		if es := Structure(res); es != nil {
			b.Fatal(es)
		}
	}
}

func BenchmarkNarrative(b *testing.B) {
	const div = `<div xmlns="http://www.w3.org/1999/xhtml"><p><b>Blood pressure</b>: 121/77 mmHg, <a href="Patient/1">Peter</a> &amp; all</p></div>`
	b.SetBytes(int64(len(div)))
	b.ReportAllocs()
	for b.Loop() {
		if why := narrative(div); why != "" {
			b.Fatal(why)
		}
	}
}
