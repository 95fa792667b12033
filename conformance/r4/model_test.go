package r4

import (
	"fmt"
	"testing"
)

func TestModel(t *testing.T) {
	var m Model
	for _, c := range []struct{ typ, name, want string }{
		{"Patient", "deceased", "[{deceasedBoolean boolean} {deceasedDateTime dateTime}]"},
		{"Patient", "deceasedBoolean", "[{deceasedBoolean boolean}]"},
		{"Patient", "contact", "[{contact Patient.contact}]"},
		{"Questionnaire.item", "item", "[{item Questionnaire.item}]"},
		{"Bundle.entry", "resource", "[{resource Resource}]"},
		{"Patient", "nothing", "[]"},
		{"Nothing", "id", "[]"},
	} {
		if got := fmt.Sprint(m.Fields(c.typ, c.name)); got != c.want {
			t.Errorf("%s.%s: %s, want %s", c.typ, c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		typ, base string
		want      bool
	}{
		{"Patient", "Patient", true}, {"Patient", "DomainResource", true}, {"Patient", "Resource", true}, {"Bundle", "DomainResource", false},
		{"Age", "Quantity", true}, {"Quantity", "Age", false}, {"code", "string", true}, {"canonical", "uri", true},
		{"positiveInt", "integer", true}, {"Observation.component", "BackboneElement", true}, {"Observation.component", "Element", true},
		{"Timing.repeat", "BackboneElement", false}, {"Nothing", "Element", false},
	} {
		if got := m.IsA(c.typ, c.base); got != c.want {
			t.Errorf("%s is a %s: %t", c.typ, c.base, got)
		}
	}
	for _, c := range []struct {
		typ, name string
		want      bool
	}{
		{"Patient", "name", true}, {"Patient", "birthDate", false}, {"Patient", "deceased", false}, {"Patient", "deceasedBoolean", false},
		{"HumanName", "given", true}, {"date", "extension", true}, {"Patient", "nothing", false}, {"Nothing", "id", false},
	} {
		if got := m.Repeats(c.typ, c.name); got != c.want {
			t.Errorf("%s.%s repeats: %t", c.typ, c.name, got)
		}
	}
	if m.Canonical("DateTime") != "dateTime" || m.Canonical("dateTime") != "dateTime" || m.Canonical("nothing") != "" {
		t.Error("spelling of types")
	}
}
