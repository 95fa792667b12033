package storetest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

var selectTests = slices.Concat(nodeTests, manyTests, []suiteTest{
	{"default order", func(s *suite) {
		s.writeChart()
		snap := s.snapshot()
		defer snap.Close()
		for _, limit := range []int{1, 3, 8} {
			got := s.all(snap, "Observation", plan.All{}, plan.Window{Limit: limit})
			if len(got) == 8 { // o5 has no start, o6 no date: both come last
				slices.Sort(got[6:])
			}
			if want := []string{"o8", "o1", "o7", "o2", "o4", "o3", "o5", "o6"}; !slices.Equal(got, want) {
				s.Errorf("pages of %d:\n got %q\nwant %q", limit, got, want)
			}
		}
	}},

	{"order by keys", func(s *suite) {
		s.writeChart()
		key := func(code string) plan.SortKey { return plan.SortKey{P: param("Observation", code)} }
		down := func(code string) plan.SortKey { return plan.SortKey{P: param("Observation", code), Desc: true} }
		snap := s.snapshot()
		defer snap.Close()
		for _, c := range []struct {
			sort []plan.SortKey
			want []string
		}{
			{[]plan.SortKey{key("_id")}, []string{"o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"}},
			{[]plan.SortKey{down("_id")}, []string{"o8", "o7", "o6", "o5", "o4", "o3", "o2", "o1"}},
			{[]plan.SortKey{key("_lastUpdated")}, []string{"o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"}},
			{[]plan.SortKey{down("_lastUpdated")}, []string{"o8", "o7", "o6", "o5", "o4", "o3", "o2", "o1"}},
			{[]plan.SortKey{key("date")}, []string{"o5", "o3", "o4", "o2", "o7", "o1", "o8", "o6"}},
			{[]plan.SortKey{down("date")}, []string{"o8", "o1", "o7", "o2", "o4", "o3", "o5", "o6"}},
			{[]plan.SortKey{key("value-quantity"), key("_id")}, []string{"o7", "o3", "o4", "o5", "o1", "o8", "o2", "o6"}},
			{[]plan.SortKey{down("value-quantity"), down("_id")}, []string{"o2", "o8", "o1", "o5", "o4", "o3", "o7", "o6"}},
			{[]plan.SortKey{key("value-string"), down("_id")}, []string{"o6", "o8", "o7", "o5", "o4", "o3", "o2", "o1"}},
			// o5 has both codes: the first in the order asked for counts.
			{[]plan.SortKey{key("code"), key("_id")}, []string{"o3", "o4", "o5", "o1", "o2", "o7", "o8", "o6"}},
			{[]plan.SortKey{down("code"), key("_id")}, []string{"o1", "o2", "o5", "o7", "o8", "o3", "o4", "o6"}},
			{[]plan.SortKey{key("category"), down("date")}, []string{"o2", "o4", "o3", "o1", "o8", "o7", "o5", "o6"}},
			{[]plan.SortKey{down("category"), key("date"), key("_id")}, []string{"o2", "o1", "o3", "o4", "o5", "o7", "o8", "o6"}},
			{[]plan.SortKey{key("component-value-quantity"), key("_id")}, []string{"o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"}},
		} {
			for _, limit := range []int{1, 3, 7, 8, 9} {
				if got := s.all(snap, "Observation", plan.All{}, plan.Window{Sort: c.sort, Limit: limit}); !slices.Equal(got, c.want) {
					s.Errorf("%s, pages of %d:\n got %q\nwant %q", sorted(c.sort), limit, got, c.want)
				}
			}
		}
	}},

	{"order of quantities as written", func(s *suite) { // not as their canonical units have them
		for id, q := range map[string]string{
			"ten":   `{"value":1e1,"system":"http://unitsofmeasure.org","code":"ug"}`,
			"seven": `{"value":7,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}`,
			"five":  `{"value":5}`,
			"two":   `{"value":2.0,"system":"http://unitsofmeasure.org","code":"kg"}`,
		} {
			s.put("Observation", id, 1, `{"resourceType":"Observation","valueQuantity":`+q+`,"component":[{"valueQuantity":`+q+`}]}`)
		}
		snap := s.snapshot()
		defer snap.Close()
		want := []string{"two", "five", "seven", "ten"}
		for _, code := range []string{"value-quantity", "component-value-quantity"} {
			for _, desc := range []bool{false, true} {
				w := plan.Window{Sort: []plan.SortKey{{P: param("Observation", code), Desc: desc}}, Limit: 3}
				if got := s.all(snap, "Observation", plan.All{}, w); !slices.Equal(got, want) {
					s.Errorf("%s: got %q, want %q", sorted(w.Sort), got, want)
				}
				slices.Reverse(want)
			}
		}
	}},

	{"order of many, with ties", func(s *suite) {
		facts := s.writeMany()
		snap := s.snapshot()
		defer snap.Close()
		for _, sort := range [][]plan.SortKey{
			nil,
			{{P: param("Observation", "date")}},
			{{P: param("Observation", "date"), Desc: true}},
			{{P: param("Observation", "value-quantity")}, {P: param("Observation", "date"), Desc: true}},
			{{P: param("Observation", "value-quantity"), Desc: true}, {P: param("Observation", "_id")}},
			{{P: param("Observation", "code")}, {P: param("Observation", "value-quantity")}},
		} {
			for _, limit := range []int{1, 7, many, many + 1} {
				got := s.all(snap, "Observation", plan.All{}, plan.Window{Sort: sort, Limit: limit})
				s.inOrder(fmt.Sprintf("%s, pages of %d", sorted(sort), limit), got, facts, sort)
			}
		}
	}},

	{"a total whatever the page", func(s *suite) {
		s.writeMany()
		snap := s.snapshot()
		defer snap.Close()
		n := plan.Term{Num: param("Observation", "code").Num, Form: index.FormCode, Text: "c0"}
		want := len(s.all(snap, "Observation", n, plan.Window{}))
		w := plan.Window{Limit: 4, Total: true}
		rows := s.pages(func(w plan.Window) (plan.Page, error) {
			p, err := snap.Select(s.ctx, s.Bound("Observation", n), w)
			if p.Total != want {
				s.Errorf("total %d, want %d", p.Total, want)
			}
			return p, err
		}, w)
		if len(rows) != want || want != many/3 {
			s.Errorf("%d rows, want %d", len(rows), many/3)
		}
	}},

	{"pages while others write", func(s *suite) {
		for _, sort := range [][]plan.SortKey{
			nil,
			{{P: param("Observation", "date")}},
			{{P: param("Observation", "value-quantity")}},
			{{P: param("Observation", "_id"), Desc: true}},
		} {
			s.pagesWhileOthersWrite(sort, false)
		}
	}},

	{"pages by date while a resource with two dates comes and goes", func(s *suite) {
		s.put("Observation", "none", 1, `{"resourceType":"Observation"}`)
		want := []string{}
		for i := range 9 {
			id := fmt.Sprintf("d%d", i)
			want = append(want, id)
			s.put("Observation", id, 1, fmt.Sprintf(`{"resourceType":"Observation","effectiveDateTime":"202%d"}`, i/2))
		}
		var got []string
		w := plan.Window{Sort: []plan.SortKey{{P: param("Observation", "date")}}, Limit: 1}
		for i := range len(want) + 1 {
			body := ""
			if i%2 == 0 {
				body = `{"resourceType":"Observation","effectiveDateTime":"2010","effectiveInstant":"2035-01-01T00:00:00Z"}`
			}
			s.put("Observation", "two", uint64(i+1), body)
			snap := s.snapshot()
			p, err := snap.Select(s.ctx, s.Bound("Observation", plan.All{}), w)
			snap.Close()
			if err != nil {
				s.Fatalf("page %d: %v", i, err)
			}
			if w.After = p.Next; ids(p.Rows)[0] != "two" {
				got = append(got, ids(p.Rows)...)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			s.Errorf("got %q, want %q", got, want)
		}
	}},

	{"pages over a restart", func(s *suite) {
		s.pagesWhileOthersWrite(nil, true)
	}},

	{"a resource that others write all the time", func(s *suite) {
		facts := s.writeMany()
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- func() error {
				for number := uint64(1); ; number++ {
					w, err := newVersion("Observation", "busy", number, firstMoment+int64(number), busy(number))
					if err != nil {
						return err
					}
					if err := s.store.Commit(s.ctx, relying(w)); err != nil {
						return err
					}
					select {
					case <-stop:
						return nil
					default:
					}
				}
			}()
		}()
		for range 5 {
			seen := map[string]int{}
			w := plan.Window{Limit: 5}
			for {
				snap := s.snapshot()
				p, err := snap.Select(s.ctx, s.Bound("Observation", plan.All{}), w)
				if err != nil {
					s.Fatal(err)
				}
				snap.Close()
				for _, r := range p.Rows {
					seen[fmt.Sprintf("%s %d", r.ID, r.Version)]++
				}
				if w.After = p.Next; p.Next == nil {
					break
				}
			}
			for row, n := range seen {
				if n != 1 {
					s.Errorf("version %s came %d times", row, n)
				}
			}
			for id := range facts {
				if seen[id+" 1"] != 1 {
					s.Errorf("%s, which nobody touched, came %d times", id, seen[id+" 1"])
				}
			}
		}
		close(stop)
		if err := <-done; err != nil {
			s.Error(err)
		}
	}},

	{"what an update takes away", func(s *suite) {
		find := func(code string) []string {
			snap := s.snapshot()
			defer snap.Close()
			return s.all(snap, "Observation", plan.Term{Num: param("Observation", "code").Num, Form: index.FormCode, Text: code}, plan.Window{})
		}
		body := func(code, date string) string {
			return fmt.Sprintf(`{"resourceType":"Observation","code":{"coding":[{"code":%q}]},"effectiveDateTime":%q}`, code, date)
		}
		s.put("Observation", "a", 1, body("x", "2020"))
		s.put("Observation", "b", 1, body("x", "2021"))
		s.sameSet("x", find("x"), []string{"a", "b"})
		s.put("Observation", "a", 2, body("y", "2020"))
		s.sameSet("x after a changed", find("x"), []string{"b"})
		s.sameSet("y after a changed", find("y"), []string{"a"})
		s.put("Observation", "a", 3, body("x", "2030"))
		s.sameSet("x after a changed back", find("x"), []string{"a", "b"})
		if got := find("x"); !slices.Equal(got, []string{"a", "b"}) {
			s.Errorf("the newest first: %q", got)
		}
		s.put("Observation", "b", 2, "")
		s.sameSet("x without b", find("x"), []string{"a"})
		s.put("Observation", "b", 3, body("x", "2040"))
		if got := find("x"); !slices.Equal(got, []string{"b", "a"}) {
			s.Errorf("the newest first: %q", got)
		}
		s.sameSet("y at last", find("y"), nil)
	}},
})

