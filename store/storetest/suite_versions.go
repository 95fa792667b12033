package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

var versionTests = []suiteTest{
	{"absent", func(s *suite) {
		s.put("Patient", "a", 1, `{"resourceType":"Patient"}`)
		snap := s.snapshot()
		defer snap.Close()
		for _, k := range []plan.Key{s.Key("Patient", "b"), s.Key("Observation", "a"), s.Key("Patient", "A"), {}} {
			if r, ok, err := snap.Read(s.ctx, k); ok || err != nil {
				s.Errorf("read %v: %+v %v %v", k, r, ok, err)
			}
			if r, ok, err := snap.Version(s.ctx, k, 1); ok || err != nil {
				s.Errorf("version 1 of %v: %+v %v %v", k, r, ok, err)
			}
			page, err := snap.Versions(s.ctx, k, plan.Window{Limit: 5, Total: true})
			if err != nil || len(page.Rows) != 0 || page.Next != nil || page.Total != 0 {
				s.Errorf("versions of %v: %+v %v", k, page, err)
			}
		}
	}},

	{"each version stays", func(s *suite) {
		var writes []store.Write
		bodies := []string{`{"resourceType":"Patient","active":true}`, `{"resourceType":"Patient","active":false}`, ``,
			`{"resourceType":"Patient","gender":"female"}`, ``}
		for i, body := range bodies {
			writes = append(writes, s.put("Patient", "a", uint64(i+1), body))
			got, ok := s.current("Patient", "a")
			if !ok {
				s.Fatalf("version %d is not there", i+1)
			}
			s.sameRow(fmt.Sprintf("current after version %d", i+1), got, writes[i])
		}
		snap := s.snapshot()
		defer snap.Close()
		for _, w := range writes {
			got, ok, err := snap.Version(s.ctx, s.Key("Patient", "a"), w.Version)
			if !ok || err != nil {
				s.Fatalf("version %d: %v %v", w.Version, ok, err)
			}
			s.sameRow(fmt.Sprintf("version %d", w.Version), got, w)
		}
		for _, absent := range []uint64{0, 6, ^uint64(0)} {
			if r, ok, err := snap.Version(s.ctx, s.Key("Patient", "a"), absent); ok || err != nil {
				s.Errorf("version %d: %+v %v %v", absent, r, ok, err)
			}
		}
	}},

	{"ids of all shapes", func(s *suite) {
		// Neighbours in any encoding of keys: prefixes of one another, the ends of the alphabet, the longest.
		long := "0123456789012345678901234567890123456789012345678901234567890123"
		var writes []store.Write
		for _, typ := range []string{"Patient", "Person", "Observation"} {
			for _, id := range []string{"a", "a.", "a-", "a1", "A", "aa", "-", ".", "0", "zz", long, long[:63]} {
				writes = append(writes, s.version(typ, id, 1, fmt.Sprintf(`{"resourceType":%q}`, typ)))
			}
		}
		s.commit(writes...)
		for _, w := range writes {
			got, ok := s.current(w.Type, w.ID)
			if !ok {
				s.Fatalf("%s/%s is not there", w.Type, w.ID)
			}
			s.sameRow(w.Type+"/"+w.ID, got, w)
		}
	}},

	{"history of an instance", func(s *suite) {
		const n = 23
		var want []store.Write
		for i := range n {
			s.put("Patient", "other", uint64(i+1), `{"resourceType":"Patient"}`)
			body := fmt.Sprintf(`{"resourceType":"Patient","multipleBirthInteger":%d}`, i)
			if i%7 == 6 {
				body = ""
			}
			want = append(want, s.put("Patient", "a", uint64(i+1), body))
		}
		slices.Reverse(want)
		snap := s.snapshot()
		defer snap.Close()
		for _, limit := range []int{1, 2, 5, n - 1, n, n + 1} {
			got := s.pages(func(w plan.Window) (plan.Page, error) {
				p, err := snap.Versions(s.ctx, s.Key("Patient", "a"), w)
				if p.Total != n {
					s.Fatalf("total %d, want %d", p.Total, n)
				}
				return p, err
			}, plan.Window{Limit: limit, Total: true})
			s.sameRows(fmt.Sprintf("pages of %d", limit), got, want)
		}
	}},

	{"history of types and the system", func(s *suite) {
		all := s.history()
		for _, types := range [][]string{{"Patient"}, {"Observation"}, {"Observation", "Patient"}, {"Encounter"},
			{"Encounter", "Observation", "Patient"}, nil} {
			for _, since := range []int64{0, all[len(all)-1].LastUpdated, all[len(all)/2].LastUpdated,
				all[len(all)/2].LastUpdated + 1, all[0].LastUpdated, all[0].LastUpdated + 1} {
				var want []store.Write
				for _, w := range all {
					if slices.Contains(types, w.Type) && w.LastUpdated >= since {
						want = append(want, w)
					}
				}
				for _, limit := range []int{1, 4, 1000} {
					s.sameRows(fmt.Sprintf("%v since %d, pages of %d", types, since, limit),
						s.changes(s.Changes(types, nil, since, nil), limit, len(want)), want)
				}
			}
		}
	}},

	{"history of charts", func(s *suite) {
		all, charts := s.charted()
		for _, types := range [][]string{{"Observation"}, {"Appointment", "Device"}, {"Appointment", "Device", "Observation", "Patient", "Practitioner"}} {
			for _, patients := range [][]string{{"a"}, {"b"}, {"a", "b"}, {"0f3c9a5e-1b2c-4d5e-8f90-a1b2c3d4e5f6", "b"}, {"A", "aa", "nobody"}, {}} {
				for _, since := range []int64{0, all[len(all)/2].LastUpdated, all[0].LastUpdated + 1} {
					var want []store.Write
					for i, w := range all {
						if slices.Contains(types, w.Type) && w.LastUpdated >= since &&
							slices.ContainsFunc(charts[i], func(id string) bool { return slices.Contains(patients, id) }) {
							want = append(want, w)
						}
					}
					for _, limit := range []int{1, 3, 1000} {
						s.sameRows(fmt.Sprintf("%v of %q since %d, pages of %d", types, patients, since, limit),
							s.changes(s.Changes(types, patients, since, nil), limit, len(want)), want)
					}
				}
			}
		}
	}},

	{"history keeps what the caller may see", func(s *suite) {
		all := s.history()
		keep := func(_ plan.Source, r *plan.Row) (bool, error) { return r.Version%2 == 1 && !r.Deleted, nil }
		var want []store.Write
		for _, w := range all {
			if ok, _ := keep(nil, &w.Row); ok {
				want = append(want, w)
			}
		}
		for _, limit := range []int{1, 2, 3, len(want), 1000} {
			s.sameRows(fmt.Sprintf("pages of %d", limit),
				s.changes(s.Changes([]string{"Observation", "Patient"}, nil, 0, keep), limit, len(want)), want)
		}
		snap := s.snapshot()
		defer snap.Close()
		for _, c := range []plan.Changes{{}, s.Changes([]string{"Patient"}, nil, 0,
			func(plan.Source, *plan.Row) (bool, error) { return false, nil })} {
			p, err := snap.Changes(s.ctx, c, plan.Window{Limit: 5, Total: true})
			if err != nil || len(p.Rows) != 0 || p.Total != 0 || p.Next != nil {
				s.Errorf("changes that keep nothing: %+v %v", p, err)
			}
		}
	}},

	{"history asks the source that is read", func(s *suite) {
		s.put("Patient", "a", 1, `{"resourceType":"Patient"}`)
		s.put("Patient", "b", 1, `{"resourceType":"Patient"}`)
		s.put("Patient", "a", 2, ``)
		// A version is visible only if the current one is: Keep reads it from src.
		live := func(src plan.Source, r *plan.Row) (bool, error) {
			now, ok, err := src.Read(s.ctx, s.Key(r.Type, r.ID))
			return ok && !now.Deleted, err
		}
		snap := s.snapshot()
		defer snap.Close()
		s.put("Patient", "b", 2, ``)
		p, err := snap.Changes(s.ctx, s.Changes([]string{"Patient"}, nil, 0, live), plan.Window{Limit: 5})
		if err != nil || len(p.Rows) != 1 || p.Rows[0].ID != "b" || p.Rows[0].Version != 1 {
			s.Errorf("got %+v %v, want version 1 of b, whose deletion came after the snapshot", p, err)
		}
	}},

	{"history of one moment", func(s *suite) {
		// Versions of one LastUpdated, in commits of many and of one, have a stable order and come once each.
		want := map[string]bool{}
		for i := range 9 {
			var writes []store.Write
			for j := range i%3 + 1 {
				w, err := newVersion("Patient", fmt.Sprintf("p%d-%d", i, j), 1, s.clock, `{"resourceType":"Patient"}`)
				if err != nil {
					s.Fatal(err)
				}
				writes = append(writes, w)
				want[w.ID] = true
			}
			s.commit(writes...)
		}
		whole := ids(s.changes(s.Changes([]string{"Patient"}, nil, 0, nil), 1000, len(want)))
		for _, limit := range []int{1, 2, 5} {
			if got := ids(s.changes(s.Changes([]string{"Patient"}, nil, 0, nil), limit, len(want))); !slices.Equal(got, whole) {
				s.Errorf("pages of %d:\n got %q\nwant %q", limit, got, whole)
			}
		}
		if len(whole) != len(want) {
			s.Errorf("%d versions of %d", len(whole), len(want))
		}
	}},

	{"history pages while others write", func(s *suite) {
		want := s.history()
		w := plan.Window{Limit: 3}
		var got []plan.Row
		for i := 0; ; i++ {
			snap := s.snapshot()
			p, err := snap.Changes(s.ctx, s.Changes([]string{"Observation", "Patient"}, nil, 0, nil), w)
			if err != nil {
				s.Fatal(err)
			}
			snap.Close()
			got = append(got, p.Rows...)
			if p.Next == nil {
				break
			}
			w.After = p.Next
			s.put("Patient", fmt.Sprintf("new%d", i), 1, `{"resourceType":"Patient"}`)
		}
		s.sameRows("the versions that were there at the first page", got, want)
	}},

	{"reopened", func(s *suite) {
		all := s.history()
		p := s.changesPage(s.Changes([]string{"Observation", "Patient"}, nil, 0, nil), plan.Window{Limit: 4})
		s.reopen()
		rest := s.pages(func(w plan.Window) (plan.Page, error) {
			return s.changesPage(s.Changes([]string{"Observation", "Patient"}, nil, 0, nil), w), nil
		}, plan.Window{Limit: 4, After: p.Next})
		s.sameRows("history over a restart", append(p.Rows, rest...), all)
		for _, w := range all {
			snap := s.snapshot()
			got, ok, err := snap.Version(s.ctx, s.Key(w.Type, w.ID), w.Version)
			if !ok || err != nil {
				s.Fatalf("%s/%s version %d: %v %v", w.Type, w.ID, w.Version, ok, err)
			}
			s.sameRow("a version after reopening", got, w)
			snap.Close()
		}
		s.put("Patient", "a", 4, `{"resourceType":"Patient","active":true}`)
	}},
}

