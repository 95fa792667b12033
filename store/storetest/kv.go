package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/firewarden/firewarden/store"
)

// memoryKV is store.KV over one sorted slice.
type memoryKV struct {
	now func() time.Time

	mu      sync.Mutex
	records []store.Record // by bucket and key
	version uint64         // the last one given, over all records
}

func byKey(a, b store.Record) int {
	if c := strings.Compare(a.Bucket, b.Bucket); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}

// find is the live record, which is none with version 0, and its place.
func (kv *memoryKV) find(bucket, key string) (r store.Record, at int, stored bool) {
	at, stored = slices.BinarySearchFunc(kv.records, store.Record{Bucket: bucket, Key: key}, byKey)
	if stored && kv.live(kv.records[at]) {
		r = kv.records[at]
	}
	return r, at, stored
}

func (kv *memoryKV) live(r store.Record) bool {
	return r.Expires.IsZero() || kv.now().Before(r.Expires)
}

// Get implements store.KV.
func (kv *memoryKV) Get(_ context.Context, bucket, key string) (store.Record, bool, error) {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	r, _, _ := kv.find(bucket, key)
	return r, r.Version != 0, nil
}

// Put implements store.KV.
func (kv *memoryKV) Put(_ context.Context, r store.Record, ifVersion uint64) (uint64, error) {
	return kv.apply([]store.Put{{Record: r, IfVersion: ifVersion}})
}

// Delete implements store.KV.
func (kv *memoryKV) Delete(_ context.Context, bucket, key string, ifVersion uint64) error {
	_, err := kv.apply([]store.Put{{Record: store.Record{Bucket: bucket, Key: key}, IfVersion: ifVersion, Delete: true}})
	return err
}

// apply makes all changes, or none, and gives the last version.
func (kv *memoryKV) apply(puts []store.Put) (uint64, error) {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	for _, p := range puts {
		if old, _, _ := kv.find(p.Bucket, p.Key); p.IfVersion != store.AnyVersion && p.IfVersion != old.Version {
			return 0, fmt.Errorf("put %s/%s: %w", p.Bucket, p.Key, store.ErrConflict)
		}
	}
	for _, p := range puts {
		kv.version++
		p.Version, p.Value = kv.version, bytes.Clone(p.Value)
		switch _, at, stored := kv.find(p.Bucket, p.Key); {
		case p.Delete && stored:
			kv.records = slices.Delete(kv.records, at, at+1)
		case p.Delete:
		case stored:
			kv.records[at] = p.Record
		default:
			kv.records = slices.Insert(kv.records, at, p.Record)
		}
	}
	return kv.version, nil
}

// List implements store.KV.
func (kv *memoryKV) List(_ context.Context, bucket, prefix, after string, limit int) ([]store.Record, error) {
	kv.mu.Lock()
	defer kv.mu.Unlock()
	var found []store.Record
	for _, r := range kv.records {
		if r.Bucket == bucket && strings.HasPrefix(r.Key, prefix) && r.Key > after && kv.live(r) && len(found) < limit {
			found = append(found, r)
		}
	}
	return found, nil
}
