// Package mongo is the store for several servers: MongoDB 6.0 or later, a replica set or a sharded cluster. It is the
// only package that knows the driver.
//
// # Documents
//
// The current version of each instance is a document of the collection resources, older versions are in history, small
// records in records. An operator can read them; nothing is packed by us (MongoDB packs its pages):
//
//	{ _id: "Observation/9", t: "Observation", v: 3, at: 1709287200000000, m: "PUT", c: 6917…,
//	  o: BinData, json: "{\"resourceType\":\"Observation\",…}", p: ["1"],
//	  x: ["_in=Patient/1", "category=vital-signs", "category|http://…|vital-signs", "code=8867-4", …],
//	  has: ["category", "code", "date", …],
//	  r: [{p: "date", lo: 1709287200000000, hi: 1709287201000000}, {p: "value-quantity", lo: "c08001…", hi: …, u: ["|/min"]}],
//	  k: [">1d"?, "Patient/1 category=vital-signs", "Patient/1 code=8867-4", "_in=Patient/1", "category=vital-signs",
//	      "code=8867-4", "shape=0a1b2c3d4e5f", …],
//	  w: ["shortness", …], q: ["code=29463-7 c0d2e0…"]?, g: 0 }
//
// x, has and r say all that a search can ask: x the terms as "parameter=text", with another sign between for other forms
// ("|" system and code, ":id=" a bare id, …), has which parameters have a value at all, r the intervals of dates
// (microseconds since 1970) and numbers (bytes that compare as the numbers do, in hexadecimal). None of them is indexed
// but r. A tombstone has neither of them, and gone: true.
//
// p are the patients in whose charts a version is, current or not, of a tombstone those of what was deleted. The index (p, t, at)
// of both collections leads the history of what somebody sees who does not see all patients.
//
// k is what the main index holds, and nothing else: of the terms those that narrow a search, each once; the tokens again
// behind each patient whose chart holds the resource; one key for the set of parameters that have a value (shape.go).
// w are the words of its texts, q the quantities of a code (pair.go), g the generation of own search parameters.
// o is the default order: the main date, then a hash of the id. So the index (t, k, o) is a list in order for each key,
// and a page of what a key finds is the first entries of its list. Terms that no list is needed for are left out of k:
// system and code are looked at among what the code finds, a reference to a patient among the chart's.
//
// # Searching
//
// A plan becomes a filter on x, has and r, which says what is found (filter.go), and paths, which say how to get there
// (path.go): a condition on k, o, r, w, q or _id, each of which is in one index. The database is not left to choose: with two
// conditions on k it would try one of them, and it was seen to choose a list of 2,400 where one of 4 was there. Which of
// several lists is the shortest is estimated from counts in the index, of many keys from those of some. A range of the main
// date is a span of o, with the few documents apart whose date is wider than a day, or of which there are several (keyWide,
// keyOdd).
//
// Client text is only ever the value of a comparison: never a field's name, never a pattern.
//
// A snapshot is a snapshot session: all reads of a request are at one time of the cluster. It lasts as long as the
// server keeps history (minSnapshotHistoryWindowInSeconds, five minutes unless set).
//
// # Costs
//
// A read, and a page without a total, is one command, which reads the index entries and documents of the page and one more,
// with their bodies. What is more than that:
//
//   - The first search in a minute by several conditions that could each be a path counts index entries (estimate.go).
//   - A total is counted anew each time it is asked for: in the index where keys say all that is asked (code=8867-4, also
//     in a chart), else the documents of the shortest path are walked, at five times the price. Of system|code they are, as k
//     has codes without their systems: the systems would be every fifth key of an Observation, for nothing but totals.
//   - A chain lists what is in its middle, or asks candidate by candidate whether they lead there: what turns out shorter.
//   - A join that lists more than 20,000 names or references has no path by them: other conditions find the candidates.
//   - The history of types merges two lists, of what is current and of what is not, for each 200 pairs of a patient and a type;
//     with more than 4,000 pairs it looks at all changes of the types. What is shown of it to who does not see all is read
//     version by version, and each with what is current now.
//   - Only k is in an order. What words, ranges and pairs find, and what is sorted by other values than the main date, the id
//     or the time of the last change, is read and put in order by the database, all of it, where it is not shorter to look
//     for it along the default order.
//
// # Writing
//
// A create is one insertion. Everything else is one transaction with snapshot reads and majority writes: versions that
// are relied on are in the filter of what replaces them, or, of what is not written, are written to (fieldLock), so that
// two commits that rely on what the other one writes meet; what is relied on not to exist is inserted and removed.
// Conditions are searched again inside. MongoDB's snapshots alone would let two commits with the same condition both
// find nothing and both write: so a commit whose condition looks at a type that it also writes counts up that type's
// document in locks, and one of the two is undone and looks again. What this leaves open is what needs two commits
// with conditions on types that they do not write themselves, each on what the other one writes. To close it, a commit with
// conditions would count up all types that it looks at or writes; but Bundles with conditional references then wait for
// each other, whatever patient they are of: 300 of five resources, eight at a time, took one server 7 s instead of 2.
// Commits of one process wait for each other in a queue instead of undoing each other.
//
// Every document carries the random number of its commit (c). If the answer to a commit is lost it is looked up by that
// number, and tried again only if it is not there; since versions are in the filters, a second one cannot be applied
// after a first one. What cannot be settled within Options.Patience is fhir.KindTransient: 503. A transaction whose end had
// no answer is killed with its session, so that it is in nobody's way (orphan.go). What is in the way of a commit may be on the
// primary and not yet on a majority: whoever looks for it after store.ErrConflict waits until it is (seen).
//
// # Several servers
//
// Nothing is cached but shapes, which only grow and are in the database before any document that has them, estimates,
// which are in no answer, and by which own search parameters is indexed. So all servers on a database see every
// acknowledged write at once, whichever took it. A server that does not know yet of a change of the search parameters
// writes documents of an earlier generation (g); who searches by an own parameter looks in its snapshot whether there are
// any, indexes them anew and says fhir.KindTransient: ask again.
//
// A primary that was paused, or is cut off, answers majority reads of the past until it notices that there is another one.
// So no server reads without a lease (lease.go): each confirms once a second, by a write of its document in meta to a
// majority, that the primary it asks is the primary, and none acknowledges what a new primary has written before the
// others have left the one before, or their leases of five seconds have run out. Of this nothing is to be set, and it does
// not depend on the settings of elections. What it takes is that clocks go on at the same speed, within a fifth, and that
// those of members are less than a minute apart. Without a majority reads wait, as writes do, and are 503 in the end.
//
// # Versions
//
// meta says in which format the store is, by which version of the index, and by which base URL references were resolved.
// Indexes that a version brings are built when it opens the store, while servers of earlier versions go on; it says how far
// that is, if its user has the role clusterMonitor, and serves when they are there. A store of a later format is refused. Another version of the index, or another base URL, asks for
// Reindex, which is refused while anybody has the store open and by which it cannot be opened until it is done.
//
// # Sharding
//
// In a sharded cluster three collections are spread, by the hash of _id. An operator says so once, best after the first start,
// while they are empty:
//
//	sh.shardCollection("firewarden.resources", {_id: "hashed"})
//	sh.shardCollection("firewarden.history",   {_id: "hashed"})
//	sh.shardCollection("firewarden.records",   {_id: "hashed"})
//
// _id is what every write of one document names, and is never changed; it is the only unique index, so one shard alone
// can tell that a document is new. Its hash spreads types, charts and clients' own ids evenly: a type or a patient as the
// key would have made one shard the busiest (nine of ten resources are of three types), and a write of an instance would
// not know it. The price is that a search goes to all shards. It costs each of them what the same page costs a replica
// set, the first entries of a list, and the router merges them by order; a page does not get dearer with the data, the
// work of the cluster for one does with the number of shards.
//
//   - resources: reads, vreads of what is current, conditional writes once they know the instance, and the bodies of a
//     page go to the shards of their ids. Searches, counts and the history of a type go to all.
//   - history: _id is the instance and the version, so a vread goes to one shard; the history of an instance to all. By
//     the instance as the key it would be one shard, but then _id would not be enough to find a version.
//   - records: a token, code, session or client by its key is on one shard, and nothing asks for them in another way but
//     lists of a bucket, for administrators and jobs.
//   - meta, locks and shapes are small, some hundred documents, and stay on the first shard.
//
// A router does not say which primary has answered, and the lease is confirmed by the first shard only. What it does for the
// others: no server reads at a time of the cluster before its latest confirmation. So a primary of another shard that was
// paused or is cut off may answer reads of the past for five seconds.
//
// A transaction may write to several shards, which MongoDB makes atomic at the price of a second round. Commands and where
// they go are a table in shard_test.go, held against everything that the suites of storetest do. A router (mongos) was
// not to be had where this was built: what is tested is what sharding asks of the commands, not a cluster.
//
// # Limits
//
// A resource with its index entries has 16 MB at most, which is what MongoDB gives a document: above it is refused with
// fhir.KindTooLong. A commit has to be done within a minute (transactionLifetimeLimitSeconds).
//
// What never belongs here: query syntax, authorization, anything that a plan does not say.
//
//	s, err := mongo.Open(ctx, mongo.Options{URI: uri, Mode: "serve", Indexer: &index.Indexer{Base: base}})
//	err = s.Commit(ctx, store.Commit{Writes: …, Reads: …})   // on a majority of members, in their journals
//	snap, err := s.Snapshot(ctx)                             // a plan.Source
package mongo
