package plan

import (
	"slices"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// every is what refers to nothing but what is seen (search.Every), of resources of a type. It is a join of which the first
// try asks a few candidates, each for all that it refers to. If they turn out to be more, the next one asks what is around
// them, from the side of what is seen: so it meets nothing of patients of whom nothing is seen, however much there is.
type every struct {
	e     search.Every
	typ   string
	index *index.Indexer
}

func (every) node() {}

func (j joining) every(n every) (Node, error) {
	candidates := missing(n.e.P.Num, false)
	t := &test{joining: j, listed: mostTargets}
	switch {
	case j.found:
	case !j.again:
		t.listed, t.asks = j.most, asksEach*j.most
	default:
		around, err := j.around(n)
		if err != nil {
			return nil, err
		}
		if !listable(around) {
			around = and([]Node{candidates, around})
		}
		candidates = around
	}
	return verify(candidates, func(r *Row) (bool, error) {
		if err := t.count(); err != nil {
			return false, err
		}
		return matches(j.ctx, j.src, n.index, n.e, r)
	}), nil
}

// around is what is around n; All if there is nothing to begin with: the caller sees a whole type of which not all is of
// somebody whom a term names.
func (j joining) around(n every) (Node, error) {
	e := n.e.Around()
	if err := check(e); err != nil {
		return nil, err
	}
	around, err := lowering{n.typ, n.index}.exact(e)
	if err != nil || !listable(around) {
		return All{}, err
	}
	return j.resolve(around)
}

// listable says whether an index lists what is in n, or something around it.
func listable(n Node) bool {
	switch n := n.(type) {
	case All, Not:
		return false
	case And:
		return slices.ContainsFunc(n, listable)
	case Or:
		return !slices.ContainsFunc(n, func(x Node) bool { return !listable(x) })
	case Verify:
		return listable(n.X)
	case ref:
		return listable(n.of)
	}
	return true
}
