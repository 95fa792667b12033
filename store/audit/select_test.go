package audit_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// TestPages: the events of the log and those that clients have written are one list, in every order and direction, whose
// pages leave none out and repeat none.
func TestPages(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			st := engine(t)
			defer st.Close()
			l := open(t, st)
			for i := range 7 {
				if i == 4 { // of one time: about each of two patients, and what was asked
					access(t, l, ann, audit.Act{Code: "search-type", Type: "Observation"}, 200, observation("a", `"subject":{"reference":"Patient/p2"}`), observation("b", `"subject":{"reference":"Patient/p1"}`))
				} else {
					access(t, l, ann, audit.Act{Code: "read", Type: "Patient", ID: fmt.Sprint("p", i)}, 200+100*(i%3))
				}
				if i%3 == 0 {
					flush(t, l)
				}
				if i%2 == 0 {
					client(t, l, fmt.Sprint("c", i), begun.Add(time.Duration(i+1)*time.Second*3/2), `"action":"C"`)
				}
			}
			flush(t, l)
			key := func(code string, desc bool) plan.SortKey {
				if code == "_lastUpdated" {
					return plan.SortKey{P: r4.Lookup("", code), Desc: desc}
				}
				return plan.SortKey{P: r4.Lookup("AuditEvent", code), Desc: desc}
			}
			for _, order := range [][]plan.SortKey{nil, {key("date", true)}, {key("date", false)}, {key("action", false)}, {key("outcome", true), key("date", false)},
				{key("date", true), key("entity", false)}, {key("date", false), key("entity", false)}, {key("_lastUpdated", false), key("entity", true)}, {key("_lastUpdated", true), key("date", true), key("patient", true)}} {
				rows := find(t, l.Store(), plan.All{}, plan.Window{Limit: 100, Sort: order}).Rows
				whole := ids(rows)
				if sorted := slices.Sorted(slices.Values(whole)); len(whole) != 13 || len(slices.Compact(sorted)) != 13 {
					t.Fatalf("%d rows, want 13 different ones", len(whole))
				}
				for i := range rows[1:] {
					if ordered(t, order, &rows[i], &rows[i+1]) > 0 {
						t.Errorf("order %v: row %d comes before the one behind it", order, i)
					}
				}
				for limit := 1; limit <= 4; limit++ {
					var forth, back []string
					w := plan.Window{Limit: limit, Sort: order, Total: true}
					for {
						page := find(t, l.Store(), plan.All{}, w)
						if page.Total != 13 {
							t.Fatalf("a total of %d", page.Total)
						}
						forth = append(forth, ids(page.Rows)...)
						if page.Next == nil {
							break
						}
						// The page on the other side of the same cut.
						other := w
						other.After, other.At, other.Back, other.Limit = page.Next, true, true, 100
						before := ids(find(t, l.Store(), plan.All{}, other).Rows)
						slices.Reverse(before)
						if !slices.Equal(before, forth) {
							t.Fatalf("before the cut behind %d rows are %v, not %v", len(forth), before, forth)
						}
						w.After = page.Next
					}
					if !slices.Equal(forth, whole) {
						t.Errorf("order %v, pages of %d:\n got %v\nwant %v", order, limit, forth, whole)
					}
					w = plan.Window{Limit: limit, Sort: order, Back: true}
					for {
						page := find(t, l.Store(), plan.All{}, w)
						back = append(back, ids(page.Rows)...)
						if page.Next == nil {
							break
						}
						w.After = page.Next
					}
					slices.Reverse(back)
					if !slices.Equal(back, whole) {
						t.Errorf("order %v, backwards, pages of %d:\n got %v\nwant %v", order, limit, back, whole)
					}
				}
			}
			whole := find(t, l.Store(), plan.All{}, plan.Window{Limit: 100}).Rows
			for i := 1; i < len(whole); i++ {
				if whole[i].LastUpdated > whole[i-1].LastUpdated {
					t.Errorf("row %d is newer than the one before it", i)
				}
			}
		})
	}
}

