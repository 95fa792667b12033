// Package ucum reads units of the Unified Code for Units of Measure (the case-sensitive codes) and brings them to one
// canonical form with exact rational factors, so that quantities of one kind compare: 5.4 mg and 0.0054 g are the same.
//
// The canonical unit of a dimension is a unit that clinical data usually has (kg, mm[Hg], mg/dL, Cel), so that most
// values stay as they are; of any other dimension it is the product of base units. Arbitrary units ([iU]) compare with
// themselves only. Units on another scale (pH, decibel, Celsius inside a product) have no canonical form.
//
// What never belongs here: FHIR elements, search, names or synonyms of units, conversion for display.
//
//	u, ok := ucum.Lookup("mg")     // u.Canonical() == "kg"
//	d := u.Convert(value)          // 5.4 → 0.0000054, exactly
//
// table_gen.go is derived from npm package @lhncbc/ucum-lhc; its licence is in LICENSE.md here.
package ucum
