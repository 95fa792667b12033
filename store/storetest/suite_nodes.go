package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// chart is eight Observations whose members of each leaf were counted by hand.
var chart = []struct{ id, body string }{
	{"o1", `{"resourceType":"Observation","status":"final",
		"category":[{"coding":[{"system":"urn:cat","code":"vital-signs"}]}],
		"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},
		"subject":{"reference":"Patient/a"},"effectiveDateTime":"2024-03-01T10:00:00Z",
		"valueQuantity":{"value":72,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"},
		"component":[{"code":{"text":"s"},"valueQuantity":{"value":120}},{"code":{"text":"d"},"valueQuantity":{"value":80}}]}`},
	{"o2", `{"resourceType":"Observation","status":"final",
		"category":[{"coding":[{"system":"urn:cat","code":"vital-signs"}]},{"coding":[{"system":"urn:cat","code":"laboratory"}]}],
		"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},
		"subject":{"reference":"Patient/a"},"effectiveDateTime":"2023",
		"valueQuantity":{"value":80,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`},
	{"o3", `{"resourceType":"Observation","status":"final",
		"category":[{"coding":[{"system":"urn:cat","code":"laboratory"}]}],
		"code":{"coding":[{"system":"http://loinc.org","code":"2345-7"}]},
		"subject":{"reference":"Patient/b"},"effectivePeriod":{"start":"2019-01-01","end":"2025-12-31"},
		"valueQuantity":{"value":5.4,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`},
	{"o4", `{"resourceType":"Observation","status":"final",
		"category":[{"coding":[{"system":"urn:cat","code":"laboratory"}]}],
		"code":{"coding":[{"system":"http://loinc.org","code":"2345-7"}]},
		"subject":{"reference":"Patient/b"},"effectivePeriod":{"start":"2022-05-05"},
		"valueQuantity":{"value":5.40,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`},
	{"o5", `{"resourceType":"Observation","status":"final",
		"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"},{"system":"http://loinc.org","code":"2345-7"}]},
		"subject":{"reference":"Patient/c"},"effectivePeriod":{"end":"2020-06-30"},"valueQuantity":{"value":10}}`},
	{"o6", `{"resourceType":"Observation","status":"final","code":{"text":"free"},"valueString":"Élevé après"}`},
	{"o7", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:local","code":"8867-4"}]},
		"subject":{"reference":"https://other.test/fhir/Patient/a"},"effectiveDateTime":"2024-03-01","valueQuantity":{"value":-3.5}}`},
	{"o8", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},
		"subject":{"reference":"Patient/a/_history/1"},"effectiveInstant":"2024-03-01T12:00:00.500+02:00",
		"valueQuantity":{"value":72.5,"unit":"/min"}}`},
}

// A leaf is a node and the ids of the chart that it denotes.
type leaf struct {
	name string
	node plan.Node
	ids  string
}

