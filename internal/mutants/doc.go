// Mutants asks whether the tests would notice. It makes mutants of the code that decides what a caller may see: one small
// change each (a member of an And lost, And and Or swapped, a case of the guard skipped, a letter widened, a constraint
// dropped, …), and a mutant is killed when a test fails of it. What survives is either a test that is missing or code
// that nobody needs.
//
// All mutants that compile are in one build: each function of a target begins with a switch over the environment variable
// FIREWARDEN_MUTANT, whose cases are its mutants. The build is an overlay (go build -overlay): no file of the tree is
// touched, and nothing of this is in the product. Each mutant runs the tests that have killed others of the same function,
// then those of its own package, then those of the packages above it, until one fails.
//
//	go run ./internal/mutants             runs what results.jsonl does not have yet, and appends to it
//	go run ./internal/mutants -again      runs what has survived again
//	go run ./internal/mutants -table      the counts by kind and by operator, from results.jsonl, without running
//	go run ./internal/mutants -id 3f2a…   one mutant: the change, and what the tests say of it
//
// results.jsonl has one JSON object a line with the fields of Result: id, kind, file, func, op, was, now, body, outcome
// ("killed", "survived" or "equivalent"), by (package and test), seconds. The id is a hash of the change; body is one of the
// function as it was, and a result counts while its function is the same. equivalent.txt lists mutants that no test can
// tell from the original, an id and the reason each; they are run all the same, and a test may say otherwise.
//
// What never belongs here: code that the server runs.
package main
