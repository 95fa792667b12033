package scope

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/compartments"
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
		if s, err := ParseScope(bad); err == nil {
			t.Errorf("%s is %s", bad, s)
		}
	}
}

// With adds what a word says, once, and leaves the set as it was.
func TestWith(t *testing.T) {
	set := parse(t, "patient/Observation.rs openid")
	for word, want := range map[string]string{
		"patient/Patient.r":      "patient/Observation.rs patient/Patient.r openid",
		"launch":                 "patient/Observation.rs openid launch",
		"openid":                 "patient/Observation.rs openid",
		"patient/Observation.rs": "patient/Observation.rs openid",
		"patient/Nothing.rs":     "patient/Observation.rs openid",
		"launch openid fhirUser": "patient/Observation.rs openid launch fhirUser",
	} {
		if got := set.With(word).Text(); got != want || set.Text() != "patient/Observation.rs openid" {
			t.Errorf("with %s: %s, want %s; the set is %s", word, got, want, set.Text())
		}
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
