package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store"
)

// groups joins the commits of creates that meet: they become one, with one record for all of them (Options.Group).
type groups struct {
	mu   sync.Mutex
	next *group // that gathers while others are written
	busy int    // groups that are being written
}

// group is several creates that are one commit.
type group struct {
	store.Commit
	records []Record
	bytes   int
	done    chan struct{} // closed when err is known
	err     error
}

const (
	groupsAtOnce = 2 // so that one gathers, and is made ready, while the database writes the other
	groupWrites  = 128
	groupBytes   = 4 << 20
)

// joins says whether a commit may be carried out with others: it can lose no race, and so undo nobody else's.
func joins(c *store.Commit) bool {
	return len(c.Writes) == 1 && c.Writes[0].Fresh && c.Writes[0].Version == 1 && len(c.Reads)+len(c.Conditions)+len(c.Records) == 0
}

// commit commits c and its record with what others commit at the same time. Not done: c is to be committed alone.
func (g *groups) commit(ctx context.Context, o over, c *store.Commit, r Record) (done bool, err error) {
	g.mu.Lock()
	if g.next == nil {
		g.next = &group{done: make(chan struct{})}
	}
	mine := g.next
	size := len(c.Writes[0].Body)
	if len(mine.Writes) >= groupWrites || mine.bytes+size > groupBytes {
		g.mu.Unlock()
		return false, nil
	}
	mine.Writes = append(mine.Writes, c.Writes...)
	mine.records = append(mine.records, r)
	mine.bytes += size
	if g.busy < groupsAtOnce {
		g.busy++
		g.next = nil
		go g.write(context.WithoutCancel(ctx), o, mine)
	}
	g.mu.Unlock()
	<-mine.done
	// What is known to have come to nothing is the fault of one of them: each finds out alone.
	if mine.err != nil && len(mine.Writes) > 1 && fhir.KindOf(mine.err) != fhir.KindTransient && !errors.Is(mine.err, context.DeadlineExceeded) {
		return false, nil
	}
	return true, mine.err
}

// write writes a group, then those that have gathered meanwhile.
func (g *groups) write(ctx context.Context, o over, now *group) {
	for now != nil {
		slices.SortStableFunc(now.records, func(a, b Record) int { return cmp.Compare(a.At, b.At) })
		now.err = o.commit(ctx, now.Commit, now.records)
		close(now.done)
		g.mu.Lock()
		if now, g.next = g.next, nil; now == nil {
			g.busy--
		}
		g.mu.Unlock()
	}
}
