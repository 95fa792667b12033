package r4

import (
	"strings"

	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// Model tells FHIRPath of R4's types.
type Model struct{}

var _ fhirpath.Model = Model{}

// Fields are the JSON members that can hold an element, by its name without [x]: "value" of Observation has eleven,
// one for each type of the choice; by the JSON name of a variant ("valueQuantity") only that one. Backbone elements
// have types of their own ("Observation.component"). Nil if the type has no such element.
func (Model) Fields(typ, name string) []fhirpath.Field {
	t := TypeOf(typ)
	if t == nil {
		return nil
	}
	e := t.Field(name)
	if e == nil {
		if _, ref := t.Lookup(name); ref != nil {
			return []fhirpath.Field{{JSON: name, Type: ref.Code}}
		}
		return nil
	}
	out := make([]fhirpath.Field, len(e.Types))
	for i := range e.Types {
		code := e.Types[i].Code
		out[i] = fhirpath.Field{JSON: name, Type: code}
		if e.Choice {
			out[i].JSON += strings.ToUpper(code[:1]) + code[1:]
		}
	}
	return out
}

// Repeats says whether an element, by its name without [x] or its JSON name, may have several values: JSON writes it as
// an array.
func (Model) Repeats(typ, name string) bool {
	t := TypeOf(typ)
	if t == nil {
		return false
	}
	e := t.Field(name)
	if e == nil {
		e, _ = t.Lookup(name)
	}
	return e != nil && e.Max != 1
}

// IsA says whether typ is ancestor or specialises it: Age is a Quantity and an Element, Patient is a DomainResource.
func (Model) IsA(typ, ancestor string) bool {
	for typ != "" {
		if typ == ancestor {
			return true
		}
		t := TypeOf(typ)
		if t == nil {
			return false
		}
		typ = t.Base
	}
	return false
}

// Canonical is the name of a type as the specification spells it, whatever case it is written in: the definitions of
// composite parameters say DateTime. "" if there is none.
func (Model) Canonical(name string) string {
	if t := TypeOf(name); t != nil {
		return t.Name
	}
	for i := range types {
		if strings.EqualFold(types[i].Name, name) {
			return types[i].Name
		}
	}
	return ""
}
