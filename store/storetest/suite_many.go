package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// crowd is how many Observations the tests of long lists write: more than an engine reads into memory at once.
const crowd = 6000

// member is the i-th Observation of the crowd.
type member int

func (m member) id() string { return fmt.Sprintf("n%04d", int(m)) }
func (m member) patient() string {
	return []string{"a", "a", "a", "b", fmt.Sprintf("c%d", int(m)/5%40)}[m%5]
}
func (m member) code() string { return fmt.Sprintf("c%d", m%3) }
func (m member) unit() string {
	if m/3%8 == 0 {
		return "g"
	}
	return "mg"
}
func (m member) value() int { return int(m) * 37 % 1009 / 10 }

// from and width are the days of its effectivePeriod and, half a year later, of its valuePeriod.
func (m member) from() time.Time {
	return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(m)*53%1000)
}
func (m member) width() int { return []int{0, 1, 20, 390, 410, 700}[m/2%6] }

func (m member) to() time.Time { return m.from().AddDate(0, 0, m.width()+1) } // the last day counts

func (m member) body() string {
	value := fmt.Sprintf(`"valueQuantity":{"value":%d,"system":"urn:units","code":%q}`, m.value(), m.unit())
	if m%7 == 0 {
		value = fmt.Sprintf(`"valuePeriod":{"start":%q,"end":%q}`, m.from().Format(time.DateOnly), m.to().AddDate(0, 0, -1).Format(time.DateOnly))
	}
	return fmt.Sprintf(`{"resourceType":"Observation","code":{"coding":[{"code":%q}]},"subject":{"reference":"Patient/%s"},
		"effectivePeriod":{"start":%q,"end":%q},%s}`, m.code(), m.patient(), m.from().Format(time.DateOnly),
		m.to().AddDate(0, 0, -1).Format(time.DateOnly), value)
}

// smallPatients are those with few Observations.
func smallPatients() (out []string) {
	for i := range 40 {
		out = append(out, fmt.Sprintf("c%d", i))
	}
	return out
}

// panel is membership of one of several compartments.
func panel(patients ...string) plan.Terms {
	var out plan.Terms
	for _, p := range slices.Sorted(slices.Values(patients)) {
		out = append(out, index.Term{Num: index.NumIn, Form: index.FormIn, Text: "Patient/" + p})
	}
	return out
}

var manyTests = []suiteTest{
	{"ranges beside long lists", func(s *suite) {
		var writes []store.Write
		for m := range member(crowd) {
			writes = append(writes, s.version("Observation", m.id(), 1, m.body()))
		}
		s.commit(writes...)
		snap := s.snapshot()
		defer snap.Close()

		type condition struct {
			name  string
			node  plan.Node
			holds func(member) bool
		}
		lists := []condition{
			{"all", plan.All{}, func(member) bool { return true }},
			{"of one patient", plan.Term{Num: index.NumIn, Form: index.FormIn, Text: "Patient/a"}, func(m member) bool { return m.patient() == "a" }},
			{"of another", plan.Term{Num: index.NumIn, Form: index.FormIn, Text: "Patient/b"}, func(m member) bool { return m.patient() == "b" }},
			{"of a code", plan.Term{Num: param("Observation", "code").Num, Form: index.FormCode, Text: "c1"}, func(m member) bool { return m.code() == "c1" }},
			{"not of a code", plan.Not{X: plan.Term{Num: param("Observation", "code").Num, Form: index.FormCode, Text: "c1"}}, func(m member) bool { return m.code() != "c1" }},
		}
		few := func(m member) bool { return m.patient() == "b" || m.patient() == "c1" || m.patient() == "c39" }
		lists = append(lists,
			condition{"of three patients", panel("b", "c1", "c39", "none"), few},
			condition{"of everybody but two", panel(smallPatients()...), func(m member) bool { return len(m.patient()) > 1 }},
			condition{"of two panels", plan.And{panel("b", "c1", "c39"), panel(smallPatients()...)},
				func(m member) bool { return few(m) && len(m.patient()) > 1 }},
			condition{"of a panel or a code", plan.Or{panel("b", "c1", "c39"), lists[3].node}, func(m member) bool { return few(m) || lists[3].holds(m) }})
		middle := time.Date(2021, 5, 5, 0, 0, 0, 0, time.UTC)
		at := index.DateKey(middle.UnixMicro())
		amount := func(unit, above string) plan.Range {
			return plan.Range{Num: param("Observation", "value-quantity").Num, Unit: unit, Low: plan.Span{Min: number(above), MinOpen: true}}
		}
		date := func(code string, low, high plan.Span) plan.Range {
			return plan.Range{Num: param("Observation", code).Num, Low: low, High: high}
		}
		has := func(m member) bool { return m%7 != 0 }
		ranges := []condition{
			{"more than 50 mg", amount("urn:units|mg", "50"), func(m member) bool { return has(m) && m.value() > 50 && m.unit() == "mg" }},
			{"more than 2 mg", amount("urn:units|mg", "2"), func(m member) bool { return has(m) && m.value() > 2 && m.unit() == "mg" }},
			{"more than 99 of any unit", amount("", "99"), func(m member) bool { return has(m) && m.value() > 99 }},
			{"more than 20 of the code g", amount("|g", "20"), func(m member) bool { return has(m) && m.value() > 20 && m.unit() == "g" }},
		}
		for _, code := range []string{"date", "value-date"} {
			in := func(holds func(member) bool) func(member) bool {
				return func(m member) bool { return (code == "date" || !has(m)) && holds(m) }
			}
			ranges = append(ranges,
				condition{code + " ends after", date(code, plan.Span{}, plan.Span{Min: at, MinOpen: true}), in(func(m member) bool { return m.to().After(middle) })},
				condition{code + " ends by", date(code, plan.Span{}, plan.Span{Max: at}), in(func(m member) bool { return !m.to().After(middle) })},
				condition{code + " overlaps", date(code, plan.Span{Max: at, MaxOpen: true}, plan.Span{Min: at, MinOpen: true}),
					in(func(m member) bool { return m.from().Before(middle) && m.to().After(middle) })},
				condition{code + " begins at or after", date(code, plan.Span{Min: at}, plan.Span{}), in(func(m member) bool { return !m.from().Before(middle) })})
		}
		for _, l := range lists {
			for _, r := range ranges {
				var want []string
				for m := range member(crowd) {
					if l.holds(m) && r.holds(m) {
						want = append(want, m.id())
					}
				}
				n := plan.And{l.node, r.node}
				s.sameSet(r.name+", "+l.name, s.all(snap, "Observation", n, plan.Window{}), want)
				s.sameSet(r.name+", "+l.name+", in pages", s.all(snap, "Observation", n, plan.Window{Limit: 999}), want)
				page, err := snap.Select(s.ctx, s.Bound("Observation", n), plan.Window{Total: true})
				if err != nil || page.Total != len(want) {
					s.Errorf("%s, %s: total %d (%v), want %d", r.name, l.name, page.Total, err, len(want))
				}
			}
		}
	}},
}
