package auth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/firewarden/firewarden/store"
)

// table is a bucket of store.KV whose values are T as JSON.
type table[T any] struct {
	kv     store.KV
	bucket string
}

// get gives a record with the version to change it by; ok is false if there is none.
func (t table[T]) get(ctx context.Context, key string) (v T, version uint64, ok bool, err error) {
	r, ok, err := t.kv.Get(ctx, t.bucket, key)
	if err != nil || !ok {
		return v, 0, false, err
	}
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return v, 0, false, fmt.Errorf("read %s: %w", t.bucket, err)
	}
	return v, r.Version, true, nil
}

// put writes a record if its version is ifVersion (0: absent). A zero expires is never.
func (t table[T]) put(ctx context.Context, key string, v T, ifVersion uint64, expires time.Time) (uint64, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", t.bucket, err)
	}
	return t.kv.Put(ctx, store.Record{Bucket: t.bucket, Key: key, Value: b, Expires: expires}, ifVersion)
}

// same says whether two records are written alike.
func (t table[T]) same(a, b T) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

func (t table[T]) remove(ctx context.Context, key string, ifVersion uint64) error {
	return t.kv.Delete(ctx, t.bucket, key, ifVersion)
}

// take removes a record and gives it, to one caller only.
func (t table[T]) take(ctx context.Context, key string) (v T, ok bool, err error) {
	v, version, ok, err := t.get(ctx, key)
	if err != nil || !ok {
		return v, false, err
	}
	err = t.remove(ctx, key, version)
	if errors.Is(err, store.ErrConflict) {
		return v, false, nil // another one took it
	}
	return v, err == nil, err
}

// change writes what f makes of the record, again if somebody else has changed it meanwhile. f says whether there is
// anything to write, and when the record expires.
func (t table[T]) change(ctx context.Context, key string, f func(v *T, ok bool) (write bool, expires time.Time)) (T, error) {
	for {
		v, version, ok, err := t.get(ctx, key)
		if err != nil {
			return v, err
		}
		write, expires := f(&v, ok)
		if !write {
			return v, nil
		}
		_, err = t.put(ctx, key, v, version, expires)
		if !errors.Is(err, store.ErrConflict) {
			return v, err
		}
	}
}

// each calls f for the records whose key begins with prefix, in the order of their keys, until it returns false.
func (t table[T]) each(ctx context.Context, prefix string, f func(key string, v T) bool) error {
	const page = 100
	for after := ""; ; {
		list, err := t.kv.List(ctx, t.bucket, prefix, after, page)
		if err != nil {
			return err
		}
		for _, r := range list {
			var v T
			if err := json.Unmarshal(r.Value, &v); err != nil {
				return fmt.Errorf("read %s: %w", t.bucket, err)
			}
			if !f(r.Key, v) {
				return nil
			}
			after = r.Key
		}
		if len(list) < page {
			return nil
		}
	}
}

// changed is a KV that counts what this server changes of the records that access tokens depend on.
type changed struct {
	store.KV
	count atomic.Uint64
}

// Put implements store.KV. A grant that is new is none that a token was found by.
func (c *changed) Put(ctx context.Context, r store.Record, ifVersion uint64) (uint64, error) {
	if ifVersion != 0 || r.Bucket != "grant" {
		defer c.note(r.Bucket)
	}
	return c.KV.Put(ctx, r, ifVersion)
}

// Delete implements store.KV.
func (c *changed) Delete(ctx context.Context, bucket, key string, ifVersion uint64) error {
	defer c.note(bucket)
	return c.KV.Delete(ctx, bucket, key, ifVersion)
}

func (c *changed) note(bucket string) {
	switch bucket {
	case "grant", "client", "user", "policy":
		c.count.Add(1)
	}
}

// secret is 256 random bits as text, for whoever holds it.
func (s *Server) secret() string { return s.random(32) }

// id is 128 random bits as text: a name that nobody guesses.
func (s *Server) id() string { return s.random(16) }

// random is that many random bytes as text that no command takes for a flag.
func (s *Server) random(size int) string {
	b := make([]byte, size)
	for {
		if _, err := io.ReadFull(s.o.Random, b); err != nil {
			panic(fmt.Errorf("random: %w", err)) // without randomness nothing here is safe
		}
		if text := base64.RawURLEncoding.EncodeToString(b); text[0] != '-' {
			return text
		}
	}
}

// digest is what is kept of a secret of ours: they have so much entropy that a plain hash cannot be turned back.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
