// Command gen writes the tables of FHIR R4 4.0.1 in conformance/r4 and compartments from the official definitions,
// which it carries in definitions/ (see the README there).
//
//	go generate ./conformance/r4                 write the tables
//	go run ./conformance/gen pack DIR            make definitions/ anew from an unpacked package
//
// What never belongs here: anything that the server needs at run time.
package main
