package audit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
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
				access(t, l, ann, audit.Act{Code: "read", Type: "Patient", ID: fmt.Sprint("p", i)}, 200+100*(i%3))
				if i%3 == 0 {
					flush(t, l)
				}
				if i%2 == 0 {
					at := begun.Add(time.Duration(i+1) * time.Second * 3 / 2)
					body := fmt.Sprintf(`{"resourceType":"AuditEvent","id":"c%d","meta":{"versionId":"1","lastUpdated":%q},"type":{"code":"x"},"action":"C","recorded":%q}`,
						i, fhir.Instant(at), fhir.Instant(at))
					r := row(body)
					r.LastUpdated = at.UnixMicro()
					res, err := fhir.Parse(r.Body, fhir.DefaultLimits)
					if err != nil {
						t.Fatal(err)
					}
					if err := l.Store().Commit(t.Context(), store.Commit{Writes: []store.Write{{Row: r, Resource: res, Fresh: true}}}); err != nil {
						t.Fatal(err)
					}
				}
			}
			flush(t, l)
			key := func(code string, desc bool) plan.SortKey {
				return plan.SortKey{P: r4.Lookup("AuditEvent", code), Desc: desc}
			}
			for _, order := range [][]plan.SortKey{nil, {key("date", true)}, {key("date", false)}, {key("action", false)}, {key("outcome", true), key("date", false)}} {
				whole := ids(find(t, l.Store(), plan.All{}, plan.Window{Limit: 100, Sort: order}).Rows)
				if sorted := slices.Sorted(slices.Values(whole)); len(whole) != 11 || len(slices.Compact(sorted)) != 11 {
					t.Fatalf("%d rows, want 11 different ones", len(whole))
				}
				for limit := 1; limit <= 4; limit++ {
					var forth, back []string
					w := plan.Window{Limit: limit, Sort: order, Total: true}
					for {
						page := find(t, l.Store(), plan.All{}, w)
						if page.Total != 11 {
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

func ids(rows []plan.Row) (out []string) {
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}
