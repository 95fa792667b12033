package search_test

import (
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// What differs in anything is another set: Simplify must not take the one for the other and lose a constraint. Each
// expression differs from the first of its row in one thing.
func TestSimplifyTellsApart(t *testing.T) {
	code, category, subject := r4.Lookup("Observation", "code"), r4.Lookup("Observation", "category"), r4.Lookup("Observation", "subject")
	x := parse(t, "Patient", "gender=male")
	param := func(v search.Value) search.Expr { return search.Param{P: code, Any: []search.Value{v}} }
	decimal := func(s string) fhir.Decimal {
		d, err := fhir.ParseDecimal(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	whole := search.Value{Raw: "r", Prefix: search.Gt, HasSystem: true, System: "s", Code: "c", Text: "t", Ref: fhir.Reference{Type: "Patient", ID: "1"},
		Time: fhir.Interval{Low: 1, High: 2}, Number: decimal("1"), Parts: []search.Value{{Code: "c"}}}
	change := func(f func(*search.Value)) search.Expr {
		v := whole
		f(&v)
		return param(v)
	}
	panel, other := search.NewPanel([]string{"1", "2"}), search.NewPanel([]string{"3", "4"})
	one, two := fhir.Reference{Type: "Patient", ID: "1"}, fhir.Reference{Type: "Patient", ID: "2"}
	for _, row := range [][]search.Expr{
		{
			param(whole),
			change(func(v *search.Value) { v.Raw = "x" }), change(func(v *search.Value) { v.Prefix = search.Lt }),
			change(func(v *search.Value) { v.HasSystem = false }), change(func(v *search.Value) { v.System = "x" }), change(func(v *search.Value) { v.Code = "x" }),
			change(func(v *search.Value) { v.Text = "x" }), change(func(v *search.Value) { v.Ref.ID = "2" }), change(func(v *search.Value) { v.Time.High = 3 }),
			change(func(v *search.Value) { v.Number = decimal("2") }), change(func(v *search.Value) { v.Parts = []search.Value{{Code: "x"}} }),
			change(func(v *search.Value) { v.Parts = nil }),
			search.Param{P: category, Any: []search.Value{whole}}, search.Param{P: code, Mod: search.ModNot, Any: []search.Value{whole}},
			search.Param{P: code, Any: []search.Value{whole, {Raw: "more"}}},
			search.Missing{P: code, Is: true}, search.ID("1"),
		},
		{search.Missing{P: code, Is: true}, search.Missing{P: category, Is: true}},
		{search.In{Compartment: one}, search.In{Compartment: two}, search.Only{Compartment: one}, search.Sole{Compartment: one}},
		{search.Only{Compartment: one}, search.Only{Compartment: one, OrNone: true}, search.Only{Compartment: two}},
		{search.InAny{Panel: panel}, search.InAny{Panel: other}, search.In{Compartment: fhir.Reference{Type: "Patient", ID: "3"}}},
		{search.SoleAny{P: subject, Panel: panel}, search.SoleAny{Panel: panel}, search.SoleAny{P: subject, Panel: other}},
		{
			search.Chain{P: subject, Target: "Patient", X: x}, search.Chain{P: subject, Target: "Group", X: search.ID("1")}, search.Chain{P: subject, Target: "Group", X: x},
			search.Chain{P: r4.Lookup("Observation", "performer"), Target: "Patient", X: x}, search.Chain{P: subject, Target: "Patient", X: search.ID("1")},
			search.Chain{P: subject, Target: "Patient", X: x, Contained: true},
		},
		{
			search.Has{Source: "Observation", P: subject, X: x}, search.Has{Source: "Condition", P: subject, X: x},
			search.Has{Source: "Observation", P: code, X: x}, search.Has{Source: "Observation", P: subject, X: search.ID("1")},
		},
		{search.Contains{Type: "Patient", X: x}, search.Contains{Type: "Device", X: x}, search.Contains{Type: "Patient", X: search.ID("1")}},
		{search.Not{X: search.Contains{Type: "Patient", X: x}}, search.Not{X: search.Contains{Type: "Device", X: x}}},
	} {
		for _, e := range row[1:] {
			if both, ok := search.Simplify(search.And{row[0], e}).(search.And); !ok || len(both) != 2 {
				t.Errorf("%v and %v: %v", row[0], e, search.Simplify(search.And{row[0], e}))
			}
			if both, ok := search.Simplify(search.And{e, row[0]}).(search.And); !ok || len(both) != 2 {
				t.Errorf("%v and %v: %v", e, row[0], search.Simplify(search.And{e, row[0]}))
			}
			both, ok := search.Simplify(search.Or{row[0], e}).(search.Or)
			if !ok || len(both) != 2 {
				t.Errorf("%v or %v: %v", row[0], e, search.Simplify(search.Or{row[0], e}))
			}
		}
		if got := search.Simplify(search.And{row[0], row[0]}); got.String() != row[0].String() {
			t.Errorf("%v twice: %v", row[0], got)
		}
	}
}
