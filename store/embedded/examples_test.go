package embedded

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// What the layout relies on, and what it gives: every term and range of the official examples (a sample of them) finds
// the resources that have it and no other, alone and together with a patient.
func TestExamples(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.CacheSize = 512 << 20
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	have := map[string]map[index.Term][]string{} // type → term → ids
	ranges := map[string]map[index.Range][]string{}
	ids := map[string]int{}
	writes := slices.DeleteFunc(exampleWrites(t), func(w store.Write) bool { return w.Type == "Parameters" })
	for some := range slices.Chunk(writes, 50) {
		if err := s.Commit(context.Background(), store.Commit{Writes: some}); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range writes {
		ids[w.Type]++
		e := s.opts.Indexer.Entries(w.Resource)
		if have[w.Type] == nil {
			have[w.Type], ranges[w.Type] = map[index.Term][]string{}, map[index.Range][]string{}
		}
		for j := range e.Terms {
			term := &e.Terms[j]
			if words := term.Form == index.FormWord || term.Form == index.FormGram; words && crc32.ChecksumIEEE([]byte(term.Text))%50 != 0 {
				continue // there are a hundred times more of them than of all others: one in fifty is asked
			}
			have[w.Type][*term] = append(have[w.Type][*term], w.ID)
			sibling(t, &w, e.Terms, term)
		}
		for _, c := range e.Compartments {
			if !slices.Contains(e.Terms, index.Term{Num: index.NumIn, Form: index.FormIn, Text: c}) {
				t.Errorf("%s/%s is in %s and has no term for it", w.Type, w.ID, c)
			}
		}
		for _, r := range e.Ranges {
			ranges[w.Type][r] = append(ranges[w.Type][r], w.ID)
		}
	}
	sound(t, s)
	same := func(typ string, n plan.Node, want []string) {
		t.Helper()
		got := selected(t, s, typ, n)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) && len(want) < 1000 {
			t.Errorf("%s %+v:\n got %q\nwant %q", typ, n, got, want)
		}
	}
	asked := 0
	for typ, terms := range have {
		sch := schemaOf(s, typ)
		for term, with := range terms {
			if asked++; asked%3 == 0 {
				same(typ, plan.Term(term), with)
			}
			if id, ok := strings.CutPrefix(term.Text, "Patient/"); ok && sch.patient[term.Num] && fhir.ValidID(id) {
				n := 0
				for other, of := range terms {
					if n++; n%40 != 0 || !slices.Contains(of, with[0]) {
						continue
					}
					var both []string
					for _, id := range with {
						if slices.Contains(of, id) {
							both = append(both, id)
						}
					}
					same(typ, plan.And{plan.Term(other), plan.Term(term)}, both)
				}
			}
		}
		for r, with := range ranges[typ] {
			if asked++; asked%3 == 0 {
				same(typ, plan.Range{Num: r.Num, Unit: r.Unit, Low: plan.Span{Min: r.Low, Max: r.Low}, High: plan.Span{Min: r.High, Max: r.High}}, with)
			}
		}
	}
	t.Logf("%d terms and ranges of %d types", asked, len(ids))
}

// sibling is what term.go relies on: a code in a system or in none comes with its code, a reference with its id.
func sibling(t *testing.T, w *store.Write, terms []index.Term, term *index.Term) {
	t.Helper()
	want := index.Term{Num: term.Num, Form: index.FormCode}
	switch term.Form {
	case index.FormSystemCode:
		_, code, ok := splitToken(term.Text)
		if !ok || severalBars(term.Text) {
			return
		}
		want.Text = code
	case index.FormNoSystem:
		want.Text = strings.TrimPrefix(term.Text, "|")
	case index.FormReference:
		ref := fhir.ParseReference(term.Text, "")
		if !ref.Local() || term.Num == index.NumLink {
			return
		}
		want.Form, want.Text = index.FormID, ref.ID
	default:
		return
	}
	if !slices.Contains(terms, want) {
		t.Errorf("%s/%s has %+v and not %+v", w.Type, w.ID, *term, want)
	}
}

// exampleWrites are the first versions of the official examples, or of the sample.
func exampleWrites(t *testing.T) (writes []store.Write) {
	t.Helper()
	all, _ := examples.Any(t)
	seen := map[string]bool{}
	for _, body := range all {
		res, err := fhir.Parse(body, fhir.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		id := res.ID
		if !fhir.ValidID(id) {
			id = fmt.Sprintf("example-%d", len(writes))
		}
		if seen[res.Type+"/"+id] {
			continue
		}
		seen[res.Type+"/"+id] = true
		at := time.UnixMilli(1_700_000_000_000 + int64(len(writes)))
		body = res.Stamp(fhir.Stamp{ID: id, VersionID: "1", LastUpdated: at})
		if res, err = fhir.Parse(body, fhir.Limits{}); err != nil {
			t.Fatal(err)
		}
		writes = append(writes, store.Write{Row: plan.Row{Type: res.Type, ID: id, Version: 1, LastUpdated: at.UnixMicro(), Method: "PUT", Body: body},
			Resource: res, Fresh: true})
	}
	return writes
}
