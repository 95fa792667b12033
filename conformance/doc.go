// Package conformance is what the server claims of itself: the CapabilityStatement, built from the tables that the
// handlers work from, so that nothing is claimed that does not work.
//
// What never belongs here: claims written by hand that no handler backs, requests, storage. Sub-packages: r4 holds the
// tables of the definitions, gen writes them, validate checks resources against them.
//
//	b, err := conformance.Statement(conformance.Claims{
//		Software: "Firewarden", Version: "0.1", Date: "2026-11-22",
//		Base: "http://127.0.0.1:8080/fhir",
//		Interactions: []string{"read", "search-type", "transaction"},    // from the route table
//	})
package conformance
