package search

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Own finds an own parameter wherever an expression names it.
func TestOwn(t *testing.T) {
	res, err := fhir.Parse([]byte(`{"resourceType":"SearchParameter","id":"x","status":"active","code":"kin","type":"reference","base":["Patient"],"expression":"Patient.link.other"}`), fhir.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parameters.Read(res)
	if err != nil {
		t.Fatal(err)
	}
	record, _ := parameters.Record{}.Next([]parameters.Definition{d})
	o := Options{Params: record.Done(record.Generation).Set()}
	for query, want := range map[string]int{
		"Patient?kin=1": 1, "Patient?kin=1&kin=2": 1, "Patient?kin:missing=true": 1, "Patient?gender=male": 0, "Patient?gender=male,female&kin=1,2": 1,
		"Patient?kin:Patient.gender=male": 1, "Observation?subject:Patient.kin=1": 1, "Patient?_has:Patient:kin:gender=male": 1, "Patient?_has:Patient:link:kin=1": 1,
		"Patient?_filter=not (kin re Patient/1)": 1, "Patient?_filter=gender eq male or kin re Patient/1": 1, "Observation?subject:Patient.gender=male": 0,
	} {
		typ, rest, _ := strings.Cut(query, "?")
		var pairs []Pair
		for part := range strings.SplitSeq(rest, "&") {
			name, value, _ := strings.Cut(part, "=")
			pairs = append(pairs, Pair{name, value})
		}
		q, err := Parse(typ, pairs, o)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if got := Own(q.Where); len(got) != want {
			t.Errorf("%s: %d, want %d", query, len(got), want)
		}
	}
}
