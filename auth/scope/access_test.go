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
		{"patient/*.rs", "1", search.Search, "Binary", "linked"},
		{"user/*.cruds", "1", search.Search, "Binary", "none"}, // nobody's
		{"system/*.rs", "1", search.Search, "Binary", "all"},
		{"patient/*.cruds", "1", search.Create, "Binary", "none"},
		{"patient/*.rs", "1", search.Search, "Provenance", "(or (and in:Patient/1 only:Patient/1) (and only:Patient/1-or-none linked))"},
		{"patient/*.cruds", "1", search.Update, "Provenance", "(and in:Patient/1 only:Patient/1)"},
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
		if got := Of(s, parse(t, "system/Patient.c?eyes=blue").data[0]).Access(Context{}).Allowed(search.Read, "Patient"); got != search.None {
			t.Errorf("%T opens %s where own parameters are asked for", c, got)
		}
		everything := Scope{Level: System, Type: "*", Letters: All, Constraint: Unconstrained{}}
		if s.covers(everything) {
			t.Errorf("%T covers everything", c)
		}
		if m := s.meet(everything); expr(m.Constraint) != search.None {
			t.Errorf("%T opens %s when it is narrowed", c, expr(m.Constraint))
		}
	}
	male := parse(t, "system/Patient.rs?gender=male").data[0]
	for _, c := range []Constraint{nil, Unavailable{}} {
		s := Scope{Level: System, Type: "*", Letters: All, Constraint: c}
		for _, m := range []Scope{s.meet(male), male.meet(s)} {
			if got := Of(m).Access(Context{}).Allowed(search.Read, "Patient"); got != search.None {
				t.Errorf("%T and a constraint open %s", c, got)
			}
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
		{`{"resourceType":"Contract","status":"executed"}`, false, false},
		{`{"resourceType":"Contract","author":{"reference":"Patient/1"}}`, false, false},
		{`{"resourceType":"MeasureReport","subject":{"reference":"Patient/1"},"evaluatedResource":[{"reference":"Patient/1"}]}`, true, true},
		{`{"resourceType":"MeasureReport","subject":{"reference":"Patient/1"},"evaluatedResource":[{"reference":"Patient/2"}]}`, false, false},
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

// The granular scopes of guides, each as it is written there: it parses, is granted when it is registered and not
// otherwise, and shows only its category; a code without a system matches any system.
func TestS3_15_GranularScopes(t *testing.T) {
	const category = "http://terminology.hl7.org/CodeSystem/observation-category"
	for _, c := range []struct{ typ, constraint, system, code string }{
		{"Condition", "category=foo/bar", "http://any", "foo/bar"},
		{"DiagnosticReport", "category=http://loinc.org|LP29684-5", "http://loinc.org", "LP29684-5"},
		{"DiagnosticReport", "category=http://loinc.org|LP29708-2", "http://loinc.org", "LP29708-2"},
		{"DiagnosticReport", "category=http://loinc.org|LP7839-6", "http://loinc.org", "LP7839-6"},
		{"DiagnosticReport", "category=http://terminology.hl7.org/CodeSystem/v2-0074|LAB", "http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"},
		{"DocumentReference", "category=clinical-note", "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note"},
		{"Observation", "category=" + category + "|activity", category, "activity"},
		{"Observation", "category=" + category + "|imaging", category, "imaging"},
		{"Observation", "category=" + category + "|procedure", category, "procedure"},
		{"Observation", "category=cognitive-status", "http://x", "cognitive-status"},
		{"Observation", "category=disability-status", "http://x", "disability-status"},
		{"Observation", "category=functional-status", "http://x", "functional-status"},
		{"ServiceRequest", "category=functional-status", "http://x", "functional-status"},
		{"ServiceRequest", "category=http://snomed.info/sct|387713003", "http://snomed.info/sct", "387713003"},
	} {
		text := "patient/" + c.typ + ".rs?" + c.constraint
		registered := parse(t, text+" launch/patient")
		granted, cut := parse(t, text).Narrow(registered)
		if granted.Text() != text || cut != nil {
			t.Errorf("%s: granted %q, cut %v", text, granted.Text(), cut)
		}
		if other, _ := parse(t, "patient/"+c.typ+".rs?category=other").Narrow(registered); search.Match(search.World{},
			other.Access(Context{Patient: "1"}).Allowed(search.Read, c.typ), categorised(t, c.typ, c.system, "other", "1")) {
			t.Errorf("%s: a category that is not registered is granted", text)
		}
		allowed := granted.Access(Context{Patient: "1"}).Allowed(search.Search, c.typ)
		for _, r := range []struct {
			system, code, patient string
			want                  bool
		}{
			{c.system, c.code, "1", true},
			{c.system, c.code, "2", false},
			{c.system, "other", "1", false},
			{"http://other", c.code, "1", c.constraint == "category="+c.code},
		} {
			if got := search.Match(search.World{}, allowed, categorised(t, c.typ, r.system, r.code, r.patient)); got != r.want {
				t.Errorf("%s: %v of %+v", text, got, r)
			}
		}
	}
}

func categorised(t *testing.T, typ, system, code, patient string) *fhir.Resource {
	t.Helper()
	res, err := fhir.Parse([]byte(`{"resourceType":"`+typ+`","category":[{"coding":[{"system":"`+system+`","code":"`+code+`"}]}],"subject":{"reference":"Patient/`+patient+`"}}`), fhir.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
