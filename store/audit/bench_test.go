package audit_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/storetest"
)

const heartRate = `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2026-07-01T08:00:00Z"`

// benchLog is a log over an embedded store in a folder.
func benchLog(b *testing.B, mode audit.Mode) *audit.Log {
	x := &index.Indexer{Base: storetest.Base}
	s, err := embedded.Open(embedded.Options{Dir: b.TempDir(), Mode: "serve", Indexer: x})
	if err != nil {
		b.Fatal(err)
	}
	l, err := audit.Open(b.Context(), audit.Options{Store: s, Indexer: x, Mode: mode})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Flush(context.Background()); err != nil {
			b.Error(err)
		}
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	b.ReportAllocs()
	return l
}

// flushEvery is how many requests come between two flushes of a benchmark.
const flushEvery = 8192

// BenchmarkRead is what the log adds to a read, its batches and their postings included, where all are about a few patients
// and where hardly two are about the same one.
func BenchmarkRead(b *testing.B) {
	for _, patients := range []int{1, 20_000} {
		b.Run(fmt.Sprint(patients, " patients"), func(b *testing.B) {
			l := benchLog(b, audit.All)
			rows := make([][]plan.Row, patients)
			for i := range rows {
				rows[i] = []plan.Row{observation("o1", fmt.Sprintf(`"status":"final","subject":{"reference":"Patient/p%d"}`, i))}
			}
			for n := 0; b.Loop(); n++ {
				trail := l.Begin(audit.Record{Request: fmt.Sprint("request-", n), Address: "192.0.2.1"})
				trail.By(ann)
				do := audit.Do(trail.In(b.Context()), audit.Act{Code: "read", Type: "Observation", ID: "o1"})
				do.Saw(rows[n%patients])
				do.End(200)
				if err := trail.End(200, nil); err != nil {
					b.Fatal(err)
				}
				if n%flushEvery == flushEvery-1 {
					if err := l.Flush(b.Context()); err != nil {
						b.Fatal(err)
					}
					if err := l.Post(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkCreate is a create without and with its record, of 16 clients for each core.
func BenchmarkCreate(b *testing.B) {
	for name, mode := range map[string]audit.Mode{"off": audit.Off, "all": audit.All} {
		b.Run(name, func(b *testing.B) {
			l := benchLog(b, mode)
			st := l.Store()
			var next atomic.Int64
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := next.Add(1)
					row := observation(fmt.Sprint("o", n), heartRate)
					row.Method = "POST"
					res, err := fhir.Parse(row.Body, fhir.DefaultLimits)
					if err != nil {
						b.Error(err)
						return
					}
					trail := l.Begin(audit.Record{Request: fmt.Sprint("request-", n), Address: "192.0.2.1"})
					trail.By(ann)
					if err := st.Commit(trail.In(b.Context()), store.Commit{Writes: []store.Write{{Row: row, Resource: res, Fresh: true}}}); err != nil {
						b.Error(err)
						return
					}
					if n%flushEvery == 0 {
						if err := l.Flush(b.Context()); err != nil {
							b.Error(err)
						}
					}
				}
			})
		})
	}
}