func busy(number uint64) string {
	return fmt.Sprintf(`{"resourceType":"Observation","code":{"coding":[{"code":"c%d"}]},"effectiveDateTime":"20%02d-01-01"}`,
		number%3, number%50)
}

// fact is what a resource of writeMany holds; -1 is nothing.
type fact struct {
	id               string
	date, value, cod int
}

const many = 60

// writeMany writes Observations with few distinct dates, values and codes.
func (s *suite) writeMany() map[string]fact {
	s.Helper()
	facts := map[string]fact{}
	var writes []store.Write
	for i := range many {
		f := fact{fmt.Sprintf("m%02d", i), i * 7 % 20, i * 13 % 17, i % 3}
		if i%5 == 0 {
			f.date = -1
		}
		if i%7 == 0 {
			f.value = -1
		}
		facts[f.id] = f
		writes = append(writes, s.version("Observation", f.id, 1, f.body()))
	}
	// The writes come in an order that is no order of theirs.
	for i := range writes {
		s.commit(writes[i*37%many])
	}
	return facts
}

func (f fact) body() string {
	out := fmt.Sprintf(`{"resourceType":"Observation","code":{"coding":[{"code":"c%d"}]}`, f.cod)
	if f.date >= 0 {
		out += fmt.Sprintf(`,"effectiveDateTime":"2024-01-%02d"`, f.date+1)
	}
	if f.value >= 0 {
		out += fmt.Sprintf(`,"valueQuantity":{"value":%d}`, f.value)
	}
	return out + "}"
}

