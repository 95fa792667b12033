package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// write is a version of a resource as an interaction makes it; an empty body is a deletion.
func write(t testing.TB, typ, id string, version uint64, body string) store.Write {
	t.Helper()
	at := int64(1_700_000_000_000_000) + int64(version)*1000
	w := store.Write{Row: plan.Row{Type: typ, ID: id, Version: version, LastUpdated: at, Method: "PUT", Deleted: body == ""}}
	if body == "" {
		return w
	}
	res, err := fhir.Parse([]byte(body), fhir.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	w.Body = res.Stamp(fhir.Stamp{ID: id, VersionID: fmt.Sprint(version), LastUpdated: time.UnixMicro(at)})
	if w.Resource, err = fhir.Parse(w.Body, fhir.Limits{}); err != nil {
		t.Fatal(err)
	}
	return w
}

func commit(t testing.TB, s *Store, writes ...store.Write) {
	t.Helper()
	if err := s.Commit(context.Background(), relying(writes...)); err != nil {
		t.Fatal(err)
	}
}

func relying(writes ...store.Write) store.Commit {
	c := store.Commit{Writes: writes}
	for _, w := range writes {
		c.Reads = append(c.Reads, store.Read{Type: w.Type, ID: w.ID, Version: w.Version - 1})
	}
	return c
}

// sound fails unless Check finds nothing.
func sound(t testing.TB, s *Store) {
	t.Helper()
	problems, err := s.Check(context.Background(), nil)
	if err != nil || len(problems) > 0 {
		t.Fatalf("check: %v\n%s", err, strings.Join(problems, "\n"))
	}
}

// A crash at any moment loses no acknowledged commit and leaves none by halves.
func TestCrash(t *testing.T) {
	const writers, pairs = 4, 30
	for round := range 6 {
		fs := vfs.NewCrashableMem()
		s, err := Open(testOptions(fs))
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		acknowledged := map[int]uint64{} // writer → version
		var crashed *vfs.MemFS
		var atCrash map[int]uint64
		var wg sync.WaitGroup
		crash := rand.N(writers*pairs*3/4) + 1
		for w := range writers {
			wg.Go(func() {
				for v := uint64(1); v <= pairs; v++ {
					// Two resources that always have the same version; every third is a deletion.
					a, b := fmt.Sprintf(`{"resourceType":"Patient","gender":"male","birthDate":"19%02d-01-01"}`, v), fmt.Sprintf(`{"resourceType":"Observation","subject":{"reference":"Patient/a%d"},"effectiveDateTime":"20%02d"}`, w, v)
					if v%3 == 0 {
						a, b = "", ""
					}
					commit(t, s, write(t, "Patient", fmt.Sprintf("a%d", w), v, a), write(t, "Observation", fmt.Sprintf("b%d", w), v, b))
					mu.Lock()
					acknowledged[w] = v
					if crash--; crash == 0 {
						atCrash = map[int]uint64{}
						for k, v := range acknowledged {
							atCrash[k] = v
						}
						crashed = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: round * 20, RNG: rand.New(rand.NewPCG(uint64(round), 1))})
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, err = Open(testOptions(crashed))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		sound(t, s)
		snap, err := s.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		p := plan.ForTest(t)
		for w := range writers {
			a, _, err := snap.Read(context.Background(), p.Key("Patient", fmt.Sprintf("a%d", w)))
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := snap.Read(context.Background(), p.Key("Observation", fmt.Sprintf("b%d", w)))
			if err != nil {
				t.Fatal(err)
			}
			if a.Version != b.Version || a.Version < atCrash[w] {
				t.Errorf("round %d, writer %d: versions %d and %d, acknowledged %d", round, w, a.Version, b.Version, atCrash[w])
			}
		}
		snap.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// While others write, a resource that they leave alone comes exactly once in the pages of a search.
func TestCursorStable(t *testing.T) {
	s, err := Open(testOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	observation := func(day int) string {
		return fmt.Sprintf(`{"resourceType":"Observation","status":"final","effectiveDateTime":"2024-01-%02d"}`, day%28+1)
	}
	var still []string
	for i := range 60 {
		id := fmt.Sprintf("still%d", i)
		still = append(still, id)
		commit(t, s, write(t, "Observation", id, 1, observation(i)), write(t, "Observation", fmt.Sprintf("moving%d", i), 1, observation(i*7)))
	}
	slices.Sort(still)
	p := plan.ForTest(t)
	main := schemaOf(s, "Observation").main
	for _, sort := range [][]plan.SortKey{nil, {{P: byNum("Observation", main)}}, {{P: byNum("Observation", main), Desc: true}}, {{P: byCode("Observation", "status")}, {P: byCode("Observation", "_id"), Desc: true}}} {
		var got []string
		w := plan.Window{Limit: 7, Sort: sort}
		version := uint64(2)
		snap, err := s.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		first, _, err := snap.Read(context.Background(), p.Key("Observation", "moving0"))
		snap.Close()
		if err != nil {
			t.Fatal(err)
		}
		version = first.Version + 1
		for {
			snap, err := s.Snapshot(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			page, err := snap.Select(context.Background(), p.Bound("Observation", plan.All{}), w)
			if err != nil {
				t.Fatal(err)
			}
			snap.Close()
			for _, r := range page.Rows {
				if strings.HasPrefix(r.ID, "still") {
					got = append(got, r.ID)
				}
			}
			if w.After = page.Next; w.After == nil {
				break
			}
			for i := range 60 {
				commit(t, s, write(t, "Observation", fmt.Sprintf("moving%d", i), version, observation(i*11+int(version))))
			}
			version++
		}
		slices.Sort(got)
		if !slices.Equal(got, still) {
			t.Errorf("by %v:\n got %q\nwant %q", sort, got, still)
		}
	}
	sound(t, s)
}
