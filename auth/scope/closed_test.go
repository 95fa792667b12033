package scope

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// What nobody has made by parsing opens nothing: a scope without a level, a policy of a kind that nobody knows.
func TestZeroOpensNothing(t *testing.T) {
	everything := Scope{Type: "*", Letters: All, Constraint: Unconstrained{}}
	for name, a := range map[string]*Access{
		"no level":          Of(everything).Access(Context{Patient: "1", User: Policy{Everyone{}, All}, Administrator: true}),
		"a level of nobody": Of(Scope{Level: 9, Type: "*", Letters: All, Constraint: Unconstrained{}}).Access(Context{Patient: "1", User: Policy{Everyone{}, All}}),
		"no ceiling":        parse(t, "system/*.cruds").Access(Context{User: panelOf("1"), Client: Unavailable{}, Administrator: true}),
		"unknown patients":  parse(t, "system/*.cruds").Access(Context{User: Policy{strangers{}, All}, Administrator: true}),
	} {
		for _, typ := range r4.Resources() {
			for i := search.Create; i <= search.Search; i++ {
				if a.Allowed(i, typ) != search.None || a.Content(i, typ) != search.None || a.Attaches(i, typ) != search.None && name != "unknown patients" {
					t.Fatalf("%s: %s.%c: %s, content %s", name, typ, order[i], a.Allowed(i, typ), a.Content(i, typ))
				}
			}
		}
	}
}

type strangers struct{}

func (strangers) patients() {}

