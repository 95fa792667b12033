package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

func run(t *testing.T, l *log, typ, query string, a search.Access, w plan.Window) plan.Result {
	t.Helper()
	r, err := plan.Run(ctx, l, lowered(t, search.Guard(where(typ, query), a)), w)
	if err != nil {
		t.Fatalf("%s?%s: %v", typ, query, err)
	}
	return r
}

// chart: encounter e of patient 1 by practitioner d, with observations o1 (lab), o2 (vital).
func chart() *log {
	l := &log{}
	l.put("Practitioner", "d", `,"active":true`)
	l.put("Patient", "1", male)
	l.put("Patient", "1", male)
	l.put("Encounter", "e", `,"subject":{"reference":"Patient/1"},"participant":[{"individual":{"reference":"Practitioner/d"}},{"individual":{"reference":"Practitioner/gone"}}]`)
	l.put("Encounter", "f", `,"subject":{"reference":"Patient/1/_history/1"},"participant":[{"individual":{"reference":"Practitioner/d"}}]`)
	l.put("Observation", "o1", `,"encounter":{"reference":"Encounter/e"},"category":[{"coding":[{"code":"lab"}]}]`)
	l.put("Observation", "o2", `,"encounter":{"reference":"Encounter/e"},"category":[{"coding":[{"code":"vital"}]}]`)
	return l
}

func TestIncludes(t *testing.T) {
	all := sets{"Encounter": "", "Patient": "", "Practitioner": "", "Observation": ""}
	for _, c := range []struct {
		query   string
		a       sets
		include string
	}{
		{"_include=Encounter:subject", all, "[Patient/1/1 Patient/1/2]"}, // a version where it is named
		{"_include=Encounter:participant", all, "[Practitioner/d/1]"},
		{"_include=Encounter:subject:Group", all, "[]"},
		{"_include=Observation:encounter", all, "[]"},
		{"_revinclude=Observation:encounter", all, "[Observation/o2/1 Observation/o1/1]"},
		{"_revinclude=Observation:encounter:Encounter", all, "[Observation/o2/1 Observation/o1/1]"},
		{"_include=Encounter:participant&_revinclude=Observation:encounter", all, "[Practitioner/d/1 Observation/o2/1 Observation/o1/1]"},
		{"_id=e&_include=Encounter:subject", all, "[Patient/1/2]"},
		{"_include=*", all, "[Practitioner/d/1 Patient/1/1 Patient/1/2]"},
		{"_include=Encounter:*:Patient", all, "[Patient/1/1 Patient/1/2]"},
		{"_revinclude=*", all, "[Observation/o2/1 Observation/o1/1]"},
		{"_revinclude=Observation:*", all, "[Observation/o2/1 Observation/o1/1]"},
		{"_revinclude=Observation:*:Patient", all, "[]"},
		{"_include=*", sets{"Encounter": "", "Practitioner": ""}, "[Practitioner/d/1]"},
		{"_revinclude=Observation:encounter", sets{"Encounter": "", "Observation": "category=lab"}, "[Observation/o1/1]"},
		{"_revinclude=Observation:encounter", sets{"Encounter": ""}, "[]"},
		{"_include=Encounter:subject", sets{"Encounter": "", "Patient": "gender=female"}, "[]"},
		{"_include=Encounter:subject", sets{"Encounter": "", "Patient": "gender=male"}, "[Patient/1/1 Patient/1/2]"},
		{"_include=Encounter:subject", sets{"Encounter": ""}, "[]"},
	} {
		r := run(t, chart(), "Encounter", c.query, c.a, plan.Window{Limit: 10})
		if got := fmt.Sprint(names(r.Included)); got != c.include || len(r.Warnings) > 0 {
			t.Errorf("%s by %v: %s, want %s; %v", c.query, c.a, got, c.include, r.Warnings)
		}
	}
	for _, c := range []struct {
		typ, query string
		a          sets
		include    string
	}{
		{"Observation", "_id=o1&_include=Observation:encounter&_include=Encounter:subject", all, "[Encounter/e/1]"},
		{"Observation", "_id=o1&_include=Observation:encounter&_include:iterate=Encounter:subject", all, "[Encounter/e/1 Patient/1/2]"},
		{"Observation", "_id=o1&_include:iterate=Encounter:subject&_include:iterate=Observation:encounter", all, "[Encounter/e/1 Patient/1/2]"},
		{"Observation", "_id=o1&_include=Observation:encounter&_include:iterate=*", all, "[Encounter/e/1 Practitioner/d/1 Patient/1/2]"},
		{"Observation", "_id=o1&_include=Observation:encounter&_include:iterate=Encounter:*:Practitioner", all, "[Encounter/e/1 Practitioner/d/1]"},
		// A forward include leads to a reverse one, which leads to a forward one; o1 is a match already.
		{"Observation", "_id=o1&_include:iterate=Observation:encounter&_revinclude:iterate=Observation:encounter", all, "[Encounter/e/1 Observation/o2/1]"},
		{"Patient", "_revinclude:iterate=Encounter:subject&_revinclude:iterate=Observation:encounter&_include:iterate=Encounter:participant", all,
			"[Encounter/f/1 Encounter/e/1 Practitioner/d/1 Patient/1/1 Observation/o2/1 Observation/o1/1]"},
		// Each edge is guarded: what is hidden leads nowhere.
		{"Observation", "_id=o1&_include=Observation:encounter&_include:iterate=Encounter:subject", sets{"Observation": "", "Encounter": "_id=f", "Patient": ""}, "[]"},
		{"Observation", "_id=o1&_include=Observation:encounter&_include:iterate=Encounter:subject", sets{"Observation": "", "Encounter": "", "Patient": "gender=female"}, "[Encounter/e/1]"},
	} {
		if c.typ == "Patient" {
			c.query += "&_include:iterate=Encounter:subject" // of f: version 1, of e: the match
		}
		r := run(t, chart(), c.typ, c.query, c.a, plan.Window{Limit: 10})
		if got := fmt.Sprint(names(r.Included)); got != c.include || len(r.Warnings) > 0 {
			t.Errorf("%s?%s by %v: %s, want %s; %v", c.typ, c.query, c.a, got, c.include, r.Warnings)
		}
	}
	gone := chart()
	gone.delete("Practitioner", "d")
	if r := run(t, gone, "Encounter", "_include=Encounter:participant", all, plan.Window{Limit: 10}); len(r.Included) != 0 {
		t.Errorf("a deleted resource is included: %v", names(r.Included))
	}
	r := run(t, chart(), "Encounter", "_include=Encounter:subject&_revinclude=Observation:encounter", all, plan.Window{Limit: 1})
	if got := fmt.Sprint(names(r.Rows), names(r.Included), r.Next != nil); got != "[Encounter/f/1] [Patient/1/1] true" {
		t.Errorf("includes of a page: %s", got)
	}
}

