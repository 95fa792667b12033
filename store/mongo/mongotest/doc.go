// Package mongotest runs MongoDB for tests: it makes a replica set of servers that are there, and starts, kills and
// pauses servers of its own where a test is about that.
//
// What never belongs here: anything that a server of ours runs on.
//
//	uri, err := mongotest.Initiate(ctx, "127.0.0.1:27117")    // a mongod that was started with --replSet
package mongotest
