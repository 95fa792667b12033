package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/store"
)

// kv is store.KV. Versions are taken from one counter of the store, so that none is ever given twice.
type kv struct {
	s *Store

	mu      sync.Mutex // held while a record is checked and written, not while it is synced
	version uint64     // the last one given
	writes  int        // since expired records were swept
}

var kvVersionKey = append([]byte{keyMeta}, "kv"...)

func (kv *kv) load(s *Store) error {
	kv.s, kv.version = s, freshVersion
	val, closer, err := get(s.db, kvVersionKey)
	if err != nil || closer == nil {
		return err
	}
	defer closer.Close()
	if len(val) != 8 {
		return errRecord
	}
	kv.version = max(readUint64(val), freshVersion)
	return nil
}

// appendBucket appends what the keys of a bucket begin with.
func appendBucket(dst []byte, bucket string) []byte {
	return append(appendEscaped(append(dst, keyKV), bucket), 0x00, 0x01)
}

func kvKey(bucket, key string) []byte { return append(appendBucket(nil, bucket), key...) }

// expiryKey orders records by when they expire.
func expiryKey(at int64, kvKey []byte) []byte {
	return append(appendUint64([]byte{keyExpiry}, uint64(at)^timeSign), kvKey[1:]...)
}

// readKV decodes a value: version, expiry in microseconds (0: never), bytes.
func readKV(bucket, key string, b []byte) (r store.Record, err error) {
	version, n := binary.Uvarint(b)
	if n <= 0 {
		return r, errRecord
	}
	expires, m := binary.Varint(b[n:])
	if m <= 0 {
		return r, errRecord
	}
	r = store.Record{Bucket: bucket, Key: key, Version: version, Value: append([]byte{}, b[n+m:]...)}
	if expires != 0 {
		r.Expires = time.UnixMicro(expires)
	}
	return r, nil
}

// expiry is a time as it is stored, rounded up; never 0.
func expiry(t time.Time) int64 {
	if n := t.Add(time.Microsecond - 1).UnixMicro(); n != 0 {
		return n
	}
	return 1
}

func (kv *kv) live(r *store.Record) bool {
	return r.Expires.IsZero() || kv.s.opts.Clock().Before(r.Expires)
}

// stored is the record as it is written, expired or not; ok is false if there is none.
func (kv *kv) stored(bucket, key string) (r store.Record, ok bool, err error) {
	val, closer, err := get(kv.s.db, kvKey(bucket, key))
	if err != nil || closer == nil {
		return r, false, err
	}
	defer closer.Close()
	r, err = readKV(bucket, key, val)
	return r, err == nil, err
}

// Get implements store.KV.
func (kv *kv) Get(_ context.Context, bucket, key string) (store.Record, bool, error) {
	r, ok, err := kv.stored(bucket, key)
	if err != nil || !ok || !kv.live(&r) {
		return store.Record{}, false, err
	}
	return r, true, nil
}

// Put implements store.KV.
func (kv *kv) Put(ctx context.Context, r store.Record, ifVersion uint64) (uint64, error) {
	version, err := kv.change(ctx, store.Put{Record: r, IfVersion: ifVersion})
	if err != nil {
		return 0, fmt.Errorf("put %s/%s: %w", r.Bucket, r.Key, err)
	}
	return version, nil
}

// Delete implements store.KV.
func (kv *kv) Delete(ctx context.Context, bucket, key string, ifVersion uint64) error {
	if _, err := kv.change(ctx, store.Put{Record: store.Record{Bucket: bucket, Key: key}, IfVersion: ifVersion, Delete: true}); err != nil {
		return fmt.Errorf("delete %s/%s: %w", bucket, key, err)
	}
	return nil
}

// change applies p and waits until it is durable.
func (kv *kv) change(ctx context.Context, p store.Put) (version uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b := kv.s.db.NewBatch()
	err = kv.apply(b, []store.Put{p}, func() error {
		version = kv.version
		return kv.s.db.ApplyNoSyncWait(b, pebble.Sync)
	})
	if err != nil {
		b.Close()
		return 0, err
	}
	if err := b.SyncWait(); err != nil {
		return 0, fmt.Errorf("sync the log: %w", err)
	}
	return version, b.Close()
}

const sweepEvery = 256

