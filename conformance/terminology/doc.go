// Package terminology says which codes a value set holds and which codes another one subsumes: expansion and
// subsumption from the code systems and value sets of R4 4.0.1, which it carries, and from those that a Source reads.
// There is no outside server.
//
// Of a value set it understands compose with lists of codes, filters (is-a, descendent-of, is-not-a, generalizes, =, in,
// not-in, exists, regex), whole code systems and other value sets, and, where there is no compose, a stored expansion. A
// code system that is taken as a whole need not be known: its codes are then all of that system. What R4 defines wins
// over what a Source has, unless R4 names a code system without its codes.
//
// What never belongs here: searches, access, storage.
//
//	var e terminology.Expander                       // knows R4 only; with a Source more
//	s, err := e.ValueSet("http://hl7.org/fhir/ValueSet/administrative-gender")
//	s.Has("http://hl7.org/fhir/administrative-gender", "male")
//	s, err = e.Below("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB")
//
// definitions.ndjson.gz is written by conformance/gen from the definitions of R4.
package terminology
