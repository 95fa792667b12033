package audit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"

	"github.com/firewarden/firewarden/internal/fhir"
)

// full is a store whose disk is full for a while.
type full struct {
	store.Store
	now bool
}

func (f *full) Commit(ctx context.Context, c store.Commit) error {
	if f.now {
		return errors.New("the disk is full")
	}
	return f.Store.Commit(ctx, c)
}

// TestOutage: what could not be written is written later, in its order, and who asks for more than fits is not answered.
func TestOutage(t *testing.T) {
	st := &full{Store: storetest.NewMemory(), now: true}
	l := open(t, st)
	var refused error
	n := 0
	for ; refused == nil && n < 200_000; n++ {
		trail := l.Begin(audit.Record{Request: fmt.Sprint(n)})
		refused = trail.End(200, func() audit.Act { return audit.Act{Code: "read", Type: "Patient", ID: "p"} })
	}
	if n--; fhir.KindOf(refused) != fhir.KindTransient {
		t.Fatalf("after %d requests: %v", n, refused)
	}
	if err := l.Flush(t.Context()); err == nil {
		t.Error("a full disk is no fault")
	}
	st.now = false
	flush(t, l)
	page := find(t, l.Store(), plan.All{}, plan.Window{Total: true})
	if page.Total != n {
		t.Errorf("%d events of %d requests", page.Total, n)
	}
}
