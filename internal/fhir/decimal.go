package fhir

// Decimal is an exact decimal with the precision as it was written.
type Decimal struct{}
