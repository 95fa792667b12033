package plan_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

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

// byOwn is an access by an own parameter.
type byOwn struct{ e search.Expr }

func (b byOwn) Allowed(search.Interaction, string) search.Expr { return b.e }

// answer. A condition of a write does not hold then.
func TestEveryReadAsksForItsParameters(t *testing.T) {
	d, err := parameters.Read(parsed(&plan.Row{Body: []byte(`{"resourceType":"SearchParameter","id":"eyes","status":"active","code":"eyes","type":"token","base":["Patient"],"expression":"Patient.gender"}`)}))
	if err != nil {
		t.Fatal(err)
	}
	building, _ := parameters.Record{}.Next([]parameters.Definition{d})
	q, err := search.Parse("Patient", []search.Pair{{Name: "eyes", Value: "male"}}, search.Options{Params: building.Done(building.Generation).Set()})
	if err != nil {
		t.Fatal(err)
	}
	access := byOwn{q.Where}
	all := search.Query{Type: "Patient", Where: search.All}
	read, searched := lowered(t, search.GuardRead("Patient", "7", search.Read, access)), lowered(t, search.Guard(all, access))
	for name, ask := range map[string]func(plan.Source) error{
		"read":    func(src plan.Source) error { _, _, err := plan.ReadOne(asked, src, read); return err },
		"version": func(src plan.Source) error { _, _, err := plan.Version(asked, src, read, 1); return err },
		"versions": func(src plan.Source) error {
			_, _, err := plan.Versions(asked, src, read, plan.Times{}, plan.Window{Limit: 3})
			return err
		},
		"history": func(src plan.Source) error {
			_, err := plan.History(asked, src, lowered(t, search.GuardHistory([]string{"Patient"}, access)), plan.Times{}, plan.Window{Limit: 3})
			return err
		},
		"search": func(src plan.Source) error {
			_, err := plan.Run(asked, src, searched, plan.Window{Limit: 3})
			return err
		},
		"count": func(src plan.Source) error { _, err := plan.Count(asked, src, searched); return err },
		"query": func(src plan.Source) error {
			_, err := plan.Run(asked, src, lowered(t, search.Guard(q, search.Unrestricted)), plan.Window{Limit: 3})
			return err
		},
	} {
		if err := ask(&broken{log: people()}); fhir.KindOf(err) != fhir.KindUnknownParam {
			t.Errorf("%s without the parameter: %v", name, err)
		}
		if err := ask(&broken{log: people(), fails: 1}); !errors.Is(err, errBroken) {
			t.Errorf("%s where nobody can say which parameters there are: %v", name, err)
		}
	}
	claim := plan.NewCondition(searched, nil)
	if ok, err := claim.Holds(asked, &broken{log: &log{}}); ok || err != nil {
		t.Errorf("a condition without its parameter holds: %v, %v", ok, err)
	}
	if ok, err := claim.Holds(asked, &broken{log: &log{}, fails: 1}); ok || !errors.Is(err, errBroken) {
		t.Errorf("a condition on a broken store: %v, %v", ok, err)
	}
}
