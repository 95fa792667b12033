package mongo

import (
	"bytes"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/search/plan"
)

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
	err = src.run(ctx, "select", func(ctx context.Context) error {
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

// maxAhead bounds the rows that there is room for before they are there.
const maxAhead = 100

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
	page.Rows = make([]plan.Row, 0, min(w.Limit, maxAhead))
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
			row.Body = bytes.Clone(row.Body)
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

// each calls f for what passes a filter, in an order or in none, until it is false; limit 0 is no limit. Document and row
// are what they are until f returns.
func (q *query) each(o *ordering, filter bson.D, sort bson.D, limit int, bare bool, f func(bson.Raw, *plan.Row) (bool, error)) error {
	bare = bare && (q.exact || !q.bodies)
	batch := limit
	if !q.exact && limit > 0 { // some do not pass the test; the database's own second batch is 16 MB
		limit, batch = 0, 4*limit+100
	}
	cursor, err := q.open(o, filter, sort, limit, batch, bare)
	if err != nil {
		return err
	}
	ctx := q.src.with(q.ctx)
	defer cursor.Close(ctx)
	test := q.src.tester(q.node, q.bodies)
	var row plan.Row
	for cursor.Next(ctx) {
		q.read++
		if row, err = readRow(cursor.Current); err != nil {
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

// open asks for documents; 0 is no limit, and batches as the database makes them.
func (q *query) open(o *ordering, filter bson.D, sort bson.D, limit, batch int, bare bool) (*mongo.Cursor, error) {
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
		}
		if batch > 0 {
			opts.SetBatchSize(int32(min(batch, 10_000)))
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
	if batch > 0 {
		opts.SetBatchSize(int32(min(batch, 10_000)))
	}
	return q.src.s.resources.Aggregate(ctx, pipeline, opts)
}
