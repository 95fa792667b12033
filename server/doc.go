// Package server is FHIR over HTTP (R4 http.html): the route table, negotiation, conditional requests, bodies and their
// limits, CORS, logs and metrics, on Fiber. What a route does is in server/interaction; a route only translates.
//
// One table, routes.go, is what requests are matched against, what a wrong method is told (Allow), what the
// CapabilityStatement claims and what the tests walk through. Every answer under /fhir is FHIR JSON, errors are
// OperationOutcomes.
//
// What never belongs here: queries, authorization beyond finding out who calls, resources decoded into structs, and
// anything of a patient in a log line or a metric.
//
//	s := server.New(server.Options{Service: svc, Anonymous: access, AdminKey: key})
//	go s.Serve(listener)                    // returns nil after Shutdown
//	http.Serve(other, s.Metrics())
//	s.Shutdown(ctx)                         // answers what has begun, takes nothing new
package server
