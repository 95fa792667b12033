// Package patch changes a resource by a patch document: JSON Patch (RFC 6902) and FHIRPath Patch (R4 fhirpatch.html).
// A document is read and checked once, then applied to the version that is current when it is written. What a patch
// does not touch keeps its bytes: the text of numbers, the escapes of strings, the order of keys.
//
// Two kinds of refusal: what is wrong with the patch itself is invalid, decided without a resource (of a FHIRPath Patch
// the types are compared when the place is known); what does not fit the version that is there (no such place, several,
// a test that fails) is processing. Whether the result is a valid resource is for the caller to find out.
//
// What never belongs here: who may change what, validation, tables of types (they come as a Model), HTTP.
//
//	p, err := patch.JSON(body, fhir.DefaultLimits)              // [{"op":"replace","path":"/birthDate","value":"1980-02-03"}]
//	p, err = patch.FHIRPath(parameters, "Patient", model)       // a Parameters resource
//	next, err := p.Apply(res, fhir.DefaultLimits)               // res stays as it is
package patch
