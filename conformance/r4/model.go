package r4

import (
	"strings"

	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// Model tells FHIRPath of R4's types.
type Model struct{}

var _ fhirpath.Model = Model{}

// Element is the element of a type by its name without [x] ("value" of Observation has eleven types), or by the JSON
// name of one variant of a choice ("valueQuantity"), which has only that type.
func (Model) Element(typ, name string) (fhirpath.Element, bool) {
	t := TypeOf(typ)
	if t == nil {
		return fhirpath.Element{}, false
	}
	if e := t.Field(name); e != nil {
		out := fhirpath.Element{Name: e.Name, Choice: e.Choice, Types: make([]string, len(e.Types))}
		for i := range e.Types {
			out.Types[i] = e.Types[i].Code
		}
		return out, true
	}
	if e, ref := t.Lookup(name); e != nil {
		return fhirpath.Element{Name: e.Name, Choice: true, Types: []string{ref.Code}}, true
	}
	return fhirpath.Element{}, false
}

// IsA says whether typ is base or specialises it: Age is a Quantity and an Element, Patient is a DomainResource.
func (Model) IsA(typ, base string) bool {
	for typ != "" {
		if typ == base {
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

// Type is the name of a type as the specification spells it, whatever case it is written in: the definitions of
// composite parameters say DateTime. "" if there is none.
func (Model) Type(name string) string {
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

// Primitive says whether values of the type are JSON strings, numbers or booleans.
func (Model) Primitive(typ string) bool {
	t := TypeOf(typ)
	return t != nil && t.Kind == KindPrimitive
}
