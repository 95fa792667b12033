package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

const patient = `{"resourceType":"Patient"}`

var commitTests = []suiteTest{
	{"nothing", func(s *suite) {
		if err := s.store.Commit(s.ctx, store.Commit{}); err != nil {
			s.Errorf("an empty commit: %v", err)
		}
	}},

	{"fresh", func(s *suite) {
		w := s.version("Patient", "f", 1, patient)
		w.Fresh = true
		if err := s.store.Commit(s.ctx, store.Commit{Writes: []store.Write{w}}); err != nil {
			s.Fatalf("a fresh id needs no read: %v", err)
		}
		got, ok := s.current("Patient", "f")
		if !ok {
			s.Fatal("the fresh resource is not there")
		}
		s.sameRow("fresh", got, w)
	}},

	{"checks of versions", func(s *suite) {
		s.put("Patient", "live", 1, patient)
		s.put("Patient", "live", 2, patient)
		s.put("Patient", "dead", 1, patient)
		s.put("Patient", "dead", 2, "")
		for i, c := range []struct {
			read store.Read
			ok   bool
		}{
			{store.Read{Type: "Patient", ID: "live", Version: 2}, true},
			{store.Read{Type: "Patient", ID: "live", Version: 1}, false},
			{store.Read{Type: "Patient", ID: "live", Version: 3}, false},
			{store.Read{Type: "Patient", ID: "live", Version: 0}, false},
			{store.Read{Type: "Patient", ID: "dead", Version: 2}, true},
			{store.Read{Type: "Patient", ID: "dead", Version: 1}, false},
			{store.Read{Type: "Patient", ID: "dead", Version: 0}, false},
			{store.Read{Type: "Patient", ID: "never", Version: 0}, true},
			{store.Read{Type: "Patient", ID: "never", Version: 1}, false},
			{store.Read{Type: "Observation", ID: "live", Version: 0}, true},
		} {
			alone := s.store.Commit(s.ctx, store.Commit{Reads: []store.Read{c.read}})
			id := fmt.Sprintf("new%d", i)
			commit := relying(s.version("Patient", id, 1, patient))
			commit.Reads = append(commit.Reads, c.read)
			beside := s.store.Commit(s.ctx, commit)
			if !c.ok {
				s.conflict(fmt.Sprintf("relying on %+v alone", c.read), alone)
				s.conflict(fmt.Sprintf("relying on %+v beside a write", c.read), beside)
			} else if alone != nil || beside != nil {
				s.Errorf("relying on %+v: %v, %v", c.read, alone, beside)
			}
			if _, there := s.current("Patient", id); there != c.ok {
				s.Errorf("relying on %+v: written %v, want %v", c.read, there, c.ok)
			}
		}
	}},

	{"checks of conditions", func(s *suite) {
		s.put("Patient", "a", 1, identified("k1"))
		for i, c := range []struct {
			what string
			cond plan.Condition
			ok   bool
		}{
			{"k1 is there", s.found("k1", 1), true},
			{"k2 is absent", s.found("k2", 0), true},
			{"k1 is absent", s.found("k1", 0), false},
			{"the zero condition", plan.Condition{}, false},
		} {
			id := fmt.Sprintf("new%d", i)
			commit := relying(s.version("Patient", id, 1, patient))
			commit.Conditions = []plan.Condition{s.found("k1", 1), c.cond}
			err := s.store.Commit(s.ctx, commit)
			if !c.ok {
				s.conflict(c.what, err)
			} else if err != nil {
				s.Errorf("%s: %v", c.what, err)
			}
			if _, there := s.current("Patient", id); there != c.ok {
				s.Errorf("%s: written %v, want %v", c.what, there, c.ok)
			}
		}
	}},

	{"a condition that fails to evaluate", func(s *suite) {
		fault := errors.New("too costly")
		commit := relying(s.version("Patient", "new", 1, patient))
		commit.Conditions = []plan.Condition{s.Condition(func(context.Context, plan.Source) (bool, error) { return true, fault })}
		if err := s.store.Commit(s.ctx, commit); !errors.Is(err, fault) || errors.Is(err, store.ErrConflict) {
			s.Errorf("got %v, want the fault of the condition", err)
		}
		if _, there := s.current("Patient", "new"); there {
			s.Error("it was written")
		}
	}},

	{"a condition sees what came after the caller's snapshot", func(s *suite) {
		snap := s.snapshot()
		defer snap.Close()
		s.put("Patient", "a", 1, identified("k1"))
		commit := relying(s.version("Patient", "b", 1, identified("k1")))
		commit.Conditions = []plan.Condition{s.found("k1", 0)}
		s.conflict("the same identifier in between", s.store.Commit(s.ctx, commit))
		s.put("Patient", "a", 2, identified("k2"))
		if err := s.store.Commit(s.ctx, commit); err != nil {
			s.Errorf("the identifier is free again: %v", err)
		}
	}},

	{"all or nothing", func(s *suite) {
		old := s.put("Patient", "a", 1, patient)
		commit := relying(s.version("Patient", "x", 1, patient), s.version("Observation", "x", 1, `{"resourceType":"Observation"}`),
			s.version("Patient", "a", 2, identified("k1")), s.version("Patient", "gone", 2, ""))
		s.conflict("one stale version of four", s.store.Commit(s.ctx, commit))
		got, _ := s.current("Patient", "a")
		s.sameRow("after a refused commit", got, old)
		for _, typ := range []string{"Patient", "Observation"} {
			if _, there := s.current(typ, "x"); there {
				s.Errorf("%s/x was written by a refused commit", typ)
			}
		}
		snap := s.snapshot()
		defer snap.Close()
		if n := s.count(snap, "k1"); n != 0 {
			s.Errorf("the index finds %d resources of a refused commit", n)
		}
		if page := s.changesPage(s.Changes([]string{"Observation", "Patient"}, nil, 0, nil), plan.Window{Limit: 9}); len(page.Rows) != 1 {
			s.Errorf("the history has %d versions, want 1", len(page.Rows))
		}
	}},

	{"records are written with a commit", func(s *suite) {
		kv := s.store.KV()
		put := func(key, value string, ifVersion uint64) store.Put {
			return store.Put{Record: store.Record{Bucket: "b", Key: key, Value: []byte(value)}, IfVersion: ifVersion}
		}
		remove := func(key string, ifVersion uint64) store.Put {
			p := put(key, "", ifVersion)
			p.Delete = true
			return p
		}
		commit := relying(s.version("Patient", "a", 1, patient))
		commit.Records = []store.Put{put("one", "1", 0), put("two", "2", store.AnyVersion)}
		if err := s.store.Commit(s.ctx, commit); err != nil {
			s.Fatalf("commit: %v", err)
		}
		s.holds(kv, "one", "1")
		s.holds(kv, "two", "2")

		commit = relying(s.version("Patient", "b", 1, patient))
		commit.Records = []store.Put{put("three", "3", 0), put("one", "x", 0)}
		s.conflict("a record that is there", s.store.Commit(s.ctx, commit))
		s.absent(kv, "b", "three")
		s.holds(kv, "one", "1")
		if _, there := s.current("Patient", "b"); there {
			s.Error("a resource was written by a commit with a stale record")
		}
		commit = relying(s.version("Patient", "gone", 2, ""))
		commit.Records = []store.Put{put("three", "3", 0)}
		s.conflict("a stale version", s.store.Commit(s.ctx, commit))
		s.absent(kv, "b", "three")

		one, _, err := kv.Get(s.ctx, "b", "one")
		if err != nil {
			s.Fatal(err)
		}
		alone := store.Commit{Records: []store.Put{put("one", "11", one.Version), remove("two", store.AnyVersion), put("three", "3", 0)}}
		if err := s.store.Commit(s.ctx, alone); err != nil {
			s.Fatalf("records alone: %v", err)
		}
		s.holds(kv, "one", "11")
		s.absent(kv, "b", "two")
		s.holds(kv, "three", "3")
		s.conflict("records alone, at a version that is gone", s.store.Commit(s.ctx, alone))
		s.conflict("removing a version that is gone", s.store.Commit(s.ctx, store.Commit{Records: []store.Put{remove("one", one.Version)}}))
		s.holds(kv, "one", "11")
	}},

	{"a fresh record is written with a commit, and removed", func(s *suite) {
		kv := s.store.KV()
		record := func(key, value string) store.Put {
			return store.Put{Record: store.Record{Bucket: "b", Key: key, Value: []byte(value)}, IfVersion: store.AnyVersion, Fresh: true, Delete: value == ""}
		}
		commit := relying(s.version("Patient", "a", 1, patient))
		commit.Records = []store.Put{record("one", "1"), {Record: store.Record{Bucket: "b", Key: "other", Value: []byte("x")}}, record("two", "2")}
		if err := s.store.Commit(s.ctx, commit); err != nil {
			s.Fatalf("commit: %v", err)
		}
		s.holds(kv, "one", "1")
		s.holds(kv, "two", "2")
		one, _, err := kv.Get(s.ctx, "b", "one")
		if err != nil {
			s.Fatal(err)
		}
		if _, err := kv.Put(s.ctx, store.Record{Bucket: "b", Key: "other", Value: []byte("y")}, one.Version); err == nil {
			s.Error("two records have one version")
		}
		commit = relying(s.version("Patient", "gone", 2, ""))
		commit.Records = []store.Put{record("three", "3"), record("one", "")}
		s.conflict("a stale version", s.store.Commit(s.ctx, commit))
		s.absent(kv, "b", "three")
		s.holds(kv, "one", "1")
		if err := s.store.Commit(s.ctx, store.Commit{Records: []store.Put{record("one", "")}}); err != nil {
			s.Fatalf("remove: %v", err)
		}
		s.absent(kv, "b", "one")
		s.holds(kv, "two", "2")
	}},

	{"two writes of one instance", func(s *suite) {
		for _, second := range []uint64{1, 2} {
			commit := relying(s.version("Patient", "a", 1, patient), s.version("Patient", "b", 1, patient),
				s.version("Patient", "a", second, identified("k1")))
			commit.Reads = commit.Reads[:2]
			if err := s.store.Commit(s.ctx, commit); err == nil {
				s.Errorf("versions 1 and %d in one commit are accepted", second)
			}
			for _, id := range []string{"a", "b"} {
				if _, there := s.current("Patient", id); there {
					s.Errorf("Patient/%s was written", id)
				}
			}
		}
		// The same id in two types is two instances.
		s.commit(s.version("Patient", "a", 1, patient), s.version("Observation", "a", 1, `{"resourceType":"Observation"}`))
	}},

	{"a version that does not follow", func(s *suite) {
		old := s.put("Patient", "a", 1, patient)
		for _, number := range []uint64{0, 1, 3} {
			commit := store.Commit{
				Writes: []store.Write{s.version("Patient", "a", number, identified("k1"))},
				Reads:  []store.Read{{Type: "Patient", ID: "a", Version: 1}},
			}
			if err := s.store.Commit(s.ctx, commit); err == nil {
				s.Errorf("version %d after version 1 is accepted", number)
			}
		}
		if err := s.store.Commit(s.ctx, store.Commit{Writes: []store.Write{s.version("Patient", "a", 2, patient)}}); err == nil {
			s.Error("a write that has not read the version before is accepted")
		}
		got, _ := s.current("Patient", "a")
		s.sameRow("current", got, old)
	}},

	{"snapshots stay", func(s *suite) {
		a1 := s.put("Patient", "a", 1, identified("k1"))
		b1 := s.put("Patient", "b", 1, identified("k1"))
		o1 := s.put("Observation", "o", 1, `{"resourceType":"Observation","subject":{"reference":"Patient/a"}}`)
		snap := s.snapshot()
		defer snap.Close()
		s.put("Patient", "a", 2, identified("k2"))
		s.put("Patient", "b", 2, "")
		s.put("Patient", "c", 1, identified("k1"))
		s.put("Observation", "o", 2, `{"resourceType":"Observation","subject":{"reference":"Patient/c"}}`)

		for _, w := range []store.Write{a1, b1, o1} {
			got, ok, err := snap.Read(s.ctx, s.Key(w.Type, w.ID))
			if !ok || err != nil {
				s.Fatalf("read %s/%s: %v %v", w.Type, w.ID, ok, err)
			}
			s.sameRow("read", got, w)
			page, err := snap.Versions(s.ctx, s.Key(w.Type, w.ID), plan.Window{Limit: 9, Total: true})
			if err != nil || page.Total != 1 {
				s.Fatalf("versions: %+v %v", page, err)
			}
			s.sameRows("versions", page.Rows, []store.Write{w})
		}
		if _, ok, err := snap.Version(s.ctx, s.Key("Patient", "a"), 2); ok || err != nil {
			s.Errorf("a version from after the snapshot: %v %v", ok, err)
		}
		if r, ok, err := snap.Read(s.ctx, s.Key("Patient", "c")); ok || err != nil {
			s.Errorf("a resource from after the snapshot: %+v %v", r, err)
		}
		s.sameSet("select", s.all(snap, "Patient", identifier("k1"), plan.Window{}), []string{"a", "b"})
		s.sameSet("select what came later", s.all(snap, "Patient", identifier("k2"), plan.Window{}), nil)
		s.sameSet("all", s.all(snap, "Patient", plan.All{}, plan.Window{Limit: 1}), []string{"a", "b"})
		if n := s.count(snap, "k1"); n != 2 {
			s.Errorf("total %d, want 2", n)
		}
		refs, more, err := snap.Targets(s.ctx, s.Bound("Observation", plan.All{}), param("Observation", "subject"), 5)
		if err != nil || more || len(refs) != 1 || refs[0].String() != "Patient/a" {
			s.Errorf("targets: %v %v %v", refs, more, err)
		}
		page, err := snap.Changes(s.ctx, s.Changes([]string{"Observation", "Patient"}, nil, 0, nil), plan.Window{Limit: 9})
		if err != nil {
			s.Fatal(err)
		}
		s.sameRows("changes", page.Rows, []store.Write{o1, b1, a1})
	}},

	{"32 writers on one condition", func(s *suite) {
		errs := s.writers(func(i int) error {
			w, err := newVersion("Patient", fmt.Sprintf("w%d", i), 1, firstMoment, identified("once"))
			if err != nil {
				return err
			}
			w.Fresh = true
			for {
				n, err := s.look("once")
				if err != nil || n > 0 {
					return err
				}
				err = s.store.Commit(s.ctx, store.Commit{Writes: []store.Write{w}, Conditions: []plan.Condition{s.found("once", 0)}})
				if !errors.Is(err, store.ErrConflict) {
					return err
				}
			}
		})
		for _, err := range errs {
			s.Error(err)
		}
		if n, err := s.look("once"); n != 1 || err != nil {
			s.Errorf("%d resources (%v), want one", n, err)
		}
	}},

	{"32 writers on one resource", func(s *suite) {
		const each = 3
		s.put("Patient", "a", 1, `{"resourceType":"Patient","multipleBirthInteger":0}`)
		errs := s.writers(func(i int) error {
			for done := 0; done < each; {
				old, n, err := s.counter("a")
				if err != nil {
					return err
				}
				w, err := newVersion("Patient", "a", old.Version+1, firstMoment,
					fmt.Sprintf(`{"resourceType":"Patient","multipleBirthInteger":%d}`, n+1))
				if err != nil {
					return err
				}
				err = s.store.Commit(s.ctx, relying(w))
				switch {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrConflict):
					return err
				}
			}
			return nil
		})
		for _, err := range errs {
			s.Error(err)
		}
		r, n, err := s.counter("a")
		if err != nil || r.Version != writers*each+1 || n != writers*each {
			s.Errorf("version %d counts %d (%v), want version %d that counts %d", r.Version, n, err, writers*each+1, writers*each)
		}
	}},

	{"32 writers that rely on what another one writes", func(s *suite) {
		// Write skew: of two that each write their own and rely on the other's first version, one may win.
		for i := range writers {
			s.put("Patient", fmt.Sprintf("w%d", i), 1, patient)
		}
		var won [writers]bool
		errs := s.writers(func(i int) error {
			w, err := newVersion("Patient", fmt.Sprintf("w%d", i), 2, firstMoment, patient)
			if err != nil {
				return err
			}
			commit := relying(w)
			commit.Reads = append(commit.Reads, store.Read{Type: "Patient", ID: fmt.Sprintf("w%d", i^1), Version: 1})
			err = s.store.Commit(s.ctx, commit)
			won[i] = err == nil
			if errors.Is(err, store.ErrConflict) {
				return nil
			}
			return err
		})
		for _, err := range errs {
			s.Error(err)
		}
		for i := 0; i < writers; i += 2 {
			if won[i] == won[i+1] {
				s.Errorf("writers %d and %d: both or none of them won: %v", i, i+1, won[i])
			}
		}
	}},

	{"reopened", func(s *suite) {
		s.put("Patient", "a", 1, identified("k1"))
		s.put("Patient", "b", 1, patient)
		s.put("Patient", "b", 2, "")
		s.reopen()
		s.conflict("a stale version after reopening", s.store.Commit(s.ctx, relying(s.version("Patient", "b", 2, patient))))
		commit := relying(s.version("Patient", "c", 1, identified("k1")))
		commit.Conditions = []plan.Condition{s.found("k1", 0)}
		s.conflict("a condition after reopening", s.store.Commit(s.ctx, commit))
		s.put("Patient", "b", 3, patient)
		s.put("Patient", "a", 2, identified("k2"))
		if n, err := s.look("k1"); n != 0 || err != nil {
			s.Errorf("%d resources (%v) by what version 2 took away", n, err)
		}
	}},
}

