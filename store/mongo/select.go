package mongo

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
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
	q.rest, q.exact, err = sch.filter(leave(q.node, covered))
	q.bodies = !bareTests(q.node)
	return q, err
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
	switch n := n.(type) {
	case plan.And:
		return slices.ContainsFunc(n, verifies)
	case plan.Or:
		return slices.ContainsFunc(n, verifies)
	case plan.Not:
		return verifies(n.X)
	case plan.Verify:
		return true
	}
	return false
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
		return plan.Verify{X: leave(x.X, covered), By: x.By}
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

// Select implements plan.Source.
func (src *source) Select(ctx context.Context, b plan.Bound, w plan.Window) (page plan.Page, err error) {
	page = plan.Page{Total: -1}
	if w.Total {
		page.Total = 0
	}
	limit := 0
	if !w.Total && len(w.Sort) == 0 {
		limit = w.Limit
	}
	err = src.run(ctx, "select", func() error {
		q, err := src.query(ctx, b, limit)
		if err != nil || q == nil {
			return err
		}
		if w.Limit > 0 {
			if err := q.page(&page, w); err != nil {
				return err
			}
		}
		if w.Total {
			if w.Limit > 0 && w.After == nil && page.Next == nil {
				page.Total = len(page.Rows)
			} else if page.Total, err = q.total(); err != nil {
				return err
			}
		}
		page.Read = q.read
		return nil
	})
	return page, err
}

// total counts what is found.
func (q *query) total() (n int, err error) {
	if q.exact {
		return q.counted()
	}
	f, _ := q.filter(allOrders)
	err = q.each(nil, f, nil, 0, false, func(bson.Raw, *plan.Row) (bool, error) {
		n++
		return true, nil
	})
	return n, err
}

func (q *query) counted() (int, error) {
	f, ok := q.filter(allOrders)
	if !ok {
		return 0, nil
	}
	o := options.Aggregate()
	if h := q.hint(); h != "" {
		o.SetHint(h)
	}
	ctx := q.src.with(q.ctx)
	cursor, err := q.src.s.resources.Aggregate(ctx, bson.A{field("$match", f), field("$count", "n")}, o)
	if err != nil {
		return 0, err
	}
	defer cursor.Close(ctx)
	if !cursor.Next(ctx) {
		return 0, cursor.Err()
	}
	return int(cursor.Current.Lookup("n").AsInt64()), nil
}

