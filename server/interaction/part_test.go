package interaction

import (
	"context"
	"testing"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

// asking is a store that remembers what was asked of it.
type asking struct {
	store.Store
	windows []plan.Window
}

func (a *asking) Snapshot(ctx context.Context) (store.Snapshot, error) {
	s, err := a.Store.Snapshot(ctx)
	return askingSnapshot{s, a}, err
}

type askingSnapshot struct {
	store.Snapshot
	*asking
}

func (s askingSnapshot) Select(ctx context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	s.windows = append(s.windows, w)
	return s.Snapshot.Select(ctx, b, w)
}

// TestPartsAreForWhoSeesAll: where a page ends before it is full tells how much was looked at, so it does only for who may
// see all that there is, of the log, and where nothing is counted.
func TestPartsAreForWhoSeesAll(t *testing.T) {
	a := &asking{Store: storetest.NewMemory()}
	r := rigOn(t, a)
	for _, c := range []struct {
		caller Caller
		typ    string
		params []search.Pair
		part   bool
	}{
		{r.root(), "AuditEvent", nil, true},
		{as(t, "", "system/AuditEvent.rs"), "AuditEvent", []search.Pair{{Name: "address", Value: "192.0.2.1"}}, true},
		{r.root(), "AuditEvent", []search.Pair{{Name: "_total", Value: "accurate"}}, false},
		{r.root(), "AuditEvent", []search.Pair{{Name: "_summary", Value: "count"}}, false},
		{r.root(), "Observation", nil, false},
		{as(t, "p", "patient/*.rs"), "AuditEvent", nil, false},
		{as(t, "", "system/AuditEvent.rs?outcome=0"), "AuditEvent", nil, false},
		{asUser(t, "", "user/*.rs", doctors(t, "d")), "AuditEvent", nil, false},
	} {
		a.windows = nil
		if _, err := r.Search(t.Context(), c.caller, c.typ, c.params, SearchOptions{}); err != nil {
			t.Fatal(err)
		}
		if len(a.windows) == 0 {
			t.Fatalf("%s by %s asks nothing", c.typ, c.caller.Grant)
		}
		if last := a.windows[len(a.windows)-1]; last.Part != c.part {
			t.Errorf("%s?%s by %s: a page may end early: %v", c.typ, queryOf(c.params), c.caller.Grant, last.Part)
		}
	}
}
