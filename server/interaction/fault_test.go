package interaction

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

var errBroken = errors.New("the disk is broken")

// breaking is a store of which one call fails.
type breaking struct {
	store.Store
	calls int
	fails int // the call that fails, from 1; 0: none
	open  int // snapshots
}

func (b *breaking) call() error {
	if b.calls++; b.calls == b.fails {
		return errBroken
	}
	return nil
}

func (b *breaking) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := b.call(); err != nil {
		return nil, err
	}
	s, err := b.Store.Snapshot(ctx)
	b.open++
	return breakingSnapshot{s, b}, err
}

func (b *breaking) Commit(ctx context.Context, c store.Commit) error {
	if err := b.call(); err != nil {
		return err
	}
	return b.Store.Commit(ctx, c)
}

type breakingSnapshot struct {
	store.Snapshot
	*breaking
}

func (s breakingSnapshot) Close() error {
	s.open--
	return s.Snapshot.Close()
}

func (s breakingSnapshot) Read(ctx context.Context, k plan.Key) (plan.Row, bool, error) {
	if err := s.call(); err != nil {
		return plan.Row{}, false, err
	}
	return s.Snapshot.Read(ctx, k)
}

func (s breakingSnapshot) Version(ctx context.Context, k plan.Key, n uint64) (plan.Row, bool, error) {
	if err := s.call(); err != nil {
		return plan.Row{}, false, err
	}
	return s.Snapshot.Version(ctx, k, n)
}

func (s breakingSnapshot) Versions(ctx context.Context, k plan.Key, w plan.Window) (plan.Page, error) {
	if err := s.call(); err != nil {
		return plan.Page{}, err
	}
	return s.Snapshot.Versions(ctx, k, w)
}

func (s breakingSnapshot) Select(ctx context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	if err := s.call(); err != nil {
		return plan.Page{}, err
	}
	return s.Snapshot.Select(ctx, b, w)
}

func (s breakingSnapshot) Targets(ctx context.Context, b plan.Bound, p *r4.SearchParameter, max int) ([]fhir.Reference, bool, error) {
	if err := s.call(); err != nil {
		return nil, false, err
	}
	return s.Snapshot.Targets(ctx, b, p, max)
}

func (s breakingSnapshot) Changes(ctx context.Context, c plan.Changes, w plan.Window) (plan.Page, error) {
	if err := s.call(); err != nil {
		return plan.Page{}, err
	}
	return s.Snapshot.Changes(ctx, c, w)
}

// A request during which the store fails says that, whatever call it was, keeps no snapshot, and changes nothing: afterwards the same request
// has the answer that it has where nothing has failed.
func TestFaultsEndRequests(t *testing.T) {
	world := func(b *breaking) *rig {
		r := rigOn(t, b)
		r.ConditionalDelete = DeleteMultiple
		r.Now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
		r.NewID = func() string { return "new" }
		r.put(ofDoctor(patient("A"), "1"), ofDoctor(patient("B"), "2"), encounter("ve1", "A", "AMB"), encounter("he1", "B", "AMB"), encounter("he2", "A", "IMP"),
			identified(observation("v1", "A", "a"), "1"), identified(observation("h1", "B", "a"), "2"), identified(observation("v2", "A", "a"), "3"),
			`{"resourceType":"ValueSet","id":"vs1","url":"urn:vs:1","status":"active","compose":{"include":[{"system":"urn:cs"}]}}`)
		b.calls = 0
		return r
	}
	const scopes = "Observation.cruds?category=a user/Encounter.rs?class=AMB user/Patient.rs user/ValueSet.rs user/CodeSystem.rs"
	want := fmt.Sprint(Status(errBroken), string(OperationOutcome(errBroken)), fhir.KindOf(errBroken))
	faults := 0
	for _, request := range requests {
		for _, granted := range []string{"system/" + strings.ReplaceAll(scopes, "user/", "system/"), "user/" + scopes} {
			caller := func(r *rig) Caller {
				if withUser(granted) {
					return asUser(t, "A", granted, doctors(t, "1"))
				}
				return as(t, "A", granted)
			}
			sound := world(&breaking{Store: storetest.NewMemory()})
			answered := answer(sound, caller(sound), request)
			calls := sound.Store.(*breaking).calls
			b := &breaking{Store: storetest.NewMemory()}
			r := world(b)
			for k := 1; k <= calls; k++ {
				b.calls, b.fails = 0, k
				if got := answer(r, caller(r), request); got != want {
					t.Errorf("%s: call %d of %d of %q fails, and the answer is %s", granted, k, calls, request, got)
				}
				if b.open != 0 {
					t.Fatalf("%s: call %d of %d of %q fails, and %d snapshots stay open", granted, k, calls, request, b.open)
				}
				faults++
			}
			b.fails = 0
			if got := answer(r, caller(r), request); cursors.ReplaceAllString(got, "") != cursors.ReplaceAllString(answered, "") {
				t.Errorf("%s: after the faults %q is answered %s\nwithout them %s", granted, request, got, answered)
			}
		}
	}
	if faults < 700 {
		t.Errorf("only %d calls of the store were broken", faults)
	}
}

// An update whose condition finds nothing asks by u whether the id that the client chose is taken: not by r, and not in vain.
func TestConditionalUpdateOfATakenID(t *testing.T) {
	b := &breaking{Store: storetest.NewMemory()}
	r := rigOn(t, b)
	r.put(identified(patient("taken"), "1"))
	ask := func() error {
		b.calls = 0
		_, err := r.UpdateWhere(ctx, as(t, "", "system/Patient.cus"), "Patient", "identifier=2", r.parse(patient("taken")), WriteOptions{})
		return err
	}
	if err := ask(); !errors.Is(err, errTaken) {
		t.Errorf("the id of another one: %v", err)
	}
	calls := b.calls
	for b.fails = 1; b.fails <= calls; b.fails++ {
		if err := ask(); !errors.Is(err, errBroken) {
			t.Errorf("call %d of %d fails: %v", b.fails, calls, err)
		}
	}
}

// spoiled is a store whose bodies nobody can read.
type spoiled struct{ store.Store }

func (s spoiled) Snapshot(ctx context.Context) (store.Snapshot, error) {
	snap, err := s.Store.Snapshot(ctx)
	return spoiledSnapshot{snap}, err
}

type spoiledSnapshot struct{ store.Snapshot }

func (s spoiledSnapshot) Read(ctx context.Context, k plan.Key) (plan.Row, bool, error) {
	row, found, err := s.Snapshot.Read(ctx, k)
	row.Body = []byte("{")
	return row, found, err
}

// A stored body that cannot be read is no fault of the client that changes it.
func TestSpoiledBodies(t *testing.T) {
	r := rigOn(t, spoiled{storetest.NewMemory()})
	r.put(patient("x"))
	_, err := r.Patch(ctx, r.root(), "Patient", "x", r.patchOf("Patient", binary(`[{"op":"add","path":"/active","value":true}]`)), WriteOptions{})
	if err == nil || fhir.KindOf(err) != fhir.KindException || !strings.HasPrefix(err.Error(), "parse stored Patient/x: ") {
		t.Errorf("a patch: %v", err)
	}
	_, err = r.Update(ctx, r.root(), "Patient", "x", r.parse(patient("x")), WriteOptions{})
	if err == nil || fhir.KindOf(err) != fhir.KindException || !strings.HasPrefix(err.Error(), "parse stored Patient/x: ") {
		t.Errorf("an update: %v", err)
	}
}

func identified(resource, value string) string {
	return strings.Replace(resource, `"status"`, `"identifier":[{"value":"`+value+`"}],"status"`, 1)
}
