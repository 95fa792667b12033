package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
)

// What limits cost: searches by an app's token for one patient, beside the same searches by somebody without limits, who
// names the patient. The answers are the same, and so should be the time: a limit is a part of the search.

// limited is a search in both forms.
type limited struct {
	id, name string
	scopes   string // of the app
	app      string // what the app asks for
	free     string // what has to be added without limits, beside the patient
	holds    func(*Observation) bool
}

func laboratory(o *Observation) bool { return Kinds[o.Kind].Category == "laboratory" }

var limitedSearches = []limited{
	{"E1", "category", "patient/*.rs", "category=laboratory", "", laboratory},
	{"E2", "code", "patient/*.rs", "code=" + loinc + "8867-4", "", func(o *Observation) bool { return Kinds[o.Kind].Code == "8867-4" }},
	{"E3", "everything, newest first", "patient/*.rs", "_sort=-date", "", all},
	{"E4", "everything, where the scope has a category", "patient/Observation.rs?category=laboratory", "", "category=laboratory", laboratory},
}

// limits measures what limits cost.
func (r *Run) limits(ctx context.Context, g *grantee) error {
	for i := range limitedSearches {
		l := &limitedSearches[i]
		if !r.wanted(l.id) {
			continue
		}
		app, free, err := r.both(g, l)
		forms := []Result{{ID: l.id + "f", Name: l.name + ", without limits", Err: err}, {ID: l.id + "a", Name: l.name + ", by a patient's token", Err: err}}
		figures := make([][]Figure, 2)
		for range rounds {
			for j, reqs := range [][]Request{free, app} {
				if err := ctx.Err(); err != nil {
					return err
				}
				if forms[j].Err != nil {
					continue
				}
				var f Figure
				f, forms[j].Err = r.measure(ctx, tokenClients, asking(reqs))
				figures[j] = append(figures[j], f)
			}
		}
		for j := range forms {
			if forms[j].Clients = tokenClients; forms[j].Err == nil {
				forms[j].Figure = middle(figures[j])
			}
			r.record(forms[j])
		}
	}
	return nil
}

// both are the requests of an app and of somebody without limits, whose answers are right.
func (r *Run) both(g *grantee, l *limited) (app, free []Request, err error) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range variants {
		p := rng.IntN(len(r.World.Patients))
		token, err := g.mint(l.scopes, PatientID(p))
		if err != nil {
			return nil, nil, err
		}
		of := r.World.Patients[p].Obs
		named := "patient=" + PatientID(p)
		for _, part := range []string{l.app, l.free} {
			if part != "" {
				named += "&" + part
			}
		}
		a := r.World.observationsOf(strings.TrimSuffix("/fhir/Observation?"+l.app, "?"), of[0], of[1], false, l.holds)
		a.Header = []string{"Authorization: Bearer " + token}
		f := r.World.observationsOf("/fhir/Observation?"+named, of[0], of[1], false, l.holds)
		for _, q := range []*Request{&a, &f} {
			if err := r.verify(q); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", q.Path, err)
			}
		}
		app, free = append(app, a), append(free, f)
	}
	return app, free, nil
}
