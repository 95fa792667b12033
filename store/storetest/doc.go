// Package storetest is what every storage engine is held to: the suite (Run), the random differential test
// (Differential), and Memory, a store over slices that answers by search.Match on every resource, with no index and no
// planner.
//
// What never belongs here: anything that a server runs on. The package takes testing for granted and forgets speed.
//
//	func TestStore(t *testing.T) {
//		open := func(t *testing.T) store.Store { return embedded.Open(t, index.Indexer{Base: storetest.Base}) }
//		storetest.Run(t, open)
//		storetest.Differential(t, open)
//	}
//
// Engines under test index with Base as their own base URL and UTC. An engine that keeps its data when it is closed
// also implements Reopener.
package storetest
