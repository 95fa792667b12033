package store

import (
	"context"
	"errors"
	"time"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
)

// Store keeps resources. Its methods may be called by several goroutines.
type Store interface {
	// Snapshot is a consistent view of everything that was acknowledged before the call. It is fixed when it is first read
	// from, or earlier.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Commit checks c and applies it. When it returns nil the writes are durable. ErrConflict: something that c read
	// has changed, nothing was applied; read again and retry.
	Commit(ctx context.Context, c Commit) error
	KV() KV
	Close() error
}

// Snapshot is a plan.Source until it is closed.
type Snapshot interface {
	plan.Source
	Close() error
}

// Extender is a Store with an index that takes in own search parameters while it works. (One without an index needs none
// of this.) A resource is indexed by the parameters of some generation (parameters.Set); what an Extender opens with is in
// the record of ParametersBucket and ParametersKey.
type Extender interface {
	// Use sets the parameters that commits index by: every one that is applied after Use returns does. It is called when the
	// record has been written. Snapshots that are taken after Use returns hold these parameters (plan.Source.Params).
	Use(*parameters.Set)
	// Extend brings all resources to the parameters in use, in small steps, while others read and write. It may be broken off
	// and run again; when it returns nil they are.
	Extend(ctx context.Context, progress func(done, of int)) error
}

// Where the record of own search parameters (parameters.Record) is kept in KV.
const (
	ParametersBucket = "parameters"
	ParametersKey    = "record"
)

// ErrConflict says that a check of a Commit failed.
var ErrConflict = errors.New("store: a version or condition has changed")

// Commit is one atomic write.
type Commit struct {
	Writes     []Write
	Reads      []Read           // versions that the writes rely on
	Conditions []plan.Condition // searches that the writes rely on
	Records    []Put            // small records that are written with them, each once; a Commit may have nothing else
}

// Put is a record of KV that a Commit writes, or removes.
type Put struct {
	Record
	IfVersion uint64 // as KV.Put and KV.Delete have it: otherwise the whole Commit is ErrConflict
	Delete    bool
	// Fresh says that the key was made at random and is written only once, for ever, and then removed Fresh too: with
	// AnyVersion, and without expiry. What was there before need not be looked for.
	Fresh bool
}

// Write is one new version. Version numbers are given by the writer: the version before (a tombstone counts) plus one;
// that version before must be in Reads, or, for the first version, Read{Version: 0}.
type Write struct {
	plan.Row
	Resource *fhir.Resource // parsed Body, what is indexed; nil for a tombstone
	Fresh    bool           // the id was made by the server at random: the check that it is unused may be left out
	Before   []byte         // Body of the version before, if it was live: whom it was about (store/audit); engines need none
}

// Read is the current version of an instance that a write relies on; 0 is: there never was one.
type Read struct {
	Type, ID string
	Version  uint64
}

// KV keeps small records with a version and an expiry: clients, users, grants, codes, keys, jobs. Expired records are
// absent. A version is never given again, not even after deletion or expiry: who holds an old one always conflicts.
type KV interface {
	Get(ctx context.Context, bucket, key string) (Record, bool, error)
	// Put writes if the record's version is ifVersion (0: absent; AnyVersion: whatever) and returns the new version.
	// ErrConflict otherwise.
	Put(ctx context.Context, r Record, ifVersion uint64) (uint64, error)
	// Delete removes under the same condition; deleting an absent record with AnyVersion succeeds.
	Delete(ctx context.Context, bucket, key string, ifVersion uint64) error
	// List gives the records of a bucket whose key begins with prefix, after the key after, in key order.
	List(ctx context.Context, bucket, prefix, after string, limit int) ([]Record, error)
}

// Record is a record of KV.
type Record struct {
	Bucket, Key string
	Value       []byte
	Version     uint64    // set by Put
	Expires     time.Time // zero: never
}

// AnyVersion as ifVersion asks for no check.
const AnyVersion = ^uint64(0)
