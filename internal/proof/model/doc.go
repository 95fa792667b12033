// Package model is a FHIR server that is right and nothing else: what it may show is filtered by the definitions of the
// access semantics, and then every question is answered by loops over JSON maps. It shares no code with the server but
// the rules of FHIR ids: no index, no planner, no algebra, no parser of scopes, no tables. It knows some twenty types
// and what tests ask of them; of what it does not know it says so.
//
// What never belongs here: cleverness, and code that the server runs.
//
//	m := model.New(base)
//	m.Put("Observation", "o", body, at)
//	m.Touches(token)
//	answer, known := m.Ask(token, model.Request{Method: "GET", Path: "/Observation?category=a&_sort=-date"})
package model
