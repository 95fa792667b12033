package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/search/plan"
)

// query is a Bound that is being answered.
type query struct {
	src     *source
	ctx     context.Context
	sch     *schema
	node    plan.Node
	list    []path
	rest    bson.D // filter of what the paths do not say
	exact   bool   // filter and paths say it all; else each row is tested
	bodies  bool   // by its body
	present map[presence][]string
	limit   int // of so many, in the default order, is asked; 0: of all
	read    int
}

// query compiles b, of which so many are wanted in the default order, or all if limit is 0; nil if nothing can be found.
func (src *source) query(ctx context.Context, b plan.Bound, limit int) (*query, error) {
	sch := src.indexing.schemas[b.Type()]
	if _, none := b.Node().(plan.None); sch == nil || none {
		return nil, nil
	}
	q := &query{src: src, ctx: ctx, sch: sch, node: b.Node(), limit: limit}
	if err := src.whole(ctx, b.Type(), src.indexing.since(q.node)); err != nil {
		return nil, err
	}
	list, covered, err := q.paths(q.node)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if !p.span.empty() {
			q.list = append(q.list, p)
		}
	}
	q.list = joined(q.list)
	q.rest, q.exact, err = sch.filter(leave(q.node, covered))
	q.bodies = !bareTests(q.node)
	return q, err
}

// joined is one path where all of a list are by the names of instances: one range of names, which a router of a sharded
// cluster sends to their shards.
func joined(list []path) []path {
	for i := range list {
		if list[i].names == nil || list[i].span != list[0].span {
			return list
		}
	}
	if len(list) < 2 {
		return list
	}
	all := path{names: []string{}, span: list[0].span}
	for i := range list {
		all.names = append(all.names, list[i].names...)
	}
	slices.Sort(all.names)
	all.names = slices.Compact(all.names)
	return []path{all}
}

// bareTests says whether a row without its body is enough to test it: the tests are around all the rest, which the
// filter says.
func bareTests(n plan.Node) bool {
	for {
		v, ok := n.(plan.Verify)
		if !ok {
			return !verifies(n)
		}
		if !v.Bare {
			return false
		}
		n = v.X
	}
}

// verifies says whether there is a test in a node.
func verifies(n plan.Node) bool {
	_, ok := n.(plan.Verify)
	return ok || slices.ContainsFunc(plan.Parts(n), verifies)
}

// leave is a node without the members that a path says.
func leave(n plan.Node, covered []plan.Node) plan.Node {
	if len(covered) == 0 {
		return n
	}
	said := func(n plan.Node) bool {
		return slices.ContainsFunc(covered, func(c plan.Node) bool { return same(n, c) })
	}
	switch x := n.(type) {
	case plan.And:
		var out plan.And
		for _, m := range x {
			if m = leave(m, covered); m != (plan.All{}) {
				out = append(out, m)
			}
		}
		if len(out) == 0 {
			return plan.All{}
		}
		return out
	case plan.Verify:
		x.X = leave(x.X, covered)
		return x
	}
	if said(n) {
		return plan.All{}
	}
	return n
}

// same says whether two nodes without nodes in them are the same.
func same(a, b plan.Node) bool {
	switch a := a.(type) {
	case plan.Term:
		b, ok := b.(plan.Term)
		return ok && a == b
	case plan.Prefix:
		b, ok := b.(plan.Prefix)
		return ok && a == b
	case plan.Range:
		b, ok := b.(plan.Range)
		return ok && a == b
	case plan.Terms:
		b, ok := b.(plan.Terms)
		return ok && slices.Equal(a, b)
	}
	return false
}

// filter is the whole filter within a span of orders; ok is false if nothing passes it.
func (q *query) filter(within orders) (f bson.D, ok bool) {
	var parts bson.A
	for _, p := range q.list {
		if p.span = p.span.and(within); !p.span.empty() {
			parts = append(parts, p.filter(q.sch.typ, q.rest))
		}
	}
	switch len(parts) {
	case 0:
		return nothing, false
	case 1:
		return parts[0].(bson.D), true
	}
	return field("$or", parts), true
}

// hint is the index that all paths go by, "" if they differ.
func (q *query) hint() string {
	hint := ""
	for i := range q.list {
		x := q.list[i].index()
		if hint != "" && x != hint {
			return ""
		}
		hint = x
	}
	return hint
}
