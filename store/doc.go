// Package store is what every storage engine offers: snapshots to read (plan.Source), a commit that checks what the
// write relied on and applies it as one atomic, durable step, and small records (KV), by which also the processes on a
// store agree who does what is to be done once (Alone).
//
// Engines: store/embedded (Pebble), store/mongo (MongoDB), store/storetest.Memory (the oracle). The suite of store/storetest holds for all.
//
// What never belongs here: HTTP, authorization (reads come as guarded plans), query syntax.
//
//	snap, err := s.Snapshot(ctx)
//	defer snap.Close()
//	row, err := plan.Read(ctx, snap, p)
//	err = s.Commit(ctx, store.Commit{Writes: …, Reads: …})      // durable when it returns nil
package store