// leaves are terms and ranges over the chart.
func leaves() []leaf {
	term := func(code string, form index.Form, text string) index.Term {
		return index.Term{Num: param("Observation", code).Num, Form: form, Text: text}
	}
	date := func(low, high plan.Span) plan.Range {
		return plan.Range{Num: param("Observation", "date").Num, Low: low, High: high}
	}
	quantity := func(code, unit string, low, high plan.Span) plan.Range {
		return plan.Range{Num: param("Observation", code).Num, Unit: unit, Low: low, High: high}
	}
	no := plan.Span{}
	const loinc = "http://loinc.org"
	return []leaf{
		{"all", plan.All{}, "o1 o2 o3 o4 o5 o6 o7 o8"},
		{"none", plan.None{}, ""},
		{"code", plan.Term(term("code", index.FormCode, "8867-4")), "o1 o2 o5 o7 o8"},
		{"system|code", plan.Term(term("code", index.FormSystemCode, loinc+"|8867-4")), "o1 o2 o5 o8"},
		{"system|", plan.Term(term("code", index.FormSystem, loinc+"|")), "o1 o2 o3 o4 o5 o8"},
		{"a code of another parameter", plan.Term(term("category", index.FormCode, "8867-4")), ""},
		{"a code in another form", plan.Term(term("code", index.FormSystemCode, "8867-4")), ""},
		{"a beginning of a code", plan.Term(term("code", index.FormCode, "8867")), ""},
		{"two values of one parameter", plan.And{plan.Term(term("category", index.FormCode, "vital-signs")),
			plan.Term(term("category", index.FormCode, "laboratory"))}, "o2"},
		{"terms", plan.Terms{term("code", index.FormSystemCode, loinc+"|2345-7"),
			term("code", index.FormSystemCode, "urn:local|8867-4"), term("code", index.FormSystemCode, "urn:none|1")}, "o3 o4 o5 o7"},
		{"overlapping terms", plan.Terms{term("code", index.FormCode, "2345-7"), term("code", index.FormCode, "8867-4")},
			"o1 o2 o3 o4 o5 o7 o8"},
		{"present", plan.Term(term("category", index.FormPresent, "")), "o1 o2 o3 o4"},
		{"reference", plan.Term(term("subject", index.FormReference, "Patient/a")), "o1 o2 o8"},
		{"reference elsewhere", plan.Term(term("subject", index.FormReference, "https://other.test/fhir/Patient/a")), "o7"},
		{"bare id", plan.Term(term("subject", index.FormID, "b")), "o3 o4"},
		{"compartment", plan.Term{Num: index.NumIn, Form: index.FormIn, Text: "Patient/a"}, "o1 o2 o8"},
		{"compartments", plan.Terms{{Num: index.NumIn, Form: index.FormIn, Text: "Patient/b"},
			{Num: index.NumIn, Form: index.FormIn, Text: "Patient/c"}, {Num: index.NumIn, Form: index.FormIn, Text: "Patient/z"}}, "o3 o4 o5"},
		{"prefix of a string", plan.Prefix(term("value-string", index.FormString, "eleve a")), "o6"},
		{"prefix of a code", plan.Prefix(term("code", index.FormCode, "88")), "o1 o2 o5 o7 o8"},
		{"prefix of a reference", plan.Prefix(term("subject", index.FormReference, "Patient/")), "o1 o2 o3 o4 o5 o8"},
		{"any prefix", plan.Prefix(term("category", index.FormCode, "")), "o1 o2 o3 o4"},

		{"any date", date(no, no), "o1 o2 o3 o4 o5 o7 o8"},
		{"overlaps 2024", date(plan.Span{Max: day("2025-01-01"), MaxOpen: true}, plan.Span{Min: day("2024-01-01"), MinOpen: true}),
			"o1 o3 o4 o7 o8"},
		{"within one day", date(plan.Span{Min: day("2024-03-01")}, plan.Span{Max: day("2024-03-02")}), "o1 o7 o8"},
		{"starts at or after", date(plan.Span{Min: day("2023-01-01")}, no), "o1 o2 o7 o8"},
		{"starts after", date(plan.Span{Min: day("2023-01-01"), MinOpen: true}, no), "o1 o7 o8"},
		{"starts after the beginning of a day", date(plan.Span{Min: day("2024-03-01"), MinOpen: true}, no), "o1 o8"},
		{"ends in the middle of a day", date(no, plan.Span{Min: moment("2024-03-01T11:00:00Z"), Max: moment("2024-03-03T00:00:00Z")}), "o7"},
		{"starts at", date(plan.Span{Min: day("2023-01-01"), Max: day("2023-01-01")}, no), "o2"},
		{"ends by", date(no, plan.Span{Max: day("2024-01-01")}), "o2 o5"},
		{"ends before", date(no, plan.Span{Max: day("2024-01-01"), MaxOpen: true}), "o5"},
		{"starts and ends in the twenties", date(plan.Span{Min: day("2020-01-01"), Max: day("2029-12-31")},
			plan.Span{Min: day("2020-01-01"), Max: day("2029-12-31")}), "o1 o2 o7 o8"},
		{"without a start", date(plan.Span{Max: index.KeyMin}, no), "o5"},
		{"without an end", date(no, plan.Span{Min: index.KeyMax}), "o4"},
		{"an empty span", date(plan.Span{Min: day("2024-01-01"), Max: day("2023-01-01")}, no), ""},

		{"more than 72", quantity("value-quantity", "", plan.Span{Min: number("72"), MinOpen: true}, no), "o2 o8"},
		{"at least 72", quantity("value-quantity", "", plan.Span{Min: number("72")}, no), "o1 o2 o8"},
		{"5.4", quantity("value-quantity", "", plan.Span{Max: number("5.4")}, plan.Span{Min: number("5.4")}), "o3 o4"},
		{"below nothing", quantity("value-quantity", "", no, plan.Span{Max: number("0"), MaxOpen: true}), "o7"},
		{"in mmol/L", quantity("value-quantity", "ucum:mmol/L", plan.Span{Min: number("5")}, no), "o3 o4"},
		{"in the unit as written", quantity("value-quantity", "|/min", no, no), "o1 o2 o8"},
		{"a component of at least 100", quantity("component-value-quantity", "", plan.Span{Min: number("100")}, no), "o1"},
		{"one component above 80 and below 120", quantity("component-value-quantity", "",
			plan.Span{Min: number("80"), MinOpen: true}, plan.Span{Max: number("120"), MaxOpen: true}), ""},
	}
}

