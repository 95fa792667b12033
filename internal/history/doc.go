// Package history finds out whether a server keeps its word while it is being killed, or its database is: a Client writes
// and reads from many sides and notes what it was told, and Check compares that with what is there in the end.
//
// Every write has a value of its own, and every version tells the value of the version that its writer had read before.
// So it can be seen from the versions alone whether an update was made on what it replaced (nothing is lost), whether a
// value is there twice (nothing is doubled), and whether a transaction is there as a whole or not at all.
//
// What never belongs here: how servers are started, killed or cut off; what kind of store is below them.
//
//	c := history.New("http://127.0.0.1:8080/fhir")
//	err := c.Begin(ctx)                  // registers that many will update
//	c.Write(load, 16)                    // until load ends, through whatever happens to the server
//	state, err := c.Read(ctx)            // all versions that are there
//	faults := history.Check(c.Ops(), state)
package history
