package index

import (
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Whatever JSON is stored where validation is off, entries and values agree and nothing panics.
func FuzzEntries(f *testing.F) {
	f.Add([]byte(observation))
	f.Add([]byte(`{"resourceType":"Patient","name":["x",{"given":{"a":"b"}}],"birthDate":1,"telecom":{"value":[1]},"identifier":[{"type":"a","value":{"b":1}}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","entry":{"resource":{"resourceType":"Composition"}}}`))
	f.Add([]byte(`{"resourceType":"Observation","subject":{"reference":"#"},"effectiveTiming":{"event":[null,{"a":1},"2020"],"repeat":[{"boundsPeriod":1}]},"valueRange":{"low":1},"valueQuantity":[{"value":"1"}]}`))
	x := &Indexer{Base: "http://our/fhir"}
	f.Fuzz(func(t *testing.T, body []byte) {
		res, err := fhir.Parse(body, fhir.Limits{})
		if err != nil {
			return
		}
		checkEntries(t, x, string(body), res, x.Entries(res), valuesOf(x, res))
		for _, p := range r4.Params(res.Type) {
			checkSortKey(t, x, string(body), p, res, x.Values(p, res))
		}
	})
}