// A resource that is both match and include is a match, once.
func TestMatchWins(t *testing.T) {
	l := &log{}
	l.put("Patient", "1", `,"link":[{"other":{"reference":"Patient/2"},"type":"seealso"}]`)
	l.put("Patient", "2", `,"link":[{"other":{"reference":"Patient/1"},"type":"seealso"}]`)
	r := run(t, l, "Patient", "_include=Patient:link&_revinclude=Patient:link", sets{"Patient": ""}, plan.Window{Limit: 10})
	if len(r.Rows) != 2 || len(r.Included) != 0 {
		t.Errorf("%v, %v", names(r.Rows), names(r.Included))
	}
}

// The limit of includes counts visible rows, and says what it cuts.
func TestIncludeLimit(t *testing.T) {
	l := &log{}
	l.put("Patient", "1", male)
	for i := range plan.MaxInclude + 1 {
		l.put("Observation", fmt.Sprint(i), `,"subject":{"reference":"Patient/1"},"status":"final"`)
	}
	l.put("Observation", "x", `,"subject":{"reference":"Patient/1"},"status":"amended"`)
	r := run(t, l, "Patient", "_revinclude=Observation:subject", sets{"Patient": "", "Observation": "status=amended"}, plan.Window{Limit: 1})
	if len(r.Included) != 1 || len(r.Warnings) != 0 {
		t.Errorf("hidden rows count: %d, %v", len(r.Included), r.Warnings)
	}
	r = run(t, l, "Patient", "_revinclude=Observation:subject", sets{"Patient": "", "Observation": ""}, plan.Window{Limit: 1})
	if len(r.Included) != plan.MaxInclude || len(r.Warnings) != 1 {
		t.Errorf("%d included, %v", len(r.Included), r.Warnings)
	}
}

