package scope

import (
	"errors"
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"pgregory.net/rapid"
)

func panelOf(ids ...string) Policy { return Policy{Panel{search.NewPanel(ids)}, All} }

// A user's policy bounds every scope and is the reach of user/ scopes; the client's ceiling bounds them, too.
func TestS4_21_PolicyBelowScopes(t *testing.T) {
	everyone, readonly := Policy{Everyone{}, All}, Policy{Everyone{}, reads}
	own, family, nobody := panelOf("1"), panelOf("1", "2"), panelOf()
	rule := Policy{Rule{Query: search.Query{Type: "Patient", Where: search.All}}, All}
	for _, c := range []struct {
		scopes  string
		ctx     Context
		i       search.Interaction
		typ     string
		want    string
		creates bool
	}{
		{"user/*.cruds", Context{}, search.Read, "Observation", "none", false},
		{"user/*.cruds", Context{User: Policy{}}, search.Read, "Observation", "none", false},
		{"user/*.cruds", Context{User: Policy{Patients: Everyone{}}}, search.Read, "Observation", "none", false},
		{"user/*.cruds", Context{User: Unavailable{}}, search.Read, "Observation", "none", false},
		{"patient/*.cruds", Context{Patient: "1", User: Unavailable{}}, search.Read, "Observation", "none", false},
		{"system/*.cruds", Context{Client: Unavailable{}}, search.Read, "Observation", "none", false},
		{"user/*.cruds", Context{User: everyone}, search.Read, "Observation", "all", false},
		{"user/*.cruds", Context{User: everyone}, search.Read, "Bundle", "all", false},
		{"user/*.cruds", Context{User: everyone}, search.Update, "Observation", "all", false},
		{"user/*.rs", Context{User: everyone}, search.Update, "Observation", "none", false},
		{"user/*.cruds", Context{User: everyone}, search.Create, "AuditEvent", "none", false},
		{"user/*.cruds", Context{User: everyone, Administrator: true}, search.Create, "Subscription", "none", false},
		{"user/*.cruds", Context{User: readonly}, search.Create, "Observation", "none", false},
		{"user/*.cruds", Context{User: readonly}, search.Search, "Observation", "all", false},
		{"user/*.cruds", Context{User: own}, search.Read, "Observation", "in:Patient/1", false},
		{"user/*.cruds", Context{User: own}, search.Read, "Practitioner", "all", false},
		{"user/*.cruds", Context{User: own}, search.Create, "Practitioner", "none", false},
		{"user/*.cruds", Context{User: own}, search.Create, "Patient", "none", false},
		{"user/*.cruds", Context{User: own}, search.Read, "Bundle", "none", false},
		{"user/*.cruds", Context{User: family}, search.Read, "Observation", "in-any:1,2", false},
		{"user/*.cruds", Context{User: family}, search.Read, "Device", "patient=Patient/1,Patient/2", false},
		{"user/*.cruds", Context{User: family}, search.Read, "ValueSet", "all", false},
		{"user/*.cruds", Context{User: family}, search.Update, "ValueSet", "none", false},
		{"user/*.cruds", Context{User: nobody}, search.Read, "Observation", "none", false},
		{"user/*.cruds", Context{User: nobody}, search.Read, "Device", "none", false},
		{"user/*.cruds", Context{User: nobody}, search.Read, "Location", "all", false},
		{"user/*.cruds", Context{User: Policy{Letters: All}}, search.Read, "Location", "all", false},
		{"user/*.cruds", Context{User: Policy{Letters: All}}, search.Read, "Observation", "none", false},
		{"user/*.cruds", Context{User: everyone}, search.Create, "Binary", "all", false},
		{"user/*.cruds", Context{User: own}, search.Update, "Provenance", "in:Patient/1", false},
		{"system/*.cruds", Context{User: own}, search.Create, "AuditEvent", "none", false},
		{"user/*.cruds", Context{User: rule}, search.Read, "Observation", "none", false},
		{"user/*.cruds", Context{User: rule}, search.Read, "Location", "none", false},
		{"user/Observation.rs?category=a", Context{User: own}, search.Search, "Observation", "(and in:Patient/1 category=a)", false},
		{"user/Observation.rs?category=a patient/Observation.rs?category=b", Context{Patient: "2", User: family}, search.Search, "Observation",
			"(and in-any:1,2 (or category=a (and in:Patient/2 category=b)))", false},
		{"patient/*.rs", Context{Patient: "1", User: everyone}, search.Read, "Observation", "in:Patient/1", false},
		{"patient/*.rs", Context{Patient: "1", User: own}, search.Read, "Observation", "in:Patient/1", false},
		{"patient/*.rs", Context{Patient: "1", User: own}, search.Read, "Group", "(and in:Patient/1 only:Patient/1)", false},
		{"patient/*.rs", Context{Patient: "3", User: own}, search.Read, "Observation", "(and in:Patient/1 in:Patient/3)", false},
		{"patient/*.rs", Context{Patient: "1", User: family, Client: own}, search.Read, "Observation", "in:Patient/1", false},
		{"patient/*.cruds", Context{Patient: "1", User: readonly}, search.Create, "Observation", "none", false},
		{"patient/*.cruds", Context{Patient: "1", User: readonly}, search.Read, "Observation", "in:Patient/1", false},
		{"system/*.cruds", Context{User: own}, search.Read, "Observation", "in:Patient/1", false},
		{"system/*.cruds", Context{Client: own}, search.Read, "Observation", "in:Patient/1", false},
		{"system/*.cruds", Context{Client: own}, search.Read, "Linkage", "none", false},
		{"system/*.cruds", Context{Client: readonly}, search.Update, "Observation", "none", false},
		{"system/*.cruds", Context{}, search.Update, "Observation", "all", true},
		{"system/Observation.cruds", Context{User: everyone}, search.Update, "Observation", "all", true},
		{"system/*.cruds system/Observation.cruds?category=a", Context{}, search.Update, "Observation", "all", true},
		{"patient/*.cruds system/Observation.cruds", Context{}, search.Update, "Observation", "all", true},
		{"system/Observation.cruds", Context{User: readonly}, search.Update, "Observation", "none", false},
		{"system/Observation.u?status=final user/Observation.u", Context{User: everyone}, search.Update, "Observation", "all", false},
	} {
		a := parse(t, c.scopes).Access(c.ctx)
		if got := search.Simplify(search.And{search.Type(c.typ), a.Allowed(c.i, c.typ)}); got.String() != typed(c.typ, c.want) {
			t.Errorf("%s %v %s.%c: %s, want %s", c.scopes, c.ctx, c.typ, order[c.i], got, c.want)
		}
		if got := a.UpdateCreates(c.typ); got != c.creates {
			t.Errorf("%s %v %s: an update creates: %v", c.scopes, c.ctx, c.typ, got)
		}
	}
}

