package server

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
	own "github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/program"
)

// What cannot be evaluated opens nothing: the answer is, byte for byte, that of an access without it, and the log says who
// asked and why it was refused.
func TestDeniedAndLogged(t *testing.T) {
	eyes := func(element string) own.Definition {
		res, err := fhir.Parse([]byte(`{"resourceType":"SearchParameter","id":"eyes","status":"active","code":"eyes","type":"token","base":["Patient"],"expression":"Patient.`+element+`"}`), fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		d, err := own.Read(res)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	building, _ := own.Record{}.Next([]own.Definition{eyes("gender")})
	live := building.Done(building.Generation)
	changing, _ := live.Next([]own.Definition{eyes("active")})
	changed := changing.Done(changing.Generation)
	rule, err := scope.ParseRole("Patient?eyes=male", "")
	if err != nil {
		t.Fatal(err)
	}
	byRule, err := rule.For(fhir.Reference{Type: "Practitioner", ID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	_, wrongUser := scope.BuiltIn()["care-team"].For(fhir.Reference{})
	const constrained = "system/Patient.cruds?eyes=male"
	asked := 0
	cases := []struct {
		name, scopes string
		context      scope.Context
		want         string // in the log
	}{
		{"a constraint by an unknown parameter", constrained, scope.Context{}, `scope system/Patient.cruds?eyes=male is not granted`},
		{"one by a parameter that is being indexed", constrained, scope.Context{Params: building.Set(), Granted: 1}, "being indexed"},
		{"one by another parameter than was granted", constrained, scope.Context{Params: changed.Set(), Granted: 1}, "another one than when it was granted"},
		{"one by a parameter that is gone from the snapshot", constrained, scope.Context{Params: live.Set(), Granted: 1}, "no search parameter"},
		{"no patient in context", "patient/*.cruds", scope.Context{}, "scope patient/*.cruds opens nothing: no patient is in context"},
		{"no user", "user/*.cruds", scope.Context{}, "scope user/*.cruds opens nothing: there is no user with a policy"},
		{"scopes that cannot be read", "system/Patient.sr patient/Patient.rs?name.x=1 system/Nothing.rs", scope.Context{Patient: "1"}, "scope system/Patient.sr is not granted"},
		{"a policy that cannot be evaluated", "user/*.cruds", scope.Context{User: scope.Unavailable{Why: errors.New("its record is of another version")}}, "the policy opens nothing: its record is of another version"},
		{"a policy without a reason", "system/*.cruds", scope.Context{Client: scope.Unavailable{}}, "the policy opens nothing: it cannot be evaluated"},
		{"a policy of another kind of user", "user/*.cruds", scope.Context{User: scope.Unavailable{Why: wrongUser}}, wrongUser.Error()},
		{"a rule by an unknown parameter", "user/*.cruds", scope.Context{User: byRule}, `unknown search parameter \"eyes\"`},
		{"a rule by a parameter that is being indexed", "user/*.cruds", scope.Context{User: byRule, Params: building.Set()}, "being indexed"},
	}
	for _, c := range cases {
		set, refused := scope.Parse(c.scopes)
		c.context.Refused = refused
		access := set.Access(c.context)
		var log program.Output
		denied := open(t, func(o *Options) {
			o.Anonymous, o.Logger, o.NewRequestID = access, slog.New(slog.NewTextHandler(&log, nil)), func() string { return "r1" }
		})
		nothing := open(t, func(o *Options) {
			o.Anonymous, o.NewRequestID = scope.Set{}.Access(scope.Context{}), func() string { return "r1" }
		})
		gone := strings.Contains(c.name, "snapshot") // granted when it was asked, and nothing is in reach then
		for i, q := range [][3]string{
			{"GET", "/fhir/Patient", ""}, {"GET", "/fhir/Patient/1", ""}, {"GET", "/fhir/Patient/1/_history", ""}, {"GET", "/fhir", ""}, {"DELETE", "/fhir/Patient?_id=1", ""},
			{"PUT", "/fhir/Patient/1", `{"resourceType":"Patient","id":"1"}`}, {"POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1"}}]}`},
		} {
			asked++
			got, want := denied.do(q[0], q[1], q[2]), nothing.do(q[0], q[1], q[2])
			if !gone && (got.status != want.status || !bytes.Equal(got.body, bytes.ReplaceAll(want.body, []byte(nothing.url), []byte(denied.url)))) {
				t.Errorf("%s: %s %s answers %d %s, without it %d %s", c.name, q[0], q[1], got.status, got.body, want.status, want.body)
			}
			if gone && got.status == 200 && bytes.Contains(got.body, []byte(`"resource":`)) {
				t.Errorf("%s: %s %s answers %s", c.name, q[0], q[1], got.body)
			}
			line := wait(t, &log, i+1)[i]
			if q[0] == "POST" && strings.Contains(c.name, " parameter ") {
				c.want = "eyes" // a batch asks its snapshot, which never had one
			}
			for _, part := range []string{"level=WARN", "request=r1", "client=anonymous", c.want} {
				if !strings.Contains(line, part) {
					t.Errorf("%s: %s %s: the log does not say %q: %s", c.name, q[0], q[1], part, line)
				}
			}
			if !gone && got.status == 403 && !strings.Contains(line, "reason=\"forbidden: ") {
				t.Errorf("%s: the log does not say what was refused: %s", c.name, line)
			}
		}
	}
	t.Logf("%d grants that cannot be evaluated, %d requests that get nothing by them", len(cases), asked)
}
