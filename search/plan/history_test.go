package plan_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// asking keeps what it was asked for last.
type asking struct {
	*log
	changes plan.Changes
}

func (a *asking) Changes(_ context.Context, c plan.Changes, _ plan.Window) (plan.Page, error) {
	a.changes = c
	return plan.Page{}, nil
}

// allowed gives one set for each type, whatever the letter.
type allowed map[string]search.Expr

func (a allowed) Allowed(_ search.Interaction, typ string) search.Expr {
	if e := a[typ]; e != nil {
		return e
	}
	return search.None
}

// A history is led by charts wherever what the caller sees says whose they are, and by nothing else.
func TestHistoryIsLedByCharts(t *testing.T) {
	patient := func(id string) fhir.Reference { return fhir.Reference{Type: "Patient", ID: id} }
	in := func(id string) search.Expr { return search.In{Compartment: patient(id)} }
	panel := func(ids ...string) search.Expr { return search.InAny{Panel: search.NewPanel(ids)} }
	named := func(typ, code string, ids ...string) search.Expr {
		p := search.Param{P: r4.Lookup(typ, code)}
		for _, id := range ids {
			p.Any = append(p.Any, search.Value{Raw: "Patient/" + id, Ref: patient(id)})
		}
		return p
	}
	final := where("Observation", "status=final").Where
	by := func(mod search.Modifier, ref fhir.Reference) search.Expr {
		return search.Param{P: r4.Lookup("Observation", "patient"), Mod: mod, Any: []search.Value{{Raw: "x", Ref: ref}}}
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for _, c := range []struct {
		typ  string
		set  search.Expr
		want string
	}{
		{"Observation", in("a"), "[a]"},
		{"Observation", search.All, "all"},
		{"Observation", search.None, ""},
		{"Observation", search.Or{}, ""},
		{"Observation", search.And{in("a"), final}, "[a]"},
		{"Observation", search.And{final, in("a")}, "[a]"},
		{"Observation", search.Or{search.And{in("b"), final}, in("a")}, "[a b]"},
		{"Observation", search.Or{search.And{in("b"), final}, final}, "all"},
		{"Observation", search.And{search.Or{in("b"), in("a"), in("c")}, panel("a", "b")}, "[a b]"},
		{"Observation", search.And{in("a"), search.Only{Compartment: patient("a")}}, "[a]"},
		{"Observation", search.Only{Compartment: patient("a")}, "all"},
		{"Observation", search.Not{X: in("a")}, "all"},
		{"Observation", panel("b", "a"), "[a b]"},
		{"Observation", panel(), ""},
		{"Observation", panel(many...), "all"},
		{"Observation", panel(many[:1000]...), fmt.Sprint(search.NewPanel(many[:1000]).IDs())},
		{"Observation", search.And{panel("a", "b"), search.Or{in("b"), in("a"), in("c")}}, "[a b]"},
		{"Observation", search.And{in("a"), in("b")}, "[a]"},
		{"Observation", search.Or{search.And{in("a"), final}, search.And{in("a"), where("Observation", "code=x").Where}}, "[a]"},
		{"Observation", search.Or{search.And{panel("a", "b"), final}, search.And{in("a"), where("Observation", "code=x").Where}}, "[a b]"},
		{"Observation", named("Observation", "patient", "a", "a"), "[a]"},
		{"Observation", by(search.ModNone, patient("a")), "[a]"},
		{"Observation", by(search.ModIdentifier, patient("a")), "all"},
		{"Observation", by(search.ModNone, fhir.Reference{Type: "Practitioner", ID: "a"}), "all"},
		{"Observation", by(search.ModNone, fhir.Reference{Type: "Patient", ID: "a", URL: "http://other.test/Patient/a"}), "all"},
		{"Observation", search.In{Compartment: fhir.Reference{Type: "Encounter", ID: "a"}}, "all"},
		{"Observation", named("Observation", "patient", "a"), "[a]"},
		{"Observation", search.Or{named("Observation", "patient", "a"), in("b")}, "[a b]"},
		{"Observation", named("Observation", "subject", "a"), "all"},
		{"Observation", where("Observation", "patient=a").Where, "[a]"},
		{"Observation", where("Observation", "patient:identifier=a").Where, "all"},
		{"Device", named("Device", "patient", "b", "a"), "[a b]"},
		{"Patient", in("a"), "[a]"},
		{"Provenance", search.Or{search.And{in("a"), search.Only{Compartment: patient("a")}}, search.Linked{}}, "all"},
		{"Binary", search.Linked{}, "all"},
		{"Practitioner", in("a"), "all"},
	} {
		src := &asking{log: papers()}
		p := lowered(t, search.GuardHistory([]string{c.typ}, allowed{c.typ: c.set}))
		if _, err := plan.History(t.Context(), src, p, plan.Times{}, plan.Window{Limit: 1}); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, part := range src.changes.Parts() {
			if got += fmt.Sprint(part.Patients); part.Patients == nil {
				got = "all"
			}
		}
		if got != c.want {
			t.Errorf("%s %s is looked for in %.40s, want %s", c.typ, c.set, got, c.want)
		}
	}

	if ok, err := (plan.Changes{}).Keep(papers(), &plan.Row{Type: "Observation", ID: "a", Version: 1}); ok || err != nil {
		t.Errorf("the zero Changes keep something: %v", err)
	}

	src := &asking{log: papers()}
	p := lowered(t, search.GuardHistory([]string{"Condition", "Encounter", "Observation", "Organization", "Patient"},
		allowed{"Condition": in("a"), "Encounter": in("b"), "Observation": in("a"), "Organization": search.All, "Patient": search.All}))
	if _, err := plan.History(t.Context(), src, p, plan.Times{Since: 7, From: 8, To: 9}, plan.Window{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	if since, until := src.changes.Since(), src.changes.Until(); since != 7 || until != 9 {
		t.Errorf("asked for from %d until %d", since, until)
	}
	var parts []string
	for _, part := range src.changes.Parts() {
		parts = append(parts, fmt.Sprint(part.Types, part.Patients, part.Patients == nil))
	}
	if got, want := strings.Join(parts, " "), "[Condition Observation] [a] false [Encounter] [b] false [Organization Patient] [] true"; got != want {
		t.Errorf("the parts are %s, want %s", got, want)
	}
}
