// Package audit is the audit log of a store: who asked for what, by which token, about whom, and what came of it.
//
// # What is kept
//
// A Record is a request; its Acts are the interactions, of a Bundle one for each entry. Records are packed into batches of
// a thousand at most, which are small records of the store (store.KV) and hold nothing that a resource does. A batch holds
// the SHA-256 of the one before it, and the head names the last one: what was changed or is missing is found by Verify,
// also, by a sum that was kept elsewhere, where somebody has written the whole chain anew. Times are in the order of the
// chain: what happened while a later record was being written is recorded when that was, and says by how much it is late.
//
// What a write leaves in the log is part of its commit (store.Commit.Records): either both are durable or none. It lies
// beside the chain until the next batch is written, under a key of its own, so that writers do not wait for each other's
// sums; what a process that dies has left there the next one puts into the chain. What a read leaves is durable within a
// second, and where too much waits a request is not answered before that is written. Several processes on a store append to one chain: whoever
// comes second reads the head again.
//
// Beside the interactions of FHIR there are the kinds of events of Kinds: who signs in, what apps are allowed and given, what
// administrators do. The routes of the server say which kind each leaves. What is refused to callers who have not shown who
// they are is told within bounds only, and counted beyond them (strangers), so that nobody can fill the disk by asking.
//
// # How it is read
//
// AuditEvents are not stored: Log.Store is a store whose snapshots render them from the records, in the shape of IHE's
// Basic Audit Log Patterns (BALP), among those that clients have written. So they are rows like any others, behind the
// guard that every plan has, in search, _include, _has and chains; they have one version, and no other history. The other
// ways were to write each event as a resource, which costs more than most reads that it would tell of and ten times the
// room, or to index them later, behind which a busy log would stay for ever. A search walks the log from its newest event,
// which is the order in which nearly everybody asks; it skips batches by time and by a filter of what is in them (patient,
// agent, resource, token, kind of interaction, outcome). Who may see what is about some patients, or asks for it, is led to
// the batches by postings (posting.go), so that what is about others costs nothing. A search looks at mostEvents one by one
// at most, and at mostBatches: then it is too-costly, or, in the order of time and for who sees all, the page ends there and
// says how it goes on. In any other order, that of time with a further key for what is of one time among them,
// all matches are read, mostSorted at most.
//
// An act about several patients is an event for each of them, in the order of their ids, and before these one that is about
// nobody and holds what was asked: a patient is shown who has looked without being shown anybody else (access.md D4, Only).
// The patients of an act are those in whose compartment is what the answer holds, as the caller saw it, and those that the
// request names by id. What was hidden from the caller leaves no trace.
//
// The id of an event is its place in the log, encrypted: it tells nothing of how much there is, and needs no index.
//
// What never belongs here: HTTP, scopes, what was answered.
//
//	l, err := audit.Open(ctx, audit.Options{Store: st, Indexer: x, Site: "http://127.0.0.1:8080"})
//	go l.Run(ctx, report)
//	trail := l.Begin(audit.Record{Request: id, Address: "192.0.2.1"})
//	trail.By(audit.Who{User: "ann", Client: "chart", Scope: "user/*.rs"})
//	ctx = trail.In(ctx)                                 // l.Store().Commit(ctx, …) is logged with what it writes
//	do := audit.Do(ctx, audit.Act{Code: "read", Type: "Observation", ID: "9"})
//	do.Saw(rows)
//	do.End(200)
//	err = trail.End(200, nil)                           // in the next batch
package audit
