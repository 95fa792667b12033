package interaction

import (
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// chart is Patient A and Patient B with an Observation and an Encounter each.
func chart(t tester) *rig {
	r := newRig(t)
	r.put(patient("A"), patient("B"), observation("a", "A", "laboratory"), observation("b", "B", "laboratory"),
		encounter("ea", "A", "AMB"), encounter("eb", "B", "AMB"))
	return r
}

func encounter(id, patient, class string) string {
	return `{"resourceType":"Encounter","id":"` + id + `","status":"finished","class":{"code":"` + class + `"},"subject":{"reference":"Patient/` + patient + `"}}`
}

// able says which interactions the scopes open for the own Observation of Patient A, each on a fresh chart, and checks
// that none of them reaches Patient B or another type.
func able(t *testing.T, scopes string) (what []string) {
	t.Helper()
	for _, w := range []string{"create", "read", "update", "delete", "search"} {
		r := chart(t)
		_, err := do(r, as(t, "A", scopes), w, "Observation", "a", observation("a", "A", "laboratory"))
		switch {
		case err == nil:
			what = append(what, w)
		case fhir.KindOf(err) != fhir.KindForbidden:
			t.Errorf("%s: %s: %v", scopes, w, err)
		}
		if out, err := do(r, as(t, "A", scopes), w, "Observation", "b", observation("b", "B", "laboratory")); err == nil && strings.Contains(string(out.Row.Body)+string(out.Bundle), "Patient/B") {
			t.Errorf("%s: %s reaches the other patient: %s%s", scopes, w, out.Row.Body, out.Bundle)
		}
		if out, err := r.Read(ctx, r.root(), "Observation", "b"); err != nil || out.Row.Version != 1 {
			t.Errorf("%s: %s changed what is of the other patient: %v %v", scopes, w, out.Row, err)
		}
		if _, err := do(r, as(t, "A", scopes), w, "Encounter", "ea", encounter("ea", "A", "AMB")); fhir.KindOf(err) != fhir.KindForbidden {
			t.Errorf("%s: %s of another type: %v", scopes, w, err)
		}
	}
	return what
}

func TestPatientLetters(t *testing.T) {
	for _, c := range []struct{ name, scopes, want string }{
		{"S1-11 v1 read", "patient/Observation.read", "read search"},
		{"S1-12 v1 write", "patient/Observation.write", "create update delete"},
		{"S1-13 c", "patient/Observation.c", "create"},
		{"S1-14 r", "patient/Observation.r", "read"},
		{"S1-16 d", "patient/Observation.d", "delete"},
		{"S1-17 s", "patient/Observation.s", "search"},
		{"S2-08 v1 all", "patient/Observation.*", "create read update delete search"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(able(t, c.scopes), " "); got != c.want {
				t.Errorf("%s: %s, want %s", c.scopes, got, c.want)
			}
		})
	}
}

func TestS1_15_UpdateCannotMove(t *testing.T) {
	if got := able(t, "patient/Observation.u"); !slices.Equal(got, []string{"update"}) {
		t.Errorf("u opens %v", got)
	}
	r := chart(t)
	c := as(t, "A", "patient/Observation.u")
	for _, try := range []struct {
		id, body string
		kind     fhir.Kind
	}{
		{"a", observation("a", "B", "laboratory"), fhir.KindForbidden},                                                                                        // give away
		{"b", observation("b", "A", "laboratory"), fhir.KindNotFound},                                                                                         // take
		{"a", strings.Replace(observation("a", "A", "x"), `"code":{"text"`, `"performer":[{"reference":"Patient/B"}],"code":{"text"`, 1), fhir.KindForbidden}, // into both
	} {
		if _, err := r.Update(ctx, c, "Observation", try.id, r.parse(try.body), WriteOptions{}); fhir.KindOf(err) != try.kind {
			t.Errorf("%s: %v", try.body, err)
		}
	}
}

func TestS1_19_GranularScope(t *testing.T) {
	r := chart(t)
	r.put(encounter("ei", "A", "IMP"))
	c := as(t, "A", "patient/Encounter.s?class=AMB")
	for query, want := range map[string][]string{"": {"match Encounter/ea"}, "class=IMP": nil, "class=AMB,IMP": {"match Encounter/ea"}, "_id=ei": nil, "class:not=AMB": nil} {
		entries, total, err := r.search(c, "Encounter", query+"&_total=accurate")
		if err != nil || !same(entries, want) || total != len(want) {
			t.Errorf("%q: %v of %d, %v", query, entries, total, err)
		}
		if _, total, err = r.search(c, "Encounter", query+"&_summary=count"); err != nil || total != len(want) {
			t.Errorf("%q: count %d, %v", query, total, err)
		}
	}
}

