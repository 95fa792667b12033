package plan_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// A condition must be asked again when anything changes that it looks at, wherever the join stands.
func TestConditionTypes(t *testing.T) {
	all := sets{"Encounter": "", "Patient": "", "Observation": "", "Practitioner": "", "Condition": ""}
	chain, has := where("Encounter", "subject:Patient.gender=male").Where, where("Encounter", "_has:Observation:encounter:status=final").Where
	deep := where("Encounter", "_has:Observation:encounter:performer:Practitioner.active=true").Where
	both := where("Encounter", "_has:Condition:encounter:code=x&_has:Observation:encounter:subject:Patient.gender=male").Where
	id := where("Encounter", "_id=e").Where
	for _, c := range []struct {
		e    search.Expr
		want string
	}{
		{id, "[Encounter]"},
		{chain, "[Encounter Patient]"},
		{has, "[Encounter Observation]"},
		{deep, "[Encounter Observation Practitioner]"},
		{both, "[Condition Encounter Observation Patient]"},
		{search.And{id, chain}, "[Encounter Patient]"},
		{search.And{chain, has}, "[Encounter Observation Patient]"},
		{search.Or{id, chain, has}, "[Encounter Observation Patient]"},
		{search.Not{X: chain}, "[Encounter Patient]"},
		{search.And{search.Or{id, search.Not{X: search.And{has, id}}}, search.Not{X: deep}}, "[Encounter Observation Practitioner]"},
		{search.And{search.Param{P: where("Encounter", "class:text=x").Where.(search.Param).P, Mod: search.ModText, Any: []search.Value{{Raw: "x", Words: []string{"x"}}}}, chain}, "[Encounter Patient]"},
	} {
		p := lowered(t, search.GuardCondition(search.Query{Type: "Encounter", Where: c.e}, all))
		if got := fmt.Sprint(plan.NewCondition(p, nil).Types()); got != c.want {
			t.Errorf("%v: %s, want %s", c.e, got, c.want)
		}
	}
}

// What is linked depends on whatever it refers to.
func TestConditionOfWhatIsLinked(t *testing.T) {
	p := lowered(t, search.GuardCondition(search.Query{Type: "Provenance", Where: search.All}, linkedIn{sets{"Observation": ""}}))
	if got := plan.NewCondition(p, nil).Types(); got != nil {
		t.Errorf("it looks at %v", got)
	}
}

// careless gives everything that there is to whoever asks for changes, whatever types were asked for.
type careless struct {
	*log
	kept []plan.Row
}

func (c *careless) Changes(_ context.Context, of plan.Changes, w plan.Window) (plan.Page, error) {
	for i := range c.rows {
		ok, err := of.Keep(c.log, &c.rows[i])
		if err != nil {
			return plan.Page{}, err
		}
		if ok {
			c.kept = append(c.kept, c.rows[i])
		}
	}
	return c.log.Changes(nil, of, w)
}

