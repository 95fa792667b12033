package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// indexing is what resources are indexed by. It does not change; a store has another one when its own parameters do.
type indexing struct {
	params  *parameters.Set
	record  []byte // of params, as it is stored; nil: there is none
	indexer *index.Indexer
	schemas map[string]*schema
}

func (s *Store) use(params *parameters.Set) {
	x := &indexing{params: params, indexer: s.opts.Indexer.With(params), schemas: map[string]*schema{}}
	for _, typ := range r4.Resources() {
		x.schemas[typ] = newSchema(typ, slices.Concat(r4.Params(typ), params.Indexed(typ)))
	}
	if record := params.Record(); record.Generation != 0 {
		x.record, _ = record.Bytes() // of a record there is always JSON
	}
	s.indexing.Store(x)
}

// loadParameters reads by which own parameters the store is indexed.
func (s *Store) loadParameters(ctx context.Context) error {
	r, ok, err := s.kv.Get(ctx, store.ParametersBucket, store.ParametersKey)
	if err != nil {
		return err
	}
	var record parameters.Record
	if ok {
		if record, err = parameters.ReadRecord(r.Value); err != nil {
			return fmt.Errorf("the record of search parameters: %w", err)
		}
	}
	s.use(record.Set())
	return nil
}

var _ store.Extender = (*Store)(nil)

// Use implements store.Extender. It waits for the commits that have begun.
func (s *Store) Use(params *parameters.Set) {
	s.using.Lock()
	defer s.using.Unlock()
	s.use(params)
}

// extendBatch is how many resources are extended in one step.
const extendBatch = 200

// Extend implements store.Extender. A document says by which generation it is indexed (fieldGeneration): those of an
// earlier one are indexed anew. What is written meanwhile is of the newest one, and stays. Servers that do not know the
// newest one yet may still write documents of an earlier one: who searches by an own parameter looks whether there are any
// (whole).
func (s *Store) Extend(ctx context.Context, progress func(done, of int)) error {
	x := s.indexing.Load()
	counts, err := s.Counts(ctx)
	if err != nil {
		return err
	}
	done, of := 0, 0
	for _, typ := range x.params.Types() {
		of += counts[typ]
	}
	for _, typ := range x.params.Types() {
		for {
			n, err := s.extend(ctx, x, typ)
			if err != nil {
				return fmt.Errorf("index %s: %w", typ, err)
			}
			if n == 0 {
				break
			}
			if done += n; progress != nil {
				progress(min(done, of), of)
			}
		}
	}
	if progress != nil {
		progress(of, of)
	}
	return nil
}

// extend indexes some documents anew that are of an earlier generation; n is how many.
func (s *Store) extend(ctx context.Context, x *indexing, typ string) (n int, err error) {
	before := bson.D{{Key: fieldType, Value: typ}, {Key: fieldGeneration, Value: field("$lt", int64(x.params.Generation(typ)))}}
	cursor, err := s.resources.Find(ctx, before, options.Find().SetHint(byGeneration).SetLimit(extendBatch).SetProjection(indexed))
	if err != nil {
		return 0, fault("read resources", err)
	}
	var docs []bson.Raw
	if err := cursor.All(ctx, &docs); err != nil {
		return 0, fault("read resources", err)
	}
	return len(docs), s.rewrite(ctx, x, typ, docs)
}

// indexed are the fields that a document is indexed anew from.
var indexed = append(bson.D{{Key: fieldCommit, Value: 1}, {Key: fieldOrder, Value: 1}}, rowFields...)

// rewrite indexes documents anew.
func (s *Store) rewrite(ctx context.Context, x *indexing, typ string, docs []bson.Raw) error {
	var models []mongo.WriteModel
	for _, doc := range docs {
		again, err := s.again(ctx, x, x.schemas[typ], doc)
		if err != nil {
			return err
		}
		models = append(models, again)
	}
	if len(models) == 0 {
		return nil
	}
	_, err := s.resources.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	return fault("write the index", err)
}

// whole sees to it that the index of a type is whole for own parameters that a search asks by, all of which were there
// since a generation; 0: it asks by none. Another server may have written by earlier ones, for the second in which it does
// not know them, or by later ones. What is found of earlier ones is indexed anew here, and the search is to be asked again,
// on a snapshot that has it.
func (src *source) whole(ctx context.Context, typ string, since uint64) error {
	if since == 0 {
		return nil
	}
	x := src.indexing
	other := bson.D{{Key: fieldType, Value: typ}, {Key: "$or", Value: bson.A{
		field(fieldGeneration, field("$lt", int64(since))), field(fieldGeneration, field("$gt", int64(x.params.Generation(typ))))}}}
	doc, err := src.s.resources.FindOne(src.with(ctx), other, options.FindOne().SetHint(byGeneration).SetProjection(field(fieldGeneration, 1))).Raw()
	if ok, err := found(err); !ok {
		return err
	}
	if doc.Lookup(fieldGeneration).AsInt64() < int64(since) {
		_, err = src.s.extend(context.WithoutCancel(ctx), x, typ)
	}
	return &fhir.Error{Kind: fhir.KindTransient, Diagnostics: "the index follows a change of search parameters; try again", Err: err}
}

