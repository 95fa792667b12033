package audit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
)

// counting counts the records of KV that are read.
type counting struct {
	store.Store
	gets int
}

func (c *counting) KV() store.KV { return countingKV{c.Store.KV(), c} }

type countingKV struct {
	store.KV
	c *counting
}

func (kv countingKV) Get(ctx context.Context, bucket, key string) (store.Record, bool, error) {
	kv.c.gets++
	return kv.KV.Get(ctx, bucket, key)
}

func (kv countingKV) List(ctx context.Context, bucket, prefix, after string, limit int) ([]store.Record, error) {
	list, err := kv.KV.List(ctx, bucket, prefix, after, limit)
	kv.c.gets += len(list)
	return list, err
}

func post(t *testing.T, l *audit.Log) {
	t.Helper()
	if err := l.Post(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// in are the events about one of some patients.
func in(patients ...string) (ts plan.Terms) {
	for _, p := range patients {
		ts = append(ts, index.Term{Num: index.NumIn, Form: index.FormIn, Text: "Patient/" + p})
	}
	return ts
}

// TestPostings: what is found by postings is what is found without them, in both directions, from every position on, also
// where some batches have none yet; and what is about one patient is found at a cost that does not follow what is about
// others.
func TestPostings(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			st := &counting{Store: engine(t)}
			defer st.Close()
			l := open(t, st)
			r := rand.New(rand.NewPCG(7, 7))
			batch := func(patients ...string) {
				for _, p := range patients {
					access(t, l, ann, audit.Act{Code: "read", Type: "Observation", ID: "o"}, 200, observation("o", fmt.Sprintf(`"subject":{"reference":"Patient/%s"}`, p)))
				}
				flush(t, l)
			}
			for i := range 300 {
				patients := []string{"often"}
				if i%97 == 5 {
					patients = append(patients, "rare")
				}
				if r.IntN(10) == 0 {
					patients = append(patients, "some")
				}
				if i%7 == 0 {
					patients = patients[:0]
					access(t, l, audit.Who{User: "self", Client: "chart", Subject: "Practitioner/self"}, audit.Act{Code: "read", Type: "Patient", ID: "other"}, 404)
				}
				batch(patients...)
			}
			questions := []plan.Terms{in("rare"), in("some"), in("often"), in("other"), in("rare", "some"), in("rare", "often", "other"), in("nobody")}
			list := func(n plan.Node, limit int, back bool) (out []string) {
				for w := (plan.Window{Limit: limit, Back: back}); ; {
					page := find(t, l.Store(), n, w)
					out = append(out, ids(page.Rows)...)
					if w.After = page.Next; w.After == nil {
						return out
					}
				}
			}
			var want [][]string
			for i, q := range questions {
				want = append(want, list(q, 1000, false))
				if found := len(want[i]) > 0; found != (i < len(questions)-1) {
					t.Fatalf("%v finds %d", q, len(want[i]))
				}
			}
			check := func(when string) {
				t.Helper()
				for i, q := range questions {
					for _, limit := range []int{7, 1000} {
						if got := list(q, limit, false); !slices.Equal(got, want[i]) {
							t.Errorf("%s, %v in pages of %d: %d events, want %d", when, q, limit, len(got), len(want[i]))
						}
						got := list(q, limit, true)
						if slices.Reverse(got); !slices.Equal(got, want[i]) {
							t.Errorf("%s, %v backwards in pages of %d: %d events, want %d", when, q, limit, len(got), len(want[i]))
						}
					}
				}
			}
			post(t, l)
			check("with postings")
			batch("rare")
			want[0] = append(list(in("rare"), 1, false)[:1], want[0]...)
			want[4] = append(want[0][:1:1], want[4]...)
			want[5] = append(want[0][:1:1], want[5]...)
			check("with a batch that has none")

			// Another process, which knows nothing of what this one has written, posts the same.
			reads := func() int {
				st.gets = 0
				find(t, l.Store(), in("rare"), plan.Window{Limit: 1000, Total: true})
				return st.gets
			}
			for range 2 * 64 {
				batch("crowd")
			}
			other, before := open(t, st), reads()
			post(t, other)
			check("posted by another process")
			few := reads()
			if few >= before {
				t.Errorf("%d reads with postings, %d without", few, before)
			}
			for range 10 * 64 {
				batch("crowd")
			}
			post(t, l)
			if many := reads(); many > few {
				t.Errorf("%d reads where more was done to others, %d before", many, few)
			}
		})
	}
}
