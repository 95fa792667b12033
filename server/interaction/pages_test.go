package interaction

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// walk follows links of one relation from a query on, and gives the ids of each page.
func (r *rig) walk(query, relation string) (pages []string, last string) {
	r.t.Helper()
	for query != "" {
		pairs, err := Pairs(query)
		if err != nil {
			r.t.Fatal(err)
		}
		out, err := r.Search(ctx, r.root(), "Patient", pairs, SearchOptions{})
		if err != nil {
			r.t.Fatal(err)
		}
		b := r.decode(out.Bundle)
		var ids []string
		for _, e := range b.Entry {
			ids = append(ids, e.Resource.ID)
		}
		pages, last = append(pages, strings.Join(ids, " ")), query
		query = b.link(relation)
	}
	return pages, last
}

func TestMaxResults(t *testing.T) { each(t, testMaxResults) }

func testMaxResults(t *testing.T, r *rig) {
	for i := range 7 {
		r.put(patient(fmt.Sprint("p", i)))
	}
	for _, c := range []struct{ query, want string }{
		{"_sort=_id&_count=2&_maxresults=5", "p0 p1|p2 p3|p4"},
		{"_sort=_id&_count=2&_maxresults=4", "p0 p1|p2 p3"},
		{"_sort=_id&_count=2&_maxresults=1", "p0"},
		{"_sort=_id&_count=3&_maxresults=100", "p0 p1 p2|p3 p4 p5|p6"},
		{"_sort=_id&_maxresults=0", ""},
	} {
		pages, last := r.walk(c.query, "next")
		if got := strings.Join(pages, "|"); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
		back, first := r.walk(last, "previous")
		if len(back) != len(pages) || back[len(back)-1] != pages[0] {
			t.Errorf("%s: back %q", c.query, back)
		}
		if again, _ := r.walk(first, "next"); strings.Join(again, "|") != c.want && c.want != "" {
			t.Errorf("%s: there again %q", c.query, again)
		}
	}
	_, total, err := r.search(r.root(), "Patient", "_maxresults=2&_total=accurate")
	if err != nil || total != 7 {
		t.Errorf("the total counts all matches: %d, %v", total, err)
	}
}

// The page before and the page behind meet where they parted, whatever was written meanwhile.
func TestPreviousWhileOthersWrite(t *testing.T) { each(t, testPreviousWhileOthersWrite) }

func testPreviousWhileOthersWrite(t *testing.T, r *rig) {
	for i := range 9 {
		r.put(patient(fmt.Sprintf("p%d0", i)))
	}
	pages, last := r.walk("_sort=_id&_count=3", "next")
	if got := strings.Join(pages, "|"); got != "p00 p10 p20|p30 p40 p50|p60 p70 p80" {
		t.Fatal(got)
	}
	r.put(patient("p55"), patient("p25"), patient("p05"))
	if _, err := r.Delete(ctx, r.root(), "Patient", "p40", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	back, first := r.walk(last, "previous")
	if got := strings.Join(back, "|"); got != "p55 p60 p70|p25 p30 p50|p05 p10 p20|p00" {
		t.Errorf("back: %s", got)
	}
	if there, _ := r.walk(first, "next"); strings.Join(there, "|") != "p00|p05 p10 p20|p25 p30 p50|p55 p60 p70|p80" {
		t.Errorf("there again: %q", there)
	}
	for _, id := range []string{"p00", "p05", "p10", "p20", "p25", "p30", "p50", "p55"} {
		if _, err := r.Delete(ctx, r.root(), "Patient", id, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	back, _ = r.walk(last, "previous")
	if got := strings.Join(back, "|"); got != "p60 p70 p80|" {
		t.Errorf("back to where nothing is left: %s", got)
	}
}

// Constraints look at the whole resource, whatever of it is answered.
func TestSubsetsAreCutBehindTheGuard(t *testing.T) { each(t, testSubsetsAreCutBehindTheGuard) }

func testSubsetsAreCutBehindTheGuard(t *testing.T, r *rig) {
	r.put(patient("A"), observation("a", "A", "laboratory"), observation("b", "A", "vital-signs"))
	c := as(t, "A", "patient/Observation.rs?category=laboratory")
	for _, query := range []string{"_elements=code", "_summary=text", "_elements=code&category=laboratory"} {
		if entries, total, err := r.search(c, "Observation", query); err != nil || !same(entries, []string{"match Observation/a"}) || total != 1 {
			t.Errorf("%s: %v of %d, %v", query, entries, total, err)
		}
	}
	pairs, _ := Pairs("_elements=code")
	out, err := r.Read(ctx, c, "Observation", "a", pairs...)
	if err != nil || strings.Contains(string(out.Row.Body), "laboratory") || !strings.Contains(string(out.Row.Body), "SUBSETTED") {
		t.Errorf("%s, %v", out.Row.Body, err)
	}
	if _, err := r.Read(ctx, c, "Observation", "b", pairs...); fhir.KindOf(err) != fhir.KindNotFound {
		t.Errorf("%v", err)
	}
	if out, err := r.Read(ctx, c, "Observation", "a"); err != nil || strings.Contains(string(out.Row.Body), "SUBSETTED") {
		t.Errorf("what is stored stays whole: %s, %v", out.Row.Body, err)
	}
}

// The entries of a batch find what the same requests find alone.
func TestBatchesSearchEverywhere(t *testing.T) {
	r := newRig(t)
	r.put(patient("A"), observation("a", "A", "laboratory"))
	out, err := r.Bundle(ctx, r.root(), r.parse(`{"resourceType":"Bundle","type":"batch","entry":[
		{"request":{"method":"GET","url":"?_type=Patient,Observation"}},
		{"request":{"method":"GET","url":"Patient/A/*"}},
		{"request":{"method":"GET","url":"Patient/A/Observation?category=laboratory"}},
		{"request":{"method":"GET","url":"Patient/A?_elements=name"}},
		{"request":{"method":"GET","url":"Observation?_explain=true"}}]}`), BundleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b := r.decode(out.Bundle)
	for i, want := range []struct {
		status  string
		entries int
	}{{"200 OK", 2}, {"200 OK", 2}, {"200 OK", 1}, {"200 OK", 0}, {"403 Forbidden", 0}} {
		e := b.Entry[i]
		if e.Response.Status != want.status || e.Resource != nil && len(e.Resource.Entry) != want.entries {
			t.Errorf("entry %d: %s with %+v", i, e.Response.Status, e.Resource)
		}
	}
	if tags := b.Entry[3].Resource.Meta.Tag; len(tags) != 1 || tags[0].Code != "SUBSETTED" {
		t.Errorf("a read in a batch: %+v", b.Entry[3].Resource)
	}
}
