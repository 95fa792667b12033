package r4

import "strings"

// Model answers what FHIRPath asks of R4's types.
type Model struct{}

// Child are the possible types of an element, by its name without [x]: "value" of Observation has eleven. Backbone
// elements have types of their own ("Observation.component"). Nil if the type has no such element.
func (Model) Child(typ, name string) []string {
	t := TypeOf(typ)
	if t == nil {
		return nil
	}
	e := t.Field(name)
	if e == nil {
		return nil
	}
	out := make([]string, len(e.Types))
	for i := range e.Types {
		out[i] = e.Types[i].Code
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

// Canonical is the name of a type as the specification spells it, whatever case it is asked in ("DateTime" →
// "dateTime"); "" if there is none. The definitions of composite parameters misspell some.
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
