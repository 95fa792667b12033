package interaction

import (
	"context"
	"errors"
	"testing"

	"github.com/firewarden/firewarden/store"
)

// between is a store in which something happens right before a commit, once.
type between struct {
	store.Store
	happens func()
}

func (b *between) Commit(ctx context.Context, c store.Commit) error {
	if f := b.happens; f != nil {
		b.happens = nil
		f()
	}
	return b.Store.Commit(ctx, c)
}

// A Binary that is hidden while a write attaches it does not get in by that write: it is looked at again when the write
// is committed, and so is what shows it.
func TestAttachingIsARace(t *testing.T) { each(t, testAttachingRace) }

func testAttachingRace(t *testing.T, r *rig) {
	for _, meanwhile := range []string{
		binaryOf("1", refer("Patient/B")), // it becomes another patient's
		document("d", "B", "1"),           // what showed it does
		`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"}}`, // nothing that matters
	} {
		r.put(patient("A"), patient("B"), document("d", "A", "1"), binaryOf("1", ""))
		b := &between{Store: r.Store}
		b.happens = func() { r.put(meanwhile) }
		s := *r.Service
		s.Store = b
		res := r.parse(document("new", "A", "1"))
		_, err := s.Create(context.Background(), as(t, "A", "patient/*.cruds"), res.Type, res, CreateOptions{})
		matters := res.Type == r.parse(meanwhile).Type || r.parse(meanwhile).Type == "Binary"
		if errors.Is(err, errAttached) != matters || !matters && err != nil {
			t.Errorf("%s: %v", meanwhile, err)
		}
	}
}