// apply puts the changes that are not Fresh into a batch, if the records are at the versions that are asked for, and has it applied before
// anybody else changes a record.
func (kv *kv) apply(b *pebble.Batch, puts []store.Put, apply func() error) error {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	for i := range puts {
		if puts[i].Fresh {
			continue
		}
		if err := kv.put(b, &puts[i]); err != nil {
			return err
		}
	}
	return apply()
}

// freshVersion is that of a record of a key that is never used again. No other record has it.
const freshVersion = 1

// fresh puts a change of a Fresh record into the batch: the only one of its key, or its removal, with which it goes from
// the store when tables are written.
func (p *preparation) fresh(r *store.Put) error {
	p.buf = append(appendBucket(p.buf[:0], r.Bucket), r.Key...)
	key := len(p.buf)
	if r.Delete {
		return p.batch.SingleDelete(p.buf, nil)
	}
	p.buf = append(appendKV(p.buf, freshVersion, 0), r.Value...)
	return p.batch.Set(p.buf[:key], p.buf[key:], nil)
}

func appendKV(b []byte, version uint64, expires int64) []byte {
	return binary.AppendVarint(binary.AppendUvarint(b, version), expires)
}

// put puts a change into a batch; kv.mu is held.
func (kv *kv) put(b *pebble.Batch, p *store.Put) error {
	at := kvKey(p.Bucket, p.Key)
	old, ok, err := kv.stored(p.Bucket, p.Key)
	if err != nil {
		return err
	}
	current := uint64(0)
	if ok && kv.live(&old) {
		current = old.Version
	}
	if p.IfVersion != store.AnyVersion && p.IfVersion != current {
		return store.ErrConflict
	}
	if kv.writes++; kv.writes >= sweepEvery {
		kv.writes = 0
		if err := kv.sweep(b); err != nil {
			return err
		}
	}
	if ok && !old.Expires.IsZero() {
		if err := b.Delete(expiryKey(expiry(old.Expires), at), nil); err != nil {
			return err
		}
	}
	if p.Delete {
		return b.Delete(at, nil)
	}
	kv.version++
	expires := int64(0)
	if !p.Expires.IsZero() {
		expires = expiry(p.Expires)
		if err := b.Set(expiryKey(expires, at), nil, nil); err != nil {
			return err
		}
	}
	if err := b.Set(kvVersionKey, appendUint64(nil, kv.version), nil); err != nil {
		return err
	}
	return b.Set(at, append(appendKV(nil, kv.version, expires), p.Value...), nil)
}

// sweep removes expired records, as many as were written since it last did, and more.
func (kv *kv) sweep(b *pebble.Batch) error {
	now := expiry(kv.s.opts.Clock())
	it, err := kv.s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyExpiry}, UpperBound: expiryKey(now, []byte{0})})
	if err != nil {
		return err
	}
	defer it.Close()
	n := 0
	for ok := it.First(); ok && n < 4*sweepEvery; ok = it.Next() {
		key := append([]byte{keyKV}, it.Key()[9:]...)
		if err := b.Delete(append([]byte(nil), it.Key()...), nil); err != nil {
			return err
		}
		val, closer, err := get(kv.s.db, key)
		if err != nil {
			return err
		}
		if closer == nil {
			continue
		}
		r, err := readKV("", "", val)
		closer.Close()
		if err != nil {
			return err
		}
		if !kv.live(&r) {
			if err := b.Delete(key, nil); err != nil {
				return err
			}
		}
		n++
	}
	return it.Error()
}

// List implements store.KV.
func (kv *kv) List(ctx context.Context, bucket, prefix, after_ string, limit int) ([]store.Record, error) {
	start := appendBucket(nil, bucket)
	from := append(append([]byte(nil), start...), prefix...)
	upper := after(from)
	if after_ != "" && after_ >= prefix {
		from = append(append(append([]byte(nil), start...), after_...), 0)
	}
	if bytes.Compare(from, upper) >= 0 {
		return nil, nil
	}
	it, err := kv.s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var found []store.Record
	for ok := it.First(); ok && len(found) < limit; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := readKV(bucket, strings.Clone(string(it.Key()[len(start):])), it.Value())
		if err != nil {
			return nil, err
		}
		if kv.live(&r) {
			found = append(found, r)
		}
	}
	return found, it.Error()
}
