package mongo

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/internal/fhir"
)

// electorate is what leases ask: a primary, and the documents of the processes.
type electorate struct {
	mu      sync.Mutex
	primary byte // the election of who confirms; 0: nobody can
	takes   time.Duration
	said    map[string]byte
}

func (e *electorate) elect(n byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.primary = n
}

// process is a lease of one, which is renewed until the test ends.
func (e *electorate) process(t *testing.T, name string) *lease {
	l := newLease(time.Minute)
	l.confirm = func(ctx context.Context, said bson.ObjectID) (bson.ObjectID, error) {
		select {
		case <-ctx.Done():
			return bson.ObjectID{}, ctx.Err()
		case <-time.After(e.takes):
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.primary == 0 {
			return bson.ObjectID{}, errors.New("no majority")
		}
		e.said[name] = said[0]
		return election(e.primary), nil
	}
	l.behind = func(_ context.Context, by bson.ObjectID) (bool, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, said := range e.said {
			if said != 0 && said < by[0] {
				return true, nil
			}
		}
		return false, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { l.run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return l
}

func election(n byte) bson.ObjectID { return bson.ObjectID{n} }

// waited is how long one waits for a lease, and of which election it is.
func waited(t *testing.T, l *lease) (time.Duration, byte) {
	t.Helper()
	began := time.Now()
	h, err := l.wait(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(began), h.election[0]
}

func TestLeaseEndsWithTheMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &electorate{primary: 1, said: map[string]byte{}}
		l := e.process(t, "a")
		if d, by := waited(t, l); d > 100*time.Millisecond || by != 1 {
			t.Fatalf("the first lease is there after %v, of election %d", d, by)
		}
		time.Sleep(time.Hour)
		if d, _ := waited(t, l); d != 0 {
			t.Errorf("a lease that is renewed makes wait: %v", d)
		}
		e.elect(0)
		time.Sleep(leaseLasts - leaseEvery - time.Millisecond)
		if l.valid() == nil {
			t.Error("it ends before its time")
		}
		time.Sleep(leaseEvery + 2*time.Millisecond)
		if l.valid() != nil {
			t.Error("it does not end")
		}
		l.patience = time.Second
		if _, err := l.wait(t.Context(), time.Now()); fhir.KindOf(err) != fhir.KindTransient {
			t.Errorf("without a lease: %v", err)
		}
		e.elect(1)
		if d, _ := waited(t, l); d > time.Second {
			t.Errorf("it comes back after %v", d)
		}
	})
}

// TestLeaseRunsFromTheBeginning: what was confirmed is that there was no other primary when the confirmation began.
func TestLeaseRunsFromTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &electorate{primary: 1, takes: 2 * time.Second, said: map[string]byte{}}
		l := e.process(t, "a")
		waited(t, l)
		if left := time.Until(l.valid().until); left != leaseLasts-2*time.Second {
			t.Errorf("it lasts %v more", left)
		}
		e.takes = leaseLasts + time.Second
		time.Sleep(time.Minute)
		if l.valid() != nil {
			t.Error("a confirmation that lasts longer than a lease grants one")
		}
	})
}

// TestLeaseWaitsForOthers: nobody answers by a new primary while another process may answer by the one before.
func TestLeaseWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &electorate{primary: 1, said: map[string]byte{}}
		a, b := e.process(t, "a"), e.process(t, "b")
		waited(t, a)
		held, _ := b.wait(t.Context(), time.Now())
		e.elect(2)
		a.saw(election(2))
		if a.valid() != nil {
			t.Fatal("the lease of the election before has not ended")
		}
		if b.valid() == nil || !b.still(held) {
			t.Fatal("the other one does not know of it yet")
		}
		waited(t, a)
		if b.valid() != nil && b.valid().election != election(2) || b.still(held) {
			t.Error("there are leases of two elections")
		}
		if d, by := waited(t, b); d > time.Second || by != 2 {
			t.Errorf("the other one follows after %v, by election %d", d, by)
		}
	})
}

// TestLeaseOutlastsTheDead: who says nothing any more has no lease when it has run out.
func TestLeaseOutlastsTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &electorate{primary: 1, said: map[string]byte{"dead": 1}}
		a := e.process(t, "a")
		if d, _ := waited(t, a); d > 100*time.Millisecond {
			t.Errorf("who is of the same election makes wait: %v", d)
		}
		e.elect(2)
		a.saw(election(2))
		if d, by := waited(t, a); d < leaseGrace || d > leaseGrace+time.Second || by != 2 {
			t.Errorf("after %v, by election %d", d, by)
		}
		a.saw(election(1))
		if a.valid() == nil {
			t.Error("an old primary that is found again ends the lease")
		}
	})
}

// TestLeaseEndsWithWhatItBegan: who gives up leases waits for the confirmation that is under way, which the database may
// write after all.
func TestLeaseEndsWithWhatItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, confirmed := make(chan struct{}), false
		l := newLease(time.Minute)
		l.confirm = func(ctx context.Context, _ bson.ObjectID) (bson.ObjectID, error) {
			close(began)
			select {
			case <-ctx.Done():
			case <-time.After(2 * time.Second):
				confirmed = true
			}
			return election(1), ctx.Err()
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { l.run(ctx); close(ended) }()
		<-began
		stop()
		if <-ended; !confirmed {
			t.Error("a confirmation is broken off")
		}
	})
}
