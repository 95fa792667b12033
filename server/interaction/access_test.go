package interaction

import (
	"bytes"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// The answers of the access semantics, by scope and interaction. Observation a is of Patient A and laboratory, v of A
// and vital-signs, b of Patient B, gone was of A, goneB of B; nil never was.
func TestAnswers(t *testing.T) {
	a2 := observation("a", "A", "laboratory")
	moved := observation("a", "B", "laboratory")
	other := observation("a", "A", "survey")
	for _, c := range []struct {
		scopes, what, id, body string
		want                   string // kind of the error, or effect
	}{
		{"patient/Observation.r", "read", "a", "", "ok"},
		{"patient/Observation.r", "vread", "a", "", "ok"},
		{"patient/Observation.r", "history", "a", "", "ok"},
		{"patient/Observation.r", "read", "b", "", "not-found"},
		{"patient/Observation.r", "vread", "b", "", "not-found"},
		{"patient/Observation.r", "history", "b", "", "not-found"},
		{"patient/Observation.r", "read", "nil", "", "not-found"},
		{"patient/Observation.r", "read", "gone", "", "deleted"},
		{"patient/Observation.r", "read", "goneB", "", "not-found"},
		{"patient/Observation.r", "history", "gone", "", "ok"},
		{"patient/Observation.r", "search", "", "", "forbidden"},
		{"patient/Observation.r", "type history", "", "", "forbidden"},
		{"patient/Observation.r", "create", "", a2, "forbidden"},
		{"patient/Observation.r", "update", "a", a2, "forbidden"},
		{"patient/Observation.r", "delete", "a", "", "forbidden"},
		{"patient/Condition.cruds", "read", "a", "", "forbidden"},
		{"patient/Observation.rs?category=laboratory", "read", "a", "", "ok"},
		{"patient/Observation.rs?category=laboratory", "read", "v", "", "not-found"},

		{"patient/Observation.s", "search", "", "", "ok"},
		{"patient/Observation.s", "type history", "", "", "ok"},
		{"patient/Observation.s", "read", "a", "", "forbidden"},

		{"patient/Observation.c", "create", "", a2, "created"},
		{"patient/Observation.c", "create", "", moved, "forbidden"},
		{"patient/Observation.c", "conditional create", "x", a2, "forbidden"},
		{"patient/Observation.cs", "conditional create", "x", a2, "created"},
		{"patient/Observation.cs", "conditional create", "a", a2, "ok"},
		{"patient/Observation.cs", "conditional create", "b", a2, "created"},
		{"patient/Observation.c", "read", "a", "", "forbidden"},
		{"patient/Observation.c", "search", "a", "", "forbidden"},
		{"patient/Observation.c", "update", "a", a2, "forbidden"},
		{"patient/Observation.c", "delete", "a", "", "forbidden"},

		{"patient/Observation.u", "update", "a", a2, "ok"},
		{"patient/Observation.u", "update", "a", moved, "forbidden"},
		{"patient/Observation.u", "update", "b", strings.ReplaceAll(observation("b", "A", "x"), "none", ""), "not-found"},
		{"patient/Observation.ru", "update", "b", observation("b", "A", "x"), "not-found"},
		{"patient/Observation.ru", "update", "nil", observation("nil", "A", "x"), "not-found"},
		{"patient/Observation.ru", "update", "gone", observation("gone", "A", "x"), "not-found"},
		{"patient/Observation.u?category=laboratory", "update", "a", other, "forbidden"},
		{"patient/Observation.u?category=laboratory patient/Observation.r", "update", "v", observation("v", "A", "laboratory"), "forbidden"},
		{"patient/Observation.u?category=laboratory", "update", "v", observation("v", "A", "laboratory"), "not-found"},
		{"patient/Observation.u?category=laboratory system/Observation.r", "update", "v", observation("v", "A", "laboratory"), "forbidden"},
		{"patient/Observation.u", "delete", "a", "", "forbidden"},
		{"patient/Observation.u", "create", "", a2, "forbidden"},

		{"patient/Observation.d", "delete", "a", "", "no content"},
		{"patient/Observation.d", "delete", "b", "", "no content"},
		{"patient/Observation.d", "delete", "nil", "", "no content"},
		{"patient/Observation.d", "delete", "gone", "", "no content"},
		{"patient/Observation.rd?category=laboratory patient/Observation.r", "delete", "v", "", "forbidden"},
		{"patient/Observation.d?category=laboratory", "delete", "v", "", "no content"},
		{"patient/Observation.d", "read", "a", "", "forbidden"},
		{"patient/Observation.d", "update", "a", a2, "forbidden"},

		{"system/Observation.u", "update", "nil", observation("nil", "A", "x"), "created"},
		{"system/Observation.u", "update", "gone", observation("gone", "A", "x"), "created"},
		{"system/Observation.u?category=x", "update", "nil", observation("nil", "A", "x"), "not-found"},
		{"system/Observation.c", "update", "nil", observation("nil", "A", "x"), "forbidden"},
		{"system/Observation.r", "read", "b", "", "ok"},
		{"user/Observation.cruds", "read", "a", "", "forbidden"},
	} {
		r := newRig(t)
		r.put(patient("A"), patient("B"), observation("a", "A", "laboratory"), observation("v", "A", "vital-signs"),
			observation("b", "B", "laboratory"), observation("gone", "A", "laboratory"), observation("goneB", "B", "laboratory"))
		for _, id := range []string{"gone", "goneB"} {
			if _, err := r.Delete(ctx, r.root(), "Observation", id, WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
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

// What is hidden and what does not exist give the same bytes, for every interaction that names an instance.
func TestHiddenIsAbsent(t *testing.T) {
	for _, scopes := range []string{"patient/Observation.cruds", "patient/Observation.cruds?category=laboratory", "patient/Observation.u", "patient/Observation.d", "patient/Observation.ru"} {
		for _, what := range []string{"read", "vread", "history", "update", "delete", "conditional create", "conditional update", "conditional delete", "patch", "conditional patch", "meta", "type meta", "meta-add", "meta-delete"} {
			answer := func(hidden ...string) string {
				r := newRig(t)
				r.put(patient("A"), patient("B"))
				r.put(hidden...)
				r.Service.NewID = func() string { return "new" }
				body := observation("x", "A", "laboratory")
				if strings.HasSuffix(what, "patch") {
					body = ""
				}
				out, err := do(r, as(t, "A", scopes), what, "Observation", "x", body)
				if err != nil {
					return string(OperationOutcome(err))
				}
				out.Row.LastUpdated = 0
				return out.Row.Type + out.Row.ID + ETag(out.Row.Version) + string(bytes.ReplaceAll(out.Bundle, []byte("x"), nil)) + string(out.Parameters)
			}
			if absent, hidden := answer(), answer(observation("x", "B", "laboratory")); absent != hidden {
				t.Errorf("%s: %s of what is absent: %s, of what is hidden: %s", scopes, what, absent, hidden)
			}
		}
	}
}

// A version that is visible does not open those before and after it.
func TestVersionsOutOfReach(t *testing.T) { each(t, testVersionsOutOfReach) }

func testVersionsOutOfReach(t *testing.T, r *rig) {
	r.put(patient("A"), patient("B"))
	r.put(observation("x", "A", "laboratory"), observation("x", "A", "survey"), observation("x", "A", "laboratory"))
	c := as(t, "A", "patient/Observation.rs?category=laboratory")
	for version, want := range map[string]bool{"1": true, "2": false, "3": true, "4": false, "0": false, "01": false, "": false, "x": false} {
		_, err := r.VRead(ctx, c, "Observation", "x", version)
		if (err == nil) != want {
			t.Errorf("version %s: %v", version, err)
		}
	}
	out, err := r.HistoryInstance(ctx, c, "Observation", "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := r.decode(out.Bundle)
	if len(b.Entry) != 2 || b.Entry[0].Response.Etag != `W/"3"` || b.Entry[1].Response.Etag != `W/"1"` || b.count() != 2 {
		t.Errorf("history %s", out.Bundle)
	}
	r.put(observation("x", "B", "laboratory")) // now the current one is hidden, and so are all
	if _, err := r.VRead(ctx, c, "Observation", "x", "1"); fhir.KindOf(err) != fhir.KindNotFound {
		t.Errorf("old version of a resource that moved away: %v", err)
	}
	if out, err := r.HistoryType(ctx, c, "Observation", nil); err != nil || len(r.decode(out.Bundle).Entry) != 0 {
		t.Errorf("type history shows it: %s %v", out.Bundle, err)
	}
}

// The body of a write's answer needs r on the new version.
func TestRepresentationNeedsRead(t *testing.T) {
	for scopes, want := range map[string]bool{
		"patient/Observation.c": false, "patient/Observation.cr": true,
		"patient/Observation.c patient/Observation.r?category=survey": false,
	} {
		r := newRig(t)
		out, err := r.Create(ctx, as(t, "A", scopes), "Observation", r.parse(observation("x", "A", "laboratory")), CreateOptions{})
		if err != nil || out.Readable != want {
			t.Errorf("%s: readable %v, %v", scopes, out.Readable, err)
		}
	}
}

func TestForbiddenForAllTypes(t *testing.T) {
	r := newRig(t)
	for _, c := range []Caller{{}, as(t, "", "patient/*.cruds"), as(t, "A", "openid"), as(t, "A", "user/*.cruds")} {
		for _, what := range []string{"read", "vread", "history", "type history", "search", "create", "update", "delete", "conditional update", "conditional delete", "patch", "conditional patch", "meta", "type meta", "meta-add", "meta-delete"} {
			body := observation("x", "A", "laboratory")
			if strings.HasSuffix(what, "patch") {
				body = ""
			}
			if _, err := do(r, c, what, "Observation", "x", body); fhir.KindOf(err) != fhir.KindForbidden {
				t.Errorf("%s %s: %v", c.Grant, what, err)
			}
		}
		if _, err := r.HistorySystem(ctx, c, nil); fhir.KindOf(err) != fhir.KindForbidden {
			t.Errorf("%s system history: %v", c.Grant, err)
		}
	}
	for _, what := range []string{"read", "vread", "history", "type history", "search", "delete", "conditional delete", "patch", "conditional patch", "meta", "meta-add"} {
		for _, typ := range []string{"Parameters", "Resource", "observation", "", "Foo"} {
			if _, err := do(r, r.root(), what, typ, "x", ""); fhir.KindOf(err) != fhir.KindNotSupported || Status(err) != 404 {
				t.Errorf("%s of type %q: %v", what, typ, err)
			}
		}
	}
}
