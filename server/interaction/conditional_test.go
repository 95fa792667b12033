package interaction

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

func (r Result) at() time.Time { return time.UnixMicro(r.Row.LastUpdated) }

const anyone = `{"resourceType":"Patient","identifier":[{"value":"1"}]}`

func TestConditionalUpdate(t *testing.T) { each(t, testConditionalUpdate) }

func testConditionalUpdate(t *testing.T, r *rig) {
	update := func(where, body string, o WriteOptions) (Result, error) {
		return r.UpdateWhere(ctx, r.root(), "Patient", where, r.parse(body), o)
	}
	first, err := update("identifier=1", anyone, WriteOptions{})
	if err != nil || first.Effect != Created || first.Row.Method != "POST" || first.Row.ID != "id-1" {
		t.Fatalf("no match: %+v %v", first, err)
	}
	again, err := update("identifier=1&_format=json", strings.Replace(anyone, "}]", `}],"active":true`, 1), WriteOptions{IfMatch: `W/"1"`})
	if err != nil || again.Effect != OK || again.Row.ID != "id-1" || again.Row.Version != 2 || again.Row.Method != "PUT" || !strings.Contains(string(again.Row.Body), "active") {
		t.Errorf("one match: %+v %v", again, err)
	}
	if out, err := update("identifier=1", strings.Replace(anyone, `{"r`, `{"id":"id-1","r`, 1), WriteOptions{}); err != nil || out.Row.Version != 3 {
		t.Errorf("its own id: %+v %v", out, err)
	}
	if out, err := update("identifier=own", strings.Replace(anyone, `{"r`, `{"id":"mine","r`, 1), WriteOptions{}); err != nil || out.Effect != Created || out.Row.ID != "mine" || out.Row.Method != "PUT" {
		t.Errorf("no match, an id of the client: %+v %v", out, err)
	}
	if _, err := r.Delete(ctx, r.root(), "Patient", "mine", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if out, err := update("identifier=own", strings.Replace(anyone, `{"r`, `{"id":"mine","r`, 1), WriteOptions{}); err != nil || out.Effect != Created || out.Row.Version != 3 {
		t.Errorf("the id of a deleted one: %+v %v", out, err)
	}
	for _, c := range []struct {
		where, body string
		o           WriteOptions
		kind        fhir.Kind
	}{
		{"identifier=1", anyone, WriteOptions{}, fhir.KindMultiple},
		{"_id=id-1", `{"resourceType":"Patient","id":"other"}`, WriteOptions{}, fhir.KindInvalid},
		{"_id=nil", `{"resourceType":"Patient","id":"mine"}`, WriteOptions{}, fhir.KindConflict},
		{"_id=nil", anyone, WriteOptions{IfMatch: `W/"1"`}, fhir.KindPrecondition},
		{"_id=nil", anyone, WriteOptions{IfMatch: `W/"0"`}, fhir.KindPrecondition},
		{"_id=id-1", anyone, WriteOptions{IfMatch: `W/"1"`}, fhir.KindPrecondition},
		{"_id=id-1", anyone, WriteOptions{IfNoneMatch: "*"}, fhir.KindPrecondition},
		{"", anyone, WriteOptions{}, fhir.KindInvalid},
		{"_count=1", anyone, WriteOptions{}, fhir.KindInvalid},
		{"foo=1", anyone, WriteOptions{}, fhir.KindUnknownParam},
		{"_id=%", anyone, WriteOptions{}, fhir.KindInvalid},
		{"_id=%ff", anyone, WriteOptions{}, fhir.KindInvalid},
		{"_id=id-1", `{"resourceType":"Observation"}`, WriteOptions{}, fhir.KindInvalid},
		{"_id=id-1", `{"resourceType":"Patient","gender":"m"}`, WriteOptions{}, fhir.KindCodeInvalid},
	} {
		if _, err := update(c.where, c.body, c.o); err == nil || fhir.KindOf(err) != c.kind {
			t.Errorf("%s %s: %v", c.where, c.body, err)
		}
	}
	if _, total, _ := r.search(r.root(), "Patient", "_total=accurate"); total != 2 {
		t.Errorf("%d patients", total)
	}
	if out, err := update("_id=nil", anyone, WriteOptions{IfNoneMatch: "*"}); err != nil || out.Effect != Created {
		t.Errorf("If-None-Match, no match: %+v %v", out, err)
	}
	r.Validation = ValidateOff
	if _, err := update("_id=nil", `{"resourceType":"Patient","id":"a_b"}`, WriteOptions{}); fhir.KindOf(err) != fhir.KindValue {
		t.Errorf("an id that is none: %v", err)
	}
}

func TestIfNoneMatch(t *testing.T) {
	r := newRig(t)
	update := func(id, tag string) error {
		_, err := r.Update(ctx, r.root(), "Patient", id, r.parse(patient(id)), WriteOptions{IfNoneMatch: tag})
		return err
	}
	if err := update("x", "*"); err != nil {
		t.Errorf("of what is absent: %v", err)
	}
	if err := update("x", "*"); fhir.KindOf(err) != fhir.KindPrecondition {
		t.Errorf("of what is there: %v", err)
	}
	if err := update("x", `W/"1"`); fhir.KindOf(err) != fhir.KindInvalid {
		t.Errorf("of a version: %v", err)
	}
	if _, err := r.Delete(ctx, r.root(), "Patient", "x", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := update("x", "*"); err != nil {
		t.Errorf("of what was deleted: %v", err)
	}
}

func TestConditionalDelete(t *testing.T) { each(t, testConditionalDelete) }

func testConditionalDelete(t *testing.T, r *rig) {
	r.put(patient("a"), patient("b"), patient("c"), patient("d"))
	remove := func(where string, o WriteOptions) (Result, error) {
		return r.DeleteWhere(ctx, r.root(), "Patient", where, o)
	}
	if out, err := remove("_id=nil", WriteOptions{}); err != nil || out.Effect != NoContent || out.Count != 0 || out.Row.Type != "" {
		t.Errorf("no match: %+v %v", out, err)
	}
	if _, err := remove("_id=a", WriteOptions{IfMatch: `W/"2"`}); fhir.KindOf(err) != fhir.KindPrecondition {
		t.Errorf("a stale version: %v", err)
	}
	if out, err := remove("_id=a", WriteOptions{IfMatch: `W/"1"`}); err != nil || out.Effect != NoContent || out.Count != 1 || out.Row.ID != "a" || !out.Row.Deleted {
		t.Errorf("one match: %+v %v", out, err)
	}
	if _, err := remove("_id=b,c", WriteOptions{}); fhir.KindOf(err) != fhir.KindMultiple {
		t.Errorf("several: %v", err)
	}
	for where, kind := range map[string]fhir.Kind{"": fhir.KindInvalid, "_sort=_id": fhir.KindInvalid, "foo=1": fhir.KindUnknownParam} {
		if _, err := remove(where, WriteOptions{}); err == nil || fhir.KindOf(err) != kind {
			t.Errorf("%q: %v", where, err)
		}
	}
	r.ConditionalDelete = DeleteMultiple
	if _, err := remove("_id=b,c", WriteOptions{IfMatch: `W/"1"`}); fhir.KindOf(err) != fhir.KindMultiple {
		t.Errorf("several, a version: %v", err)
	}
	r.Limits.Deletes = 2
	if _, err := remove("_id=b,c,d", WriteOptions{}); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("too many: %v", err)
	}
	if out, err := remove("_id=a,b,c", WriteOptions{}); err != nil || out.Effect != NoContent || out.Count != 2 || out.Row.Type != "" {
		t.Errorf("several: %+v %v", out, err)
	}
	if entries, _, _ := r.search(r.root(), "Patient", ""); !same(entries, []string{"match Patient/d"}) {
		t.Errorf("left: %v", entries)
	}
}

// race runs a write 32 times at once and counts how it ended.
func race(t *testing.T, f func(i int) (Result, error)) map[string]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	ended := map[string]int{}
	for i := range 32 {
		wg.Go(func() {
			out, err := f(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				ended[fhir.KindOf(err).Code()]++
			} else {
				ended[fmt.Sprint("effect ", out.Effect, " of ", out.Count)]++
			}
		})
	}
	wg.Wait()
	return ended
}

