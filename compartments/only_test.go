package compartments

import (
	"slices"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// The types that speak of several patients by design are these (access.md D4) and no others.
func TestNeedsOnly(t *testing.T) {
	var got []string
	for _, typ := range r4.Resources() {
		if NeedsOnly(typ) {
			got = append(got, typ)
		}
	}
	if want := []string{"AuditEvent", "Group", "MeasureReport", "Person", "Provenance", "Schedule"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A compartment is that of a resource, whatever version of it is named, on either side.
func TestMemberOfAVersion(t *testing.T) {
	for _, named := range []string{"", "2"} {
		of := func(string) []fhir.Reference {
			return []fhir.Reference{{Type: "Patient", ID: "1", Version: named}}
		}
		for _, asked := range []string{"", "2", "3"} {
			if !Member(fhir.Reference{Type: "Patient", ID: "1", Version: asked}, "Observation", "9", of) {
				t.Errorf("what refers to version %q is not in the compartment of version %q", named, asked)
			}
		}
	}
}
