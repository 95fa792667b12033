package mongo

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
)

// lease is what lets this process answer: while it lasts, nobody has had a write acknowledged by a primary that was
// elected after the one that this process asks.
//
// The database itself does not promise that. A primary that was paused, or is cut off, answers majority reads of the past
// until it notices that another one has been elected, and the members that elect do not wait for that either. So the
// processes that have a store open promise it to each other:
//
//  1. Each of them confirms every leaseEvery, by a write of its document in meta to a majority, which primary it is that
//     writes: the answer names its election. A primary whose successor has had anything acknowledged cannot do that any
//     more. A lease lasts leaseLasts from the beginning of the confirmation, and the document says of which election
//     leases may be before there is one.
//  2. A lease of a new election is granted when no other process has one of an earlier election: when the documents of
//     all others say so, or when leaseGrace has passed since the first confirmation by the new primary.
//  3. Nothing is begun without a lease, and nothing counts as read, or is acknowledged, unless the election is the same
//     one at its end: it is done again, or looked for. A new primary that the driver finds ends the lease before the driver sends it a command (saw).
//
// So who is told of a write knows that there are no leases of earlier elections, from then on (2, 3). A read that begins
// then asks the primary of that election or a later one, which has had a write of its own acknowledged (1), and with it
// all that was before.
//
// This does not depend on how MongoDB elects: not on electionTimeoutMillis, nor on priorities, nor on whether an old
// primary was told to step down, paused, or cut off. It does on clocks that go on at about the same speed (leaseGrace has
// a fifth to spare) in all processes, and on clocks of members that are less than a minute apart (behind). A process
// that was stopped finds its lease run out when it goes on; of a machine that was suspended this is so as soon as one of
// its two clocks, the monotonic or that of the day, says so.
type lease struct {
	// confirm writes to a majority that this process may have leases of an election. By is the election of who wrote it.
	confirm func(ctx context.Context, said bson.ObjectID) (by bson.ObjectID, err error)
	// behind says whether another process may have leases of an earlier election.
	behind   func(ctx context.Context, by bson.ObjectID) (bool, error)
	patience time.Duration // how long wait waits

	held  atomic.Pointer[hold]
	hurry chan struct{} // holds one: confirm now

	mu     sync.Mutex
	latest bson.ObjectID      // the latest election that is known of
	reign  context.Context    // of latest
	end    context.CancelFunc // of reign
	news   chan struct{}      // closed when a lease is granted
	cancel context.CancelFunc // of the confirmation that is going on

	// Of renew alone.
	said    bson.ObjectID // what confirm was told
	since   time.Time     // the first confirmation by said; zero: there was none
	settled bool          // nobody can have leases of elections before said
}

const (
	leaseEvery = time.Second
	leaseLasts = 5 * time.Second
	leaseGrace = leaseLasts + time.Second
)

// hold is a lease.
type hold struct {
	election bson.ObjectID
	until    time.Time
	reign    context.Context // ends when another election is known of
}

// during runs f until another election is known of: who was primary before may never answer.
func (h *hold) during(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.reign, cancel)()
	return f(ctx)
}

func newLease(patience time.Duration) *lease {
	l := &lease{patience: patience, hurry: make(chan struct{}, 1), news: make(chan struct{})}
	l.reign, l.end = context.WithCancel(context.Background())
	return l
}

// valid is the lease that there is, or nil.
func (l *lease) valid() *hold {
	h := l.held.Load()
	if h == nil {
		return nil
	}
	if now := time.Now(); !now.Before(h.until) || !now.Round(0).Before(h.until.Round(0)) {
		return nil
	}
	return h
}

// wait waits until there is a lease, as long after something was begun as the store is patient; then it is
// fhir.KindTransient.
func (l *lease) wait(ctx context.Context, begun time.Time) (*hold, error) {
	if h := l.valid(); h != nil {
		return h, nil
	}
	ctx, cancel := context.WithDeadline(ctx, begun.Add(l.patience))
	defer cancel()
	for {
		l.mu.Lock()
		news := l.news
		l.mu.Unlock()
		if h := l.valid(); h != nil {
			return h, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, fault("wait until the primary is confirmed", ctx.Err())
		}
	}
}

// still says whether what was begun with a lease counts: nobody has been elected since.
func (l *lease) still(h *hold) bool {
	now := l.held.Load()
	return now != nil && now.election == h.election
}

// saw takes notice of an election. If it is a new one there is no lease until it is confirmed.
func (l *lease) saw(election bson.ObjectID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Compare(election[:], l.latest[:]) <= 0 {
		return
	}
	l.latest = election
	l.held.Store(nil)
	l.end()
	l.reign, l.end = context.WithCancel(context.Background())
	if l.cancel != nil {
		l.cancel() // it waits for the primary before
	}
	select {
	case l.hurry <- struct{}{}:
	default:
	}
}

// monitor tells of primaries that the driver finds, before it sends them anything.
func (l *lease) monitor() *event.ServerMonitor {
	return &event.ServerMonitor{ServerDescriptionChanged: func(e *event.ServerDescriptionChangedEvent) {
		l.saw(e.NewDescription.ElectionID) // of other members than primaries it is zero
	}}
}

// run renews the lease until ctx ends. What has begun by then is waited for: the database may go on with a confirmation
// that is broken off, and write the document of this process again when it has been taken back.
func (l *lease) run(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; {
		once, end := context.WithTimeout(context.WithoutCancel(ctx), leaseLasts)
		_ = l.renew(once) // without a lease there is another attempt soon
		end()
		if l.valid() == nil {
			pause(ctx, attempt)
			attempt++
			continue
		}
		attempt = 0
		select {
		case <-ctx.Done():
		case <-l.hurry:
		case <-time.After(leaseEvery):
		}
	}
}

// renew confirms once who the primary is, and grants a lease if it may.
func (l *lease) renew(ctx context.Context) error {
	began := time.Now()
	by, err := l.ask(ctx)
	if err != nil {
		return err
	}
	l.saw(by)
	if by != l.said || l.since.IsZero() { // before there is a lease of it the document has to say so
		l.said, l.since, l.settled = by, time.Now(), false
		return nil
	}
	if !l.settled {
		behind, err := l.behind(ctx, by)
		if err != nil {
			return err
		}
		if behind && time.Since(l.since) < leaseGrace {
			return nil
		}
		l.settled = true
	}
	l.grant(by, began.Add(leaseLasts))
	return nil
}

func (l *lease) ask(ctx context.Context) (bson.ObjectID, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseLasts)
	defer cancel()
	l.mu.Lock()
	l.cancel = cancel
	l.mu.Unlock()
	return l.confirm(ctx, l.said)
}

func (l *lease) grant(by bson.ObjectID, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if by != l.latest { // there is another one meanwhile
		return
	}
	l.held.Store(&hold{by, until, l.reign})
	close(l.news)
	l.news = make(chan struct{})
}

// fresh runs f, which reads, in a session that sees what was acknowledged before it began, to whomever.
func (s *Store) fresh(ctx context.Context, f func(context.Context) error) error {
	for begun := time.Now(); ; {
		held, err := s.lease.wait(ctx, begun)
		if err != nil {
			return err
		}
		err = held.during(ctx, func(ctx context.Context) error { return s.causally(ctx, f) })
		if s.lease.still(held) || err != nil && ctx.Err() != nil {
			return err
		}
	}
}
