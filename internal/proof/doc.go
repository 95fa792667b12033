// Package proof shows that the server keeps the law of access: no answer depends on what the caller may not see.
//
// Two tests draw worlds, tokens and requests at random and send them over HTTP, all interactions, to every engine:
//
//	TestTwoWorlds  two servers differ in nothing but what the token may not see: status, headers and bodies are equal,
//	               byte for byte. What the token may see says proof/model, not the server.
//	TestOracle     what proof/model answers, which shares no code with the server, is what the server answers.
//
// Two more do so over the audit log, of which a server keeps one of every access. Other people read, search, are refused
// and write; and the tokens ask who has looked, in every way into AuditEvents:
//
//	TestTwoWorldsOfLog  what others have done is another thing, or nothing, in the other world, as far as the tokens see
//	                    none of its events. The ids of events are random, and their order says nothing: an event is
//	                    compared by what it says. What the tokens' own requests leave in the log is equal, too.
//	TestOracleOfLog     of each request and each write of the world the log has the events that proof/model says, who has
//	                    asked among them, no more and no fewer; and what the model answers of them, the server answers.
//
// In a part of the cases several tokens ask in turns, with each other's cursors, while somebody else writes: resources
// move from one patient to another, and what policies look at changes.
//
// They take a few seconds. For as long as one likes, both at the same time, with a fresh seed that is printed. At the end
// they say how often each feature was asked for and how often that found something, and fail if one never does:
//
//	FIREWARDEN_PROOF=4m go test ./internal/proof -run 'TestTwoWorlds|TestOracle' -v -timeout 0    a quarter of it on the log
//	FIREWARDEN_PROOF=4m FIREWARDEN_PROOF_SEED=17 go test …      the same cases again
//
// Worlds define search parameters of their own, too; requests ask by every parameter, modifier, comparison, result
// parameter, interaction and operation that the server's tables name, or undrawn says why not:
//
//	TestEverythingIsDrawn   what the server has and random requests never ask for fails by name
//
// Three go through what there is, rather than at random:
//
//	TestChannels            every way into the server (channels_table_test.go) × every kind of scopes, in two fixed worlds
//	TestChannelsOfPeople    those that are pages and programs (channels_pages_test.go), walked through by several people and
//	                        by apps of every kind of scopes
//	TestChannelsAreComplete a route, parameter, modifier, comparison, header or kind of patch without a row fails by name;
//	                        so does a row of what is not there, and a channel that was absent and answers
//	TestEveryEdge           every reference parameter of R4 to each of its types, by _include and _revinclude
//
// Who adds a feature adds its rows. All figures, those of other packages too, prints (see its own documentation)
//
//	go run ./internal/proof/report
//
// TestWhyIsSo holds what server/why explains of a world against what the server then does, by the same environment.
//
// A case that fails is made smaller (rapid) and written to testdata/cases, where TestCases tries it from then on.
//
// What never belongs here: code that the server runs.
package proof
