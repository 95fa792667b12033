package audit_test

import (
	"testing"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// BenchmarkRead is what the log adds to a read, the packing of its batch included.
func BenchmarkRead(b *testing.B) {
	l, err := audit.Open(b.Context(), audit.Options{Store: storetest.NewMemory(), Indexer: &index.Indexer{Base: storetest.Base}})
	if err != nil {
		b.Fatal(err)
	}
	rows := []plan.Row{observation("o1", `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2026-07-01T08:00:00Z"`)}
	b.ReportAllocs()
	for b.Loop() {
		trail := l.Begin(audit.Record{Request: "req", Address: "192.0.2.1"})
		trail.By(ann)
		do := audit.Do(trail.In(b.Context()), audit.Act{Code: "read", Type: "Observation", ID: "o1"})
		do.Saw(rows)
		do.End(200)
		if err := trail.End(200, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