const writers = 32

// writers runs f in 32 goroutines at once and gives their errors.
func (s *suite) writers(f func(i int) error) (errs []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	start := make(chan struct{})
	for i := range writers {
		wg.Go(func() {
			<-start
			if err := f(i); err != nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("writer %d: %w", i, err))
				mu.Unlock()
			}
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// identified is a Patient with an identifier of system urn:s.
func identified(value string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"urn:s","value":%q}]}`, value)
}

// identifier is the node that finds it.
func identifier(value string) plan.Node {
	return plan.Term{Num: param("Patient", "identifier").Num, Form: index.FormSystemCode, Text: "urn:s|" + value}
}

// found holds while n patients have the identifier.
func (s *suite) found(value string, n int) plan.Condition {
	return s.Condition(func(ctx context.Context, src plan.Source) (bool, error) {
		page, err := src.Select(ctx, s.Bound("Patient", identifier(value)), plan.Window{Limit: n + 1})
		return len(page.Rows) == n, err
	})
}

// count is the total of patients with the identifier.
func (s *suite) count(src plan.Source, value string) int {
	s.Helper()
	page, err := src.Select(s.ctx, s.Bound("Patient", identifier(value)), plan.Window{Total: true})
	if err != nil {
		s.Fatal(err)
	}
	return page.Total
}

// look counts in a snapshot of its own; it may be called by any goroutine.
func (s *suite) look(value string) (int, error) {
	snap, err := s.store.Snapshot(s.ctx)
	if err != nil {
		return 0, err
	}
	defer snap.Close()
	page, err := snap.Select(s.ctx, s.Bound("Patient", identifier(value)), plan.Window{Limit: writers})
	return len(page.Rows), err
}

// counter reads the number that a Patient carries; it may be called by any goroutine.
func (s *suite) counter(id string) (plan.Row, int, error) {
	snap, err := s.store.Snapshot(s.ctx)
	if err != nil {
		return plan.Row{}, 0, err
	}
	defer snap.Close()
	row, ok, err := snap.Read(s.ctx, s.Key("Patient", id))
	if err != nil || !ok {
		return row, 0, fmt.Errorf("read Patient/%s: %v %w", id, ok, err)
	}
	res, err := fhir.Parse(row.Body, fhir.DefaultLimits)
	if err != nil {
		return row, 0, err
	}
	n, err := strconv.Atoi(res.Root.Get("multipleBirthInteger").Text)
	return row, n, err
}