func TestTotal(t *testing.T) {
	for _, c := range []struct {
		w    plan.Window
		want int
	}{
		{plan.Window{Limit: 10}, 5}, // known for free
		{plan.Window{Limit: 5}, 5},
		{plan.Window{Limit: 2}, -1},
		{plan.Window{Limit: 2, Total: true}, 5},
		{plan.Window{Limit: 0, Total: true}, 5},
		{plan.Window{Limit: 10, After: []byte("4")}, -1}, // the last page alone does not tell
	} {
		if r := run(t, people(), "Patient", "", sets{"Patient": ""}, c.w); r.Total != c.want {
			t.Errorf("%+v: %d, want %d", c.w, r.Total, c.want)
		}
	}
	n, err := plan.Count(ctx, people(), lowered(t, search.Guard(where("Patient", "gender=male"), sets{"Patient": ""})))
	if n != 3 || err != nil {
		t.Errorf("%d men, %v", n, err)
	}
}

// Where nothing can be found on the inner side of a join the store is not asked for it.
func TestJoins(t *testing.T) {
	l := chart()
	for _, c := range []struct {
		typ, query string
		a          sets
		want       string
		selects    int
	}{
		{"Encounter", "subject:Patient.gender=male", sets{"Encounter": "", "Patient": "gender=male"}, "[Encounter/f/1 Encounter/e/1]", 2},
		{"Encounter", "subject:Patient.gender=male", sets{"Encounter": "", "Patient": "gender=female"}, "[]", 2},
		{"Encounter", "subject:Patient.gender=male", sets{"Encounter": ""}, "[]", 1},
		{"Observation", "encounter.subject:Patient.gender=male", sets{"Observation": "", "Encounter": "", "Patient": "gender=male"}, "[Observation/o2/1 Observation/o1/1]", 3},
		{"Patient", "_has:Encounter:patient:_id=f", sets{"Patient": "", "Encounter": ""}, "[Patient/1/2]", 2},
		{"Patient", "_has:Encounter:patient:_id=f", sets{"Patient": "", "Encounter": "_id=e"}, "[]", 1},
	} {
		l.selects = 0
		r := run(t, l, c.typ, c.query, c.a, plan.Window{Limit: 10})
		if got := fmt.Sprint(names(r.Rows)); got != c.want || l.selects != c.selects {
			t.Errorf("%s?%s by %v: %s, want %s; %d selects", c.typ, c.query, c.a, got, c.want, l.selects)
		}
	}
}

// TestManyJoined: where the inner side of a join is large, the candidates of the outer side are asked one by one, and, if
// those are many, longer lists are tried. The answer is the same, and is not refused however many there are.
func TestManyJoined(t *testing.T) {
	l := &log{}
	for i := range 100 {
		l.put("Patient", fmt.Sprint(i), `,"gender":"male"`)
		if i%20 != 0 {
			l.put("Encounter", fmt.Sprint("e", i), fmt.Sprintf(`,"status":"finished","subject":{"reference":"Patient/%d"}`, i))
		}
	}
	all := sets{"Patient": "", "Encounter": ""}
	const has, chain = "_has:Encounter:patient:status=finished", "subject:Patient.gender=male"
	for _, c := range []struct {
		typ, query string
		a          sets
		w          plan.Window
		few        int
		rows       int
		total      int
		lists      []int // of the inner side that were tried
	}{
		{"Patient", has, all, plan.Window{Limit: 300}, 0, 95, 95, []int{64}},
		{"Patient", has, all, plan.Window{Limit: 300}, 4, 95, 95, []int{16, 128}},
		{"Patient", has, all, plan.Window{Limit: 300}, 6, 95, 95, []int{24, 192}},
		{"Patient", has, all, plan.Window{Limit: 5, Total: true}, 4, 5, 95, []int{16, 128}},
		{"Patient", "gender=male&" + has + "&_id=20,21,22", all, plan.Window{Limit: 300}, 4, 2, 2, []int{16}},
		{"Patient", "gender=female&" + has, all, plan.Window{Limit: 300}, 4, 0, 0, []int{16}},
		{"Patient", has, sets{"Patient": "_id=1,2,3,20", "Encounter": ""}, plan.Window{Limit: 300}, 4, 3, 3, []int{16}},
		{"Patient", has, sets{"Patient": "", "Encounter": "_id=e3,e4"}, plan.Window{Limit: 300}, 1, 2, 2, []int{4}},
		{"Patient", has, sets{"Patient": ""}, plan.Window{Limit: 300}, 16, 0, 0, nil},

		{"Encounter", chain, all, plan.Window{Limit: 300}, 0, 95, 95, []int{17, 129}},
		{"Encounter", chain, all, plan.Window{Limit: 300}, 16, 95, 95, []int{17, 129}},
		{"Encounter", chain, all, plan.Window{Limit: 300}, 32, 95, 95, []int{33}},
		{"Encounter", chain, all, plan.Window{Limit: 5, Total: true}, 16, 5, 95, []int{17, 129}},
		{"Encounter", chain + "&_id=e20,e21,e22", all, plan.Window{Limit: 300}, 16, 2, 2, []int{17}},
		{"Encounter", chain, sets{"Patient": "_id=1,2,3,20", "Encounter": ""}, plan.Window{Limit: 300}, 2, 3, 3, []int{3, 17}},
		{"Encounter", "subject:Patient._has:Encounter:patient:status=finished", sets{"Patient": "", "Encounter": "_id=e3,e4"}, plan.Window{Limit: 300}, 16, 2, 2, []int{64, 17}},
		{"Encounter", chain, sets{"Encounter": ""}, plan.Window{Limit: 300}, 16, 0, 0, nil},
	} {
		l.lists = nil
		p := plan.ForTest(t).Joins(lowered(t, search.Guard(where(c.typ, c.query), c.a)), c.few)
		r, err := plan.Run(ctx, l, p, c.w)
		if err != nil || len(r.Rows) != c.rows || r.Total != c.total || !slices.Equal(l.lists, c.lists) {
			t.Errorf("%s?%s by %v: %d rows, total %d (%v), want %d, %d; lists %v, want %v", c.typ, c.query, c.a, len(r.Rows), r.Total, err, c.rows, c.total, l.lists, c.lists)
		}
	}
}