// What conditions find is checked where writes are put in order: of 32 writers with one condition one creates.
func TestConcurrentConditionalWrites(t *testing.T) { each(t, testConcurrentConditionalWrites) }

func testConcurrentConditionalWrites(t *testing.T, r *rig) {
	parse := func(body string) *fhir.Resource {
		res, err := fhir.Parse([]byte(body), fhir.DefaultLimits)
		if err != nil {
			t.Error(err)
		}
		return res
	}
	got := race(t, func(int) (Result, error) {
		return r.UpdateWhere(ctx, r.root(), "Patient", "identifier=1", parse(anyone), WriteOptions{})
	})
	if got["effect 1 of 0"] != 1 || got["effect 0 of 0"] != 31 {
		t.Errorf("conditional updates: %v", got)
	}
	entries, total, _ := r.search(r.root(), "Patient", "identifier=1&_total=accurate")
	if total != 1 {
		t.Errorf("they made %v", entries)
	}
	// Each takes the resource out of the condition: one finds it, the others find nothing.
	p := r.patchOf("Patient", binary(`[{"op":"replace","path":"/identifier/0/value","value":"2"}]`))
	if got = race(t, func(int) (Result, error) {
		return r.PatchWhere(ctx, r.root(), "Patient", "identifier=1", p, WriteOptions{})
	}); got["effect 0 of 0"] != 1 || got["not-found"] != 31 {
		t.Errorf("conditional patches: %v", got)
	}
	// Creates and conditional updates of one thing together.
	if got = race(t, func(i int) (Result, error) {
		if i%2 == 0 {
			return r.Create(ctx, r.root(), "Patient", parse(strings.Replace(anyone, `"1"`, `"3"`, 1)), CreateOptions{IfNoneExist: "identifier=3"})
		}
		return r.UpdateWhere(ctx, r.root(), "Patient", "identifier=3", parse(strings.Replace(anyone, `"1"`, `"3"`, 1)), WriteOptions{})
	}); got["effect 1 of 0"] != 1 || got["effect 0 of 0"] != 31 {
		t.Errorf("creates and updates: %v", got)
	}
	if got = race(t, func(int) (Result, error) {
		return r.DeleteWhere(ctx, r.root(), "Patient", "identifier=3", WriteOptions{})
	}); got["effect 2 of 1"] != 1 || got["effect 2 of 0"] != 31 {
		t.Errorf("conditional deletes: %v", got)
	}
	// A single delete never deletes one of two: while the second one comes it finds one, or refuses.
	r.put(strings.Replace(anyone, `{"r`, `{"id":"one","r`, 1))
	if got = race(t, func(i int) (Result, error) {
		if i == 16 {
			return r.Create(ctx, r.root(), "Patient", parse(anyone), CreateOptions{})
		}
		return r.DeleteWhere(ctx, r.root(), "Patient", "identifier=1", WriteOptions{IfMatch: `W/"1"`})
	}); got["effect 1 of 0"] != 1 || got["effect 2 of 1"]+got["effect 2 of 0"]+got["multiple-matches"] != 31 {
		t.Errorf("deletes beside a create: %v", got)
	}
	if got = race(t, func(int) (Result, error) {
		return r.Bundle(ctx, r.root(), parse(`{"resourceType":"Bundle","type":"transaction","entry":[`+entryOf("", strings.Replace(anyone, `"1"`, `"4"`, 1), "PUT", "Patient?identifier=4", "")+`]}`), BundleOptions{})
	}); got["effect 0 of 0"] != 32 {
		t.Errorf("transactions: %v", got)
	}
	if entries, total, _ := r.search(r.root(), "Patient", "identifier=4&_total=accurate"); total != 1 {
		t.Errorf("they made %v", entries)
	}
	r.ConditionalDelete = DeleteMultiple
	for i := range 5 {
		r.put(fmt.Sprintf(`{"resourceType":"Patient","id":"m%d","identifier":[{"value":"5"}]}`, i))
	}
	deleted := 0
	for what, n := range race(t, func(int) (Result, error) {
		return r.DeleteWhere(ctx, r.root(), "Patient", "identifier=5", WriteOptions{})
	}) {
		var effect, count int
		if _, err := fmt.Sscanf(what, "effect %d of %d", &effect, &count); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		deleted += n * count
	}
	if deleted != 5 {
		t.Errorf("%d deletes of 5 resources", deleted)
	}
}

