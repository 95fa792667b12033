package audit

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
)

// Mode is what is written to the log.
type Mode uint8

// The modes.
const (
	All    Mode = iota // every access
	Writes             // writes, also refused ones
	Off                // nothing; what was written before can be read
)

// Options of a Log.
type Options struct {
	Store   store.Store
	Indexer *index.Indexer // the one that Store indexes with
	Mode    Mode
	Group   bool             // creates that meet share a commit and a record: for a Store of which each commit costs much
	Site    string           // the server, as an AuditEvent names it; "" is the Indexer's base URL
	Now     func() time.Time // nil is time.Now
	Random  io.Reader        // nil is crypto/rand
}

// Log is the audit log of a store. Its methods may be called by several goroutines.
type Log struct {
	o     Options
	codec codec
	ids   cipher.Block // makes ids of places

	patients patients
	groups   groups

	mu      sync.Mutex
	waiting []waiting
	full    chan struct{} // there is a batch's worth of records waiting
	figures Figures

	flushing sync.Mutex
}

// waiting is a record that is in no batch yet. One that was written with a commit is durable already: key is where, and is
// said of the last one there.
type waiting struct {
	Record
	durable bool
	key     string
}

// inOne are records that were written with a commit, in the order of their times.
func inOne(records []Record, key string) []waiting {
	out := make([]waiting, len(records))
	for i, r := range records {
		out[i] = waiting{Record: r, durable: true}
	}
	out[len(out)-1].key = key
	return out
}

const (
	batchRecords = 1024                   // records of a batch
	flushEvery   = 500 * time.Millisecond // so that what was read is durable within a second
	mostWaiting  = 64 * batchRecords      // above it requests wait until some are written
	mostWait     = 10 * time.Second       // and are not answered if that takes longer
	leftAfter    = time.Minute            // what is in no batch by then was left by a process that died
)

// Open opens the log of a store.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Site == "" {
		o.Site = o.Indexer.Base
	}
	l := &Log{o: o, full: make(chan struct{}, 1), patients: newPatients(o.Indexer)}
	var err error
	if l.codec, err = newCodec(); err != nil {
		return nil, err
	}
	if err := l.openIDs(ctx); err != nil {
		return nil, err
	}
	if _, err := readHead(ctx, o.Store.KV()); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	return l, nil
}

// openIDs reads the key of ids; the first one makes it.
func (l *Log) openIDs(ctx context.Context) error {
	kv := l.o.Store.KV()
	for {
		r, ok, err := kv.Get(ctx, bucket, idKey)
		if err != nil {
			return fmt.Errorf("read the key of the audit log: %w", err)
		}
		if ok {
			if l.ids, err = aes.NewCipher(r.Value); err != nil {
				return fmt.Errorf("the key of the audit log: %w", err)
			}
			return nil
		}
		key := make([]byte, 32)
		if _, err := io.ReadFull(l.o.Random, key); err != nil {
			return fmt.Errorf("make the key of the audit log: %w", err)
		}
		if _, err := kv.Put(ctx, store.Record{Bucket: bucket, Key: idKey, Value: key}, 0); err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("keep the key of the audit log: %w", err)
		}
	}
}

