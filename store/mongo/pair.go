package mongo

import (
	"encoding/hex"
	"slices"
	"unicode/utf8"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// A code is common, and so is a quantity above a bound; both together may be rare. So the quantities of an element are
// kept once more under its code (fieldPairs), in whatever unit: the filter looks at the unit among what is found.

// interval is a span of texts; both ends are in it.
type interval struct{ from, to string }

// pairHead is what pairs of a code begin with; the quantity follows. Those whose ends are apart have a name of their own.
func (s *schema) pairHead(code index.Term, breadth string) string {
	return s.word(code) + breadth + " "
}

// pairs are those of a resource.
func (s *schema) pairs(e *index.Entries) (out []string) {
	for _, p := range e.Pairs {
		if p.Of.Form != index.FormCode {
			continue
		}
		for _, r := range p.Ranges {
			out = append(out, s.pairHead(p.Of, s.breadth(r))+hex.EncodeToString([]byte(r.Low)))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// paired are the ways of a node by pairs of a code and a quantity: of a composite, or of two members of an And.
func (q *query) paired(n plan.Node, members []plan.Node) (ways []way) {
	add := func(any []plan.Pair) {
		if w, ok := q.sch.pairWay(any); ok {
			ways = append(ways, w)
		}
	}
	var composites func(plan.Node)
	composites = func(n plan.Node) {
		switch n := n.(type) {
		case plan.Or, plan.Not:
			return
		case plan.Verify:
			add(n.Pairs)
		}
		for _, x := range plan.Parts(n) {
			composites(x)
		}
	}
	composites(n)
	for _, x := range members {
		codes := plan.TermsOf(x)
		if len(codes) == 0 {
			continue
		}
		for _, y := range members {
			ranges := unionOf(y)
			if ranges == nil {
				continue
			}
			if p := index.Both(q.sch.typ, codes[0].Num, ranges[0].Num); p != nil {
				var any []plan.Pair
				for _, c := range codes {
					any = append(any, plan.Pair{Num: p.Num, Of: c, Any: ranges})
				}
				add(any)
			}
		}
	}
	return ways
}

// pairWay is the way to what has one of the pairs; ok is false if it takes too many paths.
func (s *schema) pairWay(any []plan.Pair) (w way, ok bool) {
	var list []path
	for _, p := range any {
		texts := []string{p.Of.Text}
		switch p.Of.Form {
		case index.FormCode:
		case index.FormSystemCode, index.FormNoSystem:
			texts = codes(p.Of.Text)
		default:
			return w, false
		}
		for _, text := range texts {
			if !utf8.ValidString(text) {
				return w, false
			}
			code := index.Term{Num: p.Of.Num, Form: index.FormCode, Text: text}
			for _, r := range p.Any {
				wide := both(plan.Span{Min: r.Low.Min, Max: r.Low.Max}, plan.Span{Max: r.High.Max})
				list = append(list, pairPath(s.pairHead(code, ""), both(r.Low, r.High)), pairPath(s.pairHead(code, broad), wide))
			}
		}
	}
	if len(list) == 0 || len(list) > maxPaths {
		return w, false
	}
	return way{path: list[0], also: list[1:]}, true
}

// pairPath is the path to pairs whose quantity begins in a span.
func pairPath(head string, span plan.Span) path {
	in := interval{head, head + "g"} // above all hexadecimal digits
	if span.Min != "" {
		in.from = head + hex.EncodeToString([]byte(span.Min))
	}
	if span.Max != "" {
		in.to = head + hex.EncodeToString([]byte(span.Max))
	}
	return path{pair: in, span: allOrders}
}
