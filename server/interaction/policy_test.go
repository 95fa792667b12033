package interaction

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// clinic is a chart of three Patients: A and C are of doctor 1, B of doctor 2; nurse 3 is in a care team of B, and in one
// of C that has ended; A has a mother, R, and an ended relation, Q.
func clinic(r *rig) {
	r.put(ofDoctor(patient("A"), "1"), ofDoctor(patient("B"), "2"), ofDoctor(patient("C"), "1"),
		observation("a", "A", "x"), observation("b", "B", "x"), observation("c", "C", "y"),
		`{"resourceType":"RelatedPerson","id":"R","patient":{"reference":"Patient/A"}}`,
		`{"resourceType":"RelatedPerson","id":"Q","active":false,"patient":{"reference":"Patient/A"}}`,
		careTeam("t", "B", "active"), careTeam("u", "C", "inactive"),
		`{"resourceType":"Organization","id":"o","name":"Clinic"}`, `{"resourceType":"Device","id":"d","patient":{"reference":"Patient/C"}}`)
}

func careTeam(id, patient, status string) string {
	return `{"resourceType":"CareTeam","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/` + patient + `"},"participant":[{"member":{"reference":"Practitioner/3"}}]}`
}

func builtIn(t tester, name, user string) scope.Bound {
	t.Helper()
	b, err := scope.BuiltIn()[name].For(fhir.ParseReference(user, ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// One scope, one chart, other users: other answers.
func TestS4_07_OneScopeThreeUsers(t *testing.T) { each(t, testThreeUsers) }

func TestS1_21_UserScopes(t *testing.T) { each(t, testThreeUsers) }

func testThreeUsers(t *testing.T, r *rig) {
	clinic(r)
	for _, c := range []struct {
		policy                       scope.Bound
		observations, patients, devs string
	}{
		{doctors(t, "1"), "a c", "A C", "d"},
		{doctors(t, "2"), "b", "B", ""},
		{doctors(t, "9"), "", "", ""},
		{builtIn(t, "self", "Patient/A"), "a", "A", ""},
		{builtIn(t, "related", "RelatedPerson/R"), "a", "A", ""},
		{builtIn(t, "related", "RelatedPerson/Q"), "", "", ""},
		{builtIn(t, "care-team", "Practitioner/3"), "b", "B", ""},
		{builtIn(t, "all", ""), "a b c", "A B C", "d"},
		{builtIn(t, "readonly", ""), "a b c", "A B C", "d"},
	} {
		caller := asUser(t, "", "user/*.rs", c.policy)
		for typ, want := range map[string]string{"Observation": c.observations, "Patient": c.patients, "Device": c.devs, "Organization": "o"} {
			entries, total, err := r.search(caller, typ, "_sort=_id&_total=accurate")
			var ids []string
			for _, e := range entries {
				ids = append(ids, e[strings.LastIndexByte(e, '/')+1:])
			}
			if got := strings.Join(ids, " "); err != nil || got != want || total != len(ids) {
				t.Errorf("%v: %s %q (total %d), want %q; %v", c.policy, typ, got, total, want, err)
			}
			for _, id := range strings.Fields("A B C a b c d o") {
				_, err := r.Read(ctx, caller, typ, id)
				if shown := strings.Contains(" "+want+" ", " "+id+" "); shown != (err == nil) || !shown && fhir.KindOf(err) != fhir.KindNotFound {
					t.Errorf("%v: read %s/%s: %v", c.policy, typ, id, err)
				}
			}
		}
	}
}

// A role that may only read refuses writes that the consent has granted.
func TestS4_04_ReadOnlyRole(t *testing.T) {
	for _, what := range []string{"create", "update", "delete", "patch", "conditional update", "conditional delete", "meta-add"} {
		r := newRig(t)
		clinic(r)
		body := observation("a", "A", "x")
		if what == "patch" {
			body = ""
		}
		for _, scopes := range []string{"user/*.cruds", "patient/*.cruds"} {
			if _, err := do(r, asUser(t, "A", scopes, builtIn(t, "readonly", "")), what, "Observation", "a", body); fhir.KindOf(err) != fhir.KindForbidden {
				t.Errorf("%s %s: %v", scopes, what, err)
			}
			if _, err := do(r, asUser(t, "A", scopes, builtIn(t, "all", "")), what, "Observation", "a", body); err != nil {
				t.Errorf("%s %s of who may write: %v", scopes, what, err)
			}
		}
	}
}

// What a rule reads counts with the next request, in all interactions.
func TestPolicyChangesWithTheNextRequest(t *testing.T) { each(t, testPolicyChanges) }

func testPolicyChanges(t *testing.T, r *rig) {
	clinic(r)
	c := asUser(t, "", "user/*.cruds", doctors(t, "1"))
	for _, step := range []struct {
		patientB string
		seen     bool
	}{{ofDoctor(patient("B"), "2"), false}, {ofDoctor(patient("B"), "1"), true}, {ofDoctor(patient("B"), "2"), false}} {
		r.put(step.patientB)
		for _, what := range []string{"read", "history", "update", "meta", "vread"} {
			_, err := do(r, c, what, "Observation", "b", observation("b", "B", "x"))
			if step.seen != (err == nil) || !step.seen && fhir.KindOf(err) != fhir.KindNotFound {
				t.Errorf("%s, seen %v: %v", what, step.seen, err)
			}
		}
		want := map[bool]int{true: 1}[step.seen]
		if entries, _, err := r.search(c, "Observation", "_id=b"); err != nil || len(entries) != want {
			t.Errorf("search, seen %v: %v %v", step.seen, entries, err)
		}
		for _, history := range []func() (Result, error){
			func() (Result, error) { return r.HistoryType(ctx, c, "Observation", nil) },
			func() (Result, error) { return r.HistorySystem(ctx, c, nil) },
		} {
			if out, err := history(); err != nil || strings.Contains(string(out.Bundle), `"Observation/b"`) != step.seen && strings.Contains(string(out.Bundle), `/Observation/b"`) != step.seen {
				t.Errorf("history, seen %v: %s %v", step.seen, out.Bundle, err)
			}
		}
		out, err := r.Bundle(ctx, c, r.parse(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Observation/b"}}]}`), BundleOptions{})
		if err != nil || strings.Contains(string(out.Bundle), `"200`) != step.seen {
			t.Errorf("batch, seen %v: %s %v", step.seen, out.Bundle, err)
		}
	}
}

// Writes under a panel: into it and within it, never out of it; ids are the server's.
func TestWritesUnderPolicy(t *testing.T) {
	for _, c := range []struct{ what, id, body, want string }{
		{"create", "", observation("n", "A", "x"), "created"},
		{"create", "", observation("n", "B", "x"), "forbidden"},
		{"create", "", patient("n"), "forbidden"},
		{"update", "a", observation("a", "C", "x"), "ok"},
		{"update", "a", observation("a", "B", "x"), "forbidden"},
		{"update", "b", observation("b", "A", "x"), "not-found"},
		{"update", "nil", observation("nil", "A", "x"), "not-found"},
		{"conditional create", "a", observation("n", "A", "x"), "ok"},
		{"conditional create", "b", observation("n", "A", "x"), "created"},
		{"delete", "a", "", "no content"},
		{"delete", "b", "", "no content"},
	} {
		r := newRig(t)
		clinic(r)
		typ := "Observation"
		if c.body == patient("n") {
			typ = "Patient"
		}
		out, err := do(r, asUser(t, "", "user/*.cruds", doctors(t, "1")), c.what, typ, c.id, c.body)
		got := [...]string{"ok", "created", "no content"}[out.Effect]
		if err != nil {
			got = fhir.KindOf(err).Code()
		}
		if got != c.want {
			t.Errorf("%s %s: %s (%v), want %s", c.what, c.id, got, err, c.want)
		}
		if _, err := r.Read(ctx, r.root(), "Observation", "b"); err != nil {
			t.Errorf("%s %s: b is gone", c.what, c.id)
		}
	}
}

// A user with a policy of everyone chooses no ids either: only unconstrained system/ access does.
func TestPolicyOfAllChoosesNoIDs(t *testing.T) {
	r := newRig(t)
	clinic(r)
	c := asUser(t, "", "user/*.cruds", builtIn(t, "all", ""))
	if _, err := r.Update(ctx, c, "Observation", "nil", r.parse(observation("nil", "A", "x")), WriteOptions{}); fhir.KindOf(err) != fhir.KindNotFound {
		t.Error(err)
	}
}

// A rule that cannot be answered refuses the request; one that finds too many is too-costly.
func TestPolicyUnavailable(t *testing.T) {
	r := newRig(t)
	clinic(r)
	if _, err := r.Read(ctx, asUser(t, "A", "user/*.rs patient/*.rs system/*.rs", scope.Unavailable{}), "Observation", "a"); fhir.KindOf(err) != fhir.KindForbidden {
		t.Error(err)
	}
	broken := scope.Policy{Patients: scope.Rule{Query: search.Query{Type: "Patient", Where: search.And{}}}, Letters: scope.All}
	out, err := r.Read(ctx, asUser(t, "", "user/*.rs", broken), "Observation", "a")
	if err == nil || out.Row.Body != nil {
		t.Errorf("%s, %v", out.Row.Body, err)
	}
	if _, _, err := r.search(asUser(t, "", "user/*.rs", broken), "Observation", ""); err == nil {
		t.Error("a search under a broken rule")
	}
}

func TestPanelTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("writes ten thousand Patients")
	}
	r := newRig(t)
	for from := 0; from < 10_001; from += 2000 {
		var b strings.Builder
		for i := from; i < min(from+2000, 10_001); i++ {
			fmt.Fprintf(&b, `,{"resource":%s,"request":{"method":"PUT","url":"Patient/p%d"}}`, ofDoctor(patient(fmt.Sprintf("p%d", i)), "1"), i)
		}
		if _, err := r.Bundle(ctx, r.root(), r.parse(`{"resourceType":"Bundle","type":"transaction","entry":[`+b.String()[1:]+`]}`), BundleOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c := asUser(t, "", "user/*.rs", doctors(t, "1"))
	if _, _, err := r.search(c, "Observation", ""); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("10,001 patients: %v", err)
	}
	if _, err := r.Delete(ctx, r.root(), "Patient", "p0", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.put(observation("a", "p1", "x"), observation("b", "B", "x"))
	if entries, _, err := r.search(c, "Observation", ""); err != nil || len(entries) != 1 {
		t.Errorf("10,000 patients: %v %v", entries, err)
	}
}
