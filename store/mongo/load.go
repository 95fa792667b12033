package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/firewarden/firewarden/conformance/r4"
)

// Versions of what is in the database. A store of a later format is refused, one of an earlier format is brought
// forward; one of another index can be reindexed.
const (
	formatVersion = 1
	indexVersion  = 5
)

// header describes a store; it is the document "store" of meta.
type header struct {
	ID      string   `bson:"_id"`
	Format  int      `bson:"format"`
	Index   int      `bson:"index"` // 0: being rebuilt
	Mode    string   `bson:"mode"`
	Types   []string `bson:"types"`
	Base    string   `bson:"base"`              // base URL that references were resolved by
	NoWords bool     `bson:"noWords,omitempty"` // index.Indexer.NoWords
}

const headerID = "store"

// load checks the header, or writes one, makes what is missing of collections and indexes, and reads what is kept in
// memory.
func (s *Store) load(ctx context.Context, rebuild bool) error {
	h, ok, err := s.header(ctx)
	if err != nil {
		return err
	}
	if !ok {
		if s.opts.Mode == "" {
			return ErrNone
		}
		if h, err = s.writeHeader(ctx); err != nil {
			return err
		}
	}
	if !rebuild { // before the header counts: either this process sees that it is being rebuilt, or who rebuilds sees this one
		if err := s.attend(ctx); err != nil {
			return err
		}
		if h, _, err = s.header(ctx); err != nil {
			return err
		}
	}
	if s.opts.Mode == "" {
		s.opts.Mode = h.Mode
		if s.opts.Indexer.Base == "" {
			s.opts.Indexer.Base = h.Base
		}
		if !rebuild {
			s.opts.Indexer.NoWords = h.NoWords
		}
	}
	if err := s.check(h, rebuild); err != nil {
		return err
	}
	if err := s.collections(ctx); err != nil {
		return err
	}
	if err := s.loadParameters(ctx); err != nil {
		return err
	}
	return s.loadShapes(ctx)
}

func (s *Store) header(ctx context.Context) (h header, ok bool, err error) {
	err = s.meta.FindOne(ctx, field("_id", headerID)).Decode(&h)
	ok, err = found(err)
	return h, ok, err
}

// writeHeader writes the header of a new store, unless another process has just done so.
func (s *Store) writeHeader(ctx context.Context) (header, error) {
	h := header{headerID, formatVersion, indexVersion, s.opts.Mode, r4.Resources(), s.opts.Indexer.Base, s.opts.Indexer.NoWords}
	if _, err := s.meta.InsertOne(ctx, h); err != nil && !mongo.IsDuplicateKeyError(err) {
		return h, err
	}
	h, ok, err := s.header(ctx)
	if err == nil && !ok {
		err = errors.New("the header has gone")
	}
	return h, err
}

func (s *Store) check(h header, rebuild bool) error {
	switch {
	case h.Format > formatVersion:
		return fmt.Errorf("the store has format %d, this version of firewarden reads format %d: a later version has written it, use that one", h.Format, formatVersion)
	case h.Mode != s.opts.Mode:
		return fmt.Errorf("%w: %q, not %q, and the two do not share data", ErrMode, h.Mode, s.opts.Mode)
	case rebuild:
		return nil
	case h.Index == 0:
		return fmt.Errorf("a rebuild of its index was not finished: %w", ErrReindex)
	case h.Index != indexVersion || !slices.Equal(h.Types, r4.Resources()):
		return fmt.Errorf("the index has version %d, this version of firewarden reads version %d: %w", h.Index, indexVersion, ErrReindex)
	case h.NoWords != s.opts.Indexer.NoWords:
		return fmt.Errorf("words of texts are in its index: %t, and text-index says otherwise: %w", !h.NoWords, ErrReindex)
	case h.Base != s.opts.Indexer.Base:
		return fmt.Errorf("the base URL was %q and is %q, which references are resolved by: %w", h.Base, s.opts.Indexer.Base, ErrReindex)
	}
	return nil
}

// collections makes the collections and indexes that are missing. Indexes are built while others read and write.
func (s *Store) collections(ctx context.Context) error {
	have, err := s.db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return err
	}
	for _, c := range layout {
		if !slices.Contains(have, c.name) {
			o := options.CreateCollection()
			if c.packed {
				// Text of one kind, page by page, packs to a fifth.
				o.SetStorageEngine(field("wiredTiger", field("configString", "block_compressor=zstd")))
			}
			if err := s.db.CreateCollection(ctx, c.name, o); err != nil && !coded(err, codeExists) {
				return fmt.Errorf("create the collection %s: %w", c.name, err)
			}
		}
		for _, x := range c.indexes {
			if err := s.buildIndex(ctx, c.name, x); err != nil {
				return fmt.Errorf("build the index %s of %s: %w", x.name, c.name, err)
			}
		}
	}
	var locks []any
	for _, typ := range r4.Resources() {
		locks = append(locks, field("_id", typ))
	}
	if n, err := s.locks.EstimatedDocumentCount(ctx); err != nil {
		return err
	} else if int(n) >= len(locks) {
		return nil
	}
	if _, err := s.locks.InsertMany(ctx, locks, options.InsertMany().SetOrdered(false)); err != nil && !mongo.IsDuplicateKeyError(err) {
		return fmt.Errorf("create the locks: %w", err)
	}
	return nil
}

