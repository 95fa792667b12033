// Package bench measures a running server and refuses to report a figure without the right answer. World makes a
// deterministic population whose facts are kept beside the resources, so every search has a count and a first page
// that are known without asking any server; Shapes are searches over it; Run loads, verifies, times and prints, Report makes tables of several sizes. Tokens
// times what it costs to be somebody: searches by access tokens, introspection, and how many tokens are given.
//
// What never belongs here: code of search or store. The truth is computed from the facts alone.
//
//	w := bench.NewWorld(200)
//	bundle := w.Bundle(7)                 // the transaction that stores patient 7
//	shape.Make(w, rng)                    // a request with its expected total and first page
package bench