// typed is an expression as it is simplified beside its type.
func typed(typ, e string) string {
	switch {
	case e == "none":
		return e
	case e == "all":
		return "type:" + typ
	case len(e) > 5 && e[:5] == "(and ":
		return "(and type:" + typ + " " + e[5:]
	}
	return "(and type:" + typ + " " + e + ")"
}

// Every type under a panel, by its class: granted or 403, before and after the rule is answered alike.
func TestPanelByClass(t *testing.T) {
	rule := parse(t, "user/*.cruds").Access(Context{User: Policy{Rule{}, All}})
	settled, err := rule.Settle(nil, func(search.Query) (search.Panel, error) { return search.NewPanel([]string{"1"}), nil })
	if err != nil || rule.Settled() || !settled.(*Access).Settled() {
		t.Fatal(err, rule.Settled())
	}
	count := map[compartments.Class]int{}
	for _, typ := range r4.Resources() {
		class := compartments.ClassOf(typ)
		count[class]++
		for i := search.Create; i <= search.Search; i++ {
			want := false
			switch class {
			case compartments.InPatient:
				want = !(writes(i) && typ == "AuditEvent") && !(typ == "Patient" && (i == search.Create || i == search.Delete))
			case compartments.Subject:
				want = true
			case compartments.Directory, compartments.Definitional, compartments.Linked:
				want = !writes(i)
			}
			for _, a := range []*Access{rule, settled.(*Access)} {
				if got := a.Content(i, typ) != search.None; got != want {
					t.Errorf("content of %s.%c granted %v: %s", typ, order[i], got, a.Content(i, typ))
				}
				if got := a.Allowed(i, typ) != search.None; got != want {
					t.Errorf("%s.%c granted %v: %s", typ, order[i], got, a.Allowed(i, typ))
				}
			}
			if e := search.Simplify(rule.Allowed(i, typ)); e != search.None {
				t.Errorf("%s.%c before the rule is answered: %s", typ, order[i], e)
			}
		}
	}
	for class, want := range map[compartments.Class]int{compartments.InPatient: 66, compartments.Directory: 11, compartments.Subject: 4, compartments.Linked: 1} {
		if count[class] != want {
			t.Errorf("%d types of class %d, want %d", count[class], class, want)
		}
	}
}

