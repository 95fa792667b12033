package plan_test

import (
	"context"
	"errors"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

var errBroken = errors.New("broken")

// broken is a log of which one call fails.
type broken struct {
	*log
	calls int
	fails int // the call that fails, from 1; 0: none
}

func (b *broken) call(ctx context.Context) error {
	if b.calls++; b.calls == b.fails {
		return errBroken
	}
	if ctx == nil || ctx.Value(requested{}) == nil {
		return errors.New("the context is not that of the request")
	}
	return nil
}

// requested is in the context of a request.
type requested struct{}

var asked = context.WithValue(context.Background(), requested{}, true)

func (b *broken) Read(ctx context.Context, k plan.Key) (plan.Row, bool, error) {
	if err := b.call(ctx); err != nil {
		return plan.Row{}, false, err
	}
	return b.log.Read(ctx, k)
}

func (b *broken) Version(ctx context.Context, k plan.Key, n uint64) (plan.Row, bool, error) {
	if err := b.call(ctx); err != nil {
		return plan.Row{}, false, err
	}
	return b.log.Version(ctx, k, n)
}

func (b *broken) Versions(ctx context.Context, k plan.Key, w plan.Window) (plan.Page, error) {
	if err := b.call(ctx); err != nil {
		return plan.Page{}, err
	}
	return b.log.Versions(ctx, k, w)
}

func (b *broken) Select(ctx context.Context, bound plan.Bound, w plan.Window) (plan.Page, error) {
	if err := b.call(ctx); err != nil {
		return plan.Page{}, err
	}
	return b.log.Select(ctx, bound, w)
}

func (b *broken) Targets(ctx context.Context, bound plan.Bound, p *r4.SearchParameter, max int) ([]fhir.Reference, bool, error) {
	if err := b.call(ctx); err != nil {
		return nil, false, err
	}
	return b.log.Targets(ctx, bound, p, max)
}

func (b *broken) Changes(ctx context.Context, c plan.Changes, w plan.Window) (plan.Page, error) {
	if err := b.call(ctx); err != nil {
		return plan.Page{}, err
	}
	return b.page(w, func(r *plan.Row) (bool, error) { return c.Keep(b, r) })
}

func (b *broken) Params(ctx context.Context) (*parameters.Set, error) {
	if err := b.call(ctx); err != nil {
		return nil, err
	}
	return b.log.Params(ctx)
}

// papers: patients and encounters, reports and what they attach, provenance, value sets and hierarchies.
func papers() *log {
	l := dictionary()
	l.rows = append(l.rows, people().rows...)
	l.rows = append(l.rows, chart().rows...)
	l.put("Binary", "a", `,"contentType":"text/plain","securityContext":{"reference":"Patient/1"}`)
	l.put("Binary", "b", `,"contentType":"text/plain"`)
	l.put("DocumentReference", "d", `,"status":"current","content":[{"attachment":{"url":"Binary/b"}}]`)
	l.put("Provenance", "p", `,"target":[{"reference":"Observation/o1"},{"reference":"Encounter/e"}]`)
	l.put("PlanDefinition", "q", `,"url":"urn:q","status":"active"`)
	l.put("Patient", "8", male) // so that a list of few has not those whom the Encounters name
	l.put("Patient", "9", male)
	l.put("CarePlan", "c", `,"status":"active","instantiatesCanonical":["urn:q"],"subject":{"reference":"Patient/1"}`)
	return l
}

// linkedIn is sets with what is linked beside them.
type linkedIn struct{ sets }

func (a linkedIn) Allowed(i search.Interaction, typ string) search.Expr {
	if typ == "Binary" || typ == "Provenance" {
		return search.Linked{}
	}
	return a.sets.Allowed(i, typ)
}

// Whatever call of the store fails, the request fails: no answer is made of what was not read, neither a smaller one nor a
// larger one.
func TestFaultsEndRequests(t *testing.T) {
	access := linkedIn{sets{
		"Patient": "gender=male", "Encounter": "subject:missing=false", "Observation": "category:not=x", "Practitioner": "active:not=false", "DocumentReference": "status=current",
		"ValueSet": "status:not=x", "CodeSystem": "status:missing=true", "Location": "name:missing=false", "PlanDefinition": "status:not=draft", "CarePlan": "status=active",
	}}
	guarded := func(typ, query string) plan.Plan { return lowered(t, search.Guard(where(typ, query), access)) }
	searched := func(typ, query string, w plan.Window, few int) func(plan.Source) (bool, error) {
		return func(src plan.Source) (bool, error) {
			r, err := plan.Run(asked, src, plan.ForTest(t).Joins(guarded(typ, query), few), w)
			return len(r.Rows) > 0 && (w.Sort == nil || len(r.Included) > 0), err
		}
	}
	page := plan.Window{Limit: 5}
	read := func(typ, id string) plan.Plan { return lowered(t, search.GuardRead(typ, id, search.Read, access)) }
	asks := map[string]func(plan.Source) (bool, error){
		"search": searched("Patient", "", page, 0),
		"count": func(src plan.Source) (bool, error) {
			n, err := plan.Count(asked, src, guarded("Patient", ""))
			return n > 0, err
		},
		"chain":               searched("Encounter", "subject:Patient.gender=male", page, 0),
		"chain asked":         searched("Encounter", "participant:Practitioner.active=true", page, 1),
		"chain of many":       searched("Encounter", "subject:Patient.gender=male", plan.Window{Limit: 5, Total: true}, 1),
		"not a chain":         searched("Encounter", "_filter=not (subject:Patient.gender eq female)", page, 0),
		"canonical chain":     searched("CarePlan", "instantiates-canonical:PlanDefinition.status=active", page, 0),
		"_has":                searched("Patient", "_has:Encounter:patient:_id=e,f", page, 0),
		"_has asked":          searched("Encounter", "_has:Observation:encounter:status:missing=true", page, 1),
		"canonical _has":      searched("PlanDefinition", "_has:CarePlan:instantiates-canonical:status=active", page, 0),
		"include":             searched("Encounter", "_include=*&_revinclude=*", page, 0),
		"include of versions": searched("Encounter", "_include=Encounter:subject", page, 0),
		"canonical include":   searched("CarePlan", "_include=CarePlan:instantiates-canonical", page, 0),
		"iterate":             searched("Observation", "_include=Observation:encounter&_include:iterate=Encounter:subject", page, 0),
		"chained key":         searched("Encounter", "_sort=subject:Patient.birthdate", page, 0),
		"linked, searched":    searched("Binary", "", page, 0),
		"linked, proven":      searched("Provenance", "", page, 0),
		"linked, included":    searched("Observation", "_revinclude=Provenance:target", page, 0),
		"read": func(src plan.Source) (bool, error) {
			_, found, err := plan.ReadOne(asked, src, read("Patient", "1"))
			return found, err
		},
		"read of a deletion": func(src plan.Source) (bool, error) {
			_, found, err := plan.ReadOne(asked, src, read("Patient", "5"))
			return found, err
		},
		"read of what is linked": func(src plan.Source) (bool, error) {
			_, found, err := plan.ReadOne(asked, src, read("Binary", "b"))
			return found, err
		},
		"read by a context": func(src plan.Source) (bool, error) {
			_, found, err := plan.ReadOne(asked, src, read("Binary", "a"))
			return found, err
		},
		"read of provenance": func(src plan.Source) (bool, error) {
			_, found, err := plan.ReadOne(asked, src, read("Provenance", "p"))
			return found, err
		},
		"admitted content": func(src plan.Source) (bool, error) {
			return plan.Admits(asked, src, read("Binary", "b"), parsed(&plan.Row{Body: []byte(`{"resourceType":"Binary","id":"b","contentType":"text/plain"}`)}))
		},
		"version": func(src plan.Source) (bool, error) {
			_, found, err := plan.Version(asked, src, read("Patient", "7"), 1)
			return found, err
		},
		"history of one": func(src plan.Source) (bool, error) {
			p, found, err := plan.Versions(asked, src, read("Patient", "7"), plan.Times{}, plan.Window{Limit: 2, Total: true})
			return found && len(p.Rows) > 0, err
		},
		"history at a time": func(src plan.Source) (bool, error) {
			p, found, err := plan.Versions(asked, src, read("Patient", "7"), plan.Times{From: 1, To: 1000}, plan.Window{Limit: 9})
			return found && len(p.Rows) > 0, err
		},
		"history": func(src plan.Source) (bool, error) {
			g := search.GuardHistory([]string{"Patient", "Observation", "Binary"}, access)
			p, err := plan.History(asked, src, lowered(t, g), plan.Times{}, plan.Window{Limit: 50, Total: true})
			return len(p.Rows) > 0, err
		},
		"condition": func(src plan.Source) (bool, error) {
			return plan.NewCondition(guarded("Encounter", "subject:Patient.gender=male&_id=e"), []string{"e"}).Holds(asked, src)
		},
		"value set":     resolved("Observation", "code:in=urn:v", access),
		"value set, id": resolved("Observation", "code:in=ValueSet/v", access),
		"subsumption":   resolved("Observation", "code:below=urn:a|x", access),
		"hierarchy":     resolved("Encounter", "location:below=house", access),
		"above":         resolved("Encounter", "location:above=room", access),
	}
	for name, ask := range asks {
		sound := &broken{log: papers()}
		if ok, err := ask(sound); err != nil || !ok {
			t.Errorf("%s: nothing is found, %v", name, err)
			continue
		}
		for k := range sound.calls {
			b := &broken{log: papers(), fails: k + 1}
			if ok, err := ask(b); !errors.Is(err, errBroken) {
				t.Errorf("%s: call %d of %d fails, and the answer is %v, %v", name, k+1, sound.calls, ok, err)
			}
		}
	}
}

// A fault is not forgotten over what is asked later.
func TestFaultsAreKept(t *testing.T) {
	access := linkedIn{sets{"Observation": "status:missing=true", "Encounter": "subject:missing=false", "DocumentReference": "status=current"}}
	for typ, body := range map[string]string{
		"Provenance": `{"resourceType":"Provenance","id":"p","target":[{"reference":"Observation/o1"}]}`,
		"Binary":     `{"resourceType":"Binary","id":"b","contentType":"text/plain"}`,
	} {
		e := search.GuardRead(typ, "x", search.Read, access).Allowed()
		sound := &broken{log: papers()}
		if ok, err := plan.Holds(asked, sound, nil, e, parsed(&plan.Row{Body: []byte(body)})); !ok || err != nil {
			t.Fatalf("%s is not seen: %v", typ, err)
		}
		for k := range sound.calls {
			b := &broken{log: papers(), fails: k + 1}
			if ok, err := plan.Holds(asked, b, nil, search.Or{e, e, e}, parsed(&plan.Row{Body: []byte(body)})); !errors.Is(err, errBroken) {
				t.Errorf("%s, call %d fails: %v, %v", typ, k+1, ok, err)
			}
		}
	}
}

func resolved(typ, query string, a search.Access) func(plan.Source) (bool, error) {
	return func(src plan.Source) (bool, error) {
		q, err := plan.Resolve(asked, src, where(typ, query), a, nil, nil)
		return q.Where != nil && !q.Open(), err
	}
}