// page adds a page of what is found.
func (q *query) page(page *plan.Page, w plan.Window) error {
	page.Rows, page.Next, page.Places = nil, nil, nil
	if slices.ContainsFunc(w.Sort, func(k plan.SortKey) bool { return k.Of != nil }) {
		return q.sorted(page, w)
	}
	for _, k := range w.Sort {
		if err := q.src.whole(q.ctx, q.sch.typ, q.src.indexing.params.Since(k.P.Num)); err != nil {
			return err
		}
	}
	o, err := q.ordering(w)
	if err != nil {
		return err
	}
	var last []byte
	for _, part := range o.parts {
		f, ok := q.filter(part.within)
		if !ok {
			continue
		}
		if part.rest != nil {
			f = append(f, part.rest...)
		}
		more := w.Limit + 1 - len(page.Rows)
		if page.Next != nil {
			break
		}
		err := q.each(o, f, part.sort, more, w.Bare, func(doc bson.Raw, row *plan.Row) (bool, error) {
			if len(page.Rows) == w.Limit {
				page.Next = last
				return false, nil
			}
			page.Rows = append(page.Rows, *row)
			if len(page.Rows) == w.Limit || w.Place {
				last = o.position(doc)
			}
			if w.Place {
				page.Places = append(page.Places, plan.Place{Keys: o.keys(doc), At: last})
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls f for what passes a filter, in an order or in none, until it is false; limit 0 is no limit.
func (q *query) each(o *ordering, filter bson.D, sort bson.D, limit int, bare bool, f func(bson.Raw, *plan.Row) (bool, error)) error {
	bare = bare && (q.exact || !q.bodies)
	if !q.exact {
		limit = 0
	}
	cursor, err := q.open(o, filter, sort, limit, bare)
	if err != nil {
		return err
	}
	ctx := q.src.with(q.ctx)
	defer cursor.Close(ctx)
	test := q.src.tester(q.node, q.bodies)
	for cursor.Next(ctx) {
		q.read++
		row, err := readRow(cursor.Current)
		if err != nil {
			return err
		}
		if !q.exact {
			if ok, err := test(&row); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		if more, err := f(cursor.Current, &row); err != nil || !more {
			return err
		}
	}
	return cursor.Err()
}

// whole are the fields of a row.
var whole = bson.D{{Key: fieldVersion, Value: 1}, {Key: fieldAt, Value: 1}, {Key: fieldMethod, Value: 1}, {Key: fieldBody, Value: 1}}

func (q *query) open(o *ordering, filter bson.D, sort bson.D, limit int, bare bool) (*mongo.Cursor, error) {
	fields := bson.D{{Key: "_id", Value: 1}}
	if !bare {
		fields = append(fields, whole...)
	}
	if o != nil {
		for _, name := range o.fields {
			if f := (bson.E{Key: name, Value: 1}); !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	hint := q.hint()
	if o != nil && o.index != "" && len(q.list) == 1 && q.list[0].whole() {
		hint = o.index
	}
	ctx := q.src.with(q.ctx)
	if o == nil || o.computed == nil {
		opts := options.Find().SetProjection(fields)
		if sort != nil {
			opts.SetSort(sort)
		}
		if hint != "" {
			opts.SetHint(hint)
		}
		if limit > 0 {
			opts.SetLimit(int64(limit))
			opts.SetBatchSize(int32(min(limit, 10_000)))
		}
		return q.src.s.resources.Find(ctx, filter, opts)
	}
	pipeline := bson.A{field("$match", filter), field("$project", append(fields, o.computed...))}
	if o.flags != nil {
		pipeline = append(pipeline, field("$set", o.flags))
	}
	if o.after != nil {
		pipeline = append(pipeline, field("$match", o.after))
	}
	pipeline = append(pipeline, field("$sort", sort))
	if limit > 0 {
		pipeline = append(pipeline, field("$limit", limit))
	}
	opts := options.Aggregate()
	if hint != "" {
		opts.SetHint(hint)
	}
	return q.src.s.resources.Aggregate(ctx, pipeline, opts)
}

// Targets implements plan.Source.
func (src *source) Targets(ctx context.Context, b plan.Bound, p *r4.SearchParameter, max int) (refs []fhir.Reference, more bool, err error) {
	err = src.run(ctx, "targets", func() error {
		refs, more = nil, false
		q, err := src.query(ctx, b, 0)
		if err != nil || q == nil {
			return err
		}
		if err := src.whole(ctx, b.Type(), src.indexing.params.Since(p.Num)); err != nil {
			return err
		}
		seen := map[fhir.Reference]bool{}
		take := func(text string) bool {
			ref := fhir.ParseReference(text, src.s.opts.Indexer.Base)
			if !ref.Local() || seen[ref] {
				return true
			}
			if len(refs) == max {
				more = true
				return false
			}
			seen[ref] = true
			refs = append(refs, ref)
			return true
		}
		if q.exact {
			all, err := q.targets(p, 8*max+4000, take)
			more = more || !all
			return err
		}
		f, _ := q.filter(allOrders)
		return q.each(nil, f, nil, 0, false, func(_ bson.Raw, row *plan.Row) (bool, error) {
			e, err := src.indexing.entries(row)
			if err != nil {
				return false, err
			}
			for _, t := range e.Terms {
				if t.Num == p.Num && t.Form == index.FormReference && !take(t.Text) {
					return false, nil
				}
			}
			return true, nil
		})
	})
	return refs, more, err
}

// targets calls take for references by a parameter until it is false, or until it has looked at so many documents that
// there may be more: then all is false.
func (q *query) targets(p *r4.SearchParameter, most int, take func(string) bool) (all bool, err error) {
	f, ok := q.filter(allOrders)
	if !ok {
		return true, nil
	}
	head := q.sch.head(p.Num, index.FormReference)
	opts := options.Find().SetProjection(bson.D{{Key: "_id", Value: 0}, {Key: fieldTerms, Value: words(head)}}).SetLimit(int64(most))
	if h := q.hint(); h != "" {
		opts.SetHint(h)
	}
	ctx := q.src.with(q.ctx)
	cursor, err := q.src.s.resources.Find(ctx, f, opts)
	if err != nil {
		return false, err
	}
	defer cursor.Close(ctx)
	n := 0
	for ; cursor.Next(ctx); n++ {
		list, err := cursor.Current.Lookup(fieldTerms).Array().Values()
		if err != nil {
			return false, err
		}
		for _, v := range list {
			if !take(v.StringValue()[len(head):]) {
				return true, nil
			}
		}
	}
	return n < most, cursor.Err()
}

// words is the expression of the terms that begin with a head.
func words(head string) bson.D {
	literal := func(s string) bson.D { return field("$literal", s) }
	return field("$filter", bson.D{
		{Key: "input", Value: "$" + fieldTerms}, {Key: "as", Value: "w"},
		{Key: "cond", Value: field("$and", bson.A{
			field("$gte", bson.A{"$$w", literal(head)}),
			field("$lt", bson.A{"$$w", literal(above(head))}),
		})},
	})
}
