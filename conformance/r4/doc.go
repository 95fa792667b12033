// Package r4 holds the tables of FHIR R4 4.0.1 that conformance/gen writes from the official definitions: search
// parameters, element tables of all types, required value sets. The types of the tables are in types.go, everything
// else is generated.
//
// What never belongs here: behaviour beyond look-up. Validation is conformance/validate, matching is search.
//
//	p := r4.Lookup("Observation", "code")          // the search parameter, nil if unknown
//	t := r4.TypeOf("Observation")                  // its element table, nil if unknown
//	el, typ, ok := t.Element("valueQuantity")      // the element value, "Quantity", true
package r4

//go:generate go run ../gen
