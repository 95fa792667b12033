package search_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
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
		s := search.Simplify(e)
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

var worldTypes = []string{"Encounter", "Observation", "Patient", "Practitioner"}

func drawWorld(t *rapid.T) []*fhir.Resource {
	var world []*fhir.Resource
	for _, typ := range worldTypes {
		for i := range rapid.IntRange(0, 3).Draw(t, typ) {
			body := drawBody(t, typ, fmt.Sprintf("%d", i))
			res, err := fhir.Parse([]byte(body), fhir.Limits{})
			if err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			world = append(world, res)
		}
	}
	return world
}

// drawBody writes a resource: each element is there or not, with one of a few values.
func drawBody(t *rapid.T, typ, id string) string {
	body := fmt.Sprintf(`{"resourceType":%q,"id":%q`, typ, id)
	some := func(element string, values ...string) {
		if v := rapid.SampledFrom(append(values, "")).Draw(t, element); v != "" {
			body += fmt.Sprintf(`,%q:%s`, element, v)
		}
	}
	patient := []string{`{"reference":"Patient/0"}`, `{"reference":"Patient/1"}`, `{"reference":"http://localhost/fhir/Patient/2/_history/1"}`,
		`{"reference":"http://other/Patient/0"}`, `{"reference":"#c"}`, `{"identifier":{"system":"http://mrn","value":"7"}}`}
	practitioners := []string{`[{"reference":"Practitioner/0"}]`, `[{"reference":"Practitioner/1"},{"reference":"Practitioner/2"}]`}
	some("meta", `{"lastUpdated":"2020-01-01T00:00:00Z","tag":[{"code":"t"}]}`, `{"lastUpdated":"2021-06-01T10:00:00.5Z"}`)
	switch typ {
	case "Patient":
		some("name", `[{"family":"Peters","given":["Ann"]}]`, `[{"family":"Péters"}]`, `[{"text":"Bo"},{"family":"Anders"}]`)
		some("gender", `"male"`, `"female"`)
		some("birthDate", `"1980"`, `"1980-05-17"`, `"2001-01-01"`)
		some("identifier", `[{"system":"http://mrn","value":"7"}]`, `[{"value":"7"},{"system":"http://x"}]`)
		some("generalPractitioner", practitioners...)
		some("link", `[{"other":{"reference":"Patient/0"},"type":"seealso"}]`)
	case "Practitioner":
		some("name", `[{"family":"Peters"}]`, `[{"family":"Doc"}]`)
	case "Encounter":
		some("subject", patient...)
		some("status", `"finished"`, `"planned"`)
		some("period", `{"start":"2019-05-01","end":"2021-02-01"}`, `{"start":"2020-02-02T10:00:00Z"}`, `{"end":"2019"}`)
		some("contained", `[{"resourceType":"Patient","id":"c","name":[{"family":"Peters"}]}]`)
	case "Observation":
		some("status", `"final"`)
		some("subject", patient...)
		some("performer", practitioners[0], `[{"reference":"Patient/1"}]`)
		some("focus", `[{"reference":"Patient/1"}]`)
		some("encounter", `{"reference":"Encounter/0"}`, `{"reference":"Encounter/1"}`)
		some("category", `[{"coding":[{"code":"lab"}]}]`, `[{"coding":[{"system":"http://c","code":"vital"}]},{"coding":[{"code":"lab"}]}]`)
		some("code", `{"coding":[{"system":"http://loinc.org","code":"x","display":"Heart rate"}]}`, `{"coding":[{"code":"y"}],"text":"rate of heart"}`)
		some("effectiveDateTime", `"2020"`, `"2020-02-02"`, `"2020-02-02T10:00:00Z"`, `"2021-03-01T00:00:00+02:00"`)
		some("valueQuantity", `{"value":5.42,"unit":"mg"}`, `{"value":5.4,"system":"http://unitsofmeasure.org","code":"mg"}`, `{"value":-3,"comparator":"<"}`)
		some("component", `[{"code":{"coding":[{"code":"s"}]},"valueQuantity":{"value":120}},{"code":{"coding":[{"code":"d"}]},"valueQuantity":{"value":80}}]`,
			`[{"code":{"coding":[{"code":"s"}]},"valueCodeableConcept":{"coding":[{"system":"http://c","code":"z"}]}}]`)
		some("contained", `[{"resourceType":"Patient","id":"c","gender":"male"}]`)
	}
	return body + "}"
}

