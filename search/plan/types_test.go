package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

// several is a plan over types.
func several(t *testing.T, types, query string, a search.Access) plan.Plan {
	t.Helper()
	var pairs []search.Pair
	for part := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(part, "="); ok {
			pairs = append(pairs, search.Pair{Name: name, Value: value})
		}
	}
	q, err := search.ParseTypes(strings.Fields(types), pairs, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return lowered(t, search.Guard(q, a))
}

// filled is a store of n Patients, n Observations and one Group, in turns by date.
func filled(t *testing.T, n int) plan.Source {
	t.Helper()
	m := storetest.NewMemory()
	m.Indexer = &index.Indexer{}
	put := func(typ, id, rest string) {
		body := fmt.Sprintf(`{"resourceType":%q,"id":%q,"meta":{"versionId":"1","lastUpdated":"2024-01-01T00:00:00Z"}%s}`, typ, id, rest)
		res, err := fhir.Parse([]byte(body), fhir.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		w := store.Write{Row: plan.Row{Type: typ, ID: id, Version: 1, LastUpdated: 1, Method: "PUT", Body: res.Bytes}, Resource: res, Fresh: true}
		if err := m.Commit(t.Context(), store.Commit{Writes: []store.Write{w}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		put("Patient", fmt.Sprintf("k%03d", 2*i), `,"active":true`)
		put("Observation", fmt.Sprintf("k%03d", 2*i+1), `,"subject":{"reference":"Patient/k000"}`)
	}
	put("Group", "g", "")
	snap, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap
}

// All pages of several types, whatever their size, are one order; back from anywhere leads the same way.
func TestTypesInPages(t *testing.T) {
	const n = 120
	src := filled(t, n)
	for _, query := range []string{"", "_sort=_id", "_sort=-_id", "_sort=_lastUpdated,-_id"} {
		p := several(t, "Group Observation Patient Practitioner", query, sets{"Group": "", "Observation": "", "Patient": "", "Practitioner": ""})
		r, err := plan.Run(t.Context(), src, p, plan.Window{Limit: 1000, Total: true})
		if err != nil || r.Total != 2*n+1 || len(r.Rows) != 2*n+1 {
			t.Fatalf("%s: %d rows of %d, %v", query, len(r.Rows), r.Total, err)
		}
		all := names(r.Rows)
		ids := slices.Collect(func(yield func(string) bool) {
			for _, row := range r.Rows {
				if !yield(row.ID) {
					return
				}
			}
		})
		switch query {
		case "_sort=_id":
			if !slices.IsSorted(ids) {
				t.Errorf("%s: %v", query, ids)
			}
		case "":
			if !slices.IsSortedFunc(r.Rows, func(a, b plan.Row) int { return strings.Compare(a.Type, b.Type) }) {
				t.Errorf("types are mixed: %v", all)
			}
		}
		for _, limit := range []int{1, 7, 60, 241} {
			var forth []string
			for w := (plan.Window{Limit: limit}); ; {
				page, err := plan.Run(t.Context(), src, p, w)
				if err != nil {
					t.Fatal(err)
				}
				forth = append(forth, names(page.Rows)...)
				if page.Next == nil {
					break
				}
				// The other side of the cut is the page that was just read.
				back, err := plan.Run(t.Context(), src, p, plan.Window{Limit: limit, After: page.Next, At: true, Back: true})
				if err != nil {
					t.Fatal(err)
				}
				if slices.Reverse(back.Rows); !slices.Equal(names(back.Rows), names(page.Rows)) {
					t.Fatalf("%s by %d: back %v, want %v", query, limit, names(back.Rows), names(page.Rows))
				}
				w.After = page.Next
			}
			if !slices.Equal(forth, all) {
				t.Errorf("%s by %d: %v, want %v", query, limit, forth, all)
			}
		}
	}
}

// A type without a scope costs no question.
func TestHiddenTypesAreNotAsked(t *testing.T) {
	src := &plan.Meter{Source: filled(t, 3)}
	p := several(t, "Group Observation Patient", "", sets{"Patient": ""})
	if r, err := plan.Run(t.Context(), src, p, plan.Window{Limit: 10, Total: true}); err != nil || len(r.Rows) != 3 || r.Total != 3 || src.Asked != 1 {
		t.Errorf("%v, %v, %d questions", names(r.Rows), err, src.Asked)
	}
	p = several(t, "Group Observation", "", sets{})
	if r, err := plan.Run(t.Context(), src, p, plan.Window{Limit: 10, Total: true}); err != nil || len(r.Rows) != 0 || r.Total != 0 || src.Asked != 1 {
		t.Errorf("%v, %v, %d questions", names(r.Rows), err, src.Asked)
	}
}

// Whatever stands where a position should, there is an answer or an error that says so.
func TestPositionsOfTypesAreChecked(t *testing.T) {
	src := filled(t, 2)
	for _, query := range []string{"", "_sort=_id"} {
		p := several(t, "Observation Patient", query, sets{"Observation": "", "Patient": ""})
		first, err := plan.Run(t.Context(), src, p, plan.Window{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range first.Next {
			for _, b := range []byte{0, 1, 'o', 'b', '<', 0x7F, 0xFF} {
				at := slices.Clone(first.Next)
				at[i] = b
				for _, at := range [][]byte{at, at[:i], {}} {
					if _, err := plan.Run(t.Context(), src, p, plan.Window{Limit: 1, After: at}); err != nil && fhir.KindOf(err) != fhir.KindInvalid {
						t.Errorf("%q: %v", at, err)
					}
				}
			}
		}
	}
}

// Each link of a chained key is guarded: what is hidden has no key and comes last.
func TestChainedKeys(t *testing.T) {
	l := &log{}
	for id, gender := range map[string]string{"1": "male", "2": "female", "3": "unknown"} {
		l.put("Patient", id, `,"gender":"`+gender+`"`)
	}
	l.put("Encounter", "a", `,"subject":{"reference":"Patient/1"}`)
	l.put("Encounter", "b", `,"subject":{"reference":"Patient/2/_history/1"}`)
	l.put("Encounter", "c", `,"subject":{"reference":"Patient/3"}`)
	l.put("Encounter", "d", `,"subject":{"reference":"Group/3"}`)
	for _, c := range []struct {
		sort string
		a    sets
		want string
	}{
		{"subject:Patient.gender", sets{"Encounter": "", "Patient": ""}, "female male unknown -"},
		{"-subject:Patient.gender", sets{"Encounter": "", "Patient": ""}, "unknown male female -"},
		{"subject:Patient.gender", sets{"Encounter": "", "Patient": "gender=unknown"}, "- - unknown -"},
		{"subject:Patient.gender", sets{"Encounter": ""}, "- - - -"},
	} {
		src := &keyed{log: l}
		run(t, l, "Encounter", "_sort="+c.sort, c.a, plan.Window{Limit: 10}) // of a source that sorts by nothing
		r, err := plan.Run(ctx, src, lowered(t, search.Guard(where("Encounter", "_sort="+c.sort), c.a)), plan.Window{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Fields(src.keys)
		want := strings.Fields(c.want)
		slices.Sort(got)
		slices.Sort(want)
		if len(r.Rows) != 4 || !slices.Equal(got, want) {
			t.Errorf("%s by %v: %v, want %v", c.sort, c.a, got, want)
		}
	}
}

// keyed reads the first key of what it gives.
type keyed struct {
	*log
	keys string
}

func (k *keyed) Select(c context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	page, err := k.log.Select(c, b, w)
	for i := range page.Rows {
		if len(w.Sort) == 0 {
			continue
		}
		key, ok, err := w.Sort[0].Of(c, k.log, &page.Rows[i])
		if err != nil {
			return page, err
		}
		if !ok {
			key = "-"
		}
		k.keys += " " + string(key)
	}
	return page, err
}

// An order by what others hold reads every match: of too many it is refused.
func TestChainedKeysOfTooMany(t *testing.T) {
	l := &log{}
	for i := range plan.MaxSort + 1 {
		l.rows = append(l.rows, plan.Row{Type: "Encounter", ID: fmt.Sprint(i), Version: 1, Body: fmt.Appendf(nil, `{"resourceType":"Encounter","id":"%d"}`, i)})
	}
	src := manyKeys{many{l}}
	p := lowered(t, search.Guard(where("Encounter", "_sort=subject:Patient.gender"), sets{"Encounter": "", "Patient": ""}))
	if _, err := plan.Run(ctx, src, p, plan.Window{Limit: plan.MaxSort + 1}); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("%v", err)
	}
}

// manyKeys reads the keys of what many finds.
type manyKeys struct{ many }

func (m manyKeys) Select(c context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	page, err := m.many.Select(c, b, w)
	for i := range page.Rows {
		if _, _, err := w.Sort[0].Of(c, m, &page.Rows[i]); err != nil {
			return page, err
		}
	}
	return page, err
}
