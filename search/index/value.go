package index

import (
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Value is one value that a search parameter takes in a resource. Which fields count follows from Type.
//
// One element can give several values, of which any may match: each coding of a CodeableConcept and its text, each
// part of a name. A code whose required binding names one system is a value with that system and a value without any,
// so that male, |male and http://hl7.org/fhir/administrative-gender|male all find it; a ContactPoint is one without a
// system and one with its use as the system (R4 search.html#token); a canonical of a URI parameter is one as written
// and one without its |version.
type Value struct {
	Type r4.ParamType

	System string // Token, Quantity: "" is no system
	Code   string // Token: code, identifier value, boolean, ContactPoint value, "" has only a system or a Text; Quantity: UCUM or other code
	Text   string // String: as written; Token, Reference: display or text; URI: as written; Quantity: unit as written

	Types []Coding // Token of an Identifier: the codings of its type

	// Ref of a Reference: parsed, our own base stripped; Type from Reference.type if the text has none. A canonical is a
	// URL with its |version. Zero if the element has only an identifier or a display.
	Ref        fhir.Reference
	Identifier *Value // Reference: the Token of Reference.identifier, nil if there is none

	Time fhir.Interval // Date

	Low, High         fhir.Decimal // Number, Quantity, Range: closed ends; equal for a single number. near: latitude, longitude
	LowOpen, HighOpen bool         // the end is absent (a Range without low or high, a comparator): unbounded

	Parts [][]Value // Composite: the values of each component inside one and the same element, none of them empty
}

// Coding is a code in a system; without a system where that is "".
type Coding struct{ System, Code string }

// Indexer extracts values and entries. The zero value works; it may be used by several goroutines.
type Indexer struct {
	Base string         // our own FHIR base: references that spell it are local
	Zone *time.Location // zone of dateTimes without an offset (R4 has them only as dates); nil is UTC

	NoWords bool // Entries without FormWord: searches by text read bodies instead

	own *own // a server's own parameters; nil: none
}

// Values are the values of a parameter in a resource, in the order of the document. Nil if it has none, or if p does
// not apply to the resource's type.
func (x *Indexer) Values(p *r4.SearchParameter, res *fhir.Resource) []Value {
	switch {
	case p == nil || p.Base != "" && p.Base != res.Type:
		return nil
	case IsText(p):
		return textValues(p, res)
	}
	s := pass{x: x, program: parameter(p, res.Type), resource: res.Root, typ: res.Type}
	s.run()
	return s.values
}
