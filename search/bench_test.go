package search_test

import (
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

const (
	chartQuery       = "patient=123&code=http://loinc.org|8867-4&date=ge2024&date=lt2025&_sort=-date&_count=50"
	chartObservation = `{"resourceType":"Observation","id":"1","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z"},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},"subject":{"reference":"Patient/123"},"effectiveDateTime":"2024-05-01T10:00:00Z","valueQuantity":{"value":72,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`
)

var chartAccess = scopes{"Observation": {"in:Patient/123 category=vital-signs"}}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	list := pairs(b, chartQuery)
	for b.Loop() {
		if _, err := search.Parse("Observation", list, goldenOptions); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLower is what a search does before the store: guard, simplify, lower.
func BenchmarkLower(b *testing.B) {
	b.ReportAllocs()
	q, err := search.Parse("Observation", pairs(b, chartQuery), goldenOptions)
	if err != nil {
		b.Fatal(err)
	}
	access := drawn{"Observation": chartAccess.Allowed(search.Search, "Observation")}
	for b.Loop() {
		if _, err := plan.Lower(search.Guard(q, access), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLowerRead is the same of a read.
func BenchmarkLowerRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plan.Lower(search.GuardRead("Patient", "123", search.Read, search.Unrestricted), &index.Indexer{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMatch tests a guarded search on a parsed resource.
func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	q, err := search.Parse("Observation", pairs(b, chartQuery), goldenOptions)
	if err != nil {
		b.Fatal(err)
	}
	e := search.Simplify(search.Guard(q, chartAccess).Where())
	res := resource(b, chartObservation)
	w := search.World{Index: &index.Indexer{}}
	for b.Loop() {
		if !search.Match(w, e, res) {
			b.Fatal("no match")
		}
	}
}

// BenchmarkVerify parses a stored body and tests it.
func BenchmarkVerify(b *testing.B) {
	b.ReportAllocs()
	e := parse(b, "Observation", "code:text=heart")
	w := search.World{Index: &index.Indexer{}}
	for b.Loop() {
		res, err := fhir.Parse([]byte(chartObservation), fhir.Limits{})
		if err != nil || !search.Match(w, e, res) {
			b.Fatal("no match", err)
		}
	}
}
