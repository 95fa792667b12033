package mongo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// TestChartsAreMerged: the history of several types in several charts is a merge of lists, which ends with the page, and
// nothing is sorted.
func TestChartsAreMerged(t *testing.T) {
	testURI(t)
	r := &recorder{}
	s := openMonitored(t, &event.CommandMonitor{Started: r.started})
	defer s.Close()
	var writes []store.Write
	var patients []string
	for i := range 150 {
		p := fmt.Sprintf("p%03d", i)
		patients = append(patients, p)
		for j, body := range []string{
			`{"resourceType":"Observation","id":"%s-%d","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%[1]s"}}`,
			`{"resourceType":"Condition","id":"%s-%d","subject":{"reference":"Patient/%[1]s"}}`,
			`{"resourceType":"Encounter","id":"%s-%d","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/%[1]s"}}`,
		} {
			writes = append(writes, created(t, fmt.Sprintf(body, p, j), int64(1+i)))
		}
	}
	if err := s.Commit(t.Context(), store.Commit{Writes: writes}); err != nil {
		t.Fatal(err)
	}
	for _, back := range []bool{false, true} {
		var page plan.Page
		commands := r.record(func() {
			snap, err := s.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			c := plan.ForTest(t).Changes([]string{"Condition", "Encounter", "Observation"}, patients, 0, nil)
			if page, err = snap.Changes(t.Context(), c, plan.Window{Limit: 20, Back: back}); err != nil {
				t.Fatal(err)
			}
		})
		if len(page.Rows) != 20 || page.Read > 25 {
			t.Errorf("back %v: %d rows, %d read", back, len(page.Rows), page.Read)
		}
		if len(commands) != 3 {
			t.Errorf("back %v: %d commands for 450 lists", back, len(commands))
		}
		for _, c := range commands {
			if x := s.explained(t, c); !strings.Contains(x.stages, "SORT_MERGE") || strings.Contains(x.stages, "SORT ") || strings.Contains(x.stages, "COLLSCAN") {
				t.Errorf("back %v: %s", back, x.stages)
			}
		}
	}
}

// TestReindexFiles: a store whose versions are filed nowhere is refused, and Reindex files them, tombstones and older ones too.
func TestReindexFiles(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	put := func(version uint64, body string) {
		t.Helper()
		w := created(t, body, int64(version))
		w.Version, w.Fresh = version, false
		if strings.Contains(body, "deleted") {
			w.Deleted, w.Resource, w.Body, w.Method = true, nil, nil, "DELETE"
		}
		if err := s.Commit(ctx, store.Commit{Writes: []store.Write{w}, Reads: []store.Read{{Type: w.Type, ID: w.ID, Version: version - 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	of := func(id, patient string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}}`, id, patient)
	}
	deleted := func(id string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"deleted"}`, id)
	}
	for _, id := range []string{"x", "y"} {
		put(1, of(id, "a"))
		put(2, of(id, "b"))
		put(3, deleted(id))
		put(4, deleted(id))
	}
	put(5, of("x", "a"))
	names := func() (out []string) {
		snap, err := s.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		for _, patient := range []string{"a", "b"} {
			page, err := snap.Changes(ctx, plan.ForTest(t).Changes([]string{"Observation"}, []string{patient}, 0, nil), plan.Window{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Rows {
				out = append(out, fmt.Sprintf("%s %s %d", patient, r.ID, r.Version))
			}
		}
		return out
	}
	want := []string{"a x 5", "a y 1", "a x 1", "b y 4", "b x 4", "b y 3", "b x 3", "b y 2", "b x 2"}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("as written: %q, want %q", got, want)
	}
	for _, in := range []*mongo.Collection{s.resources, s.history} {
		if _, err := in.UpdateMany(ctx, bson.D{}, field("$unset", field(fieldCharts, ""))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.meta.UpdateOne(ctx, field("_id", headerID), field("$set", field("index", indexVersion-1))); err != nil {
		t.Fatal(err)
	}
	o := testOptions(t, s.db.Name())
	s.Close()
	if _, err := Open(ctx, o); !errors.Is(err, ErrReindex) {
		t.Errorf("a store without charts: %v", err)
	}
	err := Reindex(ctx, o, nil)
	for ; errors.Is(err, ErrOpen); err = Reindex(ctx, o, nil) { // what was refused may have said last that it has it open
		time.Sleep(openerLasts / 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(ctx, o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("reindexed: %q, want %q", got, want)
	}
}

// created is the first version of a resource.
func created(t *testing.T, body string, at int64) store.Write {
	t.Helper()
	res, err := fhir.Parse([]byte(body), storedLimits)
	if err != nil {
		t.Fatal(err)
	}
	return store.Write{Row: plan.Row{Type: res.Type, ID: res.ID, Version: 1, LastUpdated: at, Method: "POST", Body: res.Bytes}, Resource: res, Fresh: true}
}
