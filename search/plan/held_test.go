package plan_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// owned are own parameters of Patients, Practitioners and Organizations that a server has.
func owned(t *testing.T, codes ...string) parameters.Record {
	t.Helper()
	var list []parameters.Definition
	for code, rest := range map[string]string{
		"doctor": `"type":"reference","base":["Patient"],"expression":"Patient.generalPractitioner","target":["Practitioner"]`,
		"eyes":   `"type":"token","base":["Patient"],"expression":"Patient.gender"`,
		"skill":  `"type":"token","base":["Practitioner"],"expression":"Practitioner.gender"`,
		"upper":  `"type":"reference","base":["Organization"],"expression":"Organization.partOf","target":["Organization"]`,
	} {
		if len(codes) > 0 && !slices.Contains(codes, code) {
			continue
		}
		d, err := parameters.Read(parsed(&plan.Row{Body: fmt.Appendf(nil, `{"resourceType":"SearchParameter","id":%q,"status":"active","code":%q,%s}`, code, code, rest)}))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	building, _ := parameters.Record{}.Next(list)
	return building.Done(building.Generation)
}

// A plan depends on the own parameters that it names, each of them, wherever they stand, and on no others of the type.
func TestPlansByOwnParameters(t *testing.T) {
	live := owned(t).Set()
	l := &log{}
	l.put("Patient", "1", male)
	limited := map[string]search.Access{}
	for typ, value := range map[string]string{"Patient": "eyes", "Practitioner": "skill"} {
		q, err := search.Parse(typ, []search.Pair{{Name: value, Value: "male"}}, search.Options{Params: live})
		if err != nil {
			t.Fatal(err)
		}
		limited[typ] = byOwn{q.Where, typ}
	}
	for _, c := range []struct {
		query   string
		limited string // the type of which the access has a part, by an own parameter
		depends bool
	}{
		{"", "", false},
		{"_include=Patient:doctor", "", true},
		{"_include=Patient:general-practitioner", "", false},
		{"_include=Patient:*", "", true},
		{"_include=Patient:general-practitioner&_include=Patient:doctor", "", true},
		{"_include=Patient:general-practitioner&_include=Patient:organization", "", false},
		{"_include=Patient:general-practitioner", "Practitioner", true},
		{"_include=Patient:organization", "Practitioner", false},
		{"_sort=family", "", false},
		{"_sort=eyes", "", true},
		{"_sort=family,-eyes", "", true},
		{"_sort=doctor:Practitioner.family", "", true},
		{"_sort=general-practitioner:Practitioner.family", "", false},
		{"_sort=general-practitioner:Practitioner.skill", "", true},
		{"_sort=general-practitioner:Practitioner.family", "Practitioner", true},
		{"_sort=organization:Organization.partof:Organization.name", "", false},
		{"_sort=organization:Organization.upper:Organization.name", "", true},
		{"", "Patient", true},
		{"", "Practitioner", false},
		{"_type=Patient,Practitioner", "", false},
		{"_type=Patient,Practitioner", "Patient", true},
		{"_type=Patient,Practitioner", "Practitioner", true},
	} {
		q, err := search.Parse("Patient", pairs(c.query), search.Options{Params: live})
		if strings.HasPrefix(c.query, "_type") {
			q, err = search.ParseTypes([]string{"Patient", "Practitioner"}, pairs(c.query), search.Options{Params: live})
		}
		if err != nil {
			t.Fatal(err)
		}
		access := search.Access(search.Unrestricted)
		if c.limited != "" {
			access = limited[c.limited]
		}
		_, err = plan.Run(ctx, l, lowered(t, search.Guard(q, access)), plan.Window{Limit: 5})
		if (fhir.KindOf(err) == fhir.KindUnknownParam) != c.depends || !c.depends && err != nil {
			t.Errorf("%s by a part of %q, on a snapshot without the parameter: %v", c.query, c.limited, err)
		}
	}
}

// holding is a log with own parameters.
type holding struct {
	*log
	params *parameters.Set
	asked  int
}

func (h *holding) Params(context.Context) (*parameters.Set, error) {
	h.asked++
	return h.params, nil
}

// A snapshot must hold all that a plan depends on; of R4's parameters it is not asked.
func TestHeld(t *testing.T) {
	both := owned(t, "eyes", "doctor")
	for _, c := range []struct{ query, missing string }{
		{"gender=male&_sort=family", ""}, {"eyes=male", ""}, {"eyes=male&doctor=1", ""},
		{"eyes=male&doctor=1", "eyes"}, {"eyes=male&doctor=1", "doctor"}, {"_sort=eyes,doctor:Practitioner.family", "eyes"}, {"_sort=eyes,doctor:Practitioner.family", "doctor"},
	} {
		query, missing := c.query, c.missing
		next := owned(t, "eyes", "doctor")
		for i := range next.Own {
			if next.Own[i].Code == missing {
				next.Own = slices.Delete(next.Own, i, i+1)
				break
			}
		}
		src := &holding{log: people(), params: next.Set()}
		q, err := search.Parse("Patient", pairs(query), search.Options{Params: both.Set()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = plan.Run(ctx, src, lowered(t, search.Guard(q, search.Unrestricted)), plan.Window{Limit: 5})
		if (missing == "") != (err == nil) || missing != "" && !strings.Contains(err.Error(), missing) {
			t.Errorf("%s without %q: %v", query, missing, err)
		}
		if own := !strings.HasPrefix(query, "gender"); (src.asked > 0) != own {
			t.Errorf("%s: the parameters are asked for %d times", query, src.asked)
		}
	}
}

// byOwn is an access to everything, and to a part of a type by an own parameter.
type byOwn struct {
	e   search.Expr
	typ string
}

func (b byOwn) Allowed(_ search.Interaction, typ string) search.Expr {
	if typ == b.typ {
		return b.e
	}
	return search.All
}

// What depends on a parameter that its snapshot does not hold has no answer, and so has what cannot ask for that. A condition of a write does not hold then.
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
	access := byOwn{q.Where, "Patient"}
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
