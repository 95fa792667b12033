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
	now *lent // nil if there was a commit, or other parameters, since the last one was lent
}

// lent is a snapshot and how many hold it; one of them is snapshots.now.
type lent struct {
	snap     *pebble.Snapshot
	commit   uint64 // of counts, 0 if not known
	indexing *indexing
	holds    int // under snapshots.mu
}

// take lends a snapshot of what has been applied, with the parameters that were in use when it was made: not with those
// from before or behind a change of them, for which its index is not whole.
func (s *snapshots) take(st *Store) *lent {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.now == nil {
		x, commit := st.indexing.Load(), st.totals.number()
		snap := st.db.NewSnapshot()
		if x != st.indexing.Load() {
			snap.Close()
			continue
		}
		if s.now = (&lent{snap, commit, x, 1}); st.totals.number() != commit {
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

// renew is called when a commit has been applied and before it is acknowledged, and when other parameters are in use: who
// comes now sees them.
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
	l := s.snapshots.take(s)
	return &snapshot{source: source{s, l.snap, l.commit, l.indexing}, lent: l}, nil
}

// Close implements store.Snapshot; a second time it does nothing.
func (s *snapshot) Close() (err error) {
	s.once.Do(func() { err = s.s.snapshots.back(s.lent) })
	return err
}
