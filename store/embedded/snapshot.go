package embedded

import (
	"context"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/store"
)

// snapshots lends one snapshot of Pebble to all who come between two commits: to take and to give back one costs more
// than to read a resource.
type snapshots struct {
	mu  sync.Mutex
	now *lent // nil if there was a commit since the last one was lent
}

// lent is a snapshot and how many hold it; one of them is snapshots.now.
type lent struct {
	snap   *pebble.Snapshot
	commit uint64 // of counts, 0 if not known
	holds  int    // under snapshots.mu
}

// take lends a snapshot of what has been applied.
func (s *snapshots) take(db *pebble.DB, totals *counts) *lent {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		commit := totals.number()
		s.now = &lent{db.NewSnapshot(), commit, 1}
		if totals.number() != commit {
			s.now.commit = 0
		}
	}
	s.now.holds++
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

// renew is called when a commit has been applied and before it is acknowledged: who comes now sees it.
func (s *snapshots) renew() error {
	s.mu.Lock()
	old := s.now
	s.now = nil
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
	l := s.snapshots.take(s.db, s.totals)
	return &snapshot{source: source{s, l.snap, l.commit}, lent: l}, nil
}

// Close implements store.Snapshot; a second time it does nothing.
func (s *snapshot) Close() (err error) {
	s.once.Do(func() { err = s.s.snapshots.back(s.lent) })
	return err
}