// day is the key of a midnight in UTC.
func day(date string) index.Key {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return index.DateKey(t.UnixMicro())
}

// moment is the key of a moment.
func moment(text string) index.Key {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return index.DateKey(t.UnixMicro())
}

// number is the key of a decimal.
func number(text string) index.Key {
	d, err := fhir.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return index.Key(d.Key())
}

// writeChart writes the chart, and patients with the ids of Observations that no answer may hold.
func (s *suite) writeChart() {
	s.Helper()
	var writes []store.Write
	for _, c := range chart {
		writes = append(writes, s.version("Observation", c.id, 1, c.body))
	}
	for _, id := range []string{"a", "b", "o1", "o2"} {
		writes = append(writes, s.version("Patient", id, 1, `{"resourceType":"Patient","active":true}`))
	}
	s.commit(writes...)
}

// checkLeaves asks for each leaf, one by one.
func (s *suite) checkLeaves() {
	s.Helper()
	snap := s.snapshot()
	defer snap.Close()
	for _, l := range leaves() {
		s.checkNode(snap, l.name, l.node, strings.Fields(l.ids), plan.Window{})
	}
}

// checkNode asks for a node whole, in pages of two, and for its total.
func (s *suite) checkNode(src plan.Source, name string, n plan.Node, want []string, w plan.Window) {
	s.Helper()
	s.sameSet(name, s.all(src, "Observation", n, w), want)
	w.Limit = 2
	s.sameSet(name+", pages of two", s.all(src, "Observation", n, w), want)
	page, err := src.Select(s.ctx, s.Bound("Observation", n), plan.Window{Sort: w.Sort, Total: true})
	if err != nil || page.Total != len(want) || len(page.Rows) != 0 {
		s.Errorf("%s: total %d and %d rows (%v), want %d and none", name, page.Total, len(page.Rows), err, len(want))
	}
}

