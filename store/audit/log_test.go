package audit_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/mongo"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
	"github.com/firewarden/firewarden/store/storetest"
)

// engines are the stores that a log lies over.
var engines = map[string]func(*testing.T) store.Store{
	"memory": func(*testing.T) store.Store { return storetest.NewMemory() },
	"embedded": func(t *testing.T) store.Store {
		s, err := embedded.Open(embedded.Options{Memory: true, Mode: "serve", Indexer: &index.Indexer{Base: storetest.Base}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
	"mongodb": func(t *testing.T) store.Store {
		s, err := mongo.Open(t.Context(), mongo.Options{URI: mongotest.Database(t), Mode: "test", Indexer: &index.Indexer{Base: storetest.Base}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// TestSuite: a store with a log over it is a store.
func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return reopened(t, storetest.NewMemory()) })
}

// logged is a store under a log that storetest can open again.
type logged struct {
	store.Store
	reopen func() (store.Store, error)
}

func (l logged) Reopen() (store.Store, error) { return l.reopen() }

// reopened is a new log over a store that there is.
func reopened(t *testing.T, under store.Store) store.Store {
	return logged{open(t, under).Store(), func() (store.Store, error) { return reopened(t, under), nil }}
}

// clock gives a moment, a second after the one before.
type clock struct{ at time.Time }

func (c *clock) now() time.Time {
	c.at = c.at.Add(time.Second)
	return c.at
}

var begun = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func open(t *testing.T, st store.Store) *audit.Log {
	t.Helper()
	c := clock{begun}
	l, err := audit.Open(t.Context(), audit.Options{Store: st, Indexer: &index.Indexer{Base: storetest.Base}, Site: storetest.Base, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var ann = audit.Who{User: "ann", Subject: "Practitioner/ann", Client: "chart", Token: "grant.1", Patient: "p1", Scope: "user/*.rs"}

// access puts a read of rows into the log.
func access(t *testing.T, l *audit.Log, who audit.Who, a audit.Act, status int, rows ...plan.Row) {
	t.Helper()
	trail := l.Begin(audit.Record{Request: "req", Address: "192.0.2.1"})
	trail.By(who)
	do := audit.Do(trail.In(t.Context()), a)
	do.Saw(rows)
	do.End(status)
	if err := trail.End(status, nil); err != nil {
		t.Fatal(err)
	}
}

func row(body string) plan.Row {
	res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
	if err != nil {
		panic(err)
	}
	return plan.Row{Type: res.Type, ID: res.ID, Version: 1, Body: []byte(body)}
}

func flush(t *testing.T, l *audit.Log) {
	t.Helper()
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// find gives what a node finds, in the order of the window.
func find(t *testing.T, st store.Store, n plan.Node, w plan.Window) plan.Page {
	t.Helper()
	snap, err := st.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	page, err := snap.Select(t.Context(), plan.ForTest(t).Bound("AuditEvent", n), w)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func observation(id string, more string) plan.Row {
	return row(fmt.Sprintf(`{"resourceType":"Observation","id":%q,"meta":{"versionId":"1"},%s}`, id, more))
}

func by(code, text string) plan.Node {
	return plan.Term(index.Term{Num: r4.Lookup("AuditEvent", code).Num, Form: index.FormReference, Text: text})
}

func TestEvents(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			st := engine(t)
			defer st.Close()
			l := open(t, st)
			access(t, l, ann, audit.Act{Code: "read", Type: "Observation", ID: "o1", Version: 1}, 200, observation("o1", `"subject":{"reference":"Patient/p1"}`))
			access(t, l, ann, audit.Act{Code: "search-type", Type: "Observation", Query: "code=1"}, 200,
				observation("o1", `"subject":{"reference":"Patient/p1"}`), observation("o2", `"subject":{"reference":"Patient/p2"}`))
			access(t, l, audit.Who{Client: "nightly", Scope: "system/*.rs"}, audit.Act{Code: "read", Type: "Patient", ID: "p3"}, 404)
			if page := find(t, l.Store(), plan.All{}, plan.Window{Limit: 9}); len(page.Rows) != 0 {
				t.Errorf("%d events before the batch is written", len(page.Rows))
			}
			flush(t, l)
			st2 := l.Store()
			page := find(t, st2, plan.All{}, plan.Window{Limit: 9, Total: true})
			if len(page.Rows) != 5 || page.Total != 5 {
				t.Fatalf("%d events of %d, want 5: a read, a search and its two patients, a read of nothing", len(page.Rows), page.Total)
			}
			x := &index.Indexer{Base: storetest.Base}
			for i, r := range page.Rows {
				res, err := fhir.Parse(r.Body, fhir.DefaultLimits)
				if err != nil {
					t.Fatalf("event %d: %v", i, err)
				}
				if faults := validate.Structure(res); len(faults) > 0 {
					t.Errorf("event %d: %v\n%s", i, faults, r.Body)
				}
				if i > 0 && r.LastUpdated > page.Rows[i-1].LastUpdated {
					t.Errorf("event %d is newer than the one before it", i)
				}
				if !fhir.ValidID(r.ID) || len(r.ID) != 32 {
					t.Errorf("event %d has the id %q", i, r.ID)
				}
			}
			for _, c := range []struct {
				patient string
				n       int
			}{{"p1", 2}, {"p2", 1}, {"p3", 1}, {"p4", 0}} {
				rows := find(t, st2, by("patient", "Patient/"+c.patient), plan.Window{Limit: 9}).Rows
				if len(rows) != c.n {
					t.Errorf("%s has %d events, want %d", c.patient, len(rows), c.n)
				}
				for _, r := range rows {
					res, _ := fhir.Parse(r.Body, fhir.DefaultLimits)
					if only, ok := x.OnlyPatient(res); !ok || only.ID != c.patient {
						t.Errorf("an event of %s is not theirs alone: %s", c.patient, r.Body)
					}
					for _, other := range []string{"p1", "p2", "p3"} {
						if other != c.patient && strings.Contains(string(r.Body), `"`+other+`"`) || other != c.patient && strings.Contains(string(r.Body), "Patient/"+other) {
							t.Errorf("an event of %s names %s: %s", c.patient, other, r.Body)
						}
					}
				}
			}
			if n := len(find(t, st2, by("agent", "Practitioner/ann"), plan.Window{Limit: 9}).Rows); n != 4 {
				t.Errorf("ann has %d events, want 4", n)
			}
			// By id, and never by an id that is none.
			snap, err := st2.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			key := plan.ForTest(t).Key("AuditEvent", page.Rows[2].ID)
			got, ok, err := snap.Read(t.Context(), key)
			if err != nil || !ok || string(got.Body) != string(page.Rows[2].Body) {
				t.Errorf("read by id: %v %v", ok, err)
			}
			if _, ok, err := snap.Version(t.Context(), key, 2); ok || err != nil {
				t.Errorf("an event has a second version: %v", err)
			}
			for _, id := range []string{strings.Repeat("0", 32), strings.ToUpper(page.Rows[2].ID), page.Rows[2].ID[:30], "x"} {
				if _, ok, err := snap.Read(t.Context(), plan.ForTest(t).Key("AuditEvent", id)); id != page.Rows[2].ID && (ok || err != nil) {
					t.Errorf("read of %s: %v %v", id, ok, err)
				}
			}
		})
	}
}

func TestWritesAreLoggedWithTheirCommit(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			st := engine(t)
			defer st.Close()
			l := open(t, st)
			write := func(ctx context.Context, l *audit.Log, id string) error {
				r := observation(id, `"subject":{"reference":"Patient/p1"}`)
				r.Method = "PUT"
				res, err := fhir.Parse(r.Body, fhir.DefaultLimits)
				if err != nil {
					t.Fatal(err)
				}
				return l.Store().Commit(ctx, store.Commit{Writes: []store.Write{{Row: r, Resource: res}}, Reads: []store.Read{{Type: r.Type, ID: r.ID}}})
			}
			trail := l.Begin(audit.Record{Request: "req"})
			trail.By(ann)
			ctx := trail.In(t.Context())
			if err := write(ctx, l, "o1"); err != nil {
				t.Fatal(err)
			}
			if err := write(ctx, l, "o1"); err == nil {
				t.Fatal("a second first version is accepted")
			}
			if err := trail.End(201, func() audit.Act { return audit.Act{Code: "update"} }); err != nil {
				t.Fatal(err)
			}
			// The process dies here: nothing is flushed. The next one finds the record.
			next := open(t, st)
			if err := next.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			rows := find(t, next.Store(), plan.All{}, plan.Window{Limit: 9}).Rows
			if len(rows) != 1 || !strings.Contains(string(rows[0].Body), "Observation/o1/_history/1") || !strings.Contains(string(rows[0].Body), `"Patient/p1"`) {
				t.Fatalf("%d events of a write, want one that names it", len(rows))
			}
			p, err := audit.Verify(t.Context(), st.KV(), [sha256.Size]byte{}, nil)
			if err != nil || p.Records != 1 || p.Unlinked != 0 {
				t.Errorf("%+v %v", p, err)
			}
		})
	}
}

// TestSeveralProcesses: logs on one store make one chain, which has every record once.
func TestSeveralProcesses(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			st := engine(t)
			defer st.Close()
			const processes, requests = 3, 20
			var group sync.WaitGroup
			for n := range processes {
				l := open(t, st)
				group.Go(func() {
					for i := range requests {
						trail := l.Begin(audit.Record{Request: fmt.Sprintf("r%d-%d", n, i)})
						if err := trail.End(200, func() audit.Act { return audit.Act{Code: "read", Type: "Patient", ID: "p"} }); err != nil {
							t.Error(err)
						}
						if i%3 == 0 {
							if err := l.Flush(t.Context()); err != nil {
								t.Error(err)
							}
						}
					}
					if err := l.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			p, err := audit.Verify(t.Context(), st.KV(), [sha256.Size]byte{}, nil)
			if err != nil || p.Records != processes*requests {
				t.Errorf("%+v %v", p, err)
			}
			requested := map[string]bool{}
			page := find(t, open(t, st).Store(), plan.All{}, plan.Window{Limit: 1000})
			for _, r := range page.Rows {
				requested[requestOf.FindString(string(r.Body))] = true
			}
			if len(page.Rows) != processes*requests || len(requested) != processes*requests {
				t.Errorf("%d events of %d requests, want %d", len(page.Rows), len(requested), processes*requests)
			}
		})
	}
}

var requestOf = regexp.MustCompile(`"r\d-\d+"`)

func TestVerify(t *testing.T) {
	fill := func(t *testing.T) (store.Store, audit.Proof) {
		st := storetest.NewMemory()
		l := open(t, st)
		for i := range 5 {
			access(t, l, ann, audit.Act{Code: "read", Type: "Patient", ID: fmt.Sprint("p", i)}, 200)
			flush(t, l)
		}
		p, err := audit.Verify(t.Context(), st.KV(), [sha256.Size]byte{}, nil)
		if err != nil || p.Batches != 5 || p.Records != 5 {
			t.Fatalf("%+v %v", p, err)
		}
		return st, p
	}
	batch := func(n int) string { return fmt.Sprintf("%016x", n) }
	for _, c := range []struct {
		name  string
		spoil func(context.Context, store.KV) error
	}{
		{"a batch is missing", func(ctx context.Context, kv store.KV) error {
			return kv.Delete(ctx, "audit", batch(3), store.AnyVersion)
		}},
		{"the last batch is missing", func(ctx context.Context, kv store.KV) error {
			return kv.Delete(ctx, "audit", batch(5), store.AnyVersion)
		}},
		{"the head is missing", func(ctx context.Context, kv store.KV) error { return kv.Delete(ctx, "audit", "head", store.AnyVersion) }},
		{"a byte of a batch", func(ctx context.Context, kv store.KV) error {
			r, _, err := kv.Get(ctx, "audit", batch(2))
			if err != nil {
				return err
			}
			r.Value[len(r.Value)-1] ^= 1
			_, err = kv.Put(ctx, r, store.AnyVersion)
			return err
		}},
		{"two batches change places", func(ctx context.Context, kv store.KV) error {
			a, _, _ := kv.Get(ctx, "audit", batch(2))
			b, _, _ := kv.Get(ctx, "audit", batch(3))
			a.Key, b.Key = b.Key, a.Key
			if _, err := kv.Put(ctx, a, store.AnyVersion); err != nil {
				return err
			}
			_, err := kv.Put(ctx, b, store.AnyVersion)
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, _ := fill(t)
			if err := c.spoil(t.Context(), st.KV()); err != nil {
				t.Fatal(err)
			}
			if p, err := audit.Verify(t.Context(), st.KV(), [sha256.Size]byte{}, nil); err == nil {
				t.Errorf("not found: %+v", p)
			}
		})
	}
	t.Run("a chain that was written anew", func(t *testing.T) {
		_, kept := fill(t)
		st := storetest.NewMemory()
		l := open(t, st)
		access(t, l, ann, audit.Act{Code: "read", Type: "Patient", ID: "other"}, 200)
		flush(t, l)
		if _, err := audit.Verify(t.Context(), st.KV(), kept.Sum, nil); err == nil {
			t.Error("it has no batch of the one before, and nobody says so")
		}
	})
}
