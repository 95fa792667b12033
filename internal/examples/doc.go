// Package examples gives tests the resources that others wrote: HL7's official examples of R4, of which a sample is
// committed, and the data sets of a folder of theirs. It knows bytes and names only, so that the tests of every package
// can read them; what a resource is, and what is expected of one, never belongs here.
//
//	for name, body := range examples.Official(t) { … } // NOT TESTED is logged, and the test skipped, without them
//	each, official := examples.Any(t)                  // the sample in their place
package examples
