package interaction

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

func (r *rig) pages(c Caller, typ, query string) (ids []string, pages int) {
	r.t.Helper()
	for query != "" {
		pairs, err := Pairs(query)
		if err != nil {
			r.t.Fatal(err)
		}
		out, err := r.Search(ctx, c, typ, pairs, SearchOptions{})
		if err != nil {
			r.t.Fatal(err)
		}
		b := r.decode(out.Bundle)
		for _, e := range b.Entry {
			if e.FullURL != r.Base+"/"+typ+"/"+e.Resource.ID {
				r.t.Errorf("fullUrl %s of %s", e.FullURL, e.Resource.ID)
			}
			ids = append(ids, e.Resource.ID)
		}
		pages++
		if self := b.link("self"); !strings.HasPrefix(self, strings.SplitN(query, "&_page", 2)[0]) {
			r.t.Errorf("self %s of %s", self, query)
		}
		query = b.link("next")
	}
	return ids, pages
}

func TestSearchPages(t *testing.T) { each(t, testSearchPages) }

func testSearchPages(t *testing.T, r *rig) {
	for i := range 7 {
		r.put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","birthDate":"200%d-01-01","name":[{"family":"A|,b&c%d"}]}`, i, i, i))
	}
	ids, pages := r.pages(r.root(), "Patient", "_sort=-birthdate&_count=3")
	if want := "p6 p5 p4 p3 p2 p1 p0"; strings.Join(ids, " ") != want || pages != 3 {
		t.Errorf("%v on %d pages", ids, pages)
	}
	ids, _ = r.pages(r.root(), "Patient", "_count=2&family=A%7C%5C,b%26c")
	if len(ids) != 7 {
		t.Errorf("names with reserved characters: %v", ids)
	}
	for query, want := range map[string]int{"": 7, "_count=3": -1, "_count=3&_total=accurate": 7, "_summary=count": 7, "_count=0": 7, "_count=99999999999999999999": 7} {
		entries, total, err := r.search(r.root(), "Patient", query)
		if err != nil || total != want {
			t.Errorf("%q: total %d of %v, %v", query, total, entries, err)
		}
		if (query == "_count=0" || query == "_summary=count") && len(entries) != 0 {
			t.Errorf("%q: entries %v", query, entries)
		}
	}
	r.Limits.Page = 2
	if entries, _, _ := r.search(r.root(), "Patient", ""); len(entries) != 2 {
		t.Errorf("default page %v", entries)
	}
	r.Limits.MaxPage = 4
	if entries, _, _ := r.search(r.root(), "Patient", "_count=100"); len(entries) != 4 {
		t.Errorf("largest page %v", entries)
	}
}

