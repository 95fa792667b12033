package mongo

import (
	"bytes"
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// Targets implements plan.Source.
func (src *source) Targets(ctx context.Context, b plan.Bound, p *r4.SearchParameter, max int) (refs []fhir.Reference, more bool, err error) {
	err = src.run(ctx, "targets", func(ctx context.Context) error {
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
			row.Body = bytes.Clone(row.Body) // its texts are in the references
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
