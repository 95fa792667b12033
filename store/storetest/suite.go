package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Reopener is a store that can be closed and opened again on the same data. The suite closes what Reopen returns.
type Reopener interface {
	Reopen() (store.Store, error)
}

// Run is the suite that every engine passes. open gives an empty store, indexed with Base; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, part := range []struct {
		name  string
		tests []suiteTest
	}{
		{"Versions", versionTests},
		{"Select", selectTests},
		{"Commit", commitTests},
		{"KV", kvTests},
	} {
		t.Run(part.name, func(t *testing.T) {
			for _, test := range part.tests {
				t.Run(test.name, func(t *testing.T) {
					s := &suite{T: t, ctx: t.Context(), store: open(t), clock: firstMoment}
					s.Unguarded = plan.ForTest(t)
					defer func() {
						if err := s.store.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
					}()
					test.run(s)
				})
			}
		})
	}
}

type suiteTest struct {
	name string
	run  func(*suite)
}

// firstMoment is when the clock of a suite starts, in microseconds.
const firstMoment int64 = 1_700_000_000_000_000

// suite is a store under test and the versions it was given.
type suite struct {
	*testing.T
	plan.Unguarded
	ctx   context.Context
	store store.Store
	clock int64 // a millisecond a version
}

// version is the write of one version; an empty body is a deletion. The body needs neither id nor meta.
func (s *suite) version(typ, id string, number uint64, body string) store.Write {
	s.Helper()
	s.clock += 1000
	w, err := newVersion(typ, id, number, s.clock, body)
	if err != nil {
		s.Fatal(err)
	}
	return w
}

// newVersion is the write of a version of a resource as the interactions make it: id and meta in the body.
func newVersion(typ, id string, number uint64, at int64, body string) (store.Write, error) {
	w := store.Write{Row: plan.Row{Type: typ, ID: id, Version: number, LastUpdated: at, Method: "PUT"}}
	if body == "" {
		w.Deleted, w.Method = true, "DELETE"
		return w, nil
	}
	res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
	if err != nil {
		return w, fmt.Errorf("parse %s: %w", body, err)
	}
	w.Body = res.Stamp(fhir.Stamp{ID: id, VersionID: fmt.Sprint(number), LastUpdated: time.UnixMicro(at)})
	if w.Resource, err = fhir.Parse(w.Body, fhir.DefaultLimits); err != nil {
		return w, fmt.Errorf("parse %s: %w", w.Body, err)
	}
	return w, nil
}

// commit writes versions, each relying on the one before.
func (s *suite) commit(writes ...store.Write) {
	s.Helper()
	if err := s.store.Commit(s.ctx, relying(writes...)); err != nil {
		s.Fatalf("commit: %v", err)
	}
}

// relying is a commit of writes in which each has read the version before.
func relying(writes ...store.Write) store.Commit {
	c := store.Commit{Writes: writes}
	for _, w := range writes {
		c.Reads = append(c.Reads, store.Read{Type: w.Type, ID: w.ID, Version: w.Version - 1})
	}
	return c
}

// put commits one version.
func (s *suite) put(typ, id string, number uint64, body string) store.Write {
	s.Helper()
	w := s.version(typ, id, number, body)
	s.commit(w)
	return w
}

// snapshot is a snapshot that the test closes. It has been read from: that fixes it at the latest.
func (s *suite) snapshot() store.Snapshot {
	s.Helper()
	snap, err := s.store.Snapshot(s.ctx)
	if err != nil {
		s.Fatalf("snapshot: %v", err)
	}
	if _, _, err := snap.Read(s.ctx, s.Key("Patient", "nobody")); err != nil {
		s.Fatalf("read from a new snapshot: %v", err)
	}
	return snap
}

// reopen closes the store and opens it again, if the engine can.
func (s *suite) reopen() {
	s.Helper()
	r, ok := s.store.(Reopener)
	if !ok {
		s.Skip("the engine does not reopen")
	}
	again, err := r.Reopen()
	if err != nil {
		s.Fatalf("reopen: %v", err)
	}
	s.store = again
}

// current reads the current version of an instance in a snapshot of its own.
func (s *suite) current(typ, id string) (plan.Row, bool) {
	s.Helper()
	snap := s.snapshot()
	defer snap.Close()
	r, ok, err := snap.Read(s.ctx, s.Key(typ, id))
	if err != nil {
		s.Fatalf("read %s/%s: %v", typ, id, err)
	}
	return r, ok
}

