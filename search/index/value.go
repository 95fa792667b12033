package index

import (
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Value is one value that a search parameter takes in a resource. Which fields count follows from Type.
type Value struct {
	Type r4.ParamType

	System string // Token, Quantity: "" is no system
	Code   string // Token: code, identifier value, boolean, ContactPoint value; Quantity: UCUM or other code
	Text   string // String: as written; Token: display or text; URI: as written; Quantity: unit as written

	Ref        fhir.Reference // Reference: parsed, our own base stripped; Type from Reference.type if the text has none
	Identifier *Value         // Reference: the Token of Reference.identifier, nil if there is none

	Time fhir.Interval // Date

	Low, High         fhir.Decimal // Number, Quantity, Range: closed ends; equal for a single number
	LowOpen, HighOpen bool         // the end is absent (a Range without low or high, a comparator): unbounded

	Parts [][]Value // Composite: the values of each component inside one and the same element
}

// Indexer extracts values and entries. The zero value works; it may be used by several goroutines.
type Indexer struct {
	Base string         // our own FHIR base: references that spell it are local
	Zone *time.Location // zone of dateTimes without an offset (R4 has them only as dates); nil is UTC
}
