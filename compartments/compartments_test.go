package compartments

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

func TestDefinitions(t *testing.T) {
	for _, c := range []struct {
		compartment  string
		types, pairs int
	}{{"Device", 32, 49}, {"Encounter", 25, 25}, {"Patient", 66, 100}, {"Practitioner", 59, 88}, {"RelatedPerson", 32, 40}} {
		d := find(c.compartment)
		pairs := 0
		for _, m := range d.members {
			pairs += len(m.params)
			for _, code := range m.params {
				p := r4.Lookup(m.typ, code)
				if code != Own && (p == nil || p.Type != r4.Reference) {
					t.Errorf("%s: %s has no reference parameter %s", c.compartment, m.typ, code)
				}
			}
		}
		if len(d.members) != c.types || pairs != c.pairs {
			t.Errorf("%s: %d types, %d pairs, want %d and %d", c.compartment, len(d.members), pairs, c.types, c.pairs)
		}
	}
	if got := strings.Join(Compartments(), " "); got != "Device Encounter Patient Practitioner RelatedPerson" {
		t.Errorf("compartments: %s", got)
	}
}

func TestParams(t *testing.T) {
	for _, c := range []struct{ compartment, typ, want string }{
		{"Patient", "Observation", "subject performer"},
		{"Patient", "Patient", "{def}"}, // not link
		{"Patient", "Device", ""},
		{"Encounter", "Encounter", "{def}"},
		{"Device", "Device", "{def}"},
		{"Device", "Observation", "subject device"},
		{"Organization", "Observation", ""},
		{"Patient", "Nothing", ""},
	} {
		if got := strings.Join(Params(c.compartment, c.typ), " "); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.typ, c.compartment, got, c.want)
		}
	}
	if n := len(Types("Patient")); n != 66 {
		t.Errorf("%d types in the Patient compartment", n)
	}
	if got := Types("Device"); len(got) != 33 || !slices.IsSorted(got) || !slices.Contains(got, "Device") {
		t.Errorf("types in the Device compartment: %v", got)
	}
	if Types("Organization") != nil {
		t.Error("Organization has no compartment")
	}
}

func TestOf(t *testing.T) {
	refs := map[string][]fhir.Reference{
		"subject":   {{Type: "Patient", ID: "1", Version: "3"}},
		"performer": {{Type: "Practitioner", ID: "7"}, {Type: "Patient", ID: "1"}, {Type: "Patient", ID: "2"}, {URL: "http://other/Patient/9", Type: "Patient", ID: "9"}, {Fragment: "p"}},
		"encounter": {{Type: "Encounter", ID: "4"}},
		"focus":     {{Type: "Patient", ID: "8"}},
	}
	of := func(code string) []fhir.Reference { return refs[code] }
	if got := fmt.Sprint(Of("Observation", "9", of)); got != "[Encounter/4 Patient/1 Patient/2 Practitioner/7]" {
		t.Errorf("compartments of the observation: %s", got)
	}
	link := func(code string) []fhir.Reference { return []fhir.Reference{{Type: "Patient", ID: "2"}} }
	if got := fmt.Sprint(Of("Patient", "1", link)); got != "[Patient/1]" {
		t.Errorf("compartments of the patient: %s", got)
	}
	for _, c := range []struct {
		compartment, typ, id string
		want                 bool
	}{
		{"Patient/1", "Observation", "9", true},
		{"Patient/2", "Observation", "9", true},
		{"Patient/8", "Observation", "9", false}, // focus links nothing
		{"Patient/9", "Observation", "9", false},
		{"Encounter/4", "Observation", "9", true},
		{"Organization/1", "Observation", "9", false},
		{"Patient/1", "Patient", "1", true},
		{"Patient/1", "Patient", "2", false},
		{"Patient/1", "Organization", "1", false},
	} {
		compartment := fhir.ParseReference(c.compartment, "")
		if got := Member(compartment, c.typ, c.id, of); got != c.want {
			t.Errorf("%s/%s in %s: %t", c.typ, c.id, c.compartment, got)
		}
	}
	if Member(fhir.Reference{}, "Observation", "9", of) {
		t.Error("the zero compartment has a member")
	}
}

func TestPatientImplies(t *testing.T) {
	n := 0
	for _, typ := range r4.Resources() {
		if PatientImplies(typ) == "" {
			continue
		}
		n++
		if Params("Patient", typ) == nil || r4.Lookup(typ, PatientImplies(typ)) == nil {
			t.Errorf("%s implies membership but cannot be a member", typ)
		}
	}
	if n != 61 {
		t.Errorf("%d types, want 61", n)
	}
	for _, typ := range []string{"Group", "Patient", "Schedule", "Device", "Nothing"} {
		if PatientImplies(typ) != "" {
			t.Errorf("%s implies membership", typ)
		}
	}
}

// Every type outside the Patient compartment is in one row, no type inside is, and nothing else is.
func TestClasses(t *testing.T) {
	count := map[Class]int{}
	for _, typ := range r4.Resources() {
		if !r4.Searchable(typ) {
			continue
		}
		_, row := outside[typ]
		inside := Params("Patient", typ) != nil
		if row == inside {
			t.Errorf("%s: in the compartment %t, in a row %t", typ, inside, row)
		}
		count[ClassOf(typ)]++
		if s := SubjectParam(typ); (s != "") != (ClassOf(typ) == Subject) || s != "" && r4.Lookup(typ, s) == nil {
			t.Errorf("%s: subject %q", typ, s)
		}
		if NeedsOnly(typ) && !inside {
			t.Errorf("%s is outside and needs Only", typ)
		}
	}
	want := map[Class]int{Denied: 12, InPatient: 66, Directory: 11, Subject: 4, Linked: 1, Definitional: 51}
	for class, n := range want {
		if count[class] != n {
			t.Errorf("class %d has %d types, want %d", class, count[class], n)
		}
	}
	if len(outside) != 79 {
		t.Errorf("%d rows, want 79", len(outside))
	}
	for typ, want := range map[string]bool{"Organization": true, "ValueSet": true, "Patient": false, "Device": false, "Binary": false, "Bundle": false, "Nothing": false} {
		if Shared(typ) != want {
			t.Errorf("%s is shared: %v", typ, !want)
		}
	}
	if ClassOf("Parameters") != Denied || ClassOf("Nothing") != Denied || ClassOf("") != Denied {
		t.Error("an unknown type is not denied")
	}
}