// A history keeps nothing of a type that was not asked for or is not granted, even if a store brings it.
func TestHistoryKeepsItsTypes(t *testing.T) {
	c := &careless{log: papers()}
	p := lowered(t, search.GuardHistory([]string{"Encounter", "Patient", "Practitioner"}, sets{"Patient": "gender=male", "Encounter": "", "Observation": ""}))
	if _, err := plan.History(ctx, c, p, plan.Times{}, plan.Window{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, r := range c.kept {
		types[r.Type] = true
	}
	if len(types) != 2 || !types["Patient"] || !types["Encounter"] {
		t.Errorf("kept %v", names(c.kept))
	}
}

// What could be read as everything is refused wherever it stands: in a member of several types, in what may be included.
func TestLowerRefusesInside(t *testing.T) {
	mistaken := func(typ string) search.Access { return mistakes(typ) }
	patient := search.Query{Type: "Patient", Where: search.All}
	for name, g := range map[string]search.Guarded{
		"reverse include":   search.Guard(with(patient, "_revinclude=Observation:subject"), mistaken("Observation")),
		"include of a type": search.Guard(with(search.Query{Type: "CarePlan", Where: search.All}, "_include=CarePlan:instantiates-canonical:PlanDefinition"), mistaken("PlanDefinition")),
		"history":           search.GuardHistory([]string{"Observation", "Patient"}, mistaken("Observation")),
		"history, last":     search.GuardHistory([]string{"Observation", "Patient"}, mistaken("Patient")),
		"several types":     search.Guard(search.Query{Branches: []search.Branch{{Type: "Observation", Where: search.All}, {Type: "Patient", Where: search.All}}}, mistaken("Observation")),
		"include of several": search.Guard(with(search.Query{Branches: []search.Branch{{Type: "Patient", Where: search.All}}},
			"_revinclude=Observation:subject"), mistaken("Observation")),
		"chain":       search.Guard(search.Query{Type: "Observation", Where: where("Observation", "subject:Patient.gender=male").Where}, mistaken("Patient")),
		"reverse":     search.Guard(search.Query{Type: "Patient", Where: where("Patient", "_has:Observation:subject:status=final").Where}, mistaken("Observation")),
		"read":        search.GuardRead("Patient", "1", search.Read, mistaken("Patient")),
		"definitions": search.GuardSeen("ValueSet", search.ID("1"), mistaken("ValueSet")),
	} {
		if p, err := plan.Lower(g, nil); err == nil {
			t.Errorf("%s is lowered to\n%s", name, plan.Explain(p))
		}
	}
}

// mistakes is an access that gives, for its type, an And that lost its members beside something that is not nothing.
type mistakes string

func (m mistakes) Allowed(_ search.Interaction, typ string) search.Expr {
	if typ == string(m) {
		return search.Or{search.And{}, search.ID("1")}
	}
	return search.All
}

// with is q with the includes of a query.
func with(q search.Query, includes string) search.Query {
	typ := q.Type
	if typ == "" {
		typ = q.Branches[0].Type
	}
	parsed := where(typ, includes)
	q.Include, q.RevInclude = parsed.Include, parsed.RevInclude
	return q
}

// Joins to everything and joins to nothing, where that is known only when they are answered.
func TestJoinsToAllAndNone(t *testing.T) {
	l := chart()
	l.put("Encounter", "lost", `,"subject":{"reference":"Patient/none"}`)
	l.put("Encounter", "alone", `,"status":"planned"`)
	l.put("Patient", "2", female)
	male := where("Patient", "gender=male").Where
	patients := search.Or{male, search.Not{X: male}} // everything, written at length
	encounters := func(x search.Expr) search.Expr {
		return search.Chain{P: where("Encounter", "subject:missing=true").Where.(search.Missing).P, Target: "Patient", X: x}
	}
	having := func(x search.Expr) search.Expr {
		return search.Has{Source: "Encounter", P: where("Encounter", "subject:missing=true").Where.(search.Missing).P, X: x}
	}
	nobody := where("Patient", "_has:Encounter:patient:_id=nothing").Where
	never := search.Chain{P: where("Encounter", "subject:missing=true").Where.(search.Missing).P, Target: "Patient", X: nobody}
	for _, c := range []struct {
		typ  string
		e    search.Expr
		want string
	}{
		{"Encounter", encounters(patients), "[Encounter/f/1 Encounter/e/1]"},
		{"Encounter", search.Not{X: encounters(patients)}, "[Encounter/alone/1 Encounter/lost/1]"},
		{"Encounter", encounters(nobody), "[]"},
		{"Encounter", search.Not{X: encounters(nobody)}, "[Encounter/alone/1 Encounter/lost/1 Encounter/f/1 Encounter/e/1]"},
		{"Encounter", search.Or{encounters(nobody), search.ID("lost")}, "[Encounter/lost/1]"},
		{"Encounter", search.And{encounters(patients), search.ID("e")}, "[Encounter/e/1]"},
		{"Patient", having(search.Or{never, search.Not{X: never}}), "[Patient/1/2]"},
		{"Patient", having(never), "[]"},
		{"Patient", search.Not{X: having(never)}, "[Patient/2/1 Patient/1/2]"},
		{"Patient", search.And{search.Not{X: having(search.All)}, search.Not{X: having(never)}}, "[Patient/2/1]"},
		{"Patient", search.Or{having(never), search.And{search.ID("2"), search.Not{X: having(search.All)}}}, "[Patient/2/1]"},
	} {
		for _, few := range []int{0, 1} {
			p := plan.ForTest(t).Joins(lowered(t, search.Guard(search.Query{Type: c.typ, Where: c.e}, search.Unrestricted)), few)
			r, err := plan.Run(ctx, l, p, plan.Window{Limit: 10})
			if got := fmt.Sprint(names(r.Rows)); err != nil || got != c.want {
				t.Errorf("%v with lists from %d: %s (%v), want %s\n%s", c.e, few, got, err, c.want, plan.Explain(p))
			}
		}
	}
}

// A condition that nobody has written finds nothing; it is no error.
func TestZeroQuery(t *testing.T) {
	for name, g := range map[string]search.Guarded{
		"search":    search.Guard(search.Query{Type: "Patient"}, search.Unrestricted),
		"condition": search.GuardCondition(search.Query{Type: "Patient"}, search.Unrestricted),
	} {
		p, err := plan.Lower(g, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r, err := plan.Run(ctx, people(), p, plan.Window{Limit: 10}); err != nil || len(r.Rows) > 0 {
			t.Errorf("%s: %v, %v", name, names(r.Rows), err)
		}
	}
}

// A deletion belongs to the version before it; where that is not there any more it belongs to nobody.
func TestDeletionAlone(t *testing.T) {
	l := &log{rows: []plan.Row{
		{Type: "Patient", ID: "1", Version: 2, Deleted: true},
		{Type: "Patient", ID: "2", Version: 1, Deleted: true},
		{Type: "Patient", ID: "3", Version: 3, Deleted: true}, {Type: "Patient", ID: "3", Version: 4, Deleted: true},
	}}
	for _, id := range []string{"1", "2", "3"} {
		p := lowered(t, search.GuardRead("Patient", id, search.Read, sets{"Patient": "gender=male"}))
		if r, found, err := plan.ReadOne(ctx, l, p); found || err != nil || r.Type != "" {
			t.Errorf("%s: %v, %v, %v", id, r, found, err)
		}
	}
}

// Whatever reads by an own parameter asks first whether the snapshot holds it: if not, or if that cannot be said, there is no