// compare is the order of facts by sort; ties are 0.
func (f fact) compare(o fact, sort []plan.SortKey) int {
	if len(sort) == 0 {
		return cmp.Compare(o.date, f.date)
	}
	for _, k := range sort {
		var a, b int
		switch k.P.Code {
		case "date":
			a, b = f.date, o.date
		case "value-quantity":
			a, b = f.value, o.value
		case "code":
			a, b = f.cod, o.cod
		case "_id":
			a, b = cmp.Compare(f.id, o.id), 0
			if k.Desc {
				return -a
			}
			if a != 0 {
				return a
			}
			continue
		}
		switch {
		case a == b:
			continue
		case a == -1:
			return 1
		case b == -1:
			return -1
		case k.Desc:
			return cmp.Compare(b, a)
		}
		return cmp.Compare(a, b)
	}
	return 0
}

// inOrder fails unless got is all of facts in the order of sort.
func (s *suite) inOrder(what string, got []string, facts map[string]fact, sort []plan.SortKey) {
	s.Helper()
	var want []string
	for id := range facts {
		want = append(want, id)
	}
	s.sameSet(what, got, want)
	for i := 1; i < len(got); i++ {
		if facts[got[i-1]].compare(facts[got[i]], sort) > 0 {
			s.Errorf("%s: %+v before %+v", what, facts[got[i-1]], facts[got[i]])
		}
	}
}

