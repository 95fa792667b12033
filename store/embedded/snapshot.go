package embedded

import (
	"context"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/store"
)

// snapshots lends one snapshot of Pebble to all who come between two commits: to take and to give back one costs more
// than to read a resource. It is that of the last commit that is durable: what has been read is never gone again.
type snapshots struct {
	mu    sync.Mutex
	now   *lent      // nil when the store is closed, or cannot be written to any more
	moved *sync.Cond // with mu: now is another one
}

func (s *snapshots) open(l *lent) { s.now, s.moved = l, sync.NewCond(&s.mu) }

// lent is a snapshot and how many hold it; one of them is snapshots.now.
type lent struct {
	snap     *pebble.Snapshot
	at       uint64 // how many were taken before it
	commit   uint64 // of counts
	indexing *indexing
	holds    int // under snapshots.mu
}

// view is a snapshot of what has been applied, with the parameters that are in use: not with those from before or behind
// a change of them, for which its index is not whole. The store's commit is held.
func (s *Store) view() *lent {
	s.views++
	return &lent{s.db.NewSnapshot(), s.views, s.totals.number(), s.indexing.Load(), 1}
}

// take lends a snapshot, nil when the store is closed.
func (s *snapshots) take() *lent {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != nil {
		s.now.holds++
	}
	return s.now
}

// back takes one back; the last to give it closes it.
func (s *snapshots) back(l *lent) error {
	s.mu.Lock()
	l.holds--
	last := l.holds == 0
	s.mu.Unlock()
	if !last {
		return nil
	}
	return l.snap.Close()
}

// publish is called when what a snapshot holds is durable, before that is acknowledged: who comes now sees it, or what
// came after it.
func (s *snapshots) publish(l *lent) error {
	s.mu.Lock()
	old := s.now
	if old != nil && old.at > l.at {
		old = l
	} else {
		s.now = l
		s.moved.Broadcast()
	}
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	return s.back(old)
}

// await waits until a view or a later one is lent: who was refused because of what it holds looks again, and has to find
// something else than before.
func (s *snapshots) await(at uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.now != nil && s.now.at < at {
		s.moved.Wait()
	}
}

// close lends nothing any more.
func (s *snapshots) close() error {
	s.mu.Lock()
	old := s.now
	s.now = nil
	if old != nil {
		s.moved.Broadcast()
	}
	s.mu.Unlock()
	if old == nil {
		return nil
	}
	return s.back(old)
}

// snapshot is a source that holds a snapshot of Pebble.
type snapshot struct {
	source
	lent *lent
	once sync.Once
}

// Snapshot implements store.Store.
func (s *Store) Snapshot(context.Context) (store.Snapshot, error) {
	l := s.snapshots.take()
	if l == nil {
		return nil, fmt.Errorf("take a snapshot: %w", pebble.ErrClosed)
	}
	return &snapshot{source: source{s, l.snap, l.commit, l.indexing, &iterators{}}, lent: l}, nil
}

// Close implements store.Snapshot; a second time it does nothing.
func (s *snapshot) Close() (err error) {
	s.once.Do(func() { err = s.s.snapshots.back(s.lent) })
	return err
}
