package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
)

// indexing is what resources are indexed by. It does not change; a store has another one when its own parameters do.
type indexing struct {
	params  *parameters.Set
	indexer *index.Indexer
	schemas map[string]*schema
}

func (s *Store) use(params *parameters.Set) {
	x := &indexing{params: params, indexer: s.opts.Indexer.With(params), schemas: map[string]*schema{}}
	for _, typ := range r4.Resources() {
		x.schemas[typ] = newSchema(typ, slices.Concat(r4.Params(typ), params.Indexed(typ)))
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

// Extend implements store.Extender. A document says by which generation it is indexed (fieldGeneration): those of another
// one are indexed anew. What is written meanwhile is of the newest one, and stays.
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
		err := s.reindex(ctx, x, typ, bson.E{Key: fieldGeneration, Value: field("$ne", int64(x.params.Generation(typ)))}, func(n int) {
			if done += n; progress != nil {
				progress(min(done, of), of)
			}
		})
		if err != nil {
			return fmt.Errorf("index %s: %w", typ, err)
		}
	}
	if progress != nil {
		progress(of, of)
	}
	return nil
}

// reindex indexes the live documents of a type anew for which a condition holds.
func (s *Store) reindex(ctx context.Context, x *indexing, typ string, which bson.E, step func(n int)) error {
	sch := x.schemas[typ]
	from := any(order{}.value())
	op := "$gte"
	for {
		cursor, err := s.resources.Find(ctx, bson.D{{Key: fieldType, Value: typ}, {Key: fieldOrder, Value: field(op, from)}, which},
			options.Find().SetSort(field(fieldOrder, 1)).SetHint(byOrder).SetLimit(extendBatch).
				SetProjection(append(bson.D{{Key: fieldCommit, Value: 1}, {Key: fieldOrder, Value: 1}}, rowFields...)))
		if err != nil {
			return fault("read resources", err)
		}
		var docs []bson.Raw
		if err := cursor.All(ctx, &docs); err != nil {
			return fault("read resources", err)
		}
		var models []mongo.WriteModel
		for _, doc := range docs {
			again, err := s.again(ctx, x, sch, doc)
			if err != nil {
				return err
			}
			models = append(models, again)
			from, op = doc.Lookup(fieldOrder), "$gt"
		}
		if len(models) == 0 {
			return nil
		}
		if _, err := s.resources.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false)); err != nil {
			return fault("write the index", err)
		}
		step(len(models))
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
		return nil, fmt.Errorf("parse the stored %s/%s version %d: %w", row.Type, row.ID, row.Version, err)
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

// Reindex indexes all resources of a store anew, while no other server has it open. If it is broken off the store cannot
// be opened until it has been run to its end.
func Reindex(ctx context.Context, o Options, progress func(done, of int)) error {
	s, err := open(ctx, o, true)
	if err != nil {
		return err
	}
	defer s.Close()
	mark := func(index int) error {
		_, err := s.meta.UpdateOne(ctx, field("_id", headerID), field("$set", bson.D{{Key: "index", Value: index},
			{Key: "types", Value: r4.Resources()}, {Key: "base", Value: s.opts.Indexer.Base}, {Key: "noWords", Value: s.opts.Indexer.NoWords}}))
		return fault("note the state of the index", err)
	}
	if err := mark(0); err != nil {
		return err
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
		err := s.reindex(ctx, s.indexing.Load(), typ, bson.E{Key: fieldVersion, Value: field("$gt", 0)}, func(n int) {
			if done += n; progress != nil {
				progress(done, of)
			}
		})
		if err != nil {
			return fmt.Errorf("reindex %s: %w", typ, err)
		}
	}
	return mark(indexVersion)
}