// since is the generation since which there are all own parameters that a node asks by, 0 if it asks by none.
func (x *indexing) since(n plan.Node) (since uint64) {
	switch n := n.(type) {
	case plan.Term:
		return x.params.Since(n.Num)
	case plan.Terms:
		if len(n) > 0 {
			return x.params.Since(n[0].Num)
		}
	case plan.Prefix:
		return x.params.Since(n.Num)
	case plan.Range:
		return x.params.Since(n.Num)
	}
	for _, part := range plan.Parts(n) {
		since = max(since, x.since(part))
	}
	return since
}

// reindex indexes the live documents of a type anew.
func (s *Store) reindex(ctx context.Context, x *indexing, typ string, step func(n int)) error {
	from := any(order{}.value())
	op := "$gte"
	for {
		cursor, err := s.resources.Find(ctx, bson.D{{Key: fieldType, Value: typ}, {Key: fieldOrder, Value: field(op, from)}},
			options.Find().SetSort(field(fieldOrder, 1)).SetHint(byOrder).SetLimit(extendBatch).SetProjection(indexed))
		if err != nil {
			return fault("read resources", err)
		}
		var docs []bson.Raw
		if err := cursor.All(ctx, &docs); err != nil {
			return fault("read resources", err)
		}
		if len(docs) == 0 {
			return nil
		}
		if err := s.rewrite(ctx, x, typ, docs); err != nil {
			return err
		}
		from, op = docs[len(docs)-1].Lookup(fieldOrder), "$gt"
		step(len(docs))
	}
}

// again is the replacement of a document by itself, indexed anew, unless it is another version by then.
func (s *Store) again(ctx context.Context, x *indexing, sch *schema, doc bson.Raw) (mongo.WriteModel, error) {
	row, err := readRow(doc)
	if err != nil {
		return nil, err
	}
	res, err := fhir.Parse(row.Body, storedLimits)
	if err != nil {
		return nil, fmt.Errorf("parse the stored %s/%s version %d: %v", row.Type, row.ID, row.Version, err)
	}
	e := x.indexer.Entries(res)
	shape, err := s.shape(ctx, sch, &e)
	if err != nil {
		return nil, err
	}
	commit := doc.Lookup(fieldCommit).Int64()
	next, err := sch.document(&store.Write{Row: row, Resource: res}, &e, shape, commit, x.params.Generation(row.Type))
	if err != nil {
		return nil, err
	}
	return mongo.NewReplaceOneModel().SetReplacement(next).SetFilter(bson.D{{Key: "_id", Value: row.Type + "/" + row.ID},
		{Key: fieldVersion, Value: int64(row.Version)}, {Key: fieldCommit, Value: commit}}), nil
}

// Counts are the numbers of live resources by type; types without any are left out.
func (s *Store) Counts(ctx context.Context) (map[string]int, error) {
	cursor, err := s.now.Aggregate(ctx, bson.A{
		field("$match", field(fieldOrder, field("$gte", order{}.value()))),
		field("$group", bson.D{{Key: "_id", Value: "$" + fieldType}, {Key: "n", Value: field("$sum", 1)}}),
	}, options.Aggregate().SetHint(byOrder))
	if err != nil {
		return nil, fault("count resources", err)
	}
	defer cursor.Close(ctx)
	out := map[string]int{}
	for cursor.Next(ctx) {
		out[cursor.Current.Lookup("_id").StringValue()] = int(cursor.Current.Lookup("n").AsInt64())
	}
	return out, fault("count resources", cursor.Err())
}

// Reindex indexes all resources of a store anew. While another process has it open it is refused (ErrOpen). If it is broken off the store cannot
// be opened until it has been run to its end.
func Reindex(ctx context.Context, o Options, progress func(done, of int)) error {
	s, err := open(ctx, o, true)
	if err != nil {
		return err
	}
	defer s.Close()
	mark := func(set bson.D) error {
		_, err := s.meta.UpdateOne(ctx, field("_id", headerID), field("$set", set))
		return fault("note the state of the index", err)
	}
	before, _, err := s.header(ctx)
	if err != nil {
		return fault("read the state of the index", err)
	}
	if err := mark(field("index", 0)); err != nil { // from here on nobody opens it
		return err
	}
	if err := s.alone(ctx); err != nil {
		return errors.Join(err, mark(field("index", before.Index)))
	}
	counts, err := s.Counts(ctx)
	if err != nil {
		return err
	}
	done, of := 0, 0
	for _, n := range counts {
		of += n
	}
	for typ := range counts {
		if s.indexing.Load().schemas[typ] == nil {
			continue
		}
		err := s.reindex(ctx, s.indexing.Load(), typ, func(n int) {
			if done += n; progress != nil {
				progress(done, of)
			}
		})
		if err != nil {
			return fmt.Errorf("reindex %s: %w", typ, err)
		}
	}
	if err := s.refile(ctx); err != nil {
		return fmt.Errorf("file what was before: %w", err)
	}
	return mark(bson.D{{Key: "index", Value: indexVersion}, {Key: "types", Value: r4.Resources()}, {Key: "base", Value: s.opts.Indexer.Base},
		{Key: "noWords", Value: s.opts.Indexer.NoWords}})
}
