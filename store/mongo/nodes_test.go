package mongo

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
	"github.com/firewarden/firewarden/store/storetest"
)

// node is one of several servers on a database.
type node struct {
	*interaction.Service
	t       *testing.T
	store   *Store
	updates atomic.Int64 // commands that change documents of resources
}

func openNode(t *testing.T, name string) *node {
	n := &node{t: t}
	o := testOptions(t, name)
	o.monitor = &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if e.CommandName == "update" && e.Command.Lookup("update").StringValue() == "resources" {
			n.updates.Add(1)
		}
	}}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	n.store, n.Service = s, &interaction.Service{Store: s, Indexer: &index.Indexer{Base: storetest.Base}, Base: storetest.Base, Now: time.Now,
		Validation: interaction.ValidateOff}
	if n.Parameters, err = interaction.OpenParameters(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	n.Parameters.Now = func() time.Time { return time.Now().Add(30 * time.Second) } // who builds keeps its lease, however long it has to wait
	t.Cleanup(func() { s.Close() })
	return n
}

// follow lets the node build and follow own search parameters until the test ends.
func (n *node) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.Parameters.Run(ctx, func(err error) {
			if fhir.KindOf(err) != fhir.KindTransient { // else it is tried again
				n.t.Errorf("build: %v", err)
			}
		})
	}()
	n.t.Cleanup(func() { cancel(); <-ended })
}

func (n *node) put(body string) {
	n.t.Helper()
	res, err := fhir.Parse([]byte(body), fhir.Limits{})
	if err != nil {
		n.t.Fatal(err)
	}
	entry := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + body + `,"request":{"method":"PUT","url":"` + res.Type + "/" + res.ID + `"}}]}`
	b, err := fhir.Parse([]byte(entry), fhir.Limits{})
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.Bundle(n.t.Context(), interaction.Caller{Access: search.Unrestricted}, b, interaction.BundleOptions{}); err != nil {
		n.t.Fatal(err)
	}
}

// finds searches Patients and gives their ids.
func (n *node) finds(query string) (string, error) {
	pairs, err := interaction.Pairs(query)
	if err != nil {
		n.t.Fatal(err)
	}
	q, err := search.Parse("Patient", pairs, search.Options{Base: storetest.Base, Params: n.Parameters.Set()})
	if err != nil {
		return "", err
	}
	p, err := plan.Lower(search.Guard(q, search.Unrestricted), n.Indexer)
	if err != nil {
		return "", err
	}
	snap, err := n.store.Snapshot(n.t.Context())
	if err != nil {
		return "", err
	}
	defer snap.Close()
	r, err := plan.Run(n.t.Context(), snap, p, plan.Window{Limit: 20})
	var ids []string
	for _, row := range r.Rows {
		ids = append(ids, row.ID)
	}
	return strings.Join(ids, " "), err
}

func (n *node) ready() bool {
	s := n.Parameters.Status()
	return len(s.Parameters) == 1 && s.Parameters[0].Status == "ready"
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not yet: %s", what)
		}
	}
}

// TestOwnParametersOnSeveralServers: one that does not know of a search parameter yet may write, and what it writes is
// found nevertheless.
func TestOwnParametersOnSeveralServers(t *testing.T) {
	name := testDatabase(t)
	mongotest.Wipe(t, testURI(t), name)
	a, b := openNode(t, name), openNode(t, name)
	a.follow()
	a.put(`{"resourceType":"Patient","id":"before","gender":"female"}`)
	a.put(`{"resourceType":"SearchParameter","id":"eyes","url":"http://x/eyes","name":"eyes","status":"active","description":"x","code":"eyes","base":["Patient"],"type":"token","expression":"Patient.gender"}`)
	eventually(t, "the parameter is built", a.ready)
	if _, err := b.finds("eyes=female"); err == nil {
		t.Error("the other one knows already")
	}
	for i := range 3 {
		b.put(fmt.Sprintf(`{"resourceType":"Patient","id":"behind-%d","gender":"female"}`, i))
	}
	if got, err := a.finds("eyes=female"); fhir.KindOf(err) != fhir.KindTransient {
		t.Errorf("a search on an index that is not whole gives %q, %v", got, err)
	}
	if got, err := a.finds("_sort=eyes"); err != nil || len(strings.Fields(got)) != 4 {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := a.finds("eyes=female"); err != nil || len(strings.Fields(got)) != 4 {
		t.Errorf("asked again: %q, %v", got, err)
	}
	b.follow()
	eventually(t, "the other one knows it", b.ready)
	if got, err := b.finds("eyes=female"); err != nil || len(strings.Fields(got)) != 4 {
		t.Errorf("the other one finds %q, %v", got, err)
	}
}

// TestOneServerBuilds: of several servers one brings the index up to date.
func TestOneServerBuilds(t *testing.T) {
	name := testDatabase(t)
	mongotest.Wipe(t, testURI(t), name)
	nodes := []*node{openNode(t, name), openNode(t, name), openNode(t, name)}
	for i := range 20 {
		nodes[0].put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","gender":"female"}`, i))
	}
	for _, n := range nodes {
		n.follow()
	}
	nodes[1].put(`{"resourceType":"SearchParameter","id":"eyes","url":"http://x/eyes","name":"eyes","status":"active","description":"x","code":"eyes","base":["Patient"],"type":"token","expression":"Patient.gender"}`)
	var updates int64
	for i, n := range nodes {
		eventually(t, "all know the parameter", n.ready)
		if got, err := n.finds("eyes=female"); err != nil || len(strings.Fields(got)) != 20 {
			t.Errorf("server %d finds %q, %v", i, got, err)
		}
		updates += n.updates.Load()
	}
	if updates != 1 { // of 20 documents at a time
		t.Errorf("%d updates of the index", updates)
	}
}
