// Command firewarden is the server and its tools in one binary. This package wires: it reads flags and configuration,
// opens the store, starts listeners, and moves data in and out. Main is a value that tests start in their own process.
//
// What never belongs here: FHIR semantics, queries, HTTP routes.
//
//	m := Main{Args: []string{"sandbox", "--listen", "127.0.0.1:0"}, Stdout: out, Stderr: errs}
//	code := m.Run(ctx)      // until ctx ends
package main
