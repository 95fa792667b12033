// Package validate checks a resource against the base specification of FHIR R4, by the element tables of
// conformance/r4: names, shapes, cardinality, choice types, primitive formats, required code bindings, reference
// targets, extensions, contained resources and the narrative.
//
// What never belongs here: profiles (an unknown meta.profile is accepted), whether a reference resolves, whether a
// caller may write. Strict JSON (duplicate keys, empty objects, stray nulls) is refused before, by fhir.Parse.
//
//	res, err := fhir.Parse(body, fhir.DefaultLimits)
//	faults := validate.Structure(res)      // empty: nothing is wrong
//	faults[0].Expression                   // "Patient.birthDate"
//	faults[0].Diagnostics                  // "\"2020-13-01\" is no date (YYYY, YYYY-MM or YYYY-MM-DD)"
package validate
