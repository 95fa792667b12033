package r4

import (
	"strings"

	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// Model tells FHIRPath of R4's types.
type Model struct{}

var _ fhirpath.Model = Model{}

// Fields are the JSON members that can hold an element: "value" of Observation has eleven, one for each type;
// "valueQuantity" has itself.
func (Model) Fields(typ, name string) []fhirpath.Field {
	t := TypeOf(typ)
	if t == nil {
		return nil
	}
	e := t.Field(name)
	if e == nil {
		if e, ref := t.Lookup(name); e != nil {
			return []fhirpath.Field{{JSON: name, Type: ref.Code}}
		}
		return nil
	}
	out := make([]fhirpath.Field, len(e.Types))
	for i := range e.Types {
		out[i] = fhirpath.Field{JSON: e.JSON(&e.Types[i]), Type: e.Types[i].Code}
	}
	return out
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
