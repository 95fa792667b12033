package mongo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// commit is a store.Commit that is being written.
type commit struct {
	store.Commit
	s      *Store
	number int64 // fieldCommit of all that it writes: by it one finds out whether it was written
	docs   []bson.Raw
	locks  []string // types whose conditional writes wait for each other
	wait   []string // names to wait for in the queue

	records []*put
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	s.using.RLock()
	defer s.using.RUnlock()
	w := &commit{Commit: c, s: s}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	leave, err := s.enter(ctx, w.wait)
	if err != nil {
		return err
	}
	defer leave()
	return s.settle(ctx, "commit", time.Duration(len(w.Writes))*workOne, w.try, w.written)
}

// workOne is what writing one version may take: some ten times what it does.
const workOne = 5 * time.Millisecond

type instance struct{ typ, id string }

// prepare checks what does not depend on the state and makes the documents.
func (w *commit) prepare(ctx context.Context) error {
	read := make(map[instance]uint64, len(w.Reads))
	for _, r := range w.Reads {
		read[instance{r.Type, r.ID}] = r.Version
		w.wait = append(w.wait, r.Type+"/"+r.ID)
	}
	seen := make(map[instance]bool, len(w.Writes))
	for i := range w.Writes {
		x := &w.Writes[i]
		at := instance{x.Type, x.ID}
		before, ok := read[at]
		switch {
		case seen[at]:
			return fmt.Errorf("two writes of %s/%s in one commit", x.Type, x.ID)
		case !ok && !(x.Fresh && x.Version == 1):
			return fmt.Errorf("a write of %s/%s that has not read its version before", x.Type, x.ID)
		case x.Version != before+1:
			return fmt.Errorf("version %d of %s/%s after version %d", x.Version, x.Type, x.ID, before)
		case x.Deleted != (x.Resource == nil):
			return fmt.Errorf("%s/%s: a tombstone has no resource, any other version has one", x.Type, x.ID)
		case !r4.IsResource(x.Type) || !fhir.ValidID(x.ID):
			return fmt.Errorf("%s/%s is no name of a resource", x.Type, x.ID)
		}
		seen[at] = true
	}
	var err error
	if w.number, err = w.s.number(); err != nil {
		return err
	}
	for i := range w.Writes {
		if err := w.document(ctx, &w.Writes[i]); err != nil {
			return err
		}
	}
	for _, p := range w.Records {
		c, err := w.s.kv.put(p)
		if err != nil {
			return fmt.Errorf("the record %s/%s: %w", p.Bucket, p.Key, err)
		}
		w.records = append(w.records, c)
	}
	w.lock()
	return nil
}

// empty says whether there is nothing to write.
func (w *commit) empty() bool { return len(w.Writes) == 0 && len(w.Records) == 0 }

// document makes the document of a write.
func (w *commit) document(ctx context.Context, x *store.Write) error {
	if len(x.Body) > maxDocument {
		return tooLarge(x, len(x.Body))
	}
	ix := w.s.indexing.Load()
	sch := ix.schemas[x.Type]
	var e index.Entries
	shape := ""
	if !x.Deleted {
		e = ix.indexer.Entries(x.Resource)
		var err error
		if shape, err = w.s.shape(ctx, sch, &e); err != nil {
			return err
		}
	}
	doc, err := sch.document(x, &e, shape, w.number, ix.params.Generation(x.Type))
	w.docs = append(w.docs, doc)
	return err
}

// lock finds out which types are to be locked: those that a condition asks for and that are written too, so that of
// two that have found nothing the second one looks again. (Who relies on a condition and writes other types is right
// in its own snapshot.) A condition that does not name its types may ask for any.
func (w *commit) lock() {
	if len(w.Conditions) == 0 || len(w.Writes) == 0 {
		return
	}
	asked, all := map[string]bool{}, false
	for _, c := range w.Conditions {
		types := c.Types()
		all = all || len(types) == 0
		for _, typ := range types {
			asked[typ] = true
		}
	}
	for i := range w.Writes {
		if typ := w.Writes[i].Type; all || asked[typ] {
			w.locks = append(w.locks, typ)
		}
	}
	slices.Sort(w.locks)
	w.locks = slices.Compact(w.locks)
	w.wait = append(w.wait, w.locks...)
}

