package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/search/index"
)

// Contains says whether the set that n denotes has a resource: the meaning of a Node, for sources without an index. e are
// its entries, r the row that a Verify gets.
func Contains(n Node, e *index.Entries, r *Row) (bool, error) {
	switch n := n.(type) {
	case All:
		return true, nil
	case None:
		return false, nil
	case Term:
		return slices.Contains(e.Terms, index.Term(n)), nil
	case Terms:
		for _, t := range n {
			if slices.Contains(e.Terms, t) {
				return true, nil
			}
		}
		return false, nil
	case Prefix:
		return slices.ContainsFunc(e.Terms, func(t index.Term) bool {
			return t.Num == n.Num && t.Form == n.Form && strings.HasPrefix(t.Text, n.Text)
		}), nil
	case Range:
		return slices.ContainsFunc(e.Ranges, func(r index.Range) bool {
			return r.Num == n.Num && r.Unit == n.Unit && n.Low.holds(r.Low) && n.High.holds(r.High)
		}), nil
	case And:
		for _, x := range n {
			if ok, err := Contains(x, e, r); !ok || err != nil {
				return false, err
			}
		}
		return len(n) > 0, emptySet("And", len(n))
	case Or:
		for _, x := range n {
			if ok, err := Contains(x, e, r); ok || err != nil {
				return ok, err
			}
		}
		return false, emptySet("Or", len(n))
	case Not:
		ok, err := Contains(n.X, e, r)
		return !ok && err == nil, err
	case Verify:
		if ok, err := Contains(n.X, e, r); !ok || err != nil {
			return false, err
		}
		row := *r
		return n.By(&row)
	}
	return false, fmt.Errorf("an unknown node %T", n)
}

// emptySet refuses the nodes that are promised never to be empty.
func emptySet(name string, n int) error {
	if n == 0 {
		return fmt.Errorf("an empty plan.%s", name)
	}
	return nil
}

func (s Span) holds(k index.Key) bool {
	if s.Min != "" && (k < s.Min || k == s.Min && s.MinOpen) {
		return false
	}
	return s.Max == "" || k < s.Max || k == s.Max && !s.MaxOpen
}