// conditions are searches on each type.
var conditions = map[string][]string{
	"": {"_id=0", "_id=0,1", "_id:not=2", "_tag=t", "_tag:missing=true", "_lastUpdated=2020", "_lastUpdated=ge2020-06"},
	"Patient": {"name=pet", "name=peters", "name=ann,bo", "name:contains=der", "family:exact=Péters", "name:missing=true", "gender=male", "gender:not=male",
		"birthdate=1980", "birthdate=lt1990", "birthdate=ge1980-05-17", "birthdate=ne1980", "identifier=http://mrn|7", "identifier=|7", "identifier=http://x|",
		"general-practitioner=Practitioner/0", "general-practitioner.name=doc", "general-practitioner:Practitioner.name:missing=true", "link=Patient/0",
		"_has:Observation:patient:code=x", "_has:Observation:subject:code:not=x", "_has:Encounter:patient:status=finished", "_has:Observation:performer:_has:Observation:focus:code=x"},
	"Practitioner": {"name=doc", "name=peters", "_has:Patient:general-practitioner:name=pet", "_has:Patient:general-practitioner:_has:Observation:patient:code=x"},
	"Encounter": {"status=finished,planned", "status:not=planned", "date=2020", "date=ge2020", "date=le2019", "date=ne2020", "date=gt2019&date=lt2021", "date=sa2019", "date=eb2021",
		"subject:Patient.name=peters", "patient=0", "patient.name=peters", "subject:identifier=7", "subject:identifier=http://mrn|", "_has:Observation:encounter:code=y"},
	"Observation": {"code=x", "code=http://loinc.org|x", "code=|y", "code:text=heart", "code:not=x,y", "code:missing=true", "category=lab", "category=vital", "category=lab&category=vital",
		"category:not=lab", "date=2020", "date=2020-02-02", "date=gt2020-02-02", "date=ge2020-02&date=le2020-02", "date=ne2020", "date=lt2020-02-02T10:00:00Z",
		"date=ap2020-02-02", "date:missing=true", "value-quantity=5.4", "value-quantity=5.40", "value-quantity=gt5.4||mg", "value-quantity=5.4|http://unitsofmeasure.org|mg",
		"value-quantity=ne5", "value-quantity=lt0", "value-quantity=ge5.4", "value-quantity=sa5", "value-quantity=eb5.42", "value-quantity=ap-3", "value-quantity=ap5", "value-quantity=le5.4", "component-code-value-quantity=s$120", "component-code-value-quantity=s$80",
		"combo-code-value-quantity=y$gt5", "component-code-value-concept=s$z", "component-code-value-concept=s$http://c|z", "subject=Patient/0", "subject=0", "patient=1",
		"subject=http://other/Patient/0", "subject:identifier=http://mrn|7", "subject=Patient/2", "subject.name=peters", "subject:Patient.gender=male", "patient.name:missing=true",
		"patient.general-practitioner:Practitioner.name=doc", "encounter.subject:Patient.name=pet", "encounter._has:Observation:encounter:code=x", "performer=Patient/1", "focus=Patient/1",
		"performer:Patient._has:Observation:patient:code=x", "subject:missing=false"},
}

func drawCondition(t *rapid.T, typ string) search.Expr {
	query := rapid.SampledFrom(append(conditions[typ], conditions[""]...)).Draw(t, "condition")
	var list []search.Pair
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		list = append(list, search.Pair{Name: name, Value: value})
	}
	q, err := search.Parse(typ, list, goldenOptions)
	if err != nil {
		t.Fatal(err)
	}
	return q.Where
}

// drawQuery is what Parse could have made: a conjunction.
func drawQuery(t *rapid.T) search.Query {
	q := search.Query{Type: rapid.SampledFrom(worldTypes).Draw(t, "type")}
	var where search.And
	for range rapid.IntRange(1, 3).Draw(t, "conditions") {
		where = append(where, drawCondition(t, q.Type))
	}
	q.Where = where
	if rapid.Bool().Draw(t, "compartment") {
		q = q.Within(drawPatient(t))
	}
	return q
}

func drawPatient(t *rapid.T) fhir.Reference {
	return fhir.Reference{Type: "Patient", ID: rapid.SampledFrom([]string{"0", "1"}).Draw(t, "patient")}
}

