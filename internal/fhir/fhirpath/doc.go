// Package fhirpath compiles FHIRPath expressions against a FHIR type and evaluates them on the JSON tree of a
// resource (http://hl7.org/fhirpath/N1, R4 fhirpath.html). The whole grammar is parsed; functions that are not there
// yet are refused when an expression is compiled. Paths become step lists; a Set merges the step lists of many
// expressions into one trie, so that one walk over a resource answers all of them.
//
// Where this engine differs from the letter of FHIRPath, because search parameters need it (R4 search.html):
//
//   - as and ofType filter collections of any size; on a choice element that declares the type itself they mean that
//     variant only (ConceptMap.source as uri is not sourceCanonical).
//   - names of types compare without case: value.as(DateTime).
//   - resolve() fetches nothing: it gives the contained resource of "#id", else an item that has only the type that
//     the text of the reference or Reference.type names.
//   - the name of another type at the head of a path is the empty collection, so that an expression written for
//     several types compiles for each of them.
//   - the JSON name of a choice (valueDateTime) is understood.
//
// What never belongs here: tables of types (they come as a Model), search semantics, fetching.
//
//	x, err := fhirpath.Compile("Patient.name.given | Patient.name.family", "Patient", model)
//	items, err := x.Eval(nil, fhirpath.Root(res.Root), nil)
package fhirpath