// history writes some versions of two types and returns them, newest first.
func (s *suite) history() []store.Write {
	s.Helper()
	var all []store.Write
	for _, v := range []struct {
		typ, id string
		number  uint64
		body    string
	}{
		{"Patient", "a", 1, `{"resourceType":"Patient"}`},
		{"Observation", "a", 1, `{"resourceType":"Observation"}`},
		{"Patient", "b", 1, `{"resourceType":"Patient"}`},
		{"Patient", "a", 2, `{"resourceType":"Patient","active":true}`},
		{"Observation", "a", 2, `{"resourceType":"Observation","status":"final"}`},
		{"Observation", "a", 3, ``},
		{"Patient", "b", 2, ``},
		{"Patient", "b", 3, `{"resourceType":"Patient","active":false}`},
		{"Patient", "c", 1, `{"resourceType":"Patient"}`},
		{"Observation", "b", 1, `{"resourceType":"Observation"}`},
		{"Patient", "a", 3, `{"resourceType":"Patient","gender":"male"}`},
	} {
		all = append(all, s.put(v.typ, v.id, v.number, v.body))
	}
	slices.Reverse(all)
	return all
}

// charted writes versions in charts, in several, in other ones than before and in none, and returns them and the ids of the
// patients, newest first.
func (s *suite) charted() (all []store.Write, charts [][]string) {
	s.Helper()
	const long = "0f3c9a5e-1b2c-4d5e-8f90-a1b2c3d4e5f6"
	of := func(element string, ids ...string) string {
		refs := ""
		for _, id := range ids {
			refs += fmt.Sprintf(element, id)
		}
		return strings.TrimSuffix(refs, ",")
	}
	numbers := map[string]uint64{}
	put := func(typ, id, body string, in ...string) {
		numbers[typ+id]++
		if body != "" {
			body = fmt.Sprintf(`{"resourceType":%q%s}`, typ, body)
		}
		all, charts = append(all, s.put(typ, id, numbers[typ+id], body)), append(charts, in)
	}
	observed := func(id, patient string) {
		put("Observation", id, fmt.Sprintf(`,"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}`, patient), patient)
	}
	met := func(id string, patients ...string) {
		put("Appointment", id, `,"status":"booked","participant":[`+of(`{"actor":{"reference":"Patient/%s"},"status":"accepted"},`, patients...)+`]`, patients...)
	}
	for range 2 {
		put("Patient", "a", `,"active":true`, "a")
		put("Patient", "b", `,"active":true`, "b")
		observed("x", "a")
		observed("y", long)
		met("m", "a", "b")
		put("Device", "d", `,"patient":{"reference":"Patient/b"}`, "b")
		put("Practitioner", "p", `,"active":true`)
		observed("x", "b")
		put("Observation", "x", "", "b")
		put("Observation", "x", "", "b")
		put("Device", "d", "", "b")
		put("Observation", "x", `,"status":"final","code":{"text":"x"}`)
		observed("z", "a")
		met("m", "a", long)
		put("Appointment", "m", "", "a", long)
		put("Patient", "b", "", "b")
		put("Observation", "y", `,"status":"final","code":{"text":"x"}`)
		put("Observation", "y", "")
		put("Device", "d", `,"patient":{"reference":"Patient/a"},"owner":{"reference":"Organization/b"}`, "a")
	}
	slices.Reverse(all)
	slices.Reverse(charts)
	return all, charts
}

func (s *suite) changesPage(c plan.Changes, w plan.Window) plan.Page {
	s.Helper()
	snap := s.snapshot()
	defer snap.Close()
	p, err := snap.Changes(s.ctx, c, w)
	if err != nil {
		s.Fatalf("changes: %v", err)
	}
	return p
}

// changes reads all pages and checks the total of each.
func (s *suite) changes(c plan.Changes, limit, total int) []plan.Row {
	s.Helper()
	return s.pages(func(w plan.Window) (plan.Page, error) {
		p := s.changesPage(c, w)
		if p.Total != total {
			s.Fatalf("total %d, want %d", p.Total, total)
		}
		return p, nil
	}, plan.Window{Limit: limit, Total: true})
}

// sameRows compares versions in their order.
func (s *suite) sameRows(what string, got []plan.Row, want []store.Write) {
	s.Helper()
	if len(got) != len(want) {
		s.Errorf("%s: %d versions, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		s.sameRow(fmt.Sprintf("%s: place %d", what, i), got[i], want[i])
	}
}
