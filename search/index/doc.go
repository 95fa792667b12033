// Package index says what a resource holds for each search parameter, once, for everybody: Values feeds search.Match
// (the reference semantics), Entries feeds the storage engines. Both come from the same extraction, so matching and
// indexing cannot disagree.
//
// What never belongs here: query syntax (search), plans (search/plan), bytes on disk (store).
//
//	x := &index.Indexer{Base: "http://127.0.0.1:8080/fhir"}
//	x.Values(r4.Lookup("Observation", "code"), res)  // [{Token loinc 8867-4 "Heart rate"}]
//	x.Entries(res)                                   // terms and ranges of the whole resource
package index
