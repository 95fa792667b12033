package audit_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// slow is a store whose first commits wait until they are let through, and that says what becomes of each.
type slow struct {
	store.Store
	gate    chan struct{}
	commits atomic.Int32
	fault   func(*store.Commit) error
}

func (s *slow) Commit(ctx context.Context, c store.Commit) error {
	<-s.gate
	s.commits.Add(1)
	if s.fault != nil {
		if err := s.fault(&c); err != nil {
			return err
		}
	}
	return s.Store.Commit(ctx, c)
}

// creates has that many creates meet, and gives what became of each: the first two are written alone, all others together.
func creates(t *testing.T, st *slow, l *audit.Log, n int) []error {
	t.Helper()
	st.gate = make(chan struct{})
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			r := observation(fmt.Sprintf("o%d", i), `"subject":{"reference":"Patient/p1"}`)
			r.Method = "POST"
			res, err := fhir.Parse(r.Body, fhir.DefaultLimits)
			if err != nil {
				t.Error(err)
			}
			trail := l.Begin(audit.Record{Request: fmt.Sprint("r", i)})
			errs[i] = l.Store().Commit(trail.In(t.Context()), store.Commit{Writes: []store.Write{{Row: r, Resource: res, Fresh: true}}})
			if err := trail.End(201, func() audit.Act { return audit.Act{Code: "create", Type: "Observation"} }); err != nil {
				t.Error(err)
			}
		})
	}
	for l.Gathered() < n-2 { // the first two are being written
		time.Sleep(time.Millisecond)
	}
	close(st.gate)
	all.Wait()
	return errs
}

// TestCreatesThatMeet: they share commits, and still each is written with its record, or not at all.
func TestCreatesThatMeet(t *testing.T) {
	const n = 40
	conflicting := func(c *store.Commit) error {
		for _, w := range c.Writes {
			if w.ID == "o7" {
				return fmt.Errorf("an instance that is there: %w", store.ErrConflict)
			}
		}
		return nil
	}
	away := &fhir.Error{Kind: fhir.KindTransient, Diagnostics: "the database does not answer"}
	for name, x := range map[string]struct {
		fault   func(*store.Commit) error
		written int
		commits int32 // at most
	}{
		"all are written":       {nil, n, 3},
		"one cannot be written": {conflicting, n - 1, n + 1},
		"no answer":             {func(*store.Commit) error { return away }, 0, 3},
	} {
		for engine, open := range engines {
			t.Run(engine+": "+name, func(t *testing.T) {
				st := &slow{Store: open(t), fault: x.fault}
				defer st.Close()
				l, err := audit.Open(t.Context(), audit.Options{Store: st, Indexer: &index.Indexer{Base: storetest.Base}, Site: storetest.Base, Group: true})
				if err != nil {
					t.Fatal(err)
				}
				written := 0
				for i, err := range creates(t, st, l, n) {
					switch {
					case err == nil:
						written++
					case name == "one cannot be written" && (i != 7 || !errors.Is(err, store.ErrConflict)), name == "no answer" && !errors.Is(err, away), x.fault == nil:
						t.Errorf("create %d: %v", i, err)
					}
				}
				if commits := st.commits.Load(); written != x.written || commits > x.commits {
					t.Errorf("%d creates are written in %d commits, want %d in %d at most", written, commits, x.written, x.commits)
				}
				// What came to nothing is in the log, too, about nobody.
				st.fault = nil
				flush(t, l)
				p, err := audit.Verify(t.Context(), st.KV(), [sha256.Size]byte{}, nil)
				if err != nil || p.Records != n || p.Unlinked != 0 {
					t.Errorf("the log: %+v %v", p, err)
				}
				found := find(t, l.Store(), by("patient", "Patient/p1"), plan.Window{Total: true})
				if found.Total != written {
					t.Errorf("%d events of %d creates", found.Total, written)
				}
			})
		}
	}
}

// TestGroupIsRecovered: what several creates have left in one record is put into the chain by the next process.
func TestGroupIsRecovered(t *testing.T) {
	st := &slow{Store: storetest.NewMemory()}
	o := audit.Options{Store: st, Indexer: &index.Indexer{Base: storetest.Base}, Site: storetest.Base, Group: true}
	l, err := audit.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range creates(t, st, l, 9) {
		if err != nil {
			t.Errorf("create %d: %v", i, err)
		}
	}
	if p, err := audit.Verify(t.Context(), st.KV(), [sha256.Size]byte{}, nil); err != nil || p.Unlinked != 9 {
		t.Errorf("before: %+v %v", p, err)
	}
	next, err := audit.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err := audit.Verify(t.Context(), st.KV(), [sha256.Size]byte{}, nil); err != nil || p.Records != 9 || p.Unlinked != 0 {
		t.Errorf("after: %+v %v", p, err)
	}
}
