package r4

import (
	"fmt"
	"testing"
)

func TestModel(t *testing.T) {
	var m Model
	for _, c := range []struct{ typ, name, want string }{
		{"Patient", "deceased", "{deceased true [boolean dateTime]}"},
		{"Patient", "deceasedBoolean", "{deceased true [boolean]}"},
		{"Patient", "contact", "{contact false [Patient.contact]}"},
		{"Questionnaire.item", "item", "{item false [Questionnaire.item]}"},
		{"Patient", "nothing", ""},
		{"Nothing", "id", ""},
	} {
		got := ""
		if e, ok := m.Element(c.typ, c.name); ok {
			got = fmt.Sprint(e)
		}
		if got != c.want {
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
	if m.Type("DateTime") != "dateTime" || m.Type("dateTime") != "dateTime" || m.Type("nothing") != "" {
		t.Error("spelling of types")
	}
	if !m.Primitive("xhtml") || m.Primitive("Quantity") || m.Primitive("Nothing") {
		t.Error("primitives")
	}
}
