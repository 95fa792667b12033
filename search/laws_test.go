package search_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// The laws of doc.go on random expressions over random small worlds: four types, few ids and few values, so that
// things meet.

func TestLawSimplify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := drawWorld(t)
		w := worldOf(world)
		typ := rapid.SampledFrom(worldTypes).Draw(t, "type")
		e := drawExpr(t, typ, 3)
		before := e.String()
		s := search.Simplify(e)
		if after := e.String(); after != before {
			t.Fatalf("%s\nhas become %s", before, after) // an Access may hand out one expression many times
		}
		if again := search.Simplify(s); again.String() != s.String() {
			t.Fatalf("%v\nis simplified to %v\nand then to %v", e, s, again)
		}
		for _, res := range world {
			if got, want := search.Match(w, s, res), search.Match(w, e, res); got != want {
				t.Fatalf("%v\nsimplified to %v\nfinds %s: %v, not %v", e, s, res.Bytes, got, want)
			}
		}
	})
}

// Guard(q) of all resources finds what q finds in the visible ones.
func TestLawGuard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := drawWorld(t)
		q, access := drawQuery(t), drawAccess(t)
		got := find(world, q.Type, search.Guard(q, access).Where())
		visible := slices.DeleteFunc(slices.Clone(world), func(res *fhir.Resource) bool {
			return !search.Match(worldOf(nil), access.Allowed(search.Search, res.Type), res)
		})
		want := find(visible, q.Type, closed(q.Where, access))
		if got != want {
			t.Fatalf("%s?%v\nguarded %v\nfinds %s, of the visible resources %s", q.Type, q.Where, search.Guard(q, access).Where(), got, want)
		}
	})
}

// A plan finds what the guarded query finds.
func TestLawLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := drawWorld(t)
		q, access := drawQuery(t), drawAccess(t)
		g := search.Guard(q, access)
		p, err := plan.Lower(g, worldOf(nil).Index)
		if err != nil {
			t.Fatal(err)
		}
		r, err := plan.Run(context.Background(), newSource(world), p, plan.Window{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range r.Rows {
			got = append(got, row.ID)
		}
		slices.Sort(got)
		if want := find(world, q.Type, g.Where()); strings.Join(got, " ") != want {
			t.Fatalf("%s?%v\n%s\nfinds %v, not %s", q.Type, q.Where, plan.Explain(p), got, want)
		}
		if r.Total != len(r.Rows) {
			t.Fatalf("total %d of %d rows", r.Total, len(r.Rows))
		}
	})
}

// So does a plan of an expression that no request can write; one with an empty And has none.
func TestLawLowerAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := drawWorld(t)
		typ := rapid.SampledFrom(worldTypes).Draw(t, "type")
		e := drawExpr(t, typ, 3)
		p, err := plan.Lower(search.Guard(search.Query{Type: typ, Where: e}, search.Unrestricted), worldOf(nil).Index)
		if empty := strings.Contains(e.String(), "(and)"); empty || err != nil {
			if empty != (err != nil) {
				t.Fatalf("%v: %v", e, err)
			}
			return
		}
		r, err := plan.Run(context.Background(), newSource(world), p, plan.Window{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range r.Rows {
			got = append(got, row.ID)
		}
		slices.Sort(got)
		if want := find(world, typ, e); strings.Join(got, " ") != want {
			t.Fatalf("%v\n%s\nfinds %v, not %s", e, plan.Explain(p), got, want)
		}
	})
}

// A union of what needs bodies and of what needs other resources: each member is tested for itself.
func TestLowerMixedUnion(t *testing.T) {
	world := []*fhir.Resource{
		resource(t, `{"resourceType":"Observation","id":"a","code":{"text":"heart"}}`),
		resource(t, `{"resourceType":"Observation","id":"b","code":{"text":"lung"}}`),
		resource(t, `{"resourceType":"Observation","id":"c","code":{"text":"lung"},"subject":{"reference":"Patient/0"}}`),
		resource(t, `{"resourceType":"Patient","id":"0","gender":"male"}`),
	}
	e := search.Or{parse(t, "Observation", "code:text=heart"), parse(t, "Observation", "subject:Patient.gender=male")}
	p, err := plan.Lower(search.Guard(search.Query{Type: "Observation", Where: e}, search.Unrestricted), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := plan.Run(context.Background(), newSource(world), p, plan.Window{Limit: 100})
	if err != nil || len(r.Rows) != 2 || r.Rows[0].ID != "a" || r.Rows[1].ID != "c" {
		t.Errorf("%v, %v\n%s", r.Rows, err, plan.Explain(p))
	}
}

// find are the ids of the resources of a type in e, sorted.
func find(world []*fhir.Resource, typ string, e search.Expr) string {
	var ids []string
	for _, res := range world {
		if res.Type == typ && search.Match(worldOf(world), e, res) {
			ids = append(ids, res.ID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// closed is e without contained targets of types that are not open as a whole: search.md declares that they count
// only where they are.
func closed(e search.Expr, a search.Access) search.Expr {
	if chain, ok := e.(search.Chain); ok {
		chain.Contained = search.Simplify(a.Allowed(search.Search, chain.Target)) == search.All
		e = chain
	}
	return search.Map(e, func(x search.Expr) search.Expr { return closed(x, a) })
}
