package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

// forgetful loses writes while it is broken.
type forgetful struct {
	store.KV
	broken bool
}

func (kv *forgetful) Put(ctx context.Context, r store.Record, ifVersion uint64) (uint64, error) {
	if kv.broken {
		return 0, errors.New("nobody answers")
	}
	return kv.KV.Put(ctx, r, ifVersion)
}

func TestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storetest.NewMemory()
		m.Now = time.Now
		kv := &forgetful{KV: m.KV()}
		ctx := t.Context()
		other := func(name string) (ran bool) {
			t.Helper()
			held, err := store.Alone(ctx, kv, time.Now, name, func(context.Context) error { ran = true; return nil })
			if err != nil || held != ran {
				t.Errorf("%s: held %v, ran %v: %v", name, held, ran, err)
			}
			return ran
		}
		failure := errors.New("it failed")
		held, err := store.Alone(ctx, kv, time.Now, "job", func(ctx context.Context) error {
			for range 10 {
				if other("job") {
					t.Error("two at once")
				}
				time.Sleep(3 * time.Second) // longer than an idle lease lives
			}
			if !other("another job") {
				t.Error("another job waits")
			}
			return failure
		})
		if !held || !errors.Is(err, failure) {
			t.Errorf("held %v: %v", held, err)
		}
		if !other("job") {
			t.Error("the lease is not given back")
		}

		// Who cannot renew ends before another one may begin.
		var ended time.Time
		begun := time.Now()
		held, err = store.Alone(ctx, kv, time.Now, "job", func(ctx context.Context) error {
			kv.broken = true
			<-ctx.Done()
			ended = time.Now()
			kv.broken = false
			if other("job") {
				t.Error("two at once after a loss")
			}
			return ctx.Err()
		})
		if !held || !errors.Is(err, store.ErrLease) || ended.Sub(begun) >= 6*time.Second {
			t.Errorf("held %v for %v: %v", held, ended.Sub(begun), err)
		}

		// One that died.
		if _, err := kv.Put(ctx, store.Record{Bucket: "lease", Key: "dead", Expires: time.Now().Add(time.Second)}, 0); err != nil {
			t.Fatal(err)
		}
		if other("dead") {
			t.Error("a lease is taken before it expires")
		}
		time.Sleep(2 * time.Second)
		if !other("dead") {
			t.Error("an expired lease is not taken")
		}
	})
}