// add takes records that a flush makes durable. Where too many wait it waits for one: requests come no faster than their
// records are written.
func (l *Log) add(list ...waiting) error {
	l.mu.Lock()
	full := len(l.waiting) >= mostWaiting && !list[0].durable
	l.mu.Unlock()
	if full {
		ctx, cancel := context.WithTimeout(context.Background(), mostWait)
		defer cancel()
		if err := l.Flush(ctx); err != nil {
			return &fhir.Error{Kind: fhir.KindTransient, Diagnostics: "the audit log cannot be written at the moment; try again", Err: err}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.waiting)
	l.waiting = append(l.waiting, list...)
	if before/batchRecords < len(l.waiting)/batchRecords {
		select {
		case l.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// Figures are what a log has done since it was opened.
type Figures struct {
	Records, Batches uint64 // that were written
	Waiting          int    // records that are in no batch yet
}

// Figures gives them as they are now.
func (l *Log) Figures() Figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.figures
	f.Waiting = len(l.waiting)
	return f
}

// Run writes batches until ctx ends; what is added later a last Flush writes. report gets what goes wrong.
func (l *Log) Run(ctx context.Context, report func(error)) {
	swept := l.o.Now()
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.full:
		}
		err := l.Flush(ctx)
		// What is there after a minute was left by a process that has died: ours has just written its own.
		if now := l.o.Now(); err == nil && (now.Sub(swept) >= leftAfter || now.Before(swept)) {
			swept, err = now, l.recover(ctx, now.Add(-leftAfter).UnixMicro())
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
}

// Flush makes durable all that was added before the call, as links of the chain.
func (l *Log) Flush(ctx context.Context) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	l.mu.Lock()
	list := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	// In the order of their times, so that a search from the newest to the oldest is one walk.
	slices.SortStableFunc(list, func(a, b waiting) int { return cmp.Compare(a.At, b.At) })
	for len(list) > 0 {
		n := min(len(list), 16*batchRecords)
		if err := l.link(ctx, list[:n]); err != nil {
			return l.back(list, err)
		}
		l.mu.Lock()
		l.figures.Records += uint64(n)
		l.figures.Batches += uint64((n + batchRecords - 1) / batchRecords)
		l.mu.Unlock()
		list = list[n:]
	}
	return nil
}

// back takes back what could not be written.
func (l *Log) back(list []waiting, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(list, l.waiting...)
	return fmt.Errorf("write the audit log: %w", err)
}

// Recover puts into the chain what a process that has ended has written with its commits and left, for a store that nobody
// else has open.
func (l *Log) Recover(ctx context.Context) error { return l.recover(ctx, math.MaxInt64) }

// recover is Recover of the records before a time.
func (l *Log) recover(ctx context.Context, before int64) error {
	err := eachNew(ctx, l.o.Store.KV(), func(key string, records []Record) error {
		if records[0].At >= before {
			return nil
		}
		return l.add(inOne(records, key)...)
	})
	if err != nil {
		return fmt.Errorf("recover the audit log: %w", err)
	}
	return l.Flush(ctx)
}

// link appends batches of the records to the chain, in one commit. Another process may be doing the same: whoever comes
// second reads the head again.
func (l *Log) link(ctx context.Context, list []waiting) error {
	for {
		h, err := readHead(ctx, l.o.Store.KV())
		if err != nil {
			return err
		}
		version := h.version
		var commit store.Commit
		put := func(b, key string, value []byte, ifVersion uint64) {
			commit.Records = append(commit.Records, store.Put{Record: store.Record{Bucket: b, Key: key, Value: value}, IfVersion: ifVersion, Delete: value == nil})
		}
		for part := range slices.Chunk(list, batchRecords) {
			records := make([]Record, len(part))
			for i, w := range part {
				if records[i] = w.Record; w.At < h.at {
					records[i].At, records[i].Before = h.at, w.Before+h.at-w.At
				}
				h.at = records[i].At
				if w.key != "" {
					put(bucketNew, w.key, nil, store.AnyVersion)
				}
			}
			value, events := l.codec.batch(h.sum, records)
			h.batches++
			h.events += events
			h.sum = sum(h.batches, value)
			put(bucket, batchKey(h.batches), value, 0)
		}
		put(bucket, headKey, h.append(), version)
		if err := l.o.Store.Commit(ctx, commit); !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// newKey names a record that is written with a commit: keys are in the order of time.
func (l *Log) newKey(at int64) (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(l.o.Random, b[:]); err != nil {
		return "", fmt.Errorf("name a record of the audit log: %w", err)
	}
	return fmt.Sprintf("%016x", uint64(at)) + hex.EncodeToString(b[:]), nil
}
