package scope

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// own is an own parameter of Patients that gives an element.
func own(t *testing.T, code, element string) parameters.Definition {
	t.Helper()
	res, err := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"SearchParameter","id":%q,"status":"active","code":%q,"type":"token","base":["Patient"],"expression":"Patient.%s"}`, code, code, element), fhir.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parameters.Read(res)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func of(params *parameters.Set) func() (*parameters.Set, error) {
	return func() (*parameters.Set, error) { return params, nil }
}

// A scope by an own parameter grants while that is live and the one that it was when it was granted, and nothing otherwise:
// neither more nor the type as a whole.
func TestOwnParametersInScopes(t *testing.T) {
	building, _ := parameters.Record{}.Next([]parameters.Definition{own(t, "eyes", "gender")})
	live := building.Done(building.Generation)
	changing, _ := live.Next([]parameters.Definition{own(t, "eyes", "active")})
	changed := changing.Done(changing.Generation)
	deleted, _ := live.Next(nil)
	more, _ := live.Next([]parameters.Definition{own(t, "eyes", "gender"), own(t, "ears", "active")})
	const scopes = "system/Patient.rs?eyes=male system/Patient.rs?eyes:not=female&active=true system/Observation.rs openid"
	for _, c := range []struct {
		name      string
		params    *parameters.Set
		granted   uint64
		want, why string
	}{
		{"R4's", nil, 9, "none", "no search parameter"},
		{"never defined", parameters.Record{}.Set(), 9, "none", "no search parameter"},
		{"building", building.Set(), 1, "none", "being indexed"},
		{"live", live.Set(), 1, "(or eyes=male (and active=true eyes:not=female))", ""},
		{"live before it was granted", more.Set(), 2, "(or eyes=male (and active=true eyes:not=female))", ""},
		{"granted before it was there", live.Set(), 0, "none", "another one"},
		{"changing", changing.Set(), 1, "none", "being indexed"},
		{"changed", changed.Set(), 1, "none", "another one"},
		{"changed, and granted again", changed.Set(), 2, "(or eyes=male (and active=true eyes:not=female))", ""},
		{"deleted", deleted.Set(), 1, "none", "no search parameter"},
		{"deleted and forgotten", deleted.Done(deleted.Generation).Set(), 1, "none", "no search parameter"},
	} {
		set := parse(t, scopes)
		a := set.Access(Context{Params: c.params, Granted: c.granted})
		if got := a.Allowed(search.Search, "Patient"); got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if a.Allowed(search.Search, "Observation") != search.All || a.Allowed(search.Create, "Patient") != search.None {
			t.Errorf("%s: other scopes and letters have changed", c.name)
		}
		if why := fmt.Sprint(a.Faults()); len(a.Faults()) > 0 != (c.why != "") || strings.Count(why, c.why) < len(a.Faults()) {
			t.Errorf("%s: faults %s, want %q", c.name, why, c.why)
		}
		if left, refused := set.Available(c.params, c.granted); len(left.Data()) != 3-len(refused) || !left.Has("openid") || len(refused) != len(a.Faults()) {
			t.Errorf("%s: %s is left, refused %v", c.name, left, refused)
		}
		// The snapshot's parameters count, not those from before.
		for _, before := range []*parameters.Set{nil, live.Set(), building.Set()} {
			early := set.Access(Context{Params: before, Granted: c.granted})
			settled, err := early.Settle(of(c.params), nil)
			if err != nil || early.Settled() || settled.(*Access).Settled() != true {
				t.Fatal(err)
			}
			if got := settled.Allowed(search.Search, "Patient"); got.String() != c.want {
				t.Errorf("%s, settled: %s, want %s", c.name, got, c.want)
			}
		}
	}
}

// Own parameters make no difference to how scopes compare.
func TestOwnParametersCompare(t *testing.T) {
	a, b := parse(t, "system/Patient.rs?eyes=blue,brown"), parse(t, "system/Patient.r?eyes=blue system/Patient.s?eyes=brown&ears=2")
	if !a.Covers(b) || b.Covers(a) || b.Intersect(a).String() != b.String() || a.String() != "system/Patient.rs?eyes=blue,brown" {
		t.Errorf("%s and %s: %s", a, b, b.Intersect(a))
	}
	male, blue, active := parse(t, "system/Patient.rs?gender=male"), parse(t, "system/Patient.rs?eyes=blue"), parse(t, "system/Patient.rs?active=true")
	for _, m := range []Set{male.Intersect(blue), blue.Intersect(male)} {
		if a := m.Access(Context{}); m.String() != "system/Patient.rs?eyes=blue&gender=male" || a.Settled() || a.Allowed(search.Read, "Patient") != search.None {
			t.Errorf("both: %s", m)
		}
	}
	if a := male.Intersect(active).Access(Context{}); !a.Settled() || a.Allowed(search.Read, "Patient").String() != "(and gender=male active=true)" {
		t.Errorf("without own ones: %s", a.Allowed(search.Read, "Patient"))
	}
	for _, bad := range []string{"patient/Patient.rs?eyes.ears=a", "patient/*.rs?eyes=a", "patient/Patient.rs?_eyes=a"} {
		if set, refused := Parse(bad); len(refused) == 0 {
			t.Errorf("%s is granted as %s", bad, set)
		}
	}
	record, _ := parameters.Record{}.Next([]parameters.Definition{own(t, "eyes", "gender")})
	for _, bad := range []string{"eyes:nothing=a", "eyes:in=http://x", "eyes:Patient.gender=male", "ears=a"} {
		set, refused := Parse("system/Patient.rs?" + bad)
		if set, more := set.Available(record.Done(1).Set(), 1); len(refused)+len(more) == 0 {
			t.Errorf("%s is granted as %s", bad, set)
		}
	}
}

// The rule of a policy asks by own parameters, too: those of the snapshot. By one that cannot be used it opens nothing.
func TestOwnParametersInPolicies(t *testing.T) {
	building, _ := parameters.Record{}.Next([]parameters.Definition{own(t, "eyes", "gender")})
	live := building.Done(building.Generation)
	role, err := ParseRole("Patient?eyes=male&general-practitioner={user}", "")
	if err != nil {
		t.Fatal(err)
	}
	early, err := role.For(fhir.Reference{Type: "Practitioner", ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	role = role.Since(1)
	bound, err := role.For(fhir.Reference{Type: "Practitioner", ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		params *parameters.Set
		want   string
	}{{nil, "none"}, {building.Set(), "none"}, {live.Set(), "in-any:7"}} {
		for _, before := range []*parameters.Set{nil, live.Set()} {
			a := parse(t, "user/*.rs").Access(Context{User: bound, Params: before})
			if got := search.Simplify(a.Allowed(search.Read, "Observation")); got != search.None {
				t.Errorf("before the rule is answered: %s", got)
			}
			settled, err := a.Settle(of(c.params), func(q search.Query) (search.Panel, error) {
				if got := q.Where.String(); got != "(and eyes=male general-practitioner=Practitioner/1)" {
					t.Errorf("the rule is %s", got)
				}
				return search.NewPanel([]string{"7"}), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := settled.Allowed(search.Read, "Observation"); got.String() != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		}
		if a, err := parse(t, "user/*.rs").Access(Context{User: early}).Settle(of(c.params), nil); err != nil || a.Allowed(search.Read, "Observation") != search.None {
			t.Errorf("a policy from before the parameter: %v", err)
		}
		if fault := role.Fault(c.params); (fault == nil) != (c.want != "none") {
			t.Errorf("fault: %v", fault)
		}
	}
}