func TestS1_20_IncludeAndChain(t *testing.T) {
	r := chart(t)
	in := func(id, encounter string) string {
		return strings.Replace(observation(id, "A", "laboratory"), `"code":{"text"`, `"encounter":{"reference":"Encounter/`+encounter+`"},"code":{"text"`, 1)
	}
	r.put(encounter("ei", "A", "IMP"), in("o1", "ea"), in("o2", "ei"), in("o3", "eb"))
	c := as(t, "A", "patient/Observation.rs patient/Encounter.s?class=AMB")
	for query, want := range map[string][]string{
		"_include=Observation:encounter":                         {"match Observation/a", "match Observation/o1", "match Observation/o2", "match Observation/o3", "include Encounter/ea"},
		"encounter.class=IMP":                                    nil,
		"encounter.class=AMB":                                    {"match Observation/o1"},
		"encounter.class:not=AMB":                                nil,
		"encounter=Encounter/ei":                                 {"match Observation/o2"}, // the reference itself is content
		"encounter.class=IMP,AMB&_include=Observation:encounter": {"match Observation/o1", "include Encounter/ea"},
	} {
		entries, total, err := r.search(c, "Observation", query+"&_sort=_id&_total=accurate")
		matches := 0
		for _, w := range want {
			if strings.HasPrefix(w, "match") {
				matches++
			}
		}
		if err != nil || !same(entries, want) || total != matches {
			t.Errorf("%q: %v of %d, %v", query, entries, total, err)
		}
	}
	if entries, _, err := r.search(as(t, "A", "patient/Encounter.rs patient/Observation.s?category=none"), "Encounter", "_has:Observation:encounter:category=laboratory"); err != nil || len(entries) != 0 {
		t.Errorf("_has sees what its source's scope hides: %v, %v", entries, err)
	}
}

func TestS1_22_SystemGranularScope(t *testing.T) {
	r := chart(t)
	r.put(observation("v", "B", "vital-signs"))
	c := as(t, "", "system/Observation.rs?category=laboratory")
	if entries, total, err := r.search(c, "Observation", "_sort=_id"); err != nil || !same(entries, []string{"match Observation/a", "match Observation/b"}) || total != 2 {
		t.Errorf("%v of %d, %v", entries, total, err)
	}
	if _, err := r.Read(ctx, c, "Observation", "v"); fhir.KindOf(err) != fhir.KindNotFound {
		t.Errorf("read of another category: %v", err)
	}
}

func TestS2_10_HistoryBelongsToRead(t *testing.T) {
	r := chart(t)
	r.put(observation("a", "A", "laboratory"))
	c := as(t, "A", "patient/*.read")
	if out, err := r.HistoryInstance(ctx, c, "Observation", "a", nil); err != nil || len(r.decode(out.Bundle).Entry) != 2 {
		t.Errorf("instance history %s, %v", out.Bundle, err)
	}
	if _, err := r.HistoryInstance(ctx, c, "Observation", "b", nil); fhir.KindOf(err) != fhir.KindNotFound {
		t.Errorf("instance history of the other patient: %v", err)
	}
	out, err := r.HistoryType(ctx, c, "Observation", nil)
	if err != nil {
		t.Fatal(err)
	}
	if b := r.decode(out.Bundle); len(b.Entry) != 2 || b.Entry[0].Resource.ID != "a" || b.Entry[1].Resource.ID != "a" {
		t.Errorf("type history %s", out.Bundle)
	}
}

func TestS3_09_GranularScopesUnion(t *testing.T) {
	r := newRig(t)
	r.put(patient("A"), observation("l", "A", "laboratory"), observation("ls", "A", "survey laboratory"), observation("s", "A", "survey"), observation("v", "A", "vital-signs"))
	c := as(t, "A", "patient/Observation.rs?category=laboratory patient/Observation.rs?category=vital-signs")
	for query, want := range map[string][]string{
		"":                {"match Observation/l", "match Observation/ls", "match Observation/v"},
		"category=survey": {"match Observation/ls"},
	} {
		if entries, total, err := r.search(c, "Observation", query+"&_sort=_id"); err != nil || !same(entries, want) || total != len(want) {
			t.Errorf("%q: %v of %d, %v", query, entries, total, err)
		}
	}
	for id, want := range map[string]bool{"l": true, "ls": true, "v": true, "s": false} {
		if _, err := r.Read(ctx, c, "Observation", id); (err == nil) != want {
			t.Errorf("read %s: %v", id, err)
		}
	}
}

func TestS4_19_WildcardWins(t *testing.T) {
	r := chart(t)
	r.put(observation("s", "A", "survey"))
	c := as(t, "A", "patient/*.rs patient/Observation.rs?category=laboratory")
	if entries, _, err := r.search(c, "Observation", "_sort=_id"); err != nil || !same(entries, []string{"match Observation/a", "match Observation/s"}) {
		t.Errorf("%v, %v", entries, err)
	}
	if entries, _, err := r.search(c, "Encounter", ""); err != nil || !same(entries, []string{"match Encounter/ea"}) {
		t.Errorf("%v, %v", entries, err)
	}
}
