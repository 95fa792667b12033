package plan

import (
	"context"
	"fmt"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// MaxSort bounds the matches of which a chained key is read.
const MaxSort = 10_000

// sortKey is a key of _sort with the plans of the resources that its links lead to.
type sortKey struct {
	search.Sort
	links []Plan
}

// order is the order of p for one Run.
func (p *Plan) order() []SortKey {
	if len(p.sort) == 0 {
		return nil
	}
	out := make([]SortKey, len(p.sort))
	for i, k := range p.sort {
		out[i] = SortKey{P: k.P, Desc: k.Desc}
		if len(k.Via) > 0 {
			c := chained{sortKey: k, keys: make([]map[string]found, len(k.Via)+1)}
			for j := range c.keys {
				c.keys[j] = map[string]found{}
			}
			out[i].Of = c.of
		}
	}
	return out
}

// chained reads a key at the end of a chain; what was read once is kept.
type chained struct {
	sortKey
	keys []map[string]found // by the link behind which they lie, and the resource
}

// found is a key, if there is one.
type found struct {
	key index.Key
	ok  bool
}

func (c *chained) of(ctx context.Context, src Source, r *Row) (index.Key, bool, error) {
	f, err := c.read(ctx, src, 0, r)
	return f.key, f.ok, err
}

// name is the key as it is asked for.
func (c *sortKey) name() string {
	s := ""
	for _, l := range c.Via {
		s += l.P.Code + ":" + l.Target + "."
	}
	return s + c.P.Code
}

// read is the key of a resource behind that many links: of all that it leads to the one that comes first. What the
// caller may not see has none.
func (c *chained) read(ctx context.Context, src Source, links int, r *Row) (best found, err error) {
	name := fmt.Sprintf("%s %d", r.ID, r.Version)
	if f, ok := c.keys[links][name]; ok {
		return f, nil
	}
	if links == 0 && len(c.keys[0]) == MaxSort {
		return best, tooCostly("an order by %s reads more than %d matches", c.name(), MaxSort)
	}
	res, err := parsed(r)
	if err != nil {
		return best, err
	}
	if links == len(c.Via) {
		best.key, best.ok = c.links[links-1].index.SortKey(c.P, res, c.Desc)
	} else {
		w := search.World{Index: c.links[links].index}
		for _, ref := range w.References(c.Via[links].P, res) {
			if !ref.Local() || ref.Type != c.Via[links].Target {
				continue
			}
			row, ok, err := ReadOne(ctx, src, c.links[links].at(ref.ID))
			if err != nil {
				return best, err
			}
			if !ok || row.Deleted {
				continue
			}
			f, err := c.read(ctx, src, links+1, &row)
			if err != nil {
				return best, err
			}
			if f.ok && (!best.ok || f.key != best.key && (f.key < best.key) != c.Desc) {
				best = f
			}
		}
	}
	c.keys[links][name] = best
	return best, nil
}
