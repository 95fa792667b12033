package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// What is seen is found whether candidates are asked or what is around them, and who sees whole types has each candidate
// asked: their members are not listed.
func TestEvery(t *testing.T) {
	l := &log{}
	l.put("Organization", "o", `,"active":true`)
	for i := range 100 {
		l.put("Observation", fmt.Sprint(i), fmt.Sprintf(`,"status":"final","subject":{"reference":"Patient/%d"}`, i))
		l.put("Provenance", fmt.Sprint(i), fmt.Sprintf(`,"target":[{"reference":"Observation/%d"}]`, i))
		l.put("Binary", fmt.Sprint(i), fmt.Sprintf(`,"contentType":"text/plain","securityContext":{"reference":"Observation/%d"}`, i))
	}
	l.put("Provenance", "both", `,"target":[{"reference":"Observation/7"},{"reference":"Observation/8"}]`)
	l.put("Provenance", "shared", `,"target":[{"reference":"Organization/o"}]`)
	l.put("Provenance", "context", `,"target":[{"reference":"Binary/7"}]`)
	one, whole := sets{"Observation": "subject=Patient/7", "Organization": ""}, sets{"Observation": "", "Organization": ""}
	for _, c := range []struct {
		typ    string
		a      sets
		few    int
		rows   int
		listed bool
	}{
		{"Provenance", one, 0, 3, true}, {"Provenance", one, 1, 3, true}, {"Provenance", one, 50, 3, false},
		{"Binary", one, 0, 1, true}, {"Binary", one, 1, 1, true}, {"Binary", one, 50, 1, false},
		{"Provenance", whole, 0, 103, false}, {"Binary", whole, 1, 100, false},
		{"Provenance", sets{"Organization": ""}, 1, 1, true}, {"Binary", sets{}, 1, 0, false},
	} {
		l.lists = nil
		p := plan.ForTest(t).Joins(lowered(t, search.Guard(search.Query{Type: c.typ, Where: search.All}, linkedIn{c.a})), c.few)
		r, err := plan.Run(ctx, l, p, plan.Window{Limit: 300})
		if err != nil || len(r.Rows) != c.rows {
			t.Errorf("%s by %v, from %d: %v (%v), want %d", c.typ, c.a, c.few, names(r.Rows), err, c.rows)
		}
		// Of a chain one more than it lists is asked for, of probes one.
		if listed := slices.ContainsFunc(l.lists, func(n int) bool { return n > 1 && n%8 == 1 }); listed != c.listed {
			t.Errorf("%s by %v, from %d: lists %v", c.typ, c.a, c.few, l.lists)
		}
	}
}