// buildIndex builds an index, which may take long on a store that is in use, and tells how far it is.
func (s *Store) buildIndex(ctx context.Context, in string, x indexOf) error {
	o := options.Index().SetName(x.name)
	if x.expire {
		o.SetExpireAfterSeconds(0)
	}
	if x.having != "" {
		o.SetPartialFilterExpression(field(x.having, field("$exists", true)))
	}
	built := make(chan struct{})
	defer close(built)
	if s.opts.Building != nil {
		go s.watchBuild(ctx, in, x.name, built)
	}
	_, err := s.db.Collection(in).Indexes().CreateOne(ctx, mongo.IndexModel{Keys: x.keys, Options: o})
	return err
}

// watchBuild tells once a second how far the build of an index is. Who may not know what the database does (the privilege
// inprog, as in the role clusterMonitor) is told once that it is built.
func (s *Store) watchBuild(ctx context.Context, in, name string, built <-chan struct{}) {
	admin := s.client.Database("admin", options.Database().SetReadConcern(readconcern.Local()))
	all := bson.D{{Key: "allUsers", Value: true}, {Key: "idleConnections", Value: true}} // who builds is no connection at all
	pipeline := bson.A{field("$currentOp", all), field("$match", bson.D{{Key: "command.createIndexes", Value: in},
		{Key: "command.$db", Value: s.db.Name()}, {Key: "command.indexes.name", Value: name}, {Key: "progress", Value: field("$exists", true)}})}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for told := false; ; {
		select {
		case <-built:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var ops []struct {
			Progress struct{ Done, Total int64 }
		}
		cursor, err := admin.Aggregate(ctx, pipeline)
		if err == nil {
			err = cursor.All(ctx, &ops)
		}
		switch {
		case err == nil && len(ops) > 0:
			s.opts.Building(in+"."+name, ops[0].Progress.Done, ops[0].Progress.Total)
		case told:
			continue
		default:
			s.opts.Building(in+"."+name, 0, 0)
		}
		told = true
	}
}

// shardKey is the field that, hashed, spreads the documents of a collection over the shards of a cluster (see Sharding in
// the documentation of the package). Whatever writes one document names it.
const shardKey = "_id"

// collection is what a collection has.
type collection struct {
	name    string
	packed  bool
	sharded bool // by shardKey, in a cluster that has shards; else it is on the first shard of the database
	indexes []indexOf
}

type indexOf struct {
	name   string
	keys   bson.D
	expire bool   // documents are removed at its time
	having string // field without which documents are left out; "" is all
}

func up(name string) bson.E   { return bson.E{Key: name, Value: 1} }
func down(name string) bson.E { return bson.E{Key: name, Value: -1} }

// layout are the collections and their indexes, besides those of _id.
var layout = []collection{
	{name: "meta"},
	{name: "locks"},
	{name: "shapes", indexes: []indexOf{{name: "type", keys: bson.D{up(fieldType)}}}},
	{name: "records", sharded: true, indexes: []indexOf{{name: "ttl", keys: bson.D{up("ttl")}, expire: true}}},
	{name: "resources", packed: true, sharded: true, indexes: []indexOf{
		{name: byKey, keys: bson.D{up(fieldType), up(fieldKeys), down(fieldOrder)}},
		{name: byOrder, keys: bson.D{up(fieldType), down(fieldOrder)}},
		{name: byRange, keys: bson.D{up(fieldType), up(fieldRanges + ".p"), up(fieldRanges + ".lo"), up(fieldRanges + ".hi")}},
		{name: byText, keys: bson.D{up(fieldType), up(fieldTexts)}},
		{name: byTime, keys: bson.D{up(fieldType), down(fieldAt), down("_id")}},
		{name: byChart, keys: bson.D{up(fieldCharts), up(fieldType), down(fieldAt), down("_id")}, having: fieldCharts},
		{name: byPair, keys: bson.D{up(fieldType), up(fieldPairs)}, having: fieldPairs},
		{name: byGeneration, keys: bson.D{up(fieldType), up(fieldGeneration)}, having: fieldGeneration},
	}},
	{name: "history", packed: true, sharded: true, indexes: []indexOf{
		{name: "instance", keys: bson.D{up(fieldName), down(fieldVersion)}},
		{name: byTime, keys: bson.D{up(fieldType), down(fieldAt), down(fieldName), down(fieldVersion)}},
		{name: byChart, keys: bson.D{up(fieldCharts), up(fieldType), down(fieldAt), down(fieldName), down(fieldVersion)}, having: fieldCharts},
	}},
}
