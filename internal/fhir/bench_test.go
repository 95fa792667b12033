package fhir

import (
	"testing"
	"time"
)

// vital is an Observation of 1.5 KB as clients send it, compact.
const vital = `{"resourceType":"Observation","id":"0f0a4f1c-6a4e-4f2e-9a65-6d8a2b3f6f11","meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure"]},` +
	`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Blood pressure 118/78 mmHg</p></div>"},` +
	`"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital signs"}]}],` +
	`"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel with all children optional"}],"text":"Blood pressure"},` +
	`"subject":{"reference":"Patient/5c1b9d0e-7f43-4ac6-8f3b-2f1f1a3c9d77"},"encounter":{"reference":"Encounter/7a52a7a6-1c5c-4d0d-8d9e-0a1f5b6c2e31"},` +
	`"effectiveDateTime":"2024-03-18T09:12:44-04:00","issued":"2024-03-18T09:12:44.120-04:00",` +
	`"component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4","display":"Diastolic blood pressure"}],"text":"Diastolic"},` +
	`"valueQuantity":{"value":78.0,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},` +
	`{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}],"text":"Systolic"},` +
	`"valueQuantity":{"value":118.0,"unit":"mm[Hg]","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name string
		body []byte
	}{{"compact", []byte(vital)}, {"indented", Pretty([]byte(vital))}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.body, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStamp(b *testing.B) {
	s := Stamp{ID: "123", VersionID: "1", LastUpdated: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	for _, c := range []struct {
		name string
		body []byte
	}{{"compact", []byte(vital)}, {"indented", Pretty([]byte(vital))}} {
		r := mustParse(b, string(c.body))
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Stamp(s)
			}
		})
	}
}

func BenchmarkParseDateTime(b *testing.B) {
	for _, s := range []string{"2024-03-18", "2024-03-18T09:12:44.120-04:00"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseDateTime(s, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecimalKey(b *testing.B) {
	var buf [40]byte
	b.ReportAllocs()
	for b.Loop() {
		d, err := ParseDecimal("118.25")
		if err != nil {
			b.Fatal(err)
		}
		d.AppendKey(buf[:0])
	}
}

func BenchmarkFold(b *testing.B) {
	for _, s := range []string{"smith", "Van der Berg", "Müller-Łukasz"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Fold(s)
			}
		})
	}
}