// drawPanel is a panel of none, some or very many Patients: those are tested one by one.
func drawPanel(t *rapid.T) search.Panel {
	ids := rapid.SliceOfN(rapid.SampledFrom([]string{"0", "1", "2"}), 0, 3).Draw(t, "panel")
	if len(ids) > 0 && rapid.IntRange(0, 3).Draw(t, "many") == 0 {
		ids = append(ids, crowd...)
	}
	return search.NewPanel(ids)
}

// crowd are the ids of more Patients than a plan has terms for.
var crowd = func() (ids []string) {
	for i := range 1200 {
		ids = append(ids, fmt.Sprintf("crowd%d", i))
	}
	return ids
}()

// drawExpr is any expression, also such that no query makes.
func drawExpr(t *rapid.T, typ string, depth int) search.Expr {
	kinds := 12
	if depth == 0 {
		kinds = 8
	}
	list := func() []search.Expr {
		var out []search.Expr
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			out = append(out, drawExpr(t, typ, depth-1))
		}
		return out
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return search.Const(rapid.Bool().Draw(t, "const"))
	case 1:
		return search.Type(rapid.SampledFrom(worldTypes).Draw(t, "is"))
	case 2:
		return search.ID(rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "id"))
	case 3:
		return search.In{Compartment: drawPatient(t)}
	case 4:
		return search.Only{Compartment: drawPatient(t)}
	case 5:
		return search.InAny{Panel: drawPanel(t)}
	case 9:
		return search.And(list())
	case 10:
		return search.Or(list())
	case 11:
		return search.Not{X: drawExpr(t, typ, depth-1)}
	case 12:
		switch typ {
		case "Patient":
			return search.Has{Source: "Observation", P: r4.Lookup("Observation", "patient"), X: drawExpr(t, "Observation", depth-1)}
		case "Practitioner":
			return search.Has{Source: "Patient", P: r4.Lookup("Patient", "general-practitioner"), X: drawExpr(t, "Patient", depth-1)}
		}
		return search.Chain{P: r4.Lookup(typ, "subject"), Target: "Patient", X: drawExpr(t, "Patient", depth-1), Contained: rapid.Bool().Draw(t, "contained")}
	}
	return drawCondition(t, typ)
}

// drawn is an Access with a set for each type, the same for every letter.
type drawn map[string]search.Expr

func (d drawn) Allowed(_ search.Interaction, typ string) search.Expr { return d[typ] }

// drawAccess never has a chain or _has: what a caller sees may not depend on what others see.
func drawAccess(t *rapid.T) drawn {
	local := func(typ string) search.Expr {
		e := drawCondition(t, typ)
		if search.Joins(e) {
			return search.None
		}
		return e
	}
	d := drawn{}
	for _, typ := range worldTypes {
		in := search.In{Compartment: drawPatient(t)}
		switch rapid.IntRange(0, 9).Draw(t, "access") {
		case 0:
			d[typ] = search.None
		case 1:
			d[typ] = in
		case 2:
			d[typ] = search.And{in, local(typ)}
		case 3:
			d[typ] = search.Or{search.And{in, local(typ)}, search.And{in, local(typ)}}
		case 4:
			d[typ] = local(typ)
		case 5:
			d[typ] = search.And{in, search.Only{Compartment: in.Compartment}}
		case 6:
			d[typ] = search.InAny{Panel: drawPanel(t)}
		case 7:
			panel := search.InAny{Panel: drawPanel(t)}
			d[typ] = search.Or{search.And{panel, local(typ)}, search.And{panel, in}}
		default:
			d[typ] = search.All
		}
	}
	return d
}

// source is a plan.Source over current resources: nodes evaluated on index entries, with no thought of speed.
type source struct {
	plan.Source // what a search does not call
	rows        []plan.Row
	entries     []index.Entries
}

func (s *source) Params(context.Context) (*parameters.Set, error) { return nil, nil }

func newSource(world []*fhir.Resource) *source {
	s := &source{}
	for _, res := range world {
		s.rows = append(s.rows, plan.Row{Type: res.Type, ID: res.ID, Version: 1, Body: res.Bytes})
		s.entries = append(s.entries, worldOf(nil).Index.Entries(res))
	}
	return s
}

