package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
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

// An access without a rule is what it is on every snapshot, and its store is not asked.
func TestSettleOfWhatIsSettled(t *testing.T) {
	l := &log{}
	for _, a := range []search.Access{sets{"Patient": ""}, search.Unrestricted, nil} {
		got, err := plan.Settle(ctx, l, a, nil)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(a) || l.selects > 0 {
			t.Errorf("%v becomes %v (%v), %d selects", a, got, err, l.selects)
		}
	}
	settled := &rule{settled: true}
	if got, err := plan.Settle(ctx, l, settled, nil); err != nil || got != search.Access(settled) {
		t.Errorf("what is settled becomes %v (%v)", got, err)
	}
}

// rule is an access whose panel is all Patients that it finds.
type rule struct {
	settled bool
	panel   search.Panel
}

func (r *rule) Allowed(search.Interaction, string) search.Expr {
	return search.InAny{Panel: r.panel}
}

func (r *rule) Settled() bool { return r.settled }

func (r *rule) Settle(_ func() (*parameters.Set, error), find func(search.Query) (search.Panel, error)) (search.Access, error) {
	if r.settled {
		panic("asked again")
	}
	panel, err := find(where("Patient", "gender=male"))
	return &rule{true, panel}, err
}

// A rule sees all Patients, and the panel is those that are there now.
func TestSettleFindsThePanel(t *testing.T) {
	a, err := plan.Settle(ctx, people(), &rule{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.(*rule).panel.IDs(); !slices.Equal(got, []string{"1", "3", "7"}) {
		t.Errorf("the panel is %v", got)
	}
	l := &log{}
	for i := range plan.MaxPanel + 1 {
		if i == plan.MaxPanel {
			if a, err := plan.Settle(ctx, many{l}, &rule{}, nil); err != nil || len(a.(*rule).panel.IDs()) != plan.MaxPanel {
				t.Errorf("a panel of %d: %v", plan.MaxPanel, err)
			}
		}
		l.rows = append(l.rows, plan.Row{Type: "Patient", ID: fmt.Sprint(i), Version: 1})
	}
	if _, err := plan.Settle(ctx, many{l}, &rule{}, nil); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("a panel of more: %v", err)
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

// What a resource says it is a part of counts only if it is of its own type, and of this server.
func TestHierarchyOfOtherTypes(t *testing.T) {
	l := &log{}
	l.put("Location", "room", `,"partOf":{"reference":"Organization/house"}`)
	l.put("Location", "hall", `,"partOf":{"reference":"http://other.test/fhir/Location/house"}`)
	l.put("Location", "yard", `,"partOf":{"reference":"#house"},"contained":[{"resourceType":"Location","id":"house"}]`)
	l.put("Location", "loft", `,"partOf":{"reference":"Location/house/_history/1"}`)
	for at, want := range map[string]string{"room": "Location/room", "hall": "Location/hall", "yard": "Location/yard", "loft": "Location/loft,Location/house"} {
		q, err := plan.Resolve(ctx, l, where("Encounter", "location:above=Location/"+at), sets{"Location": ""}, nil, nil)
		if err != nil || q.Where.String() != "location="+want {
			t.Errorf("above %s: %v (%v), want %s", at, q.Where, err, want)
		}
	}
}

// Every reference of a parameter is followed, not only the first.
func TestIncludesOfSeveralReferences(t *testing.T) {
	l := &log{}
	for _, id := range []string{"1", "2", "3"} {
		l.put("Practitioner", id, `,"active":true`)
	}
	l.put("Practitioner", "4", `,"active":true`) // of the same id as one of another server
	l.put("Encounter", "e", `,"participant":[{"individual":{"reference":"Practitioner/gone"}},{"individual":{"reference":"Practitioner/1"}},{"individual":{"reference":"Practitioner/3"}}]`)
	l.put("Encounter", "f", `,"participant":[{"individual":{"reference":"Practitioner/1"}},{"individual":{"reference":"http://other.test/Practitioner/4"}},{"individual":{"reference":"Practitioner/2/_history/1"}}]`)
	for _, query := range []string{"_include=Encounter:participant", "_include=Encounter:participant:Practitioner", "_include=*", "_include=Encounter:practitioner&_include=Encounter:participant"} {
		r := run(t, l, "Encounter", query, sets{"Encounter": "", "Practitioner": ""}, plan.Window{Limit: 10})
		got := names(r.Included)
		slices.Sort(got)
		if fmt.Sprint(got) != "[Practitioner/1/1 Practitioner/2/1 Practitioner/3/1]" {
			t.Errorf("%s includes %v", query, got)
		}
	}
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

// A reverse include follows its own parameter, not that of a forward include of the same type.
func TestReverseIncludesAreTheirOwn(t *testing.T) {
	l := &log{}
	l.put("Patient", "1", male)
	l.put("Observation", "about", `,"subject":{"reference":"Patient/1"}`)
	l.put("Observation", "by", `,"performer":[{"reference":"Patient/1"}]`)
	r := run(t, l, "Patient", "_revinclude=Observation:performer&_include:iterate=Observation:subject", sets{"Patient": "", "Observation": ""}, plan.Window{Limit: 10})
	if got := fmt.Sprint(names(r.Included)); got != "[Observation/by/1]" {
		t.Errorf("included: %s", got)
	}
}

// A circle is walked once.
func TestHierarchyInACircle(t *testing.T) {
	l := &log{}
	l.put("Location", "a", `,"partOf":{"reference":"Location/b"}`)
	l.put("Location", "b", `,"partOf":{"reference":"Location/a"}`)
	for _, mod := range []string{"above", "below"} {
		q, err := plan.Resolve(ctx, l, where("Encounter", "location:"+mod+"=a"), sets{"Location": ""}, nil, nil)
		if err != nil || q.Where.String() != "location=Location/a,Location/b" {
			t.Errorf("%s: %v (%v)", mod, q.Where, err)
		}
	}
	for i := range plan.MaxJoin {
		l.rows = append(l.rows, plan.Row{Type: "Location", ID: fmt.Sprint(i), Version: 1})
	}
	if _, err := plan.Resolve(ctx, many{l}, where("Encounter", "location:below=a"), sets{"Location": ""}, nil, nil); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("a hierarchy of more than %d: %v", plan.MaxJoin, err)
	}
}

// spoiled gives rows whose bodies nobody can read.
type spoiled struct{ *log }

func (s spoiled) Select(ctx context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	p, err := s.log.Select(ctx, b, w)
	for i := range p.Rows {
		p.Rows[i].Body = []byte("{")
	}
	return p, err
}

// A body that cannot be read ends a request that has to read it.
func TestSpoiledBodies(t *testing.T) {
	for _, c := range []struct{ typ, query string }{
		{"PlanDefinition", "_revinclude=CarePlan:instantiates-canonical"},
		{"Encounter", "_include=Encounter:subject"},
		{"CarePlan", "_include=CarePlan:instantiates-canonical"},
		{"CarePlan", "instantiates-canonical:PlanDefinition.status=active"},
	} {
		p := lowered(t, search.Guard(where(c.typ, c.query), search.Unrestricted))
		if r, err := plan.Run(ctx, spoiled{papers()}, p, plan.Window{Limit: 5}); err == nil {
			t.Errorf("%s?%s: %v, %v", c.typ, c.query, names(r.Rows), names(r.Included))
		}
	}
}

// What is seen of others is read by the server's own base, as what is stored is.
func TestHoldsByAbsoluteReferences(t *testing.T) {
	l := &log{}
	l.put("Observation", "o", `,"subject":{"reference":"https://here.test/fhir/Patient/1"}`)
	for id, want := range map[string]bool{"1": true, "2": false} {
		access := linkedIn{sets{"Observation": "subject=Patient/" + id}}
		e := search.GuardRead("Provenance", "p", search.Read, access).Allowed()
		res := parsed(&plan.Row{Body: []byte(`{"resourceType":"Provenance","id":"p","target":[{"reference":"https://here.test/fhir/Observation/o"}]}`)})
		got, err := plan.Holds(ctx, l, &index.Indexer{Base: "https://here.test/fhir"}, e, res)
		if err != nil || got != want {
			t.Errorf("Observations of Patient/%s: %v, %v", id, got, err)
		}
	}
}

// The zero plan admits nothing.
func TestAdmitsByTheZeroPlan(t *testing.T) {
	if ok, err := plan.Admits(ctx, &log{}, plan.Plan{}, parsed(&plan.Row{Body: []byte(`{"resourceType":"Patient","id":"1"}`)})); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// Includes depend on the own parameters that they name, each of them, and on no others of the type.
func TestIncludesByOwnParameters(t *testing.T) {
	of := func(code string) parameters.Definition {
		d, err := parameters.Read(parsed(&plan.Row{Body: fmt.Appendf(nil,
			`{"resourceType":"SearchParameter","id":%q,"status":"active","code":%q,"type":"reference","base":["Patient"],"expression":"Patient.generalPractitioner","target":["Practitioner"]}`, code, code)}))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	building, _ := parameters.Record{}.Next([]parameters.Definition{of("doctor")})
	live := building.Done(building.Generation).Set()
	l := &log{}
	l.put("Patient", "1", male)
	for query, depends := range map[string]bool{
		"_include=Patient:doctor": true, "_include=Patient:general-practitioner": false, "_include=Patient:*": true, "_revinclude=Patient:doctor": true,
		"_include=Patient:general-practitioner&_include=Patient:doctor": true, "_include=Patient:general-practitioner&_include=Patient:organization": false, "": false,
	} {
		var pairs []search.Pair
		for _, part := range strings.Split(query, "&") {
			if name, value, ok := strings.Cut(part, "="); ok {
				pairs = append(pairs, search.Pair{Name: name, Value: value})
			}
		}
		q, err := search.Parse("Patient", pairs, search.Options{Params: live})
		if err != nil {
			if strings.HasPrefix(query, "_revinclude") {
				continue // nothing refers so to a Patient
			}
			t.Fatal(err)
		}
		_, err = plan.Run(ctx, l, lowered(t, search.Guard(q, search.Unrestricted)), plan.Window{Limit: 5})
		if (fhir.KindOf(err) == fhir.KindUnknownParam) != depends || !depends && err != nil {
			t.Errorf("%s on a snapshot without the parameter: %v", query, err)
		}
	}
}
