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
	l.put("Location", "c", `,"partOf":{"reference":"Location/a"}`) // from outside, too
	q, err := plan.Resolve(ctx, l, where("Encounter", "location:above=c"), sets{"Location": ""}, nil, nil)
	if err != nil || q.Where.String() != "location=Location/c,Location/a,Location/b" {
		t.Errorf("above what is a part of a circle: %v (%v)", q.Where, err)
	}
	for i := range plan.MaxJoin {
		if i == plan.MaxJoin-3 { // beside those three
			q, err := plan.Resolve(ctx, many{l}, where("Encounter", "location:below=a"), sets{"Location": ""}, nil, nil)
			if err != nil || len(q.Where.(search.Param).Any) != plan.MaxJoin {
				t.Errorf("a hierarchy of %d: %v", plan.MaxJoin, err)
			}
		}
		l.rows = append(l.rows, plan.Row{Type: "Location", ID: fmt.Sprint(i), Version: 1})
	}
	if _, err := plan.Resolve(ctx, many{l}, where("Encounter", "location:below=a"), sets{"Location": ""}, nil, nil); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("a hierarchy of more than %d: %v", plan.MaxJoin, err)
	}
}

// spoiled gives rows whose bodies nobody can read.
type spoiled struct{ *log }

func (s spoiled) Select(ctx context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	sound, err := s.log.Select(ctx, plan.ForTest(noTest{}).Bound(b.Type(), plan.All{}), plan.Window{Limit: 100})
	var p plan.Page
	for _, r := range sound.Rows {
		e := new(index.Indexer).Entries(parsed(&r))
		r.Body = []byte("{")
		ok, err := plan.Contains(b.Node(), &e, &r)
		if err != nil {
			return plan.Page{}, err
		}
		if ok {
			p.Rows = append(p.Rows, r)
		}
	}
	return p, err
}

// A body that cannot be read ends a request that has to read it: the error says which, and is not the client's.
func TestSpoiledBodies(t *testing.T) {
	for _, c := range []struct{ typ, query, spoiled string }{
		{"PlanDefinition", "_revinclude=CarePlan:instantiates-canonical", "PlanDefinition/q"},
		{"Encounter", "_include=Encounter:subject", "Encounter/f"},
		{"CarePlan", "_include=CarePlan:instantiates-canonical", "CarePlan/c"},
		{"CarePlan", "instantiates-canonical:PlanDefinition.status=active", "PlanDefinition/q"},
		{"PlanDefinition", "_has:CarePlan:instantiates-canonical:status=active", "PlanDefinition/q"},
	} {
		p := lowered(t, search.Guard(where(c.typ, c.query), search.Unrestricted))
		if r, err := plan.Run(ctx, spoiled{papers()}, p, plan.Window{Limit: 5}); fhir.KindOf(err) != fhir.KindException || !strings.HasPrefix(err.Error(), "parse the stored "+c.spoiled+" version 1: ") {
			t.Errorf("%s?%s: %v, %v (%v)", c.typ, c.query, names(r.Rows), names(r.Included), err)
		}
	}
	for _, c := range []struct{ typ, query, spoiled string }{
		{"Observation", "code:in=urn:v", "ValueSet/v"},
		{"Observation", "code:below=urn:a|x", "CodeSystem/a"},
		{"Encounter", "location:above=room", "Location/room"},
	} {
		if q, err := plan.Resolve(ctx, spoiled{papers()}, where(c.typ, c.query), search.Unrestricted, nil, nil); fhir.KindOf(err) != fhir.KindException || !strings.HasPrefix(err.Error(), "parse the stored "+c.spoiled+" version 1: ") {
			t.Errorf("%s?%s: %v (%v)", c.typ, c.query, q.Where, err)
		}
	}
}

// unreadable gives single resources whose bodies nobody can read.
type unreadable struct{ *log }

func (u unreadable) Read(ctx context.Context, k plan.Key) (plan.Row, bool, error) {
	row, found, err := u.log.Read(ctx, k)
	row.Body = []byte("{")
	return row, found, err
}

// Who sees a part of a type does not see what cannot be read, and does not take it for hidden.
func TestReadOfASpoiledBody(t *testing.T) {
	p := lowered(t, search.GuardRead("Patient", "1", search.Read, sets{"Patient": "gender=male"}))
	if r, found, err := plan.ReadOne(ctx, unreadable{people()}, p); err == nil || !strings.HasPrefix(err.Error(), "parse the stored Patient/1 version 1: ") {
		t.Errorf("%v, %v (%v)", r, found, err)
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

// windows notes whether a Select on Observations asks also for what is not stored.
type windows struct {
	*log
	asked []bool
}

func (w *windows) Select(ctx context.Context, b plan.Bound, at plan.Window) (plan.Page, error) {
	if b.Type() == "Observation" {
		w.asked = append(w.asked, !at.Stored)
	}
	return w.log.Select(ctx, b, at)
}

// A reverse include that names a type asks for all of it, one of every type only for what is stored, beside it, too.
func TestReverseIncludesOfWhatIsNotStored(t *testing.T) {
	for query, want := range map[string]string{
		"_revinclude=*":                                           "[false]",
		"_revinclude=Observation:encounter":                       "[true]",
		"_revinclude=*&_revinclude=Observation:encounter":         "[false true]",
		"_revinclude=*&_revinclude=Encounter:part-of":             "[false]",
		"_revinclude=Observation:*&_revinclude=Encounter:part-of": "[true]",
	} {
		w := &windows{log: chart()}
		q := search.Guard(where("Encounter", query), sets{"Encounter": "", "Observation": ""})
		if _, err := plan.Run(ctx, w, lowered(t, q), plan.Window{Limit: 5}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(w.asked); got != want {
			t.Errorf("%s asks for what is not stored: %s, want %s", query, got, want)
		}
	}
}