// written says whether the commit was carried out: its first version is there, as the current one or in history,
// or its first record.
func (w *commit) written(ctx context.Context) (ok bool, err error) {
	if w.empty() {
		return false, nil
	}
	if len(w.Writes) == 0 {
		return w.s.kv.made(ctx, w.records[0])
	}
	x := &w.Writes[0]
	name := x.Type + "/" + x.ID
	err = w.s.fresh(ctx, func(ctx context.Context) error {
		ok, err = found(w.s.resources.FindOne(ctx, bson.D{{Key: "_id", Value: name}, {Key: fieldCommit, Value: w.number}}).Err())
		if !ok && err == nil {
			ok, err = found(w.s.history.FindOne(ctx, bson.D{{Key: "_id", Value: version(name, x.Version)}, {Key: fieldCommit, Value: w.number}}).Err())
		}
		return err
	})
	return ok, err
}

// try carries out the commit once.
func (w *commit) try(ctx context.Context) error {
	session, err := w.s.client.StartSession(options.Session().SetDefaultTransactionOptions(
		options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority())))
	if err != nil {
		return err
	}
	in := mongo.NewSessionContext(ctx, session)
	if w.single() {
		_, err = w.s.resources.InsertOne(in, w.docs[0])
		err = clash(err, "a new version")
	} else {
		err = w.transaction(in, session)
	}
	w.s.seen.after(session, err)
	w.s.end(ctx, session, labelled(err, "UnknownTransactionCommitResult"))
	return err
}

// single says whether the commit is the insertion of one document: that needs no transaction.
func (w *commit) single() bool {
	if len(w.Writes) != 1 || len(w.Records) > 0 || len(w.Conditions) > 0 || w.Writes[0].Version != 1 {
		return false
	}
	x := &w.Writes[0]
	return len(w.Reads) == 0 || len(w.Reads) == 1 && w.Reads[0] == store.Read{Type: x.Type, ID: x.ID}
}

// clash makes a conflict of what was there already.
func clash(err error, what string) error {
	if mongo.IsDuplicateKeyError(err) {
		return fmt.Errorf("%s: %w", what, store.ErrConflict)
	}
	return err
}

func (w *commit) transaction(ctx context.Context, session *mongo.Session) error {
	if err := session.StartTransaction(); err != nil {
		return err
	}
	if err := w.apply(ctx, session); err != nil || w.empty() {
		return err // the end of the session undoes it
	}
	err := session.CommitTransaction(ctx)
	for attempt := 0; err != nil && labelled(err, "UnknownTransactionCommitResult") && attempt < 3 && ctx.Err() == nil; attempt++ {
		pause(ctx, attempt+3)
		err = session.CommitTransaction(ctx)
	}
	return err
}

// apply checks and writes within the transaction.
func (w *commit) apply(ctx context.Context, session *mongo.Session) error {
	if err := w.takeLocks(ctx); err != nil {
		return err
	}
	if err := w.checkReads(ctx); err != nil {
		return err
	}
	src := &source{s: w.s, session: session, indexing: w.s.indexing.Load(), fixed: true}
	for _, c := range w.Conditions {
		ok, err := c.Holds(ctx, src)
		if err != nil {
			return fmt.Errorf("evaluate a condition: %w", err)
		}
		if !ok {
			return fmt.Errorf("a condition: %w", store.ErrConflict)
		}
	}
	if err := w.create(ctx); err != nil {
		return err
	}
	if err := w.replace(ctx); err != nil {
		return err
	}
	return w.s.kv.writeAll(ctx, w.records)
}

// takeLocks writes to the documents of locks: of two transactions that do so MongoDB undoes one.
func (w *commit) takeLocks(ctx context.Context) error {
	if len(w.locks) == 0 {
		return nil
	}
	r, err := w.s.locks.UpdateMany(ctx, field("_id", bson.D{{Key: "$in", Value: w.locks}}), field("$inc", field("n", 1)))
	if err == nil && int(r.MatchedCount) != len(w.locks) {
		err = fmt.Errorf("locks are missing: %d of %d are there", r.MatchedCount, len(w.locks))
	}
	return err
}

// checkReads checks versions that are relied on and not written, and writes to their documents, so that who replaces
// one at the same time is undone. What is relied on not to exist is inserted and removed.
func (w *commit) checkReads(ctx context.Context) error {
	written := make(map[instance]bool, len(w.Writes))
	for i := range w.Writes {
		written[instance{w.Writes[i].Type, w.Writes[i].ID}] = true
	}
	var models []mongo.WriteModel
	updates := 0
	for _, r := range w.Reads {
		name := r.Type + "/" + r.ID
		if written[instance{r.Type, r.ID}] {
			continue
		}
		if r.Version == 0 {
			models = append(models, mongo.NewInsertOneModel().SetDocument(field("_id", name)), mongo.NewDeleteOneModel().SetFilter(field("_id", name)))
			continue
		}
		updates++
		models = append(models, mongo.NewUpdateOneModel().SetUpdate(field("$inc", field(fieldLock, 1))).
			SetFilter(bson.D{{Key: "_id", Value: name}, {Key: fieldVersion, Value: int64(r.Version)}}))
	}
	if len(models) == 0 {
		return nil
	}
	r, err := w.s.resources.BulkWrite(ctx, models)
	if err != nil {
		return clash(err, "an instance that should not exist")
	}
	if int(r.MatchedCount) != updates {
		return fmt.Errorf("a version that was read: %w", store.ErrConflict)
	}
	return nil
}