// Under patient/ membership is not enough of the types that speak of several patients by design.
func TestOnlyUnderPatient(t *testing.T) {
	a := parse(t, "patient/*.cruds").Access(Context{Patient: "1"})
	several := `"agent":[{"who":{"reference":"Patient/1"}},{"who":{"reference":"Patient/2"}}],"member":[{"entity":{"reference":"Patient/1"}},{"entity":{"reference":"Patient/2"}}],` +
		`"subject":{"reference":"Patient/1"},"reporter":{"reference":"Patient/2"},"link":[{"target":{"reference":"Patient/1"}},{"target":{"reference":"Patient/2"}}],` +
		`"target":[{"reference":"Patient/1"},{"reference":"Patient/2"}],"actor":[{"reference":"Patient/1"},{"reference":"Patient/2"}]`
	count := 0
	for _, typ := range []string{"AuditEvent", "Group", "MeasureReport", "Person", "Provenance", "Schedule"} {
		for _, c := range []struct {
			body string
			want bool
		}{{several, false}, {strings.ReplaceAll(several, "Patient/2", "Practitioner/2"), true}} {
			res, err := fhir.Parse([]byte(`{"resourceType":"`+typ+`","id":"x",`+c.body+`}`), fhir.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range []search.Interaction{search.Read, search.Search} {
				if got := search.Match(search.World{}, a.Allowed(i, typ), res); got != c.want {
					t.Errorf("%s.%c of %s: %v", typ, order[i], res.Bytes, got)
				}
				count++
			}
		}
		if compartments.ClassOf(typ) != compartments.InPatient {
			t.Errorf("%s is not in the compartment", typ)
		}
	}
	if count != 24 {
		t.Errorf("%d cases", count)
	}
}

// A scope-token has printable characters only, wherever they stand (RFC 6749 §3.3).
func TestPrintable(t *testing.T) {
	for c := range 256 {
		text := "system/Observation.rs?code=a" + string([]byte{byte(c)}) + "b"
		_, err := ParseScope(text)
		want := c > ' ' && c <= '~' && c != '"' && c != '\\' && c != '%' && c != '&'
		if (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The canonical form of a constraint says what the constraint says, whatever is in it.
func TestConstraintIsWrittenOut(t *testing.T) {
	for _, value := range []string{"%C3%A9", "%e2%82%ac%20x", "a%26b", "a%3Db", "a%25", "a%5C,b", "%22", "a+b", "~", "%7F", "urn:x%7Cy", "!"} {
		set := parse(t, "system/Observation.rs?code="+value)
		again := parse(t, set.String())
		if !set.Covers(again) || !again.Covers(set) || again.String() != set.String() || again.data[0].Constraint.(Where).expr.String() != set.data[0].Constraint.(Where).expr.String() {
			t.Errorf("%s is written %s, which is %s", value, set, again)
		}
	}
	for _, bad := range []string{"system/Observation.rs?", "system/Observation.rs?code", "system/Observation.rs?code=", "system/Observation.rs?=a", "system/Observation.rs?code=%zz",
		"system/Observation.rs?%zz=a", "system/Observation.rs?code=a&", "system/Observation.rs?&code=a"} {
		if s, err := ParseScope(bad); err == nil || !strings.HasSuffix(err.Error(), "its constraint is not name=value") {
			t.Errorf("%s is %s (%v)", bad, s, err)
		}
	}
	if s, err := ParseScope("system/Observation.rs?%63ode%3Anot=a"); err != nil || s.String() != "system/Observation.rs?code:not=a" {
		t.Errorf("an encoded name: %s (%v)", s, err)
	}
	if _, err := ParseScope("system/Observation.rs?date=yesterday"); err == nil || strings.Contains(err.Error(), "http.") {
		t.Errorf("a scope is no part of a request: %v", err)
	}
}

// The terms of a constraint are all of them, for as long as somebody asks.
func TestTerms(t *testing.T) {
	where := parse(t, "system/Observation.rs?status:not=x&category=b,a&code=c").data[0].Constraint.(Where)
	var got []string
	for name, values := range where.Terms() {
		got = append(got, name+"="+strings.Join(values, ","))
	}
	if strings.Join(got, "&") != "category=a,b&code=c&status:not=x" {
		t.Errorf("terms %q", got)
	}
	for name := range where.Terms() {
		if name != "category" {
			t.Errorf("%s is asked for by nobody", name)
		}
		break
	}
}

// With adds what a word says, once, and leaves the set as it was.
func TestWith(t *testing.T) {
	set := parse(t, "patient/Observation.rs openid")
	for word, want := range map[string]string{
		"patient/Patient.r patient/Device.s": "patient/Observation.rs patient/Patient.r patient/Device.s openid",
		"patient/Patient.r":                  "patient/Observation.rs patient/Patient.r openid",
		"launch":                             "patient/Observation.rs openid launch",
		"openid":                             "patient/Observation.rs openid",
		"patient/Observation.rs":             "patient/Observation.rs openid",
		"patient/Nothing.rs":                 "patient/Observation.rs openid",
		"launch openid fhirUser":             "patient/Observation.rs openid launch fhirUser",
	} {
		if got := set.With(word).Text(); got != want || set.Text() != "patient/Observation.rs openid" {
			t.Errorf("with %s: %s, want %s; the set is %s", word, got, want, set.Text())
		}
	}
}

// What is added to a set is not in another one that was made of it.
func TestWithTwice(t *testing.T) {
	set := parse(t, "patient/Observation.r patient/Observation.s patient/Observation.c openid launch fhirUser") // three of each: there is room for one more
	one, other := set.With("patient/Patient.r offline_access"), set.With("patient/Device.r online_access")
	if got, want := one.Text(), "patient/Observation.r patient/Observation.s patient/Observation.c patient/Patient.r openid launch fhirUser offline_access"; got != want {
		t.Errorf("%s, want %s; the other one is %s", got, want, other.Text())
	}
}

// Where nothing may be deleted the letter d opens nothing, and all others open what they do elsewhere.
func TestNoDelete(t *testing.T) {
	for _, scopes := range []string{"system/*.cruds", "patient/*.cruds", "user/Observation.cruds?category=a", "system/*.d"} {
		ctx := Context{Patient: "1", User: Policy{Everyone{}, All}, Administrator: true}
		free := parse(t, scopes).Access(ctx)
		ctx.NoDelete = true
		kept := parse(t, scopes).Access(ctx)
		for _, typ := range r4.Resources() {
			for i := search.Create; i <= search.Search; i++ {
				want, content := free.Allowed(i, typ), free.Content(i, typ)
				if i == search.Delete {
					want, content = search.None, search.None
				}
				if got := kept.Allowed(i, typ); got.String() != want.String() {
					t.Errorf("%s, %s.%c: %s, want %s", scopes, typ, order[i], got, want)
				}
				if got := kept.Content(i, typ); got.String() != content.String() {
					t.Errorf("%s, content of %s.%c: %s, want %s", scopes, typ, order[i], got, content)
				}
			}
		}
	}
}

// To write a set down leaves it as it is; Without takes one away, Of takes all.
func TestSetsDoNotChange(t *testing.T) {
	set := parse(t, "openid launch fhirUser")
	if got := set.String(); got != "fhirUser launch openid" || set.Text() != "openid launch fhirUser" {
		t.Errorf("%s is written %s", set.Text(), got)
	}
	if got := set.Without("launch"); got.Text() != "openid fhirUser" || set.Text() != "openid launch fhirUser" || set.Without("none").Text() != set.Text() {
		t.Errorf("without launch %s; the set is %s", got.Text(), set.Text())
	}
	data := parse(t, "patient/Observation.rs system/Patient.r user/Device.s").Data()
	if got := Of(data...).Text(); got != "patient/Observation.rs system/Patient.r user/Device.s" {
		t.Errorf("of three: %s", got)
	}
}

// Every own parameter of a constraint must be the one that it was; every policy is read, and every fault is told.
func TestEveryOwnParameterCounts(t *testing.T) {
	building, _ := parameters.Record{}.Next([]parameters.Definition{own(t, "eyes", "gender")})
	live := building.Done(building.Generation)
	for _, later := range []string{"ears", "nose"} { // before eyes and behind it, in whatever order they are asked
		more, _ := live.Next([]parameters.Definition{own(t, "eyes", "gender"), own(t, later, "active")})
		both := more.Done(more.Generation).Set()
		for _, query := range []string{"eyes=male&" + later + "=true", later + "=true&eyes=male"} {
			for granted, want := range map[uint64]bool{0: false, 1: false, 2: true} { // eyes are of generation 1, the other of 2
				set := parse(t, "system/Patient.rs?"+query)
				a := set.Access(Context{Params: both, Granted: granted})
				if got := a.Allowed(search.Read, "Patient") != search.None; got != want || len(a.Faults()) > 0 == want {
					t.Errorf("%s granted at %d: %v, faults %v", query, granted, got, a.Faults())
				}
				if left, refused := set.Available(both, granted); len(left.Data()) > 0 != want || len(refused) > 0 == want {
					t.Errorf("%s granted at %d: %s is left, refused %v", query, granted, left, refused)
				}
				role, err := ParseRole("Patient?"+query, "")
				if err != nil {
					t.Fatal(err)
				}
				if fault := role.Since(granted).Fault(both); (fault == nil) != want {
					t.Errorf("a policy by %s of generation %d: %v", query, granted, fault)
				}
			}
		}
	}
	role, err := ParseRole("Patient?eyes=male", "")
	if err != nil {
		t.Fatal(err)
	}
	bound, err := role.Since(1).For(fhir.Reference{})
	if err != nil {
		t.Fatal(err)
	}
	for name, ctx := range map[string]Context{"user": {User: bound}, "client": {Client: bound}, "both": {User: bound, Client: bound}} {
		for params, want := range map[*parameters.Set]string{nil: "none", building.Set(): "none", live.Set(): "in-any:1,2"} {
			ctx.Params = params
			a := parse(t, "system/*.rs").Access(ctx)
			faults := 0
			if want == "none" {
				faults = map[string]int{"user": 1, "client": 1, "both": 2}[name]
			}
			if len(a.Faults()) != faults {
				t.Errorf("%s: faults %v, want %d", name, a.Faults(), faults)
			}
			settled, err := a.Settle(of(params), func(q search.Query) (search.Panel, error) {
				if q.Where.String() != "eyes=male" {
					t.Errorf("%s: the rule is %s", name, q.Where)
				}
				return search.NewPanel([]string{"1", "2"}), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := search.Simplify(settled.Allowed(search.Read, "Observation")); got.String() != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
	// A policy that is written out is what it is, with whatever parameters.
	plain, err := ParseRole("Patient?gender=male", "")
	if err != nil {
		t.Fatal(err)
	}
	ready, err := plain.For(fhir.Reference{})
	if err != nil {
		t.Fatal(err)
	}
	if a := parse(t, "system/*.rs").Access(Context{User: bound, Client: ready, Params: live.Set()}); len(a.Faults()) > 0 {
		t.Errorf("faults: %v", a.Faults())
	}
	_, refused := parse(t, "system/Patient.rs?eyes=male").Available(building.Set(), 1)
	if len(refused) != 1 || strings.Contains(refused[0].Diagnostics, "http.") || !strings.HasPrefix(refused[0].Diagnostics, "scope system/Patient.rs?eyes=male is not granted: ") {
		t.Errorf("refused: %v", refused)
	}
}

// Whoever sees Binaries by their links, by r or by s, attaches only those: also where a system/ scope opens the content.
func TestWhoSeesByLinksAttachesWhatIsSeen(t *testing.T) {
	for scopes, want := range map[string]search.Expr{
		"system/Observation.c":                                      search.All,
		"patient/Observation.c system/Observation.c":                search.All,
		"system/Observation.c system/Binary.rs":                     search.All,
		"system/Observation.c patient/Observation.rs":               search.All,
		"system/Observation.c patient/Binary.r":                     search.None,
		"system/Observation.c patient/Binary.s":                     search.None,
		"system/Observation.c patient/Binary.rs":                    search.None,
		"system/Observation.c system/Patient.rs patient/Binary.cud": search.All,
		"patient/Observation.c":                                     search.None,
	} {
		if got := search.Simplify(parse(t, scopes).Access(Context{Patient: "1"}).Attaches(search.Create, "Observation")); got != want {
			t.Errorf("%s attaches whatever it likes to %s, want %s", scopes, got, want)
		}
	}
}

// What cannot be evaluated is told, each by its own fault: what could not be read of the grant, and either policy.
func TestEveryFaultIsTold(t *testing.T) {
	lost := errors.New("lost")
	refused := fhir.Errorf(fhir.KindValue, "", "scope a/b.c is not granted")
	for name, c := range map[string]struct {
		ctx  Context
		want []error
	}{
		"nothing":  {Context{}, nil},
		"a grant":  {Context{Refused: fhir.Errors{refused}}, []error{refused}},
		"a user":   {Context{User: Unavailable{lost}}, []error{lost}},
		"a client": {Context{Client: Unavailable{lost}}, []error{lost}},
		"no why":   {Context{Client: Unavailable{}}, []error{errUnavailable}},
		"all":      {Context{Refused: fhir.Errors{refused, refused}, User: Unavailable{}, Client: Unavailable{lost}}, []error{refused, refused, errUnavailable, lost}},
	} {
		got := parse(t, "system/Patient.rs").Access(c.ctx).Faults()
		if !slices.EqualFunc(got, c.want, func(a, b error) bool { return errors.Is(a, b) }) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for _, c := range []struct {
		ctx  Context
		want string
	}{
		{Context{Patient: "1", User: Policy{}}, ""},
		{Context{Patient: "1"}, "user/Patient.s: there is no user with a policy"},
		{Context{User: Policy{}}, "patient/Patient.r: no patient is in context patient/Device.r: no patient is in context"},
		{Context{}, "patient/Patient.r: no patient is in context user/Patient.s: there is no user with a policy patient/Device.r: no patient is in context"},
	} {
		var got []string
		for _, err := range parse(t, "system/Patient.rs patient/Patient.r user/Patient.s patient/Device.r").Access(c.ctx).Faults() {
			got = append(got, strings.Replace(strings.TrimPrefix(err.Error(), "scope "), " opens nothing", "", 1))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %q, want %q", c.ctx, got, c.want)
		}
	}
}