func (s *source) each(b plan.Bound, f func(i int)) error {
	if err := shape(b.Node()); err != nil {
		return err
	}
	for i := range s.rows {
		if s.rows[i].Type != b.Type() {
			continue
		}
		ok, err := s.holds(b.Node(), i)
		if err != nil {
			return err
		}
		if ok {
			f(i)
		}
	}
	return nil
}

func (s *source) Select(_ context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	p := plan.Page{Total: -1}
	err := s.each(b, func(i int) {
		if len(p.Rows) < w.Limit {
			p.Rows = append(p.Rows, s.rows[i])
		}
	})
	return p, err
}

func (s *source) Targets(_ context.Context, b plan.Bound, p *r4.SearchParameter, max int) (refs []fhir.Reference, more bool, err error) {
	err = s.each(b, func(i int) {
		for _, t := range s.entries[i].Terms {
			if r := fhir.ParseReference(t.Text, ""); t.Num == p.Num && t.Form == index.FormReference && r.Local() && !slices.Contains(refs, r) {
				refs = append(refs, r)
			}
		}
	})
	if len(refs) > 1 && max < 1000 { // it gives up early: candidates are asked one by one
		return refs[:1], true, err
	}
	return refs, false, err
}

func (s *source) holds(n plan.Node, i int) (bool, error) {
	has := func(t plan.Term) bool { return slices.Contains(s.entries[i].Terms, index.Term(t)) }
	switch n := n.(type) {
	case plan.All:
		return true, nil
	case plan.None:
		return false, nil
	case plan.Term:
		return has(n), nil
	case plan.Terms:
		return slices.ContainsFunc(n, func(t index.Term) bool { return has(plan.Term(t)) }), nil
	case plan.Prefix:
		return slices.ContainsFunc(s.entries[i].Terms, func(t index.Term) bool {
			return t.Num == n.Num && t.Form == n.Form && strings.HasPrefix(t.Text, n.Text)
		}), nil
	case plan.Range:
		return slices.ContainsFunc(s.entries[i].Ranges, func(r index.Range) bool {
			return r.Num == n.Num && r.Unit == n.Unit && within(n.Low, r.Low) && within(n.High, r.High)
		}), nil
	case plan.And:
		for _, x := range n {
			if ok, err := s.holds(x, i); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case plan.Or:
		for _, x := range n {
			if ok, err := s.holds(x, i); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case plan.Not:
		ok, err := s.holds(n.X, i)
		return !ok, err
	case plan.Verify:
		if ok, err := s.holds(n.X, i); !ok || err != nil {
			return false, err
		}
		return n.By(&s.rows[i])
	}
	return false, fmt.Errorf("a node that no engine knows: %T", n)
}

func constant(n plan.Node) bool {
	switch n.(type) {
	case plan.All, plan.None:
		return true
	}
	return false
}

// shape checks what plan promises to engines.
func shape(n plan.Node) error {
	list := func(list []plan.Node, same func(plan.Node) bool) error {
		if len(list) < 2 || slices.ContainsFunc(list, same) || slices.ContainsFunc(list, constant) {
			return fmt.Errorf("a badly built list: %#v", n)
		}
		for _, x := range list {
			if err := shape(x); err != nil {
				return err
			}
		}
		return nil
	}
	switch n := n.(type) {
	case plan.And:
		return list(n, func(x plan.Node) bool { _, ok := x.(plan.And); return ok })
	case plan.Or:
		return list(n, func(x plan.Node) bool { _, ok := x.(plan.Or); return ok })
	case plan.Not:
		return shape(n.X)
	case plan.Verify:
		return shape(n.X)
	case plan.Terms:
		less := func(a, b index.Term) int { return strings.Compare(a.Text, b.Text) }
		for _, t := range n {
			if t.Num != n[0].Num || t.Form != n[0].Form {
				return fmt.Errorf("terms of several kinds: %v", n)
			}
		}
		if len(n) < 2 || !slices.IsSortedFunc(n, less) || len(slices.Compact(slices.Clone(n))) != len(n) {
			return fmt.Errorf("badly built terms: %v", n)
		}
	}
	return nil
}

func within(s plan.Span, k index.Key) bool {
	return (k > s.Min || k == s.Min && !s.MinOpen) && (s.Max == "" || k < s.Max || k == s.Max && !s.MaxOpen)
}