// What the letters open in conditional writes and patches. Observation a is of Patient A and laboratory, v of A and
// vital-signs, b of Patient B; the conditions name the id.
func TestConditionalAnswers(t *testing.T) {
	a2 := observation("a", "A", "laboratory")
	anonymous := func(id string) string {
		return strings.Replace(observation(id, "A", "laboratory"), `"id":"`+id+`",`, "", 1)
	}
	for _, c := range []struct{ scopes, what, id, body, want string }{
		{"patient/Observation.us", "conditional update", "a", a2, "ok"},
		{"patient/Observation.us", "conditional update", "a", anonymous("a"), "ok"},
		{"patient/Observation.u", "conditional update", "a", a2, "forbidden"},
		{"patient/Observation.s", "conditional update", "a", a2, "forbidden"},
		{"patient/Observation.cs", "conditional update", "a", a2, "forbidden"},
		{"patient/Observation.us", "conditional update", "nil", anonymous("x"), "forbidden"},
		{"patient/Observation.us", "conditional update", "nil", a2, "forbidden"}, // whoever may not create is told nothing of the id
		{"system/Observation.us", "conditional update", "nil", a2, "forbidden"},
		{"patient/Observation.cs", "conditional update", "nil", anonymous("x"), "created"},
		{"patient/Observation.cus", "conditional update", "nil", anonymous("x"), "created"},
		{"patient/Observation.cus", "conditional update", "b", anonymous("x"), "created"},
		{"patient/Observation.cus", "conditional update", "nil", a2, "not-found"},
		{"patient/Observation.cus", "conditional update", "b", observation("b", "A", "laboratory"), "not-found"},
		{"patient/Observation.cus", "conditional update", "nil", strings.Replace(anonymous("x"), "Patient/A", "Patient/B", 1), "forbidden"},
		{"patient/Observation.cus", "conditional update", "a", observation("a", "B", "laboratory"), "forbidden"},
		{"patient/Observation.s patient/Observation.u?category=vital-signs", "conditional update", "a", a2, "forbidden"},
		{"patient/Observation.u patient/Observation.cs?category=vital-signs", "conditional update", "a", a2, "not-found"},
		{"patient/Observation.u patient/Observation.cs?category=vital-signs", "conditional update", "a", anonymous("a"), "forbidden"},
		{"system/Observation.cus", "conditional update", "nil", observation("nil", "A", "x"), "created"},
		{"system/Observation.us", "conditional update", "nil", observation("nil", "A", "x"), "forbidden"},
		{"system/Observation.us?category=laboratory system/Observation.c", "conditional update", "nil", observation("nil", "A", "laboratory"), "not-found"},

		{"patient/Observation.ds", "conditional delete", "a", "", "no content"},
		{"patient/Observation.ds", "conditional delete", "b", "", "no content"},
		{"patient/Observation.d", "conditional delete", "a", "", "forbidden"},
		{"patient/Observation.s", "conditional delete", "a", "", "forbidden"},
		{"patient/Observation.s patient/Observation.d?category=laboratory", "conditional delete", "v", "", "forbidden"},
		{"patient/Observation.d patient/Observation.s?category=laboratory", "conditional delete", "v", "", "no content"},

		{"patient/Observation.ru", "patch", "a", "", "ok"},
		{"patient/Observation.u", "patch", "a", "", "forbidden"},
		{"patient/Observation.r", "patch", "a", "", "forbidden"},
		{"patient/Observation.ru", "patch", "b", "", "not-found"},
		{"patient/Observation.ru", "patch", "nil", "", "not-found"},
		{"patient/Observation.u patient/Observation.r?category=laboratory", "patch", "v", "", "not-found"},
		{"patient/Observation.r patient/Observation.u?category=laboratory", "patch", "v", "", "forbidden"},
		{"patient/Observation.r patient/Observation.u?category=laboratory", "patch", "a", "survey", "forbidden"},
		{"patient/Observation.ru", "conditional patch", "a", "", "forbidden"},
		{"patient/Observation.rus", "conditional patch", "a", "", "ok"},
		{"patient/Observation.rus", "conditional patch", "b", "", "not-found"},
		{"patient/Observation.rus", "conditional patch", "nil", "", "not-found"},
		{"patient/Observation.us patient/Observation.r?category=laboratory", "conditional patch", "v", "", "forbidden"},
		{"patient/Observation.rs patient/Observation.u?category=laboratory", "conditional patch", "v", "", "forbidden"},

		{"patient/Observation.r", "meta", "a", "", "ok"},
		{"patient/Observation.s", "meta", "a", "", "forbidden"},
		{"patient/Observation.r", "meta", "b", "", "not-found"},
		{"patient/Observation.s", "type meta", "", "", "ok"},
		{"patient/Observation.r", "type meta", "", "", "forbidden"},
		{"patient/Observation.u", "meta-add", "a", "", "ok"},
		{"patient/Observation.r", "meta-add", "a", "", "forbidden"},
		{"patient/Observation.ru", "meta-add", "b", "", "not-found"},
		{"patient/Observation.r patient/Observation.u?category=laboratory", "meta-delete", "v", "", "forbidden"},
		{"patient/Observation.ru?_tag:missing=true", "meta-add", "a", "", "forbidden"},
	} {
		r := newRig(t)
		r.put(patient("A"), patient("B"), observation("a", "A", "laboratory"), observation("v", "A", "vital-signs"), observation("b", "B", "laboratory"))
		out, err := do(r, as(t, "A", c.scopes), c.what, "Observation", c.id, c.body)
		got := [...]string{"ok", "created", "no content"}[out.Effect]
		if err != nil {
			got = fhir.KindOf(err).Code()
		}
		if got != c.want {
			t.Errorf("%s: %s %s: %s (%v), want %s", c.scopes, c.what, c.id, got, err, c.want)
		}
	}
}

// A delete of several is whole: one that the letter does not open and nothing is deleted.
func TestConditionalDeleteOutOfReach(t *testing.T) {
	r := newRig(t)
	r.ConditionalDelete = DeleteMultiple
	r.put(patient("A"), patient("B"), observation("a", "A", "laboratory"), observation("v", "A", "vital-signs"), observation("b", "B", "laboratory"))
	c := as(t, "A", "patient/Observation.s patient/Observation.d?category=laboratory")
	if _, err := r.DeleteWhere(ctx, c, "Observation", "status=final", WriteOptions{}); fhir.KindOf(err) != fhir.KindForbidden {
		t.Errorf("%v", err)
	}
	c = as(t, "A", "patient/Observation.ds")
	if out, err := r.DeleteWhere(ctx, c, "Observation", "status=final", WriteOptions{}); err != nil || out.Count != 2 {
		t.Errorf("%+v %v", out, err)
	}
	if entries, _, _ := r.search(r.root(), "Observation", ""); !same(entries, []string{"match Observation/b"}) {
		t.Errorf("left: %v", entries)
	}
}
