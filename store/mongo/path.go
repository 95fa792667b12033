package mongo

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/search/plan"
)

// A path leads to some documents of a type through one index. The paths of a node lead to all that it denotes, and to
// more: the filter of the node goes with each of them.
type path struct {
	names  []string // _id
	keys   []string // one of them; in the order of fieldOrder
	prefix string   // a key that begins with it
	match  bson.D   // an element of fieldRanges
	texts  []string // of fieldTexts, one of them
	start  string   // of one of fieldTexts
	pair   interval // of one of fieldPairs
	span   orders   // of fieldOrder
}

// Names of the indexes of resources. Each leads with the type, and no field of a path but its own is in two of them, so
// that a filter with the condition of one path has one index to go by.
const (
	byKey   = "key"   // t, k, o
	byOrder = "order" // t, o
	byRange = "range" // t, r.p, r.lo, r.hi
	byText  = "text"  // t, w
	byPair  = "pair"  // t, q: of those that have one
	byTime  = "time"  // t, at, _id
	byChart = "chart" // p, t, at, _id

	byGeneration = "generation" // t, g: of those that are live

	byName = "_id_"
)

// index is the index that the path goes by.
func (p *path) index() string {
	switch {
	case p.names != nil:
		return byName
	case p.keys != nil || p.prefix != "":
		return byKey
	case p.match != nil:
		return byRange
	case p.texts != nil || p.start != "":
		return byText
	case p.pair != interval{}:
		return byPair
	}
	return byOrder
}

// whole says whether the path is the whole type, or a span of its order.
func (p *path) whole() bool {
	return p.index() == byOrder
}

// sorted says whether the documents come in the order of fieldOrder.
func (p *path) sorted() bool { return p.keys != nil || p.whole() }

// within is the path with another span.
func (p path) within(span orders) path {
	p.span = span
	return p
}

// filter is the condition of the path and a rest.
func (p *path) filter(typ string, rest bson.D) bson.D {
	f := field(fieldType, typ)
	switch {
	case p.names != nil:
		f = append(f, bson.E{Key: "_id", Value: oneOf(p.names)})
	case p.keys != nil:
		f = append(f, bson.E{Key: fieldKeys, Value: oneOf(p.keys)})
	case p.prefix != "":
		f = append(f, bson.E{Key: fieldKeys, Value: field("$elemMatch", beginning(p.prefix))})
	case p.match != nil:
		f = append(f, bson.E{Key: fieldRanges, Value: field("$elemMatch", p.match)})
	case p.texts != nil:
		f = append(f, bson.E{Key: fieldTexts, Value: oneOf(p.texts)})
	case p.start != "":
		f = append(f, bson.E{Key: fieldTexts, Value: field("$elemMatch", beginning(p.start))})
	case p.pair != interval{}:
		f = append(f, bson.E{Key: fieldPairs, Value: field("$elemMatch", bson.D{{Key: "$gte", Value: p.pair.from}, {Key: "$lte", Value: p.pair.to}})})
	}
	if p.span != allOrders || p.names != nil || p.whole() {
		// A tombstone has no order, and neither keys nor ranges.
		f = append(f, bson.E{Key: fieldOrder, Value: bson.D{{Key: "$gte", Value: p.span.from.value()}, {Key: "$lte", Value: p.span.to.value()}}})
	}
	if len(rest) > 0 {
		f = append(f, bson.E{Key: "$and", Value: bson.A{rest}})
	}
	return f
}

func oneOf(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return bson.D{{Key: "$in", Value: list}}
}

// paths finds how to get at the documents of a node, and which members of it need no filter any more.
func (q *query) paths(n plan.Node) (list []path, covered []plan.Node, err error) {
	members := conjuncts(n)
	if or, ok := members[0].(plan.Or); ok && len(members) == 1 {
		if list, err = q.alternatives(or); list != nil || err != nil {
			return list, nil, err
		}
	}
	best, err := q.best(members, q.paired(n, members))
	if err != nil {
		return nil, nil, err
	}
	if list, err := q.distributed(members, &best); list != nil || err != nil {
		return list, nil, err
	}
	if best.also != nil {
		return append([]path{best.path}, best.also...), best.covers, nil
	}
	if !best.sorted() {
		return []path{best.path}, best.covers, nil
	}
	dates, dated := q.dates(members)
	if !dated {
		return []path{best.path}, best.covers, nil
	}
	for _, span := range dates.narrow {
		list = append(list, best.within(span))
	}
	for _, span := range dates.wide {
		list = append(list, q.apart(keyWide, members, best).within(span))
	}
	// A document that is apart is not found by the keys of best: nothing is covered.
	return append(list, q.apart(keyOdd, members, best)), nil, nil
}

// alternatives are the paths of the members of an Or, unless one of them has none but the whole type.
func (q *query) alternatives(or plan.Or) ([]path, error) {
	if k, ok, err := q.keys(or); ok && !k.loose || err != nil {
		return nil, err // they are one path
	}
	var out []path
	for _, x := range or {
		list, _, err := q.paths(x)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].whole() && list[i].span == allOrders {
				return nil, nil
			}
		}
		if out = append(out, list...); len(out) > maxPaths {
			return nil, nil
		}
	}
	return out, nil
}

// maxAlternatives bounds the members of an Or that is distributed.
const maxAlternatives = 4

// distributed are the paths of an And with an Or in it that has no keys, as those of the Or of Ands that it is too, if
// they are shorter than the best way; nil if not.
func (q *query) distributed(members []plan.Node, best *way) ([]path, error) {
	for i, m := range members {
		or, ok := m.(plan.Or)
		if !ok || len(members) == 1 || len(or) > maxAlternatives || q.sch.dated() && q.mainRanges(or) != nil {
			continue
		}
		if k, ok, err := q.keys(or); ok && !k.loose || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		rest := slices.Delete(slices.Clone(members), i, i+1)
		var out []path
		cost, least := 0, q.estimate(&best.path)
		for _, x := range or {
			list, _, err := q.paths(plan.And(append(conjuncts(x), rest...)))
			if err != nil {
				return nil, err
			}
			for j := range list {
				cost += q.estimate(&list[j])
			}
			out = append(out, list...)
		}
		if cost < least && len(out) <= maxPaths {
			return out, nil
		}
	}
	return nil, nil
}
