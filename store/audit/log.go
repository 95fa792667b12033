package audit

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

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

	strangers strangers
	most      int // events that a search looks at one by one, mostEvents

	mu      sync.Mutex
	waiting waiting
	full    chan struct{}       // so many wait that they are written at once
	recent  map[uint64][]string // patients of batches that this process has written and that have no postings yet
	figures Figures

	flushing sync.Mutex // what follows is of who holds it
	spare    waiting    // empty, for what comes next
	packer   packer
}

const (
	batchRecords = 1024                   // records of a batch
	linkRecords  = 16 * batchRecords      // records of the batches that one commit writes
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
	l := &Log{o: o, full: make(chan struct{}, 1), recent: map[uint64][]string{}, patients: newPatients(o.Indexer), packer: newPacker(), most: mostEvents}
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
	f.Waiting = len(l.waiting.places)
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
			if err := l.tellStrangers(true); err != nil {
				report(err)
			}
			return
		case <-tick.C:
		case <-l.full:
		}
		err := errors.Join(l.tellStrangers(false), l.Flush(ctx))
		// What is there after a minute was left by a process that has died: ours has just written its own.
		if now := l.o.Now(); err == nil && (now.Sub(swept) >= leftAfter || now.Before(swept)) {
			swept, err = now, l.recover(ctx, now.Add(-leftAfter).UnixMicro())
		}
		if err == nil {
			err = l.Post(ctx)
		}
		if err != nil && ctx.Err() == nil {
			report(err)
		}
	}
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
		l.wait(func(w *waiting) { w.add(written(records, key)) })
		return nil
	})
	if err != nil {
		return fmt.Errorf("recover the audit log: %w", err)
	}
	return l.Flush(ctx)
}

// link appends batches of records to the chain, in one commit. Another process may be doing the same: whoever comes second
// reads the head again.
func (l *Log) link(ctx context.Context, w waiting) error {
	for {
		h, err := readHead(ctx, l.o.Store.KV())
		if err != nil {
			return err
		}
		version, first, whom := h.version, h.batches+1, [][]string(nil)
		commit := store.Commit{Records: make([]store.Put, 0, len(w.places)+len(w.places)/batchRecords+2)}
		put := func(p store.Put, b, key string, value []byte) {
			p.Record = store.Record{Bucket: b, Key: key, Value: value}
			commit.Records = append(commit.Records, p)
		}
		for part := range slices.Chunk(w.places, batchRecords) {
			for i := range part {
				p := &part[i]
				if p.at < h.at {
					p.at, p.before = h.at, p.before+h.at-p.at
				}
				h.at = p.at
				if p.key != "" {
					put(store.Put{IfVersion: store.AnyVersion, Fresh: true, Delete: true}, bucketNew, p.key, nil)
				}
			}
			value, events := l.packer.batch(l.codec, h.sum, waiting{w.texts, part})
			whom = append(whom, l.packer.patients())
			h.batches++
			h.events += events
			h.sum = sum(h.batches, value)
			put(store.Put{}, bucket, batchKey(h.batches), value)
		}
		put(store.Put{IfVersion: version}, bucket, headKey, h.append())
		if err := l.o.Store.Commit(ctx, commit); err == nil {
			l.keep(first, whom)
			return nil
		} else if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// newKey names records that are written with a commit: keys are in the order of time.
func (l *Log) newKey(at int64) (string, error) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(at))
	if _, err := io.ReadFull(l.o.Random, b[8:]); err != nil {
		return "", fmt.Errorf("name a record of the audit log: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
