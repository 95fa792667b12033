// Package interaction is what the server does, without HTTP: read, vread, create, update, patch, delete, search,
// history, batch and transaction, $meta and its kin; writes by id and by condition. The HTTP routes and the entries of
// a Bundle call the same methods, so both give the same answers. Every method takes a Caller, whose Access is part of
// each query (search.Guard): there is no other way to a resource. The answers are those of the access semantics: what a
// caller may not see is absent, in the same bytes.
//
// What never belongs here: HTTP requests and headers, JSON of resources decoded into structs, scopes and tokens.
//
//	s := &interaction.Service{Store: st, Base: "http://127.0.0.1:8080/fhir", Seal: seal}
//	res, err := fhir.Parse(body, s.Limits.Parse)
//	out, err := s.Create(ctx, caller, res, interaction.CreateOptions{})     // out.Row is version 1
//	out, err = s.UpdateWhere(ctx, caller, "Observation", "identifier=http://lab|1", res, interaction.WriteOptions{})
//	out, err = s.Search(ctx, caller, "Observation", pairs, interaction.SearchOptions{})
//	out, err = s.SearchCompartment(ctx, caller, fhir.Reference{Type: "Patient", ID: "1"}, "*", pairs, interaction.SearchOptions{})
//	w.Write(out.Bundle)
//
// A Caller who may (Caller.Explain) asks with _explain how a search was answered: true puts an OperationOutcome beside
// the matches; json and text, over HTTP, answer the Explanation itself, which is no FHIR resource.
//
// Errors are *fhir.Error or fhir.Errors; Status gives their HTTP status, OperationOutcome their body.
package interaction
