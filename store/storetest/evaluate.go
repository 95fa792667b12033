package storetest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

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
