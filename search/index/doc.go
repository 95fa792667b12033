// Package index says what a resource holds for each search parameter, once, for everybody: Values feeds search.Match
// (the reference semantics), Entries feeds the storage engines. Both come from the same extraction, so matching and
// indexing cannot disagree.
//
// How elements become values follows R4 search.html, with these choices:
//
//   - Of a CodeableConcept each coding is a value, and so is its text, which only :text looks at.
//   - A code has the system of its required binding and also none; a ContactPoint has its use as the system and also
//     none; Money is in the system urn:iso:std:iso:4217.
//   - A reference with only a display is a value that nothing but :missing=false finds.
//   - Parts of a composite come from one element; an element in which one part has no value gives none.
//   - A Range without an end, a quantity with a comparator and a Period without an end are open there. A Period that
//     ends before it starts, SampledData, and a Timing without events or bounds have no value.
//   - _id, _lastUpdated, _profile, _tag, _security and _source are read from the body, which the server has stamped.
//   - A resource that contains others has a term for the type of each; what they say has none.
//   - A Binary or Provenance that refers, as what it is visible by, only to types that all patients share has a term for that.
//   - The values of _text and _content are texts: the narrative, and all that people read in the resource. near has the
//     position of a Location. _query and _list have no values.
//
// The parameters of a type are compiled, when first needed, into one trie of paths (fhirpath.Set): Entries walks the
// resource once.
//
// Composites of a code and a quantity (of Observation) also give pairs: see Pair.
//
// What never belongs here: query syntax (search), plans (search/plan), bytes on disk (store).
//
//	x := &index.Indexer{Base: "http://127.0.0.1:8080/fhir"}
//	x.Values(r4.Lookup("Observation", "code"), res)  // [{Token loinc 8867-4 "Heart rate"}]
//	x.Entries(res)                                   // terms and ranges of the whole resource
package index
