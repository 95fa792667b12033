package storetest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// Holds says whether a resource with these entries is in the set that n denotes: the meaning of plan.Node, read off its
// comments. r is for what a Verify asks.
func Holds(n plan.Node, e *index.Entries, r *plan.Row) (bool, error) {
	switch n := n.(type) {
	case plan.All:
		return true, nil
	case plan.None:
		return false, nil
	case plan.Term:
		return slices.Contains(e.Terms, index.Term(n)), nil
	case plan.Terms:
		return slices.ContainsFunc(n, func(t index.Term) bool { return slices.Contains(e.Terms, t) }), nil
	case plan.Prefix:
		return slices.ContainsFunc(e.Terms, func(t index.Term) bool {
			return t.Num == n.Num && t.Form == n.Form && strings.HasPrefix(t.Text, n.Text)
		}), nil
	case plan.Range:
		return slices.ContainsFunc(e.Ranges, func(x index.Range) bool {
			return x.Num == n.Num && x.Unit == n.Unit && within(n.Low, x.Low) && within(n.High, x.High)
		}), nil
	case plan.And:
		for _, x := range n {
			if ok, err := Holds(x, e, r); !ok || err != nil {
				return false, err
			}
		}
		return len(n) > 0, emptySet("And", len(n))
	case plan.Or:
		for _, x := range n {
			if ok, err := Holds(x, e, r); ok || err != nil {
				return ok, err
			}
		}
		return false, emptySet("Or", len(n))
	case plan.Not:
		ok, err := Holds(n.X, e, r)
		return !ok && err == nil, err
	case plan.Verify:
		if ok, err := Holds(n.X, e, r); !ok || err != nil {
			return false, err
		}
		return n.By(r)
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

func within(s plan.Span, k index.Key) bool {
	if s.Min != "" && (k < s.Min || k == s.Min && s.MinOpen) {
		return false
	}
	return s.Max == "" || k < s.Max || k == s.Max && !s.MaxOpen
}

// order is the order of a window: its keys, or the default order where there are none.
type order struct {
	keys  []plan.SortKey
	index *index.Indexer
}

// position is a place in an order; as JSON it is Memory's cursor. A nil key is a missing value.
type position struct {
	Keys  [][]byte `json:",omitempty"`
	Order int64    `json:",omitempty"`
	Doc   int
}

// wide makes all numbers of a position equally long: the length of a cursor tells nobody how much there is.
const wide = 1_000_000_000

func (o order) position(ctx context.Context, src plan.Source, v *version) (position, error) {
	p := position{Doc: v.doc + wide}
	if len(o.keys) == 0 {
		p.Order = v.entries.Order
	}
	for _, k := range o.keys {
		key, ok := o.index.SortKey(k.P, v.res, k.Desc)
		if k.Of != nil {
			row := v.Row
			var err error
			if key, ok, err = k.Of(ctx, src, &row); err != nil {
				return p, err
			}
		}
		if p.Keys = append(p.Keys, nil); ok {
			p.Keys[len(p.Keys)-1] = []byte(key)
		}
	}
	return p, nil
}

func (o order) compare(a, b position) int {
	for i, k := range o.keys {
		x, y := a.Keys[i], b.Keys[i]
		if c := last(x == nil, y == nil); c != 0 {
			return c
		}
		if c := bytes.Compare(x, y); c != 0 && k.Desc {
			return -c
		} else if c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(b.Order, a.Order), cmp.Compare(a.Doc, b.Doc))
}

// last puts what is missing behind what is not.
func last(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// cut is the window w of what was found, which is in the order of compare.
func cut(found []*version, w plan.Window, at func(*version) position, compare func(a, b position) int) (plan.Page, error) {
	page := plan.Page{Total: -1, Read: len(found)}
	if w.Total {
		page.Total = len(found)
	}
	if w.Back {
		found = slices.Clone(found)
		slices.Reverse(found)
		forth := compare
		compare = func(a, b position) int { return forth(b, a) }
	}
	if w.After != nil {
		var after position
		if err := json.Unmarshal(w.After, &after); err != nil || len(found) > 0 && len(after.Keys) != len(at(found[0]).Keys) {
			return plan.Page{}, fhir.Errorf(fhir.KindInvalid, "", "the position is of another query")
		}
		found = slices.DeleteFunc(slices.Clone(found), func(v *version) bool {
			c := compare(at(v), after)
			return c < 0 || c == 0 && !w.At
		})
	}
	n := min(max(w.Limit, 0), len(found))
	for _, v := range found[:n] {
		page.Rows = append(page.Rows, v.Row)
		if w.Place {
			p := at(v)
			place := plan.Place{Keys: make([]index.Key, len(p.Keys))}
			for i, k := range p.Keys {
				place.Keys[i] = index.Key(k)
			}
			var err error
			if place.At, err = json.Marshal(p); err != nil {
				return plan.Page{}, err
			}
			page.Places = append(page.Places, place)
		}
	}
	if n > 0 && n < len(found) {
		next, err := json.Marshal(at(found[n-1]))
		if err != nil {
			return plan.Page{}, err
		}
		page.Next = next
	}
	return page, nil
}