// ids are the ids of one page.
func ids(rows []plan.Row) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

// all reads every page of a select and returns the ids in their order.
func (s *suite) all(src plan.Source, typ string, n plan.Node, w plan.Window) []string {
	s.Helper()
	rows := s.pages(func(w plan.Window) (plan.Page, error) { return src.Select(s.ctx, s.Bound(typ, n), w) }, w)
	return ids(rows)
}

// pages reads every page, and from the end back to the beginning. At each cut between two pages the way back leads to
// the page before, and the way on to the page behind.
func (s *suite) pages(page func(plan.Window) (plan.Page, error), w plan.Window) []plan.Row {
	s.Helper()
	if w.Limit == 0 {
		w.Limit = 1000
	}
	rows, cuts := s.walk(page, w)
	if w.After != nil || len(rows) > 500 {
		return rows
	}
	w.Back = true
	reversed, _ := s.walk(page, w)
	slices.Reverse(reversed)
	s.equalRows("back from the end", reversed, rows)
	for i, cut := range cuts {
		if i > 3 && i%7 != 0 {
			continue // enough of them
		}
		at := (i + 1) * w.Limit
		for _, c := range []struct {
			back, at bool
			want     []plan.Row
		}{
			{true, true, rows[at-w.Limit : at]},
			{true, false, rows[max(at-1-w.Limit, 0) : at-1]},
			{false, true, rows[at-1 : min(at-1+w.Limit, len(rows))]},
		} {
			w := w
			w.After, w.Back, w.At = cut, c.back, c.at
			p, err := page(w)
			if err != nil {
				s.Fatalf("%+v: %v", w, err)
			}
			got := slices.Clone(p.Rows)
			if w.Back {
				slices.Reverse(got)
			}
			s.equalRows(fmt.Sprintf("%+v", w), got, c.want)
		}
	}
	return rows
}

func (s *suite) equalRows(what string, got, want []plan.Row) {
	s.Helper()
	name := func(rows []plan.Row) []string {
		out := make([]string, len(rows))
		for i := range rows {
			out[i] = versionName(&rows[i])
		}
		return out
	}
	if got, want := name(got), name(want); !slices.Equal(got, want) {
		s.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// walk reads pages until there are no more and checks what holds for each: never more than the limit, and Next exactly
// where rows follow. cuts are the positions between the pages.
func (s *suite) walk(page func(plan.Window) (plan.Page, error), w plan.Window) (rows []plan.Row, cuts [][]byte) {
	s.Helper()
	for {
		p, err := page(w)
		if err != nil {
			s.Fatalf("page after %d rows: %v", len(rows), err)
		}
		if len(p.Rows) > w.Limit {
			s.Fatalf("%d rows on a page of %d", len(p.Rows), w.Limit)
		}
		if !w.Total && p.Total != -1 {
			s.Fatalf("a total of %d that nobody asked for", p.Total)
		}
		rows = append(rows, p.Rows...)
		if p.Next == nil {
			return rows, cuts
		}
		if len(p.Rows) < w.Limit {
			s.Fatalf("%d rows on a page of %d, but more are promised", len(p.Rows), w.Limit)
		}
		w.After = p.Next
		cuts = append(cuts, p.Next)
		if len(rows) > 100_000 {
			s.Fatal("paging does not end")
		}
	}
}

// sameSet fails unless got holds the members of want, each once.
func (s *suite) sameSet(what string, got, want []string) {
	s.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		s.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// sameRow fails unless got is the version that w wrote.
func (s *suite) sameRow(what string, got plan.Row, w store.Write) {
	s.Helper()
	if got.Type != w.Type || got.ID != w.ID || got.Version != w.Version || got.LastUpdated != w.LastUpdated ||
		got.Deleted != w.Deleted || got.Method != w.Method || string(got.Body) != string(w.Body) {
		s.Errorf("%s:\n got %+v\nwant %+v", what, got, w.Row)
	}
}

// conflict fails unless err is ErrConflict.
func (s *suite) conflict(what string, err error) {
	s.Helper()
	if !errors.Is(err, store.ErrConflict) {
		s.Errorf("%s: got %v, want ErrConflict", what, err)
	}
}