// create inserts first versions.
func (w *commit) create(ctx context.Context) error {
	var docs []bson.Raw
	for i := range w.Writes {
		if w.Writes[i].Version == 1 {
			docs = append(docs, w.docs[i])
		}
	}
	if len(docs) == 0 {
		return nil
	}
	_, err := w.s.resources.InsertMany(ctx, docs)
	return clash(err, "a first version")
}

// errStale says that a version before is not current any more.
var errStale = fmt.Errorf("a version before: %w", store.ErrConflict)

// replace puts away the versions before and replaces them.
func (w *commit) replace(ctx context.Context) error {
	var names []string
	var filters []bson.D
	var docs []bson.Raw
	var gone []bool
	for i := range w.Writes {
		x := &w.Writes[i]
		if x.Version == 1 {
			continue
		}
		name := x.Type + "/" + x.ID
		names, docs, gone = append(names, name), append(docs, w.docs[i]), append(gone, x.Deleted)
		filters = append(filters, bson.D{{Key: "_id", Value: name}, {Key: fieldVersion, Value: int64(x.Version - 1)}})
	}
	switch len(names) {
	case 0:
		return nil
	case 1:
		return w.replaceOne(ctx, filters[0], docs[0], gone[0])
	}
	olds, err := w.olds(ctx, names)
	if err != nil {
		return err
	}
	if len(olds) != len(names) {
		return errStale
	}
	if _, err := w.s.history.InsertMany(ctx, olds); err != nil {
		return clash(err, "a version before")
	}
	models := make([]mongo.WriteModel, len(docs))
	for i, doc := range docs {
		if gone[i] {
			models[i] = mongo.NewUpdateOneModel().SetUpdate(bury(doc)).SetFilter(filters[i])
		} else {
			models[i] = mongo.NewReplaceOneModel().SetReplacement(doc).SetFilter(filters[i])
		}
	}
	r, err := w.s.resources.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	if err != nil {
		return err
	}
	if int(r.MatchedCount) != len(models) {
		return errStale
	}
	return nil
}

// replaceOne replaces what the filter finds by a document, which may be a tombstone, and puts it away.
func (w *commit) replaceOne(ctx context.Context, filter bson.D, doc bson.Raw, gone bool) (err error) {
	var before bson.Raw
	if gone {
		before, err = w.s.resources.FindOneAndUpdate(ctx, filter, bury(doc), options.FindOneAndUpdate().SetProjection(putAway)).Raw()
	} else {
		before, err = w.s.resources.FindOneAndReplace(ctx, filter, doc, options.FindOneAndReplace().SetProjection(putAway)).Raw()
	}
	if ok, err := found(err); !ok {
		return cmp.Or(err, errStale)
	}
	old, err := past(before)
	if err != nil {
		return err
	}
	_, err = w.s.history.InsertOne(ctx, old)
	return clash(err, "a version before")
}

// bury is the update that puts a tombstone in the place of a document: it stays in the charts that that was in.
func bury(tombstone bson.Raw) bson.A {
	return bson.A{field("$replaceWith", field("$mergeObjects", bson.A{field("$literal", tombstone), field(fieldCharts, "$"+fieldCharts)}))}
}

// olds are the documents of history of what is current.
func (w *commit) olds(ctx context.Context, names []string) (docs []bson.Raw, err error) {
	cursor, err := w.s.resources.Find(ctx, field("_id", oneOf(names)), options.Find().SetProjection(putAway))
	if err != nil {
		return nil, err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		doc, err := past(cursor.Current)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, cursor.Err()
}

// putAway are the fields of a version that are put away in history.
var putAway = append(bson.D{{Key: fieldCommit, Value: 1}, {Key: fieldType, Value: 1}, {Key: fieldGone, Value: 1}, {Key: fieldCharts, Value: 1}}, whole...)

var _ plan.Source = (*source)(nil)
