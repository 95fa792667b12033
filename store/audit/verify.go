package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/firewarden/firewarden/store"
)

// Proof is what a verification has found so far.
type Proof struct {
	Batches  uint64            // that were read
	Of       uint64            // that there are
	Records  int               // in those that were read
	Sum      [sha256.Size]byte // of the last one that was read: who has kept an earlier one can ask for it, see Verify
	Unlinked int               // records that are durable and in no batch yet: of the last second
}

// Verify reads the chain from its beginning and proves that each batch is what the next one says that it was, and that the
// last one is the one that the head names. since is a Sum of an earlier Proof, kept outside of the store, by which also a
// chain that was written anew as a whole is found; the zero sum asks for none. The error names the first batch that is not
// what it was.
func Verify(ctx context.Context, kv store.KV, since [sha256.Size]byte, progress func(done, of int)) (Proof, error) {
	v, err := NewVerification(since)
	if err != nil {
		return Proof{}, err
	}
	for done := false; !done; {
		if done, err = v.Next(ctx, kv); err != nil {
			return v.Proof, err
		}
		if progress != nil {
			progress(int(v.Batches), int(v.Of))
		}
	}
	return v.Proof, nil
}

// Broken is an error that says where a log is not what was written to it; others say that it cannot be read now.
type Broken struct{ error }

func (b Broken) Unwrap() error { return b.error }

func broken(format string, args ...any) error { return Broken{fmt.Errorf(format, args...)} }

// Verification proves a log in steps, while others write to it: it reads, and holds nothing up.
type Verification struct {
	Proof
	codec  codec
	since  [sha256.Size]byte
	met    bool   // since was met, or is zero
	at     int64  // of the last record that was read
	events uint64 // of all batches that were read
}

// stepBatches are the batches of a step: records of a few hundred kilobytes.
const stepBatches = 64

// NewVerification begins one at the beginning of the chain.
func NewVerification(since [sha256.Size]byte) (*Verification, error) {
	c, err := newCodec()
	return &Verification{codec: c, since: since, met: since == [sha256.Size]byte{}}, err
}

// Append is where the verification stands, for ReadVerification.
func (v *Verification) Append(b []byte) []byte {
	b = append(append(b, v.Sum[:]...), v.since[:]...)
	b = binary.AppendUvarint(binary.AppendUvarint(b, v.Batches), uint64(v.Records))
	b = binary.AppendUvarint(binary.AppendVarint(b, v.at), v.events)
	if v.met {
		return append(b, 1)
	}
	return append(b, 0)
}

// ReadVerification goes on where Append was called.
func ReadVerification(b []byte) (*Verification, error) {
	v, err := NewVerification([sha256.Size]byte{})
	if err != nil {
		return nil, err
	}
	d := reader{s: string(b)}
	copy(v.Sum[:], d.take(sha256.Size))
	copy(v.since[:], d.take(sha256.Size))
	v.Batches, v.Records = d.uvarint(), int(d.uvarint())
	v.at, v.events = d.varint(), d.uvarint()
	v.met = d.uvarint() == 1
	if d.fault != nil || len(d.s) > 0 {
		return nil, errBytes
	}
	return v, nil
}

// Verify takes a step of a verification of the log; done says that it was the last one.
func (l *Log) Verify(ctx context.Context, v *Verification) (done bool, err error) {
	return v.Next(ctx, l.o.Store.KV())
}

// Next reads a few more batches; done says that these were the last ones.
func (v *Verification) Next(ctx context.Context, kv store.KV) (done bool, err error) {
	h, err := readHead(ctx, kv)
	if err != nil {
		return false, err
	}
	v.Of = h.batches
	for range stepBatches {
		if v.Batches >= h.batches {
			break
		}
		if err := v.batch(ctx, kv, v.Batches+1); err != nil {
			return false, err
		}
	}
	switch {
	case v.Batches < h.batches:
		return false, nil
	case v.Batches > h.batches || v.Sum != h.sum || v.events != h.events || v.at != h.at:
		return false, broken("the last batch of the audit log, %d, is not the one that its head names", h.batches)
	case !v.met:
		return false, broken("no batch of the audit log has the sum %x: what was there has been replaced", v.since)
	}
	// What follows the head was written by nobody, or just now.
	beyond, err := kv.List(ctx, bucket, "", batchKey(h.batches), 1)
	if err != nil {
		return false, err
	}
	if len(beyond) > 0 && len(beyond[0].Key) == len(batchKey(0)) {
		now, err := readHead(ctx, kv)
		if err == nil && now.batches == h.batches {
			err = broken("the audit log goes on behind its head: the head is an old one")
		}
		return false, err
	}
	v.Unlinked = 0
	return true, eachNew(ctx, kv, func(_ string, records []Record) error {
		v.Unlinked += len(records)
		return nil
	})
}

// batch reads the batch n, the next one.
func (v *Verification) batch(ctx context.Context, kv store.KV, n uint64) error {
	r, ok, err := kv.Get(ctx, bucket, batchKey(n))
	if err != nil {
		return err
	}
	if !ok {
		return broken("batch %d of %d of the audit log is missing", n, v.Of)
	}
	b, err := readBatch(r.Value)
	if err != nil {
		return broken("batch %d of the audit log: %w", n, err)
	}
	if b.before != v.Sum {
		return broken("batch %d of the audit log, or the one before it, is not what was written: the chain is broken between them", n)
	}
	records, err := v.codec.records(&b)
	if err != nil {
		return broken("batch %d of the audit log: %w", n, err)
	}
	for i := range records {
		if records[i].At < v.at {
			return broken("batch %d of the audit log: a record is older than the one before it", n)
		}
		v.at = records[i].At
	}
	v.Records += len(records)
	v.events += b.events
	v.Batches, v.Sum = n, sum(n, r.Value)
	v.met = v.met || v.Sum == v.since
	return nil
}
