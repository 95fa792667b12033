package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A lease is a record that expires unless its holder renews it.
const (
	leaseBucket = "lease"
	leaseLife   = 6 * time.Second
	leaseRenew  = 2 * time.Second
)

// ErrLease is the cause of the end of what has lost its lease.
var ErrLease = errors.New("store: another process may have begun the same")

// Alone runs f unless another process on the store runs something of the same name: a background job. held says whether
// it did. If the process dies another one may begin a few seconds later; if the lease cannot be renewed the context of f
// ends. Clocks that differ by seconds can let two run at a time: what f does must bear that, as it must being broken off.
func Alone(ctx context.Context, kv KV, clock func() time.Time, name string, f func(context.Context) error) (held bool, err error) {
	l := lease{kv: kv, clock: clock, name: name}
	if err := l.renew(ctx); errors.Is(err, ErrConflict) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", name, err)
	}
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	done, kept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(kept)
		l.keep(context.WithoutCancel(ctx), done, lose)
	}()
	err = f(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrLease) {
		err = fmt.Errorf("%w: %w", ErrLease, err)
	}
	close(done)
	<-kept
	// What cannot be given back expires.
	_ = kv.Delete(context.WithoutCancel(ctx), leaseBucket, name, l.version)
	return true, err
}

type lease struct {
	kv      KV
	clock   func() time.Time
	name    string
	version uint64
}

// renew takes the lease, or makes it last on.
func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseRenew)
	defer cancel()
	version, err := l.kv.Put(ctx, Record{Bucket: leaseBucket, Key: l.name, Expires: l.clock().Add(leaseLife)}, l.version)
	if err == nil {
		l.version = version
	}
	return err
}

// keep renews the lease until done, and calls lose before it expires.
func (l *lease) keep(ctx context.Context, done <-chan struct{}, lose context.CancelCauseFunc) {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		begun := time.Now()
		switch err := l.renew(ctx); {
		case err == nil:
			renewed = begun
		case errors.Is(err, ErrConflict), time.Since(renewed) >= leaseLife-leaseRenew:
			lose(ErrLease)
			return
		}
	}
}
