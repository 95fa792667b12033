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
	kv.s = s
	val, closer, err := get(s.db, kvVersionKey)
	if err != nil || closer == nil {
		return err
	}
	defer closer.Close()
	if len(val) != 8 {
		return errRecord
	}
	kv.version = readUint64(val)
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
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err := kv.change(r.Bucket, r.Key, ifVersion, func(b *pebble.Batch, key []byte) error {
		kv.version++
		r.Version = kv.version
		expires := int64(0)
		if !r.Expires.IsZero() {
			expires = expiry(r.Expires)
			if err := b.Set(expiryKey(expires, key), nil, nil); err != nil {
				return err
			}
		}
		val := binary.AppendVarint(binary.AppendUvarint(nil, r.Version), expires)
		if err := b.Set(kvVersionKey, appendUint64(nil, kv.version), nil); err != nil {
			return err
		}
		return b.Set(key, append(val, r.Value...), nil)
	})
	if err != nil {
		return 0, fmt.Errorf("put %s/%s: %w", r.Bucket, r.Key, err)
	}
	return r.Version, nil
}

// Delete implements store.KV.
func (kv *kv) Delete(ctx context.Context, bucket, key string, ifVersion uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := kv.change(bucket, key, ifVersion, func(b *pebble.Batch, key []byte) error { return b.Delete(key, nil) })
	if err != nil {
		return fmt.Errorf("delete %s/%s: %w", bucket, key, err)
	}
	return nil
}

// change checks the version of a record and applies what write puts into a batch.
func (kv *kv) change(bucket, key string, ifVersion uint64, write func(*pebble.Batch, []byte) error) error {
	b := kv.s.db.NewBatch()
	applied, err := kv.apply(b, bucket, key, ifVersion, write)
	if err != nil || !applied {
		b.Close()
		return err
	}
	if err := b.SyncWait(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return b.Close()
}

const sweepEvery = 256

func (kv *kv) apply(b *pebble.Batch, bucket, key string, ifVersion uint64, write func(*pebble.Batch, []byte) error) (bool, error) {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	old, ok, err := kv.stored(bucket, key)
	if err != nil {
		return false, err
	}
	current := uint64(0)
	if ok && kv.live(&old) {
		current = old.Version
	}
	if ifVersion != store.AnyVersion && ifVersion != current {
		return false, store.ErrConflict
	}
	if kv.writes++; kv.writes >= sweepEvery {
		kv.writes = 0
		if err := kv.sweep(b); err != nil {
			return false, err
		}
	}
	at := kvKey(bucket, key)
	if ok && !old.Expires.IsZero() {
		if err := b.Delete(expiryKey(expiry(old.Expires), at), nil); err != nil {
			return false, err
		}
	}
	if err := write(b, at); err != nil {
		return false, err
	}
	return true, kv.s.db.ApplyNoSyncWait(b, pebble.Sync)
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
