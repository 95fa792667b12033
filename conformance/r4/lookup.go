package r4

import (
	"slices"
	"strings"
)

// field is a JSON name of a Type: an element, or one type of a choice.
type field struct {
	name    string
	element uint8 // in Type.Elements
	ref     uint8 // in Element.Types
}

// TypeOf is the table of a resource, data type, primitive or backbone element ("Observation.component"); nil if the
// name is unknown. Names are case-sensitive.
func TypeOf(name string) *Type {
	i, ok := slices.BinarySearchFunc(types[:], name, func(t Type, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return nil
	}
	return &types[i]
}

// Type is the table of the type that r names.
func (r *TypeRef) Type() *Type { return &types[r.typ] }

// Index finds an element by its JSON name, choices resolved: "valueQuantity" is the element value with its type
// Quantity. It gives the place in Elements, and in the Types of that element; -1 if the type has no such name. The
// name of a primitive's extension sibling is looked up without the underscore.
func (t *Type) Index(jsonName string) (element, ref int) {
	low, high := 0, len(t.fields)
	for low < high {
		mid := int(uint(low+high) >> 1)
		f := &t.fields[mid]
		if len(f.name) == len(jsonName) && f.name == jsonName {
			return int(f.element), int(f.ref)
		}
		if len(f.name) < len(jsonName) || len(f.name) == len(jsonName) && f.name < jsonName {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return -1, -1
}

// Lookup is Index with pointers, nil if the type has no such name.
func (t *Type) Lookup(jsonName string) (*Element, *TypeRef) {
	i, j := t.Index(jsonName)
	if i < 0 {
		return nil, nil
	}
	e := &t.Elements[i]
	return e, &e.Types[j]
}

// JSON is the name of the element in JSON, with the type if it is a choice: "valueQuantity". ref is one of e.Types.
func (e *Element) JSON(ref *TypeRef) string {
	if !e.Choice {
		return e.Name
	}
	return e.Name + strings.ToUpper(ref.Code[:1]) + ref.Code[1:]
}

// Near is the JSON name of an element that differs from that one in case only, "" if there is none.
func (t *Type) Near(jsonName string) string {
	for i := range t.fields {
		if strings.EqualFold(t.fields[i].name, jsonName) {
			return t.fields[i].name
		}
	}
	return ""
}

// Required has bit i set if Elements[i] has a minimum above zero. No type has more than MaxElements.
func (t *Type) Required() uint64 { return t.required }

// MaxElements bounds the elements of a Type.
const MaxElements = 64

// Element is Lookup with the name of the type.
func (t *Type) Element(jsonName string) (el *Element, typ string, ok bool) {
	el, ref := t.Lookup(jsonName)
	if el == nil {
		return nil, "", false
	}
	return el, ref.Code, true
}

// Field is the element of that name without [x], nil if there is none.
func (t *Type) Field(name string) *Element {
	for i := range t.Elements {
		if t.Elements[i].Name == name {
			return &t.Elements[i]
		}
	}
	return nil
}

// Resources are the concrete resource types, sorted. They are shared: do not change them.
func Resources() []string { return resources }

// IsResource says whether the name is that of a concrete resource type.
func IsResource(name string) bool {
	_, ok := slices.BinarySearch(resources, name)
	return ok
}

// Searchable says whether resources of the type are stored and searched: every concrete type but Parameters, which
// has no instances on a server (R4 "Parameters": "there is no RESTful end-point").
func Searchable(typ string) bool { return typ != "Parameters" && IsResource(typ) }

// typeParameters are the search parameters of one type, sorted by code.
type typeParameters struct {
	typ  string
	list []*SearchParameter
}

// Params are the search parameters of a type, sorted by code, those that apply to every type among them; for the type
// "" only those. Nil for an unknown type. They are shared: do not change them.
func Params(typ string) []*SearchParameter {
	i, ok := slices.BinarySearchFunc(parametersOf[:], typ, func(t typeParameters, typ string) int { return strings.Compare(t.typ, typ) })
	if !ok {
		return nil
	}
	return parametersOf[i].list
}

// Lookup is the search parameter of a type by its code (or one that applies to every type: _id, _lastUpdated, …),
// nil if there is none. The type "" has only those.
func Lookup(typ, code string) *SearchParameter {
	list := Params(typ)
	i, ok := slices.BinarySearchFunc(list, code, func(p *SearchParameter, code string) int { return strings.Compare(p.Code, code) })
	if !ok {
		return nil
	}
	return list[i]
}

// ByURL are the search parameters of a definition, one for each type it applies to. They are shared: do not change
// them.
func ByURL(url string) []SearchParameter {
	from, _ := slices.BinarySearchFunc(parameters[:], url, func(p SearchParameter, url string) int { return strings.Compare(p.URL, url) })
	to := from
	for to < len(parameters) && parameters[to].URL == url {
		to++
	}
	return parameters[from:to]
}

// valueSet is the content of a value set; without codes it cannot be enumerated.
type valueSet struct {
	url     string
	systems []codes
}

type codes struct {
	system string
	codes  []string // sorted
}

// InValueSet says whether a code is in a value set that some element requires; with system "" (an element of type
// code) in any of its systems. known is false if the set is none of those or is not enumerable.
func InValueSet(url, system, code string) (ok, known bool) {
	i, found := slices.BinarySearchFunc(valueSets[:], url, func(v valueSet, url string) int { return strings.Compare(v.url, url) })
	if !found {
		return false, false
	}
	return valueSets[i].has(system, code)
}

// Permits is InValueSet for the required binding of an element; known is false too if it has none.
func (e *Element) Permits(system, code string) (ok, known bool) {
	if e.valueSet == 0 {
		return false, false
	}
	return valueSets[e.valueSet-1].has(system, code)
}

func (v *valueSet) has(system, code string) (ok, known bool) {
	for i := range v.systems {
		s := &v.systems[i]
		if system != "" && system != s.system {
			continue
		}
		if _, ok := slices.BinarySearch(s.codes, code); ok {
			return true, true
		}
	}
	return false, len(v.systems) > 0
}