// What cannot be answered opens nothing: the error ends the request.
func TestSettleFails(t *testing.T) {
	broken := errors.New("broken")
	a := parse(t, "user/*.cruds").Access(Context{User: Policy{Rule{}, All}, Client: Policy{Everyone{}, All}})
	if got, err := a.Settle(nil, func(search.Query) (search.Panel, error) { return search.Panel{}, broken }); !errors.Is(err, broken) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	a = parse(t, "system/Patient.rs?eyes=blue system/Observation.rs").Access(Context{})
	if got, err := a.Settle(func() (*parameters.Set, error) { return nil, broken }, nil); !errors.Is(err, broken) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// An access depends on a snapshot by a rule of either policy, and by own parameters alone.
func TestSettled(t *testing.T) {
	rule, everyone := Policy{Rule{}, All}, Policy{Everyone{}, All}
	for _, c := range []struct {
		scopes string
		ctx    Context
		want   bool
	}{
		{"system/*.rs", Context{}, true},
		{"system/Patient.rs?gender=male", Context{User: everyone, Client: everyone}, true},
		{"system/Patient.rs?eyes=blue", Context{}, false},
		{"system/*.rs", Context{User: rule}, false},
		{"system/*.rs", Context{User: everyone, Client: rule}, false},
	} {
		if got := parse(t, c.scopes).Access(c.ctx).Settled(); got != c.want {
			t.Errorf("%s %+v: %v", c.scopes, c.ctx, got)
		}
	}
}

// New content of a user who is bound to a panel speaks of no Patient outside of it.
func TestContentUnderPanel(t *testing.T) {
	a := parse(t, "user/*.cruds").Access(Context{User: panelOf("1", "2")})
	for body, want := range map[string]bool{
		`{"resourceType":"Observation","subject":{"reference":"Patient/1"}}`:                                         true,
		`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/2"}]}`: true,
		`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/3"}]}`: false,
		`{"resourceType":"Observation","subject":{"reference":"Patient/3"}}`:                                         false,
		`{"resourceType":"Observation"}`: false,
		`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"focus":[{"reference":"Patient/3"}]}`:             true,
		`{"resourceType":"Contract","subject":[{"reference":"Patient/1"},{"reference":"Patient/2"}]}`:                        true,
		`{"resourceType":"Contract","subject":[{"reference":"Patient/1"},{"reference":"Patient/3"}]}`:                        false,
		`{"resourceType":"Contract","subject":[{"reference":"Patient/1"},{"reference":"http://other.test/fhir/Patient/1"}]}`: false,
		`{"resourceType":"Organization","name":"x"}`:                                                                         false,
	} {
		res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if got := search.Match(search.World{}, a.Content(search.Create, res.Type), res); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct{ policy, letters, user, want string }{
		{"all", "", "Practitioner/a", "everyone cruds"},
		{"all", "rs", "", "everyone rs"},
		{"none", "", "Practitioner/a", "nobody cruds"},
		{"Patient?general-practitioner={user}", "", "Practitioner/a", "general-practitioner=Practitioner/a cruds"},
		{"Patient?general-practitioner={user}&active=true", "crus", "Practitioner/a", "(and general-practitioner=Practitioner/a active=true) crus"},
		{"Patient?_has:CareTeam:patient:participant={user}", "rs", "Practitioner/a", "(has CareTeam:patient participant=Practitioner/a) rs"},
		{"Patient?organization.partof=Organization/o", "rs", "", "(chain organization:Organization partof=Organization/o) rs"},
		{"Patient?general-practitioner={user}", "", "", "unavailable"},
		{"Patient?general-practitioner={user}", "", "Practitioner/a,b", "unavailable"},
		{"@self", "", "Patient/1", "panel 1 cruds"},
		{"@self", "", "Person/1", "(has Person:patient id:1) cruds"},
		{"@self", "", "Practitioner/1", "unavailable"},
		{"@related", "", "RelatedPerson/1", "(has RelatedPerson:patient (and id:1 active:not=false)) cruds"},
		{"@related", "", "Patient/1", "unavailable"},
		{"@care-team", "", "Practitioner/1", "(has CareTeam:patient (and participant=Practitioner/1 status:not=proposed,suspended,inactive,entered-in-error)) cruds"},
		{"@care-team", "", "", "unavailable"},
		{"@readonly", "", "", "everyone rs"},
		{"@all", "", "Practitioner/1", "everyone cruds"},
	} {
		role, err := ParseRole(c.policy, c.letters)
		if c.policy[0] == '@' {
			var ok bool
			if role, ok = BuiltIn()[c.policy[1:]]; !ok {
				t.Fatalf("no role %s", c.policy)
			}
		} else if err != nil {
			t.Errorf("%s: %v", c.policy, err)
		}
		b, err := role.For(fhir.ParseReference(c.user, ""))
		got := "unavailable"
		if p, ok := b.(Policy); ok {
			switch x := p.Patients.(type) {
			case nil:
				got = "nobody"
			case Everyone:
				got = "everyone"
			case Panel:
				got = "panel " + x.String()
			case Rule:
				got = x.Query.Where.String()
			}
			got += " " + p.Letters.String()
		}
		if got != c.want || (err != nil) != (got == "unavailable") {
			t.Errorf("%s of %s: %s (%v), want %s", c.policy, c.user, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "some", "Patient", "Patient?", "Observation?subject={user}", "Patient?_sort=name", "Patient?name=x&_include=Patient:link",
		"Patient?name=x&_count=5", "Patient?birthdate=x", "Patient?general-practitioner=", "Patient?name=%zz"} {
		if _, err := ParseRole(bad, ""); err == nil {
			t.Errorf("%q is a policy", bad)
		}
	}
	if _, err := ParseRole("all", "sr"); err == nil {
		t.Error("letters out of order")
	}
}

// A policy only ever takes away, and a smaller panel takes away more.
func TestLawPolicyNarrows(t *testing.T) {
	var world []*fhir.Resource
	for _, body := range []string{
		`{"resourceType":"Observation","id":"a","subject":{"reference":"Patient/1"},"category":[{"coding":[{"code":"a"}]}]}`,
		`{"resourceType":"Observation","id":"b","subject":{"reference":"Patient/2"},"performer":[{"reference":"Patient/1"}],"category":[{"coding":[{"code":"b"}]}]}`,
		`{"resourceType":"Observation","id":"c","subject":{"reference":"Patient/3"}}`, `{"resourceType":"Observation","id":"d"}`,
		`{"resourceType":"DiagnosticReport","id":"e","subject":{"reference":"Patient/2"}}`, `{"resourceType":"Patient","id":"1"}`,
		`{"resourceType":"Device","id":"f","patient":{"reference":"Patient/2"}}`, `{"resourceType":"Organization","id":"g"}`, `{"resourceType":"Bundle","id":"h"}`,
	} {
		res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		world = append(world, res)
	}
	rapid.Check(t, func(t *rapid.T) {
		set := sets().Draw(t, "scopes")
		small := rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2", "3"}), 0, 2).Draw(t, "panel")
		big := append(rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2", "3"}), 0, 2).Draw(t, "more"), small...)
		for i := search.Create; i <= search.Search; i++ {
			for _, res := range world {
				in := func(b Bound) bool {
					return search.Match(search.World{}, set.Access(Context{Patient: "1", User: b}).Allowed(i, res.Type), res)
				}
				free, all, wide, narrow := in(nil), in(Policy{Everyone{}, All}), in(panelOf(big...)), in(panelOf(small...))
				if free && !all || wide && !all || narrow && !wide || in(Unavailable{}) {
					t.Fatalf("%s of %s.%c: %v %v %v %v", set, res.Bytes, order[i], free, all, wide, narrow)
				}
			}
		}
	})
}
