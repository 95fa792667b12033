package plan

import "github.com/firewarden/firewarden/search"

// maxRanges bounds the product of unions that merge makes.
const maxRanges = 16

// single says whether e is a condition on the one value that a resource has at most for the parameter.
func single(e search.Expr) bool {
	p, ok := e.(search.Param)
	return ok && p.P.Single && p.Mod == search.ModNone
}

// merge is the intersection of two conditions on the same single value, as one condition: date=ge2020&date=lt2021 is
// one range to seek in. ok is false if they are not unions of ranges of one parameter and unit.
func merge(a, b Node) (n Node, ok bool) {
	x, y := ranges(a), ranges(b)
	if x == nil || y == nil || len(x)*len(y) > maxRanges || x[0].Num != y[0].Num || x[0].Unit != y[0].Unit {
		return nil, false
	}
	var out []Node
	for _, r := range x {
		for _, s := range y {
			r := Range{Num: r.Num, Unit: r.Unit, Low: r.Low.and(s.Low), High: r.High.and(s.High)}
			if !r.Low.empty() && !r.High.empty() {
				out = append(out, r)
			}
		}
	}
	return or(out), true
}

// ranges are the members of a union of ranges of one parameter and unit; nil if n is none.
func ranges(n Node) []Range {
	list, ok := n.(Or)
	if !ok {
		list = Or{n}
	}
	var out []Range
	for _, n := range list {
		r, ok := n.(Range)
		if !ok || len(out) > 0 && (r.Num != out[0].Num || r.Unit != out[0].Unit) {
			return nil
		}
		out = append(out, r)
	}
	return out
}

// and is the intersection of two spans.
func (s Span) and(o Span) Span {
	if o.Min > s.Min || o.Min == s.Min && o.MinOpen {
		s.Min, s.MinOpen = o.Min, o.MinOpen
	}
	if o.Max != "" && (s.Max == "" || o.Max < s.Max || o.Max == s.Max && o.MaxOpen) {
		s.Max, s.MaxOpen = o.Max, o.MaxOpen
	}
	return s
}

func (s Span) empty() bool {
	return s.Max != "" && (s.Min > s.Max || s.Min == s.Max && (s.MinOpen || s.MaxOpen))
}
