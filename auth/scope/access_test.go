package scope

import (
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

func TestAccess(t *testing.T) {
	for _, c := range []struct {
		scopes, patient string
		i               search.Interaction
		typ, want       string
	}{
		{"patient/Observation.rs?category=laboratory", "1", search.Search, "Observation", "(and in:Patient/1 category=laboratory)"},
		{"patient/Observation.rs?category=laboratory", "1", search.Create, "Observation", "none"},
		{"patient/Observation.rs?category=laboratory", "1", search.Search, "Condition", "none"},
		{"patient/Observation.rs?category=a patient/Observation.rs?category=b", "1", search.Read, "Observation",
			"(or (and in:Patient/1 category=a) (and in:Patient/1 category=b))"},
		{"patient/Observation.r?category=a patient/Observation.s?category=b", "1", search.Read, "Observation", "(and in:Patient/1 category=a)"},
		{"patient/*.rs patient/Observation.rs?category=a", "1", search.Read, "Observation", "(or in:Patient/1 (and in:Patient/1 category=a))"},
		{"patient/Observation.rs system/Observation.s", "1", search.Search, "Observation", "all"},
		{"system/Observation.rs?category=a", "", search.Search, "Observation", "category=a"},
		{"patient/*.cruds", "", search.Search, "Observation", "none"},
		{"patient/*.cruds", "", search.Search, "Organization", "none"},
		{"user/*.cruds", "1", search.Read, "Patient", "none"},
		{"patient/*.rs", "1", search.Read, "Patient", "in:Patient/1"},
		{"patient/*.rs", "1", search.Read, "Group", "(and in:Patient/1 only:Patient/1)"},
		{"patient/*.rs", "1", search.Search, "Device", "patient=Patient/1"},
		{"patient/*.rs?_tag=a", "1", search.Search, "Organization", "_tag=a"},
		{"patient/*.rs", "1", search.Search, "Binary", "(or)"},
		{"patient/*.rs", "1", search.Search, "Bundle", "none"},
	} {
		got := parse(t, c.scopes).Access(Context{Patient: c.patient}).Allowed(c.i, c.typ)
		if got.String() != c.want {
			t.Errorf("%s, %s.%c: %s, want %s", c.scopes, c.typ, order[c.i], got, c.want)
		}
	}
}

// Nothing but Unconstrained opens a type without a condition: a constraint that is lost or cannot be evaluated denies.
func TestUnavailableConstraintDenies(t *testing.T) {
	for _, c := range []Constraint{nil, Unavailable{}, Where{}} {
		s := Scope{Level: System, Type: "*", Letters: All, Constraint: c}
		if got := Of(s).Access(Context{}).Allowed(search.Read, "Patient"); got != search.None {
			t.Errorf("%T opens %s", c, got)
		}
		if m, ok := s.meet(Scope{Level: System, Type: "*", Letters: All, Constraint: Unconstrained{}}); ok && expr(m.Constraint) != search.None {
			t.Errorf("%T opens %s when it is narrowed", c, expr(m.Constraint))
		}
	}
	if got := (Set{}).Access(Context{Patient: "1", Administrator: true}).Allowed(search.Read, "Patient"); got != search.None {
		t.Errorf("no scope opens %s", got)
	}
}

// Under patient/, letters that write reach the Patient compartment and what is about the patient, and nothing else.
func TestPatientWrites(t *testing.T) {
	a := parse(t, "patient/*.cruds").Access(Context{Patient: "1", Administrator: true})
	writable := 0
	for _, typ := range r4.Resources() {
		for _, i := range []search.Interaction{search.Create, search.Update, search.Delete} {
			class := compartments.ClassOf(typ)
			want := class == compartments.InPatient || class == compartments.Subject
			if typ == "AuditEvent" || typ == "Patient" && i != search.Update {
				want = false
			}
			if got := a.Allowed(i, typ) != search.None; got != want {
				t.Errorf("%s.%c: %v", typ, order[i], got)
			}
			if got := a.Content(i, typ) != search.None; got != want {
				t.Errorf("content of %s.%c: %v", typ, order[i], got)
			}
			if want {
				writable++
			}
		}
	}
	if want := 3*(66+4) - 3 - 2; writable != want {
		t.Errorf("%d of the letters write, want %d", writable, want)
	}
}

// What changes the server's behaviour is written by an administrator only.
func TestSystemWritesOfBehaviour(t *testing.T) {
	for _, typ := range []string{"SearchParameter", "Subscription", "CompartmentDefinition", "StructureDefinition", "OperationDefinition"} {
		if got := parse(t, "system/*.cruds").Access(Context{}).Allowed(search.Create, typ); got != search.None {
			t.Errorf("%s.c: %s", typ, got)
		}
		if got := parse(t, "system/*.cruds").Access(Context{}).Allowed(search.Read, typ); got != search.All {
			t.Errorf("%s.r: %s", typ, got)
		}
		if got := parse(t, "system/*.cruds").Access(Context{Administrator: true}).Allowed(search.Create, typ); got != search.All {
			t.Errorf("%s.c of an administrator: %s", typ, got)
		}
	}
}

// New content must be in no other patient's compartment, old content may.
func TestContent(t *testing.T) {
	a := parse(t, "patient/*.cruds").Access(Context{Patient: "1"})
	for _, c := range []struct {
		body         string
		old, content bool
	}{
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"}}`, true, true},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/1"},{"reference":"Practitioner/2"}]}`, true, true},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"focus":[{"reference":"Patient/2"}]}`, true, true},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/2"}]}`, true, false},
		{`{"resourceType":"Observation","subject":{"reference":"Patient/2"}}`, false, false},
		{`{"resourceType":"Observation","status":"final"}`, false, false},
		{`{"resourceType":"Patient","id":"1"}`, true, true},
		{`{"resourceType":"Patient","id":"2"}`, false, false},
		{`{"resourceType":"Task","for":{"reference":"Patient/1"}}`, true, true},
		{`{"resourceType":"Contract","subject":[{"reference":"Patient/1"},{"reference":"Patient/2"}]}`, true, false},
	} {
		res, err := fhir.Parse([]byte(c.body), fhir.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if got := search.Match(search.World{}, a.Allowed(search.Update, res.Type), res); got != c.old {
			t.Errorf("%s: update of it allowed %v", c.body, got)
		}
		if got := search.Match(search.World{}, a.Content(search.Update, res.Type), res); got != c.content {
			t.Errorf("%s: update to it allowed %v", c.body, got)
		}
	}
}
