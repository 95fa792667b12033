package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/firewarden/firewarden/store"
)

// Info is a key of a Ring for administrators.
type Info struct {
	ID        string    `json:"kid"`
	Algorithm string    `json:"alg"`
	From      time.Time `json:"from"`          // it signs from then on
	Signs     bool      `json:"signs"`         // it is the one that signs now
	Ends      time.Time `json:"ends,omitzero"` // then it is gone; zero: not known yet
	Encrypted bool      `json:"encrypted"`     // in the store
}

// List are the keys, the newest first.
func (r *Ring) List(ctx context.Context) (list []Info, err error) {
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	r.mu.RLock()
	keys := slices.Clone(r.keys)
	r.mu.RUnlock()
	for _, k := range keys {
		rec, ok, err := r.o.KV.Get(ctx, bucket, k.id)
		if err != nil {
			return nil, fmt.Errorf("list the signing keys: %w", err)
		}
		if ok {
			list = append(list, Info{k.id, string(k.alg), k.from, r.signing(k.alg) == k, rec.Expires, sealed(rec)})
		}
	}
	return list, nil
}

// Rotate makes a new key of each algorithm. They are published at once, sign from a day later on, and two days after
// that the old ones are gone; with at once they sign now, for when a key has got into wrong hands.
func (r *Ring) Rotate(ctx context.Context, atOnce bool) error {
	from := r.o.Now()
	if !atOnce {
		from = from.Add(announced)
	}
	if err := r.load(ctx); err != nil { // other servers may have made some
		return err
	}
	r.mu.RLock()
	old := slices.Clone(r.keys)
	r.mu.RUnlock()
	for _, alg := range algorithms {
		if err := r.add(ctx, alg, from); err != nil {
			return err
		}
	}
	for _, k := range old {
		rec, ok, err := r.o.KV.Get(ctx, bucket, k.id)
		if err != nil {
			return fmt.Errorf("retire a signing key: %w", err)
		}
		switch {
		case !ok:
		case atOnce:
			err = r.o.KV.Delete(ctx, bucket, k.id, store.AnyVersion)
		case rec.Expires.IsZero():
			rec.Expires = from.Add(kept)
			_, err = r.o.KV.Put(ctx, rec, rec.Version)
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("retire a signing key: %w", err)
		}
	}
	return r.load(ctx)
}

// rotation is the record of the last rotation by time, so that of several servers on a store one does it.
const rotation = "signing-key-rotation"

// Maintain rotates the keys once they have signed for as long as life; a life of 0 leaves it to an administrator. It is
// called now and then, by every server on a store.
func (r *Ring) Maintain(ctx context.Context, life time.Duration) error {
	if life <= 0 || !r.due(life) {
		return nil
	}
	last, _, err := r.o.KV.Get(ctx, rotation, "last")
	if err != nil {
		return fmt.Errorf("rotate the signing keys: %w", err)
	}
	if err := r.load(ctx); err != nil || !r.due(life) { // another server was faster
		return err
	}
	now := r.o.Now().UTC()
	if at, err := time.Parse(time.RFC3339, string(last.Value)); err == nil && now.Sub(at) < time.Hour && now.After(at) {
		return nil // another server is about to
	}
	_, err = r.o.KV.Put(ctx, store.Record{Bucket: rotation, Key: "last", Value: []byte(now.Format(time.RFC3339))}, last.Version)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("rotate the signing keys: %w", err)
	}
	return r.Rotate(ctx, false)
}

// due says whether the newest key of an algorithm begins its last day of life, for its successor is published a day
// before it signs.
func (r *Ring) due(life time.Duration) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := r.o.Now()
	for _, alg := range algorithms {
		i := slices.IndexFunc(r.keys, func(k *key) bool { return k.alg == alg }) // the newest
		if i >= 0 && !now.Before(r.keys[i].from.Add(life-announced)) {
			return true
		}
	}
	return false
}