func sorted(sort []plan.SortKey) string {
	out := "sorted by"
	for _, k := range sort {
		out += " "
		if k.Desc {
			out += "-"
		}
		out += k.P.Code
	}
	return out
}

// pagesWhileOthersWrite reads page after page, each in a snapshot of its own, while resources before and behind the
// page come, go and move.
func (s *suite) pagesWhileOthersWrite(sort []plan.SortKey, restart bool) {
	s.Helper()
	facts := map[string]fact{}
	prefix := fmt.Sprintf("w%d-", s.clock)
	for i := range many {
		f := fact{fmt.Sprintf("%s%02d", prefix, i), i * 7 % 20, i * 13 % 17, 9}
		if i%5 == 0 {
			f.date, f.value = -1, -1
		}
		facts[f.id] = f
		s.put("Observation", f.id, 1, f.body())
	}
	n := plan.Term{Num: param("Observation", "code").Num, Form: index.FormCode, Text: "c9"}
	changed := map[string]bool{}
	versions := map[string]int{}
	count := map[string]int{}
	w := plan.Window{Sort: sort, Limit: 7}
	for i := 0; ; i++ {
		snap := s.snapshot()
		p, err := snap.Select(s.ctx, s.Bound("Observation", n), w)
		if err != nil {
			s.Fatal(err)
		}
		snap.Close()
		for _, r := range p.Rows {
			count[r.ID]++
			versions[fmt.Sprintf("%s version %d", r.ID, r.Version)]++
		}
		if w.After = p.Next; p.Next == nil {
			break
		}
		// One goes, two move (one of them from the end of this page: the cursor points at it), one comes.
		gone, moved := fmt.Sprintf("%s%02d", prefix, (i*11+1)%many), fmt.Sprintf("%s%02d", prefix, (i*11+6)%many)
		if !changed[gone] {
			s.put("Observation", gone, 2, "")
			changed[gone] = true
		}
		for _, id := range []string{moved, p.Rows[len(p.Rows)-1].ID} {
			if f, ok := facts[id]; ok && !changed[id] {
				f.date, f.value = (f.date+9)%20, (f.value+8)%17
				s.put("Observation", id, 2, f.body())
				changed[id] = true
			}
		}
		s.put("Observation", fmt.Sprintf("%snew%d", prefix, i), 1, fact{"", i % 20, i % 17, 9}.body())
		if restart {
			s.reopen()
		}
	}
	for v, n := range versions {
		if n > 1 {
			s.Errorf("%s: %s came %d times", sorted(sort), v, n)
		}
	}
	for id := range facts {
		if !changed[id] && count[id] != 1 {
			s.Errorf("%s: %s, which nobody touched, came %d times", sorted(sort), id, count[id])
		}
	}
	// The next order begins with an empty set of c9.
	snap := s.snapshot()
	left := s.all(snap, "Observation", n, plan.Window{})
	snap.Close()
	for _, id := range left {
		r, _ := s.current("Observation", id)
		s.put("Observation", id, r.Version+1, "")
	}
}
