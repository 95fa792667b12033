package embedded

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// codedWrite is a write of an Observation; code "" is a tombstone.
func codedWrite(t interface{ Fatal(...any) }, id string, version uint64, code, category string) store.Write {
	w := store.Write{Row: plan.Row{Type: "Observation", ID: id, Version: version, LastUpdated: int64(version), Method: "PUT", Deleted: code == ""}}
	if w.Deleted {
		return w
	}
	w.Body = fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"code":{"coding":[{"system":"s","code":%q}]},"category":[{"coding":[{"system":"c","code":%q}]}]}`, id, code, category)
	var err error
	if w.Resource, err = fhir.Parse(w.Body, fhir.Limits{}); err != nil {
		t.Fatal(err)
	}
	return w
}

// conditions are what is counted: single lists, several at once, a list by its code alone.
func conditions() (out []plan.Node) {
	code, category := r4.Lookup("Observation", "code").Num, r4.Lookup("Observation", "category").Num
	for _, x := range []string{"1", "2", "3"} {
		one := plan.Term{Num: code, Form: index.FormSystemCode, Text: "s|" + x}
		out = append(out, one, plan.Term{Num: code, Form: index.FormCode, Text: x})
		for _, y := range []string{"a", "b"} {
			out = append(out, plan.And{one, plan.Term{Num: category, Form: index.FormCode, Text: y}})
		}
	}
	return out
}

// TestCounts compares kept totals with those of a walk, in snapshots from before and after commits.
func TestCounts(t *testing.T) {
	ctx, unguarded, nodes := context.Background(), plan.ForTest(t), conditions()
	rapid.Check(t, func(t *rapid.T) {
		s, err := Open(testOptions(vfs.NewMem()))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.limits.counted, s.totals.most = 0, rapid.IntRange(1, len(nodes)).Draw(t, "most")
		versions := map[string]uint64{}
		var snaps []*snapshot
		kept := 0
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) {
				var c store.Commit
				for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"v", "w", "x", "y", "z"}), 1, 3, rapid.ID[string]).Draw(t, "ids") {
					code := rapid.SampledFrom([]string{"1", "2", "3", ""}).Draw(t, "code")
					c.Reads = append(c.Reads, store.Read{Type: "Observation", ID: id, Version: versions[id]})
					versions[id]++
					c.Writes = append(c.Writes, codedWrite(t, id, versions[id], code, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "category")))
				}
				if err := s.Commit(ctx, c); err != nil {
					t.Fatal(err)
				}
			},
			"look": func(t *rapid.T) {
				snap, err := s.Snapshot(ctx)
				if err != nil {
					t.Fatal(err)
				}
				snaps = append(snaps, snap.(*snapshot))
			},
			"count": func(t *rapid.T) {
				if len(snaps) == 0 {
					t.Skip("no snapshot")
				}
				src := rapid.SampledFrom(snaps).Draw(t, "snapshot").source
				b := unguarded.Bound("Observation", rapid.SampledFrom(nodes).Draw(t, "node"))
				page, err := src.Select(ctx, b, plan.Window{Limit: rapid.IntRange(0, 1).Draw(t, "limit"), Total: true})
				if err != nil {
					t.Fatal(err)
				}
				src.commit = 0
				walked, err := src.Select(ctx, b, plan.Window{Total: true})
				if err != nil || page.Total != walked.Total {
					t.Fatalf("%+v: total %d, by walking %d, %v", b.Node(), page.Total, walked.Total, err)
				}
				kept = max(kept, s.totals.size)
			},
		})
		for _, snap := range snaps {
			snap.Close()
		}
		if kept > s.totals.most {
			t.Fatalf("%d totals are kept, of %d", kept, s.totals.most)
		}
	})
}

// TestCountsKept: a total that is kept is right after commits without another walk, also where it was counted while
// others wrote.
func TestCountsKept(t *testing.T) {
	ctx := context.Background()
	s, err := Open(testOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.limits.counted = 0
	b := plan.ForTest(t).Bound("Observation", conditions()[2])
	total := func() plan.Page {
		snap, err := s.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		page, err := snap.Select(ctx, b, plan.Window{Total: true})
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	write := func(id, category string) {
		w := codedWrite(t, id, 1, "1", category)
		w.Fresh = true
		if err := s.Commit(ctx, store.Commit{Writes: []store.Write{w}}); err != nil {
			t.Error(err)
		}
	}
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 100 {
				write(fmt.Sprint(w, "-", i), []string{"a", "b"}[i%2])
			}
		})
	}
	for last := 0; last < 50; {
		n := total().Total
		if n < last {
			t.Fatalf("total %d after %d", n, last)
		}
		last = n
	}
	writers.Wait()
	total() // kept from now on, if it was not before
	write("one", "a")
	write("other", "b")
	if page := total(); page.Total != 201 || page.Read > 5 {
		t.Errorf("total %d, want 201; %d reads", page.Total, page.Read)
	}
}
