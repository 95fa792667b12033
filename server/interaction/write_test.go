package interaction

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store"
)

func TestCreateReadUpdateDelete(t *testing.T) { each(t, testCreateReadUpdateDelete) }

func testCreateReadUpdateDelete(t *testing.T, r *rig) {
	c := r.root()
	out, err := r.Create(ctx, c, "Patient", r.parse(`{ "resourceType":"Patient", "id":"mine", "active":true, "name":[{"family":"A\u0301"}] }`), CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Patient","id":"id-1","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:01.000Z"},"active":true,"name":[{"family":"A\u0301"}]}`
	if out.Effect != Created || !out.Readable || string(out.Row.Body) != want || out.Row.Version != 1 || out.Row.Method != "POST" {
		t.Errorf("created %+v %s", out, out.Row.Body)
	}
	if got := r.Location(out.Row); got != r.Base+"/Patient/id-1/_history/1" {
		t.Errorf("location %s", got)
	}
	if out, err = r.Read(ctx, c, "Patient", "id-1"); err != nil || string(out.Row.Body) != want {
		t.Errorf("read %s, %v", out.Row.Body, err)
	}
	if out, err = r.Update(ctx, c, "Patient", "id-1", r.parse(patient("id-1")), WriteOptions{}); err != nil || out.Effect != OK || out.Row.Version != 2 || out.Row.Method != "PUT" {
		t.Errorf("updated %+v, %v", out, err)
	}
	if out, err = r.Update(ctx, c, "Patient", "id-1", r.parse(patient("id-1")), WriteOptions{}); err != nil || out.Row.Version != 3 {
		t.Errorf("updated with the same content: %+v, %v", out, err)
	}
	if out, err = r.Delete(ctx, c, "Patient", "id-1", WriteOptions{}); err != nil || out.Effect != NoContent || out.Row.Version != 4 || !out.Row.Deleted {
		t.Errorf("deleted %+v, %v", out, err)
	}
	if out, err = r.Delete(ctx, c, "Patient", "id-1", WriteOptions{}); err != nil || out.Effect != NoContent || out.Row.Type != "" {
		t.Errorf("deleted again %+v, %v", out, err)
	}
	if _, err = r.Read(ctx, c, "Patient", "id-1"); fhir.KindOf(err) != fhir.KindDeleted {
		t.Errorf("read what was deleted: %v", err)
	}
	if _, err = r.VRead(ctx, c, "Patient", "id-1", "4"); fhir.KindOf(err) != fhir.KindDeleted {
		t.Errorf("vread of the deletion: %v", err)
	}
	if out, err = r.VRead(ctx, c, "Patient", "id-1", "1"); err != nil || string(out.Row.Body) != want {
		t.Errorf("first version: %s, %v", out.Row.Body, err)
	}
	if out, err = r.Update(ctx, c, "Patient", "id-1", r.parse(patient("id-1")), WriteOptions{}); err != nil || out.Effect != Created || out.Row.Version != 5 {
		t.Errorf("brought back %+v, %v", out, err)
	}
}

// Every refusal says what is wrong, where, and leaves the store as it was.
func TestRefusedWrites(t *testing.T) {
	for _, c := range []struct {
		what, typ, id, body string
		kind                fhir.Kind
		place               string
	}{
		{"create", "Patient", "", `{"resourceType":"Observation"}`, fhir.KindInvalid, "resourceType"},
		{"create", "Foo", "", `{"resourceType":"Foo"}`, fhir.KindNotSupported, ""},
		{"create", "Parameters", "", `{"resourceType":"Parameters"}`, fhir.KindNotSupported, ""},
		{"create", "Patient", "", `{"resourceType":"Patient","birthDate":"yesterday"}`, fhir.KindValue, "Patient.birthDate"},
		{"create", "Patient", "", `{"resourceType":"Patient","gender":"m"}`, fhir.KindCodeInvalid, "Patient.gender"},
		{"create", "Patient", "", `{"resourceType":"Patient","nmae":[]}`, fhir.KindStructure, ""},
		{"create", "Observation", "", `{"resourceType":"Observation"}`, fhir.KindRequired, "Observation.status"},
		{"update", "Patient", "x", `{"resourceType":"Patient"}`, fhir.KindInvalid, "Patient.id"},
		{"update", "Patient", "x", patient("y"), fhir.KindInvalid, "Patient.id"},
		{"update", "Patient", "x_y", patient("x_y"), fhir.KindValue, ""},
		{"update", "AuditEvent", "x", `{"resourceType":"AuditEvent","id":"x"}`, fhir.KindMethod, ""},
		{"conditional create", "Patient", "x&unknown=1", patient("x"), fhir.KindUnknownParam, "http.unknown"},
	} {
		r := newRig(t)
		res, err := fhir.Parse([]byte(c.body), fhir.DefaultLimits)
		if err == nil {
			switch c.what {
			case "create":
				_, err = r.Create(ctx, r.root(), c.typ, res, CreateOptions{})
			default:
				_, err = do(r, r.root(), c.what, c.typ, c.id, c.body)
			}
		}
		var place string
		if es := issues(err); err != nil {
			place = es[0].Expression
		}
		if fhir.KindOf(err) != c.kind || err == nil || c.place != "" && place != c.place {
			t.Errorf("%s %s %s: %v at %q", c.what, c.typ, c.body, err, place)
		}
		if out, err := r.HistorySystem(ctx, r.root(), nil); err != nil || len(r.decode(out.Bundle).Entry) != 0 {
			t.Errorf("%s stored something: %s, %v", c.body, out.Bundle, err)
		}
	}
}

func TestIfMatch(t *testing.T) {
	r := newRig(t)
	r.put(patient("x"), patient("x"))
	for tag, kind := range map[string]fhir.Kind{`W/"1"`: fhir.KindPrecondition, `W/"3"`: fhir.KindPrecondition, `x`: fhir.KindInvalid, `*`: fhir.KindInvalid} {
		if _, err := r.Update(ctx, r.root(), "Patient", "x", r.parse(patient("x")), WriteOptions{IfMatch: tag}); fhir.KindOf(err) != kind {
			t.Errorf("update of %s: %v", tag, err)
		}
		if _, err := r.Delete(ctx, r.root(), "Patient", "x", WriteOptions{IfMatch: tag}); fhir.KindOf(err) != kind {
			t.Errorf("delete of %s: %v", tag, err)
		}
	}
	if _, err := r.Update(ctx, r.root(), "Patient", "new", r.parse(patient("new")), WriteOptions{IfMatch: `W/"1"`}); fhir.KindOf(err) != fhir.KindPrecondition {
		t.Errorf("update of what is absent: %v", err)
	}
	if out, err := r.Update(ctx, r.root(), "Patient", "x", r.parse(patient("x")), WriteOptions{IfMatch: `W/"2"`}); err != nil || out.Row.Version != 3 {
		t.Errorf("update of the current version: %v", err)
	}
	if _, err := r.Delete(ctx, r.root(), "Patient", "x", WriteOptions{IfMatch: `"3"`}); err != nil {
		t.Errorf("delete of the current version: %v", err)
	}
}

func TestConditionalCreate(t *testing.T) { each(t, testConditionalCreate) }

func testConditionalCreate(t *testing.T, r *rig) {
	body := `{"resourceType":"Patient","identifier":[{"system":"http://x","value":"1"}]}`
	when := CreateOptions{IfNoneExist: "identifier=http://x%7C1"}
	first, err := r.Create(ctx, r.root(), "Patient", r.parse(body), when)
	if err != nil || first.Effect != Created {
		t.Fatal(first, err)
	}
	again, err := r.Create(ctx, r.root(), "Patient", r.parse(body), when)
	if err != nil || again.Effect != OK || again.Row.ID != first.Row.ID || again.Row.Version != 1 || !again.Readable {
		t.Errorf("again: %+v %v", again, err)
	}
	if _, err = r.Create(ctx, r.root(), "Patient", r.parse(body), CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err = r.Create(ctx, r.root(), "Patient", r.parse(body), when); fhir.KindOf(err) != fhir.KindMultiple || Status(err) != 412 {
		t.Errorf("two matches: %v", err)
	}
	for _, empty := range []string{"_count=1", "&", "_sort=name"} {
		if _, err = r.Create(ctx, r.root(), "Patient", r.parse(body), CreateOptions{IfNoneExist: empty}); fhir.KindOf(err) != fhir.KindInvalid {
			t.Errorf("condition %q: %v", empty, err)
		}
	}
}

func TestConcurrentConditionalCreates(t *testing.T) { each(t, testConcurrentConditionalCreates) }

func testConcurrentConditionalCreates(t *testing.T, r *rig) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	made, ids := 0, map[string]bool{}
	for range 32 {
		wg.Go(func() {
			res, _ := fhir.Parse([]byte(`{"resourceType":"Patient","identifier":[{"value":"1"}]}`), fhir.DefaultLimits)
			out, err := r.Create(ctx, r.root(), "Patient", res, CreateOptions{IfNoneExist: "identifier=1"})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			ids[out.Row.ID] = true
			if out.Effect == Created {
				made++
			}
		})
	}
	wg.Wait()
	if made != 1 || len(ids) != 1 {
		t.Errorf("%d creates, ids %v", made, ids)
	}
}

func TestConcurrentUpdates(t *testing.T) { each(t, testConcurrentUpdates) }

func testConcurrentUpdates(t *testing.T, r *rig) {
	r.put(patient("x"))
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			res, _ := fhir.Parse([]byte(patient("x")), fhir.DefaultLimits)
			if _, err := r.Update(ctx, r.root(), "Patient", "x", res, WriteOptions{}); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if out, err := r.Read(ctx, r.root(), "Patient", "x"); err != nil || out.Row.Version != 33 {
		t.Errorf("version %d, %v", out.Row.Version, err)
	}
	won := 0
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			res, _ := fhir.Parse([]byte(patient("x")), fhir.DefaultLimits)
			_, err := r.Update(ctx, r.root(), "Patient", "x", res, WriteOptions{IfMatch: `W/"33"`})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if fhir.KindOf(err) != fhir.KindPrecondition {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers replaced version 33", won)
	}
}

// Tags, security labels and profiles that an update omits stay (R4 resource.html#Meta).
func TestUpdateKeepsTags(t *testing.T) { each(t, testUpdateKeepsTags) }

func testUpdateKeepsTags(t *testing.T, r *rig) {
	meta := func(m string) string { return `{"resourceType":"Patient","id":"x","meta":` + m + `}` }
	r.put(meta(`{"profile":["http://p"],"security":[{"system":"s","code":"R"}],"tag":[{"code":"a"}]}`), meta(`{"tag":[{"code":"b"}]}`), patient("x"))
	out, err := r.Read(ctx, r.root(), "Patient", "x")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Meta struct {
			VersionID     string
			Profile       []string
			Security, Tag []struct{ Code string }
		}
	}
	if err := json.Unmarshal(out.Row.Body, &got); err != nil {
		t.Fatal(err)
	}
	m := got.Meta
	if m.VersionID != "3" || len(m.Profile) != 1 || len(m.Security) != 1 || len(m.Tag) != 2 {
		t.Errorf("meta %s", out.Row.Body)
	}
	// What stays counts: a label that hides the resource cannot be dropped by an update that omits it.
	c := as(t, "", "system/Patient.ru?_security:not=R")
	if _, err := r.Update(ctx, c, "Patient", "x", r.parse(patient("x")), WriteOptions{}); fhir.KindOf(err) != fhir.KindNotFound {
		t.Errorf("update of a hidden resource: %v", err)
	}
	if _, err := r.Delete(ctx, r.root(), "Patient", "x", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.put(patient("x"))
	if out, _ = r.Read(ctx, r.root(), "Patient", "x"); strings.Contains(string(out.Row.Body), "tag") {
		t.Errorf("a resource that came back has the tags of the deleted one: %s", out.Row.Body)
	}
}

// A clock that is set back does not put versions out of order.
func TestLastUpdatedNeverGoesBack(t *testing.T) {
	r := newRig(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 999_999_999, time.UTC)
	r.Now = func() time.Time { now = now.Add(-time.Hour); return now }
	r.put(patient("x"), patient("x"))
	one, _ := r.VRead(ctx, r.root(), "Patient", "x", "1")
	two, _ := r.VRead(ctx, r.root(), "Patient", "x", "2")
	if one.Row.LastUpdated == 0 || two.Row.LastUpdated != one.Row.LastUpdated {
		t.Errorf("%d, then %d", one.Row.LastUpdated, two.Row.LastUpdated)
	}
	if want := fhir.Instant(time.UnixMicro(two.Row.LastUpdated)); !strings.Contains(string(two.Row.Body), want) || two.Row.LastUpdated%1000 != 0 {
		t.Errorf("meta of %s is not %s", two.Row.Body, want)
	}
}

func TestValidationOff(t *testing.T) {
	r := newRig(t)
	r.Validation = ValidateOff
	for _, body := range []string{`{"resourceType":"Observation","foo":1}`, `{"resourceType":"Patient","gender":"m"}`} {
		res := r.parse(body)
		if _, err := r.Create(ctx, r.root(), res.Type, res, CreateOptions{}); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRandomID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := RandomID()
		if !fhir.ValidID(id) || len(id) != 36 || id[14] != '4' || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

// outcomes are well-formed and tell nothing of errors that nobody classified.
func TestOperationOutcome(t *testing.T) {
	r := newRig(t)
	for _, err := range []error{
		fhir.Errorf(fhir.KindValue, "Patient.birthDate", "%s", "\"x\"\n\\ \xff is no date"),
		fmt.Errorf("open /secret: %w", errNotFound),
		fhir.Errors{fhir.Errorf(fhir.KindRequired, "a", "b"), fhir.Errorf(fhir.KindNotFound, "", "c")},
		fmt.Errorf("open /secret"),
	} {
		b := OperationOutcome(err)
		if strings.Contains(string(b), "secret") {
			t.Errorf("%s", b)
		}
		r.valid(b)
	}
	r.valid(Informational("created"))
	for k := fhir.KindException; k <= fhir.KindTimeout; k++ {
		r.valid(OperationOutcome(fhir.Errorf(k, "", "x")))
		if status := Status(fhir.Errorf(k, "", "x")); status < 400 || k != fhir.KindException && status == 500 {
			t.Errorf("kind %s has status %d", k.Code(), status)
		}
	}
}

// broken is a store whose commits fail.
type broken struct {
	store.Store
	err error
}

func (b broken) Commit(context.Context, store.Commit) error { return b.err }

func TestBrokenStore(t *testing.T) {
	r := newRig(t)
	r.Store = broken{r.Store, store.ErrConflict}
	if _, err := r.Create(ctx, r.root(), "Patient", r.parse(patient("x")), CreateOptions{}); Status(err) != 409 {
		t.Errorf("a write that always loses: %v", err)
	}
	r.Store = broken{r.Store, errors.New("disk /secret is full")}
	if _, err := r.send(r.root(), "transaction", BundleOptions{}, post("", patient("x"))); Status(err) != 500 || strings.Contains(string(OperationOutcome(err)), "secret") {
		t.Errorf("transaction: %v", err)
	}
	out, err := r.Bundle(ctx, r.root(), r.parse(`{"resourceType":"Bundle","type":"batch","entry":[`+post("", patient("x"))+`]}`), BundleOptions{})
	if err != nil || statuses(r.decode(out.Bundle)) != "500" || len(out.Faults) != 1 || strings.Contains(string(out.Bundle), "secret") {
		t.Errorf("batch: %s %v %v", out.Bundle, out.Faults, err)
	}
}
