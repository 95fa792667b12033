package r4

// ParamType is the type of a search parameter.
type ParamType uint8

// The types of search parameters (http://hl7.org/fhir/search-param-type).
const (
	Number ParamType = iota + 1
	Date
	String
	Token
	Reference
	Composite
	Quantity
	URI
	Special
)

// SearchParameter is one search parameter of R4 as it applies to one resource type: the expression is already cut to
// the clauses of that type.
type SearchParameter struct {
	Code       string // name in a request: "birthdate"
	Num        uint16 // stable number of Code in index keys; the same Code has the same Num in every type
	URL        string // canonical
	Type       ParamType
	Base       string   // resource type that it applies to; "" if it applies to every type (_id, _lastUpdated, …)
	Expression string   // FHIRPath, only the clauses of Base; "" for _text, _content, _query, _list, …
	Targets    []string // for references: permitted target types of Base; empty if R4 names none
	Components []Component

	Elements []string // FHIR types of the elements the expression selects, sorted: "CodeableConcept", "dateTime", "Period"
	Single   bool     // the expression selects at most one element of a resource (all max are 1 on the path)
	// CaseSensitive is false where the definition says that token codes fold case. No parameter of R4 does: the code
	// systems of its required and extensible bindings are all case-sensitive.
	CaseSensitive bool
}

// Component is a part of a composite parameter.
type Component struct {
	Code       string // the code of the component's definition
	Definition string // canonical of the component's search parameter
	Expression string // relative to an element that the composite's expression selects
	Type       ParamType
}

// Kind of a StructureDefinition.
type Kind uint8

// The kinds of types.
const (
	KindPrimitive Kind = iota + 1
	KindComplex
	KindResource
)

// Type is the element table of one type, or of one backbone element ("Observation.component"). Primitive types have
// id and extension only: their value is the JSON value itself.
type Type struct {
	Name     string // "Observation", "HumanName", "Observation.component"
	Kind     Kind
	Abstract bool
	Base     string    // "DomainResource", "Element", "BackboneElement", "" for Resource and Element
	Elements []Element // own and inherited, in the order of the definition; choice elements once, with all their types

	fields   []field // the JSON names of Elements, for Lookup
	required uint64  // a bit for each of Elements
}

// Element is one element of a Type.
type Element struct {
	Name    string // without [x]: "value"
	Choice  bool   // a choice: the JSON name is Name + capitalised type
	Min     int
	Max     int // -1 is *
	Types   []TypeRef
	Summary bool
	// Required is the canonical (without version) of the value set of a required binding, "" otherwise.
	Required string

	valueSet uint16 // place of Required in the table of value sets, from 1
}

// TypeRef is one permitted type of an Element.
type TypeRef struct {
	Code    string   // "CodeableConcept", "Observation.component" for backbone elements and content references
	Targets []string // of Reference and canonical: permitted resource types; empty is any

	typ uint16 // place of Code in the table of types
}
