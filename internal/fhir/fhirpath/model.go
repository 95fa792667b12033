package fhirpath

import "github.com/firewarden/firewarden/internal/fhir"

// Model is what the engine must know of FHIR's types (r4.Model). Its methods may be called by several goroutines.
type Model interface {
	// Fields are the JSON members that can hold the element of a type: one, or one for each type of a choice. The name
	// is that of the element without [x], or the JSON name of one variant of a choice. Nil if there is no such element.
	// Types of backbone elements are written as paths: "Observation.component".
	Fields(typ, name string) []Field
	// IsA says whether typ is ancestor or specialises it.
	IsA(typ, ancestor string) bool
	// Canonical is the right spelling of a type's name that was written in any case, "" if there is no such type.
	Canonical(name string) string
}

// Field is a JSON member and the type of its value, or of the items of its array.
type Field struct {
	JSON string // "valueQuantity"
	Type string // "Quantity", "Observation.component", "Resource" for any resource
}

// Item is one member of a collection: an element or resource in a tree, or a value that was computed.
type Item struct {
	Node *fhir.Node // nil for computed values, for primitives with extensions only and for what resolve does not fetch
	Ext  *fhir.Node // the _name sibling of a primitive that has an id or extensions; not filled in by Set.Walk
	Type string     // FHIR type ("Quantity", "Observation.component", "Patient"), or one of the System types below
	Text string     // computed value: boolean, number, date as text, string as it is
	Unit string     // computed Quantity
}

// The types of computed values.
const (
	Boolean  = "System.Boolean"
	String   = "System.String"
	Integer  = "System.Integer"
	Decimal  = "System.Decimal"
	Date     = "System.Date"
	DateTime = "System.DateTime"
	Time     = "System.Time"
	Quantity = "System.Quantity"
)

// Root is the item of a resource.
func Root(n *fhir.Node) Item { return Item{Node: n, Type: n.Str("resourceType")} }

// Value is the text of a primitive or computed value; ok is false for anything else.
func (it Item) Value() (text string, ok bool) {
	if it.Node == nil {
		return it.Text, system(it.Type)
	}
	switch it.Node.JSON {
	case fhir.String, fhir.Number, fhir.Bool:
		return it.Node.Text, true
	}
	return "", false
}

func system(typ string) bool { return len(typ) > 7 && typ[:7] == "System." }

// primitive says whether values of a FHIR type are JSON strings, numbers or booleans: their names are in lower case.
func primitive(typ string) bool { return typ[0] >= 'a' }

// kind is the System type that an item counts as in operators: FHIR primitives convert implicitly, FHIR quantities
// to System.Quantity (R4 fhirpath.html#types). "" if there is none.
func (it Item) kind() string {
	switch it.Type {
	case "boolean":
		return Boolean
	case "string", "uri", "code", "oid", "id", "uuid", "markdown", "base64Binary", "canonical", "url", "xhtml":
		return String
	case "integer", "unsignedInt", "positiveInt":
		return Integer
	case "decimal":
		return Decimal
	case "date":
		return Date
	case "dateTime", "instant":
		return DateTime
	case "time":
		return Time
	case "Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity":
		return Quantity
	}
	if system(it.Type) {
		return it.Type
	}
	return ""
}

func boolean(b bool) Item {
	if b {
		return Item{Type: Boolean, Text: "true"}
	}
	return Item{Type: Boolean, Text: "false"}
}
