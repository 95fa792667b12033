package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// journal is the audit log of a site. It is over the store of the case at hand, and seen there if the case is about it.
type journal struct {
	log   *audit.Log
	under *beneath
	shown bool // the case is about it: a request finds what those before it have left

	mu      sync.Mutex
	who     audit.Who // makes requests
	request string    // id of the one at hand
	known   string    // id of the one that the log knows who makes
}

// beneath is the store that the log is over: another one in every case.
type beneath struct{ store.Store }

func (s *site) openLog(t testing.TB) {
	s.under = &beneath{storetest.NewMemory()}
	var err error
	s.log, err = audit.Open(context.Background(), audit.Options{Store: s.under, Indexer: s.service.Indexer, Now: func() time.Time { return s.clock }, Random: rand.NewChaCha8([32]byte{})})
	if err != nil {
		t.Fatal(err)
	}
}

// logOver begins a log over a store; what was left of another case goes nowhere.
func (s *site) logOver(st store.Store) error {
	s.request, s.known = "", ""
	s.under.Store = storetest.NewMemory()
	s.clock = asked(0).AddDate(0, 0, 1) // what was refused before counts no more: a case begins earlier
	if err := s.log.Begin(audit.Record{}).End(http.StatusForbidden, func() audit.Act { return audit.Act{Code: "read"} }); err != nil {
		return err
	}
	if err := s.log.Flush(context.Background()); err != nil {
		return err
	}
	if s.under.Store = st; s.shown {
		s.service.Store = introduced{s.log.Store(), s}
	}
	return nil
}

// written is when what was logged can be found.
func (s *site) written() error {
	if !s.shown {
		return nil
	}
	return s.log.Flush(context.Background())
}

// writers are who makes a world, in turns.
var writers = []audit.Who{{User: "maker"}, {User: "one", Subject: "Practitioner/1", Client: "chart"}, {User: "two", Subject: "Practitioner/2", Token: "grant.2"}}

// writing is the context of the i-th write of a world.
func (s *site) writing(i int) context.Context {
	trail := s.log.Begin(audit.Record{Request: fmt.Sprint("world-", i)})
	trail.By(writers[i%len(writers)])
	return trail.In(context.Background())
}

// introduced is a store that tells the log who asks: a site has no access tokens.
type introduced struct {
	store.Store
	s *site
}

func (n introduced) name(ctx context.Context) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.s.known != n.s.request {
		audit.By(ctx, n.s.who)
		n.s.known = n.s.request
	}
}

// Snapshot implements store.Store.
func (n introduced) Snapshot(ctx context.Context) (store.Snapshot, error) {
	n.name(ctx)
	return n.Store.Snapshot(ctx)
}

// Commit implements store.Store.
func (n introduced) Commit(ctx context.Context, c store.Commit) error {
	if n.s.request != "" {
		n.name(ctx)
	}
	return n.Store.Commit(ctx, c)
}

// logged are the events that the log has had since a moment.
func (s *site) logged(since time.Time) (list []json.RawMessage, err error) {
	set, _ := scope.Parse("system/AuditEvent.rs")
	caller := interaction.Caller{Access: set.Access(scope.Context{})}
	params := []search.Pair{{Name: "_sort", Value: "date"}, {Name: "_count", Value: "1000"}}
	if since.After(began) {
		params = append(params, search.Pair{Name: "_lastUpdated", Value: "ge" + since.Format(time.RFC3339)})
	}
	out, err := s.service.Search(context.Background(), caller, "AuditEvent", params, interaction.SearchOptions{})
	if err != nil {
		return nil, err
	}
	var b struct {
		Link  []struct{ Relation string }
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(out.Bundle, &b); err != nil {
		return nil, err
	}
	if strings.Contains(fmt.Sprint(b.Link), "next") {
		return nil, fmt.Errorf("more events than one page holds")
	}
	for _, e := range b.Entry {
		if eventID.Match(e.Resource) {
			list = append(list, e.Resource)
		}
	}
	return list, nil
}

// keeps takes into a ledger what a request has left in the log, or the making of the world: what came since.
func (s *site) keeps(l *ledger, since time.Time, own bool) error {
	if !s.shown {
		return nil
	}
	events, err := s.logged(since)
	if err != nil {
		return err
	}
	return l.enter(events, own)
}

// reconciled makes the worlds of a pair the same again where the tokens see that somebody else has written or asked for
// what is in one of them only.
func (r *rig) reconciled(t testing.TB, c *Case) {
	if !c.Audit {
		return
	}
	for range 3 {
		_, one, err := r.answers(c, c.World, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, other, err := r.answers(c, c.Other, 2)
		if err != nil {
			t.Fatal(err)
		}
		apart := one.apart(other)
		if len(apart) == 0 {
			return
		}
		for _, request := range apart {
			var n int
			if _, err := fmt.Sscanf(request, "world-%d", &n); err == nil {
				for i, o := range c.World {
					if o.Type == c.World[n].Type && o.ID == c.World[n].ID {
						c.Other[i] = o
					}
				}
			} else if _, err := fmt.Sscanf(request, "%d-", &n); err == nil {
				for i := max(n, 0); i < len(c.Requests) && i <= n+1; i++ {
					c.Requests[i].In = 0
				}
			}
		}
	}
}
