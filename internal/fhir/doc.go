// Package fhir is the ground floor: the bytes of a resource and what can be said of them without knowing the
// definitions. It parses JSON strictly into a light tree (Resource, Node) that keeps the client's bytes, splices id
// and meta into them, and has the value types that search and storage share: references, date intervals, exact
// decimals, folded strings, and the one error type of the server.
//
// What never belongs here: tables of the specification (conformance/r4), HTTP, storage, searching.
//
//	res, err := fhir.Parse(body, fhir.DefaultLimits)       // strict; err is a *fhir.Error with a FHIRPath location
//	res.Root.Get("subject").Get("reference").Text          // "Patient/123"
//	body = res.Stamp(fhir.Stamp{ID: id, VersionID: "1", LastUpdated: now})
package fhir