// ordered compares two rows by the keys of an order.
func ordered(t *testing.T, order []plan.SortKey, a, b *plan.Row) int {
	t.Helper()
	x := &index.Indexer{Base: storetest.Base}
	for _, k := range order {
		var keys [2]index.Key
		for i, row := range []*plan.Row{a, b} {
			res, err := fhir.Parse(row.Body, fhir.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			var ok bool
			if keys[i], ok = x.SortKey(k.P, res, k.Desc); !ok {
				if keys[i] = "\xff"; k.Desc { // last
					keys[i] = ""
				}
			}
		}
		if c := cmp.Compare(keys[0], keys[1]); c != 0 && k.Desc {
			return -c
		} else if c != 0 {
			return c
		}
	}
	return 0
}

// TestFilters: what a search skips without looking at it would not have been found. Every term of every event is asked for,
// alone and with others, and must find the events that have it.
func TestFilters(t *testing.T) {
	st := engines["memory"](t)
	l := open(t, st)
	whos := []audit.Who{ann, {Client: "nightly", Scope: "system/*.rs", Token: "g.2"}, {User: "pat", Subject: "Patient/p1", Client: "chart"},
		{User: "out", Subject: "https://elsewhere/fhir/Practitioner/x", Issuer: "https://elsewhere", Client: "c"}, {Client: "anonymous"}, {}}
	codes := []string{"read", "vread", "search-type", "search-system", "create", "update", "patch", "delete", "history-instance", "$meta", "transaction"}
	for i, code := range codes {
		for j, who := range whos {
			a := audit.Act{Code: code, Type: "Observation", ID: fmt.Sprint("o", i), Version: uint64(j), Query: "patient=p1,p2"}
			switch j {
			case 1:
				a.Type, a.ID = "Patient", "p2"
			case 2:
				a.Type, a.ID = "", ""
			}
			var rows []plan.Row
			for k := range (i + j) % 4 {
				rows = append(rows, observation("o", fmt.Sprintf(`"subject":{"reference":"Patient/p%d"}`, k)))
			}
			access(t, l, who, a, []int{200, 304, 401, 403, 404, 503}[(i+j)%6], rows...)
			if (i+j)%3 == 0 {
				flush(t, l)
			}
		}
	}
	flush(t, l)
	x := &index.Indexer{Base: storetest.Base}
	all := find(t, l.Store(), plan.All{}, plan.Window{Limit: 10_000, Total: true})
	if all.Total != len(all.Rows) || len(all.Rows) < 60 {
		t.Fatalf("%d of %d events", len(all.Rows), all.Total)
	}
	entries := make([]index.Entries, len(all.Rows))
	var nodes []plan.Node
	seen := map[index.Term]bool{}
	for i := range all.Rows {
		res, err := fhir.Parse(all.Rows[i].Body, fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if faults := validate.Structure(res); len(faults) > 0 {
			t.Errorf("%v\n%s", faults, all.Rows[i].Body)
		}
		entries[i] = x.Entries(res)
		for _, term := range entries[i].Terms {
			if !seen[term] && term.Form != index.FormWord && term.Form != index.FormGram {
				seen[term] = true
				nodes = append(nodes, plan.Term(term))
			}
		}
		if i%10 == 0 {
			for _, r := range entries[i].Ranges {
				nodes = append(nodes, plan.Range{Num: r.Num, Unit: r.Unit, Low: plan.Span{Min: r.Low}}, plan.Range{Num: r.Num, Unit: r.Unit, Low: plan.Span{Max: r.Low}},
					plan.Range{Num: r.Num, Unit: r.Unit, High: plan.Span{Max: r.High, MaxOpen: true}})
			}
		}
	}
	for i := 0; i < len(nodes) && len(nodes) < 800; i += 2 {
		a, b := nodes[i], nodes[(i*7+3)%len(nodes)]
		nodes = append(nodes, plan.And{a, b}, plan.Or{a, b}, plan.And{a, plan.Not{X: b}}, plan.Verify{X: plan.Or{a, plan.And{b, a}}, By: func(*plan.Row) (bool, error) { return true, nil }})
	}
	for k, n := range nodes {
		want := 0
		for i := range all.Rows {
			if ok, err := plan.Contains(n, &entries[i], &all.Rows[i]); err != nil {
				t.Fatal(err)
			} else if ok {
				want++
			}
		}
		page := find(t, l.Store(), n, plan.Window{Limit: 10_000, Total: k%8 == 0})
		if len(page.Rows) != want || k%8 == 0 && page.Total != want {
			t.Errorf("%+v finds %d (%d), want %d", n, len(page.Rows), page.Total, want)
		}
	}
	for _, code := range []string{"_tag", "_security", "agent-name", "agent-role", "entity-name"} {
		p := r4.Lookup("AuditEvent", code)
		if p == nil {
			p = r4.Lookup("", code)
		}
		for term := range seen {
			if term.Num == p.Num {
				t.Errorf("an event has a value of %s, which a search takes for granted that it has not", code)
			}
		}
	}
	t.Logf("%d questions about %d events", len(nodes), len(all.Rows))
}

func ids(rows []plan.Row) (out []string) {
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

// client writes an AuditEvent as a client does.
func client(t *testing.T, l *audit.Log, id string, at time.Time, more string) {
	t.Helper()
	r := row(fmt.Sprintf(`{"resourceType":"AuditEvent","id":%q,"meta":{"versionId":"1","lastUpdated":%q},"type":{"code":"x"},"recorded":%[2]q,%[3]s}`, id, fhir.Instant(at), more))
	r.LastUpdated = at.UnixMicro()
	res, err := fhir.Parse(r.Body, fhir.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Store().Commit(t.Context(), store.Commit{Writes: []store.Write{{Row: r, Resource: res, Fresh: true}}}); err != nil {
		t.Fatal(err)
	}
}

// TestPartsOfAWalk: a search that would look at too many events is refused; where pages may end before they are full, the
// pages together are the whole list all the same, in both directions, and none looks at more than it may.
func TestPartsOfAWalk(t *testing.T) {
	st := storetest.NewMemory()
	defer st.Close()
	l := open(t, st)
	for i := range 40 {
		who := ann
		if i%7 == 3 {
			who.Scope = "rare"
		}
		access(t, l, who, audit.Act{Code: "read", Type: "Patient", ID: fmt.Sprint("p", i)}, 200)
		if i%9 == 0 {
			flush(t, l)
			client(t, l, fmt.Sprint("c", i), begun.Add(time.Duration(i+1)*time.Second+500*time.Millisecond), `"entity":[{"name":"rare"}]`)
		}
	}
	flush(t, l)
	rare := plan.Verify{X: plan.All{}, By: func(r *plan.Row) (bool, error) { return strings.Contains(string(r.Body), `"rare"`), nil }}
	all := ids(find(t, l.Store(), rare, plan.Window{Limit: 100}).Rows)
	if len(all) != 6+5 {
		t.Fatalf("%d rows, want 11", len(all))
	}
	l.LookAt(2)
	snap, err := l.Store().Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if _, err := snap.Select(t.Context(), plan.ForTest(t).Bound("AuditEvent", rare), plan.Window{Limit: 20}); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("a whole page: %v", err)
	}
	for _, back := range []bool{false, true} {
		for limit := 1; limit <= 4; limit++ {
			var got []string
			empty, pages := 0, 0
			w := plan.Window{Limit: limit, Back: back, Part: true}
			for {
				page := find(t, l.Store(), rare, w)
				got = append(got, ids(page.Rows)...)
				if pages++; len(page.Rows) == 0 {
					empty++
				}
				if page.Read > 100 {
					t.Fatalf("a page reads %d", page.Read)
				}
				if page.Next != nil { // the page on the other side of the same cut begins with the last row of this one
					other := w
					other.After, other.At, other.Back, other.Limit = page.Next, true, !back, 1
					if last := find(t, l.Store(), rare, other).Rows; len(last) > 0 && len(got) > 0 && last[0].ID != got[len(got)-1] {
						t.Errorf("before the cut behind %d rows is %s, not %s", len(got), last[0].ID, got[len(got)-1])
					}
				}
				if w.After = page.Next; w.After == nil || pages > 100 {
					break
				}
			}
			if back {
				slices.Reverse(got)
			}
			if !slices.Equal(got, all) || empty == 0 {
				t.Errorf("back %v, pages of %d, %d of them empty:\n got %v\nwant %v", back, limit, empty, got, all)
			}
		}
	}
}