func TestSearchErrors(t *testing.T) {
	r := newRig(t)
	for query, place := range map[string]string{
		"brithdate=2000": "http.brithdate", "birthdate=x": "http.birthdate", "_count=-1": "http._count", "_count=a": "http._count",
		"name:foo=a": "http.name:foo", "_include=Patient:foo": "http._include", "_page=abc": "http._page", "_page=": "http._page",
	} {
		_, _, err := r.search(r.root(), "Patient", query)
		if Status(err) != 400 || issues(err)[0].Expression != place {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := Pairs("a=%zz"); fhir.KindOf(err) != fhir.KindInvalid {
		t.Errorf("broken encoding: %v", err)
	}
	out, err := r.Search(ctx, r.root(), "Patient", []search.Pair{{Name: "brithdate", Value: "2000"}, {Name: "gender", Value: "male"}}, SearchOptions{Handling: HandlingLenient})
	if err != nil || len(out.Warnings) != 1 {
		t.Fatalf("%v, %v", out.Warnings, err)
	}
	b := r.decode(out.Bundle)
	if len(b.Entry) != 1 || b.Entry[0].Search.Mode != "outcome" || b.Entry[0].Resource.Issue[0].Severity != "warning" || b.link("self") != "gender=male" {
		t.Errorf("%s", out.Bundle)
	}
}

// A cursor works for its query, type and grant, also after a restart, and for nothing else.
func TestCursors(t *testing.T) {
	r := newRig(t)
	r.put(patient("a"), patient("b"), patient("c"))
	next := func(r *rig, c Caller, query string) string {
		pairs, _ := Pairs(query)
		out, err := r.Search(ctx, c, "Patient", pairs, SearchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return r.decode(out.Bundle).link("next")
	}
	link := next(r, r.root(), "_count=1&_sort=_id")
	cursor := link[strings.Index(link, "_page=")+len("_page="):]

	restarted := newRig(t)
	restarted.Store = r.Store
	seal, err := OpenSeal(ctx, r.Store.KV(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Seal = seal
	kept := next(r, r.root(), "_count=1&_sort=_id")
	if restarted.Seal, err = OpenSeal(ctx, r.Store.KV(), nil); err != nil {
		t.Fatal(err)
	}
	if entries, _, err := restarted.search(r.root(), "Patient", kept); err != nil || !same(entries, []string{"match Patient/b"}) {
		t.Errorf("after a restart: %v, %v", entries, err)
	}
	if r.Seal, err = NewSeal([]byte(strings.Repeat("k", 32)), nil); err != nil {
		t.Fatal(err)
	}

	if entries, _, err := r.search(r.root(), "Patient", link); err != nil || !same(entries, []string{"match Patient/b"}) {
		t.Errorf("%v, %v", entries, err)
	}
	other := r.root()
	other.Grant = "other"
	for name, try := range map[string]func() error{
		"other grant": func() error { _, _, err := r.search(other, "Patient", link); return err },
		"other query": func() error { _, _, err := r.search(r.root(), "Patient", "gender=male&"+link); return err },
		"other sort": func() error {
			_, _, err := r.search(r.root(), "Patient", strings.Replace(link, "_id", "-_id", 1))
			return err
		},
		"other type": func() error { _, _, err := r.search(r.root(), "Practitioner", link); return err },
		"history": func() error {
			_, err := r.HistoryType(ctx, r.root(), "Patient", []search.Pair{{Name: "_page", Value: cursor}})
			return err
		},
		"first changed": func() error {
			_, _, err := r.search(r.root(), "Patient", "_count=1&_sort=_id&_page=A"+cursor[1:]+"B")
			return err
		},
		"cut":            func() error { _, _, err := r.search(r.root(), "Patient", link[:len(link)-1]); return err },
		"empty of bytes": func() error { _, _, err := r.search(r.root(), "Patient", "_page=AA"); return err },
		"a bit flipped": func() error {
			last := byte('A')
			if cursor[len(cursor)/2] == 'A' {
				last = 'B'
			}
			changed := cursor[:len(cursor)/2] + string(last) + cursor[len(cursor)/2+1:]
			_, _, err := r.search(r.root(), "Patient", "_count=1&_sort=_id&_page="+changed)
			return err
		},
	} {
		err := try()
		if fhir.KindOf(err) != fhir.KindInvalid || issues(err)[0].Expression != "http._page" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewSeal([]byte("short"), nil); err == nil {
		t.Error("a short key makes a seal")
	}
}

func TestIncludes(t *testing.T) { each(t, testIncludes) }

func testIncludes(t *testing.T, r *rig) {
	r.put(patient("A"), patient("B"), observation("a", "A", "laboratory"), observation("b", "B", "laboratory"))
	entries, total, err := r.search(r.root(), "Observation", "_include=Observation:subject&_sort=_id")
	if err != nil || !same(entries, []string{"match Observation/a", "match Observation/b", "include Patient/A", "include Patient/B"}) || total != 2 {
		t.Errorf("%v of %d, %v", entries, total, err)
	}
	entries, total, err = r.search(as(t, "A", "patient/Patient.rs patient/Observation.rs"), "Patient", "_revinclude=Observation:subject")
	if err != nil || !same(entries, []string{"match Patient/A", "include Observation/a"}) || total != 1 {
		t.Errorf("%v of %d, %v", entries, total, err)
	}
	entries, _, err = r.search(as(t, "A", "patient/Observation.rs"), "Observation", "_include=Observation:subject")
	if err != nil || !same(entries, []string{"match Observation/a"}) {
		t.Errorf("include of a type without a scope: %v, %v", entries, err)
	}
}

func TestHistory(t *testing.T) { each(t, testHistory) }

func testHistory(t *testing.T, r *rig) {
	r.put(patient("a"), patient("b"), patient("a"))
	if _, err := r.Delete(ctx, r.root(), "Patient", "a", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(ctx, r.root(), "Observation", r.parse(observation("x", "b", "c")), CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	history := func(path, query string) (lines []string, b bundle) {
		pairs, _ := Pairs(query)
		var out Result
		var err error
		switch path {
		case "":
			out, err = r.HistorySystem(ctx, r.root(), pairs)
		case "Patient":
			out, err = r.HistoryType(ctx, r.root(), path, pairs)
		default:
			out, err = r.HistoryInstance(ctx, r.root(), "Patient", path, pairs)
		}
		if err != nil {
			t.Fatalf("%s?%s: %v", path, query, err)
		}
		b = r.decode(out.Bundle)
		if b.Type != "history" {
			t.Errorf("type %s", b.Type)
		}
		for _, e := range b.Entry {
			if (e.Resource == nil) != (e.Request.Method == "DELETE") {
				t.Errorf("%s %s has resource %v", e.Request.Method, e.Request.URL, e.Resource)
			}
			lines = append(lines, strings.Join([]string{e.Request.Method, e.Request.URL, e.Response.Status, e.Response.Etag}, " "))
		}
		return lines, b
	}
	all := []string{`POST Observation 201 Created W/"1"`, `DELETE Patient/a 204 No Content W/"3"`, `PUT Patient/a 200 OK W/"2"`,
		`PUT Patient/b 201 Created W/"1"`, `PUT Patient/a 201 Created W/"1"`}
	lines, b := history("", "")
	if !same(lines, all) || b.count() != 5 {
		t.Errorf("system %q of %d", lines, b.count())
	}
	if lines, _ = history("Patient", ""); !same(lines, all[1:]) {
		t.Errorf("type %q", lines)
	}
	if lines, b = history("a", ""); !same(lines, []string{all[1], all[2], all[4]}) || b.count() != 3 {
		t.Errorf("instance %q of %d", lines, b.count())
	}
	since := b.Entry[1].Response.LastModified
	if lines, _ = history("a", "_since="+since); !same(lines, all[1:3]) {
		t.Errorf("instance since %s: %q", since, lines)
	}
	if lines, _ = history("", "_since="+since); !same(lines, all[:3]) {
		t.Errorf("system since %s: %q", since, lines)
	}
	for _, path := range []string{"", "Patient", "a"} {
		whole, _ := history(path, "")
		var paged []string
		query := "_count=2"
		for query != "" {
			lines, b := history(path, query)
			if len(lines) > 2 {
				t.Errorf("page of %d", len(lines))
			}
			paged = append(paged, lines...)
			query = b.link("next")
		}
		if !same(whole, paged) {
			t.Errorf("%q: pages %q, whole %q", path, paged, whole)
		}
	}
	for _, query := range []string{"_since=x", "_count=x", "_count=-1", "name=x", "_page=x"} {
		pairs, _ := Pairs(query)
		if _, err := r.HistoryType(ctx, r.root(), "Patient", pairs); Status(err) != 400 {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := r.HistoryInstance(ctx, r.root(), "Patient", "nil", nil); fhir.KindOf(err) != fhir.KindNotFound {
		t.Errorf("history of what is absent: %v", err)
	}
}