var nodeTests = []suiteTest{
	{"each leaf", func(s *suite) {
		s.writeChart()
		s.checkLeaves()
	}},

	{"each leaf after every resource was something else", func(s *suite) {
		// First versions hold what another one holds at last; some are deleted in between.
		for i := range chart {
			body := chart[(i+3)%len(chart)].body
			s.put("Observation", chart[i].id, 1, body)
		}
		for i, c := range chart {
			number := uint64(2)
			if i%3 == 0 {
				s.put("Observation", c.id, 2, "")
				number = 3
			}
			s.put("Observation", c.id, number, c.body)
		}
		s.put("Observation", "gone", 1, chart[0].body)
		s.put("Observation", "gone", 2, "")
		s.checkLeaves()
	}},

	{"each leaf after reopening", func(s *suite) {
		s.writeChart()
		s.reopen()
		s.checkLeaves()
	}},

	{"trees of nodes", func(s *suite) {
		s.writeChart()
		snap := s.snapshot()
		defer snap.Close()
		sorts := [][]plan.SortKey{nil, {{P: param("Observation", "date")}}, {{P: param("Observation", "code"), Desc: true}}}
		for seed := range uint64(300) {
			r := rand.New(rand.NewPCG(seed, 1))
			n, want, text := tree(r, leaves(), 3)
			s.checkNode(snap, fmt.Sprintf("tree %d: %s", seed, text), n, want, plan.Window{Sort: sorts[seed%3]})
		}
	}},

	{"a verification that fails", func(s *suite) {
		s.writeChart()
		snap := s.snapshot()
		defer snap.Close()
		fault := fmt.Errorf("no more")
		n := plan.Verify{X: plan.All{}, By: func(*plan.Row) (bool, error) { return true, fault }}
		if p, err := snap.Select(s.ctx, s.Bound("Observation", n), plan.Window{Limit: 3}); err == nil {
			s.Errorf("got %v, want the fault", ids(p.Rows))
		}
	}},

	{"the zero bound", func(s *suite) {
		s.writeChart()
		snap := s.snapshot()
		defer snap.Close()
		for _, b := range []plan.Bound{{}, s.Bound("Observation", nil), s.Bound("", plan.All{}), s.Bound("Encounter", plan.All{})} {
			p, err := snap.Select(s.ctx, b, plan.Window{Limit: 9, Total: true})
			if err != nil || len(p.Rows) != 0 || p.Total != 0 || p.Next != nil {
				s.Errorf("%q: %v, total %d, %v", b.Type(), ids(p.Rows), p.Total, err)
			}
			refs, more, err := snap.Targets(s.ctx, b, param("Observation", "subject"), 9)
			if err != nil || len(refs) != 0 || more {
				s.Errorf("%q: targets %v %v %v", b.Type(), refs, more, err)
			}
		}
	}},

	{"rows are whole", func(s *suite) {
		w := s.put("Observation", "o1", 1, chart[0].body)
		snap := s.snapshot()
		defer snap.Close()
		page, err := snap.Select(s.ctx, s.Bound("Observation", plan.All{}), plan.Window{Limit: 1})
		if err != nil || len(page.Rows) != 1 {
			s.Fatalf("%v %v", page, err)
		}
		s.sameRow("selected", page.Rows[0], w)
		page, err = snap.Select(s.ctx, s.Bound("Observation", plan.All{}), plan.Window{Limit: 1, Bare: true})
		if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != "o1" || page.Rows[0].Type != "Observation" {
			s.Errorf("bare: %+v %v", page, err)
		}
	}},

	{"targets", func(s *suite) {
		s.writeChart()
		snap := s.snapshot()
		defer snap.Close()
		subject := param("Observation", "subject")
		for _, c := range []struct {
			node plan.Node
			max  int
			want string
			more bool
		}{
			{plan.All{}, 10, "Patient/a Patient/b Patient/c", false},
			{plan.All{}, 3, "Patient/a Patient/b Patient/c", false},
			{plan.Term{Num: index.NumIn, Form: index.FormIn, Text: "Patient/b"}, 1, "Patient/b", false},
			{plan.Term{Num: param("Observation", "code").Num, Form: index.FormCode, Text: "2345-7"}, 9, "Patient/b Patient/c", false},
			{plan.Not{X: plan.Prefix{Num: subject.Num, Form: index.FormReference, Text: "Patient/"}}, 9, "", false},
			{plan.None{}, 9, "", false},
		} {
			refs, more, err := snap.Targets(s.ctx, s.Bound("Observation", c.node), subject, c.max)
			if err != nil || more != c.more {
				s.Errorf("%+v: more %v, %v", c.node, more, err)
			}
			s.sameSet(fmt.Sprintf("targets of %+v", c.node), texts(refs), strings.Fields(c.want))
		}
		refs, more, err := snap.Targets(s.ctx, s.Bound("Observation", plan.All{}), subject, 2)
		if err != nil || !more || len(refs) != 2 || refs[0].String() == refs[1].String() {
			s.Errorf("two of three targets: %v, more %v, %v", refs, more, err)
		}
	}},
}

func texts(refs []fhir.Reference) (out []string) {
	for _, r := range refs {
		out = append(out, r.String())
	}
	return out
}

// tree is a random node over leaves with the ids that it denotes, by the algebra of sets.
func tree(r *rand.Rand, leaves []leaf, depth int) (plan.Node, []string, string) {
	if depth == 0 || r.IntN(5) == 0 {
		l := leaves[r.IntN(len(leaves))]
		return l.node, strings.Fields(l.ids), l.name
	}
	everything := strings.Fields(leaves[0].ids)
	op := r.IntN(4)
	if op == 2 {
		n, in, text := tree(r, leaves, depth-1)
		return plan.Not{X: n}, minus(everything, in), "not(" + text + ")"
	}
	if op == 3 {
		n, in, text := tree(r, leaves, depth-1)
		keep := everything[:r.IntN(len(everything))]
		by := func(row *plan.Row) (bool, error) {
			if row.Type != "Observation" || len(row.Body) == 0 {
				return false, fmt.Errorf("a verification without the body: %+v", row)
			}
			return slices.Contains(keep, row.ID), nil
		}
		return plan.Verify{X: n, By: by}, minus(in, minus(everything, keep)), "verify(" + text + ")"
	}
	var kids []plan.Node
	var names []string
	var set []string
	for i := range r.IntN(3) + 1 {
		n, in, text := tree(r, leaves, depth-1)
		kids, names = append(kids, n), append(names, text)
		switch {
		case i == 0:
			set = in
		case op == 0:
			set = minus(set, minus(everything, in))
		default:
			set = append(slices.Clone(set), minus(in, set)...)
		}
	}
	if op == 0 {
		return plan.And(kids), set, "and(" + strings.Join(names, ", ") + ")"
	}
	return plan.Or(kids), set, "or(" + strings.Join(names, ", ") + ")"
}

// minus is the members of a that are not in b.
func minus(a, b []string) (out []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}