// Resources that canonicals name are listed, always.
func TestTooCostly(t *testing.T) {
	l := &log{}
	for i := range plan.MaxJoin + 1 {
		l.rows = append(l.rows, plan.Row{Type: "PlanDefinition", ID: fmt.Sprint(i), Version: 1, Body: fmt.Appendf(nil, `{"resourceType":"PlanDefinition","id":"%d"}`, i)})
	}
	p := lowered(t, search.Guard(where("CarePlan", "instantiates-canonical:PlanDefinition.status:missing=true"), sets{"CarePlan": "", "PlanDefinition": "status:missing=true"}))
	_, err := plan.Run(ctx, many{l}, p, plan.Window{Limit: 1})
	if fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("%v", err)
	}
	holds, err := plan.NewCondition(p, nil).Holds(ctx, many{l})
	if holds || fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("condition: %v, %v", holds, err)
	}
}

// TestLowerRefuses what could be read as everything by mistake.
func TestLowerRefuses(t *testing.T) {
	for _, e := range []search.Expr{
		search.And{}, search.Or{search.And{}}, search.Not{X: search.And{}}, search.And{search.All, nil}, search.Not{},
	} {
		if p, err := plan.Lower(search.Guard(search.Query{Type: "Patient", Where: e}, search.Unrestricted), nil); err == nil {
			t.Errorf("%v is lowered to %s", e, plan.Explain(p))
		}
		if _, err := plan.Lower(search.GuardRead("Patient", "1", search.Read, set{e}), nil); err == nil {
			t.Errorf("read with access %v is lowered", e)
		}
	}
	p, err := plan.Lower(search.Guarded{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := plan.Run(ctx, people(), p, plan.Window{Limit: 10}); err != nil || len(r.Rows) > 0 {
		t.Errorf("the zero Guarded finds %v, %v", names(r.Rows), err)
	}
	if r, err := plan.Run(ctx, people(), plan.Plan{}, plan.Window{Limit: 10}); err != nil || len(r.Rows) > 0 {
		t.Errorf("the zero Plan finds %v, %v", names(r.Rows), err)
	}
}

type set struct{ e search.Expr }

func (s set) Allowed(search.Interaction, string) search.Expr { return s.e }

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		g    search.Guarded
		want string
	}{
		{search.GuardRead("Patient", "1", search.Read, sets{"Patient": "gender=male"}), "read Patient/1 if gender=male\n"},
		{search.GuardHistory([]string{"Patient", "Group"}, sets{"Patient": "gender=male"}), "history Group if none\nhistory Patient if gender=male\n"},
		{search.Guarded{}, "none\n  none\n"},
		{search.Guard(search.Query{Type: "Provenance", Where: search.All}, linkedIn{sets{}}), "(and type:Provenance patient:missing=true (every target seen))\n" +
			"  and\n    refers by target to nothing but what is seen\n    not\n      term patient present\n"},
	} {
		if got := plan.Explain(lowered(t, c.g)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := plan.Explain(plan.Plan{}); got != "none\n  none\n" {
		t.Errorf("the zero plan: %q", got)
	}
}
