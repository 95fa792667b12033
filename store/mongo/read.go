package mongo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// source is a plan.Source over a snapshot session, or over the transaction of a commit.
type source struct {
	s        *Store
	session  *mongo.Session
	indexing *indexing // in use when the source was made
	begun    time.Time // when it was asked for, or, if it is fixed, for what is read
	held     *hold     // the lease that it reads with; nil in a transaction
	fixed    bool      // the snapshot is one that is late enough

	since   bson.Timestamp // what this process had seen acknowledged when the snapshot was begun
	running bool           // in the middle of run: what is asked meanwhile reads in the same session
}

// snapshot is a source that owns its session.
type snapshot struct{ source }

// Snapshot implements store.Store. The time of the snapshot is that of the first read.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	src := source{s: s, begun: time.Now(), indexing: s.indexing.Load()}
	if err := src.begin(ctx); err != nil {
		return nil, err
	}
	return &snapshot{src}, nil
}

// hold takes a lease to read with.
func (src *source) hold(ctx context.Context) error {
	held, err := src.s.lease.wait(ctx, src.begun)
	if err == nil {
		src.held = held
	}
	return err
}

// begin begins a snapshot, in place of the one before.
func (src *source) begin(ctx context.Context) error {
	if err := src.hold(ctx); err != nil {
		return err
	}
	session, err := src.s.client.StartSession(options.Session().SetSnapshot(true))
	if err != nil {
		return fault("start a session", err)
	}
	if src.session != nil {
		src.session.EndSession(ctx)
	}
	src.session, src.since = session, src.s.seen.time()
	return nil
}

// Close implements store.Snapshot.
func (s *snapshot) Close() error {
	s.session.EndSession(context.Background())
	return nil
}

// with is the context that commands of the source run in.
func (src *source) with(ctx context.Context) context.Context {
	return mongo.NewSessionContext(ctx, src.session)
}

// run runs commands of the source. A snapshot that is older than what this process had seen acknowledged before is given up: a
// member that has just become primary may not know yet that all of it is durable. So is one whose lease has not lasted
// until then. What an old primary does not answer is asked again when there is a new one.
func (src *source) run(ctx context.Context, what string, f func(context.Context) error) error {
	if src.held == nil || src.running { // in a transaction, or in another run, which decides whether to ask again
		return fault(what, f(ctx))
	}
	src.running = true
	defer func() { src.running = false }()
	if src.fixed {
		src.begun = time.Now()
	}
	for {
		err := src.held.during(ctx, f)
		still := src.s.lease.still(src.held)
		at := src.session.SnapshotTime()
		switch {
		case err != nil && (still || ctx.Err() != nil):
			return fault(what, err)
		case err == nil && (src.fixed || at.IsZero()): // if it is zero there was nothing to ask
			return nil
		case err == nil && still && !src.since.After(at):
			src.fixed = true
			return nil
		}
		select {
		case <-ctx.Done():
			return fault(what, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
		if src.fixed { // at the same time of the cluster, but of another primary
			err = src.hold(ctx)
		} else {
			err = src.begin(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// found says whether a document was found.
func found(err error) (bool, error) {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

// Params implements plan.Source. The record is that of the snapshot: where this process has another one in use it has not
// noticed a change yet, and nothing of its own can be searched by until it has.
func (src *source) Params(ctx context.Context) (set *parameters.Set, err error) {
	err = src.run(ctx, "read the record of search parameters", func(ctx context.Context) error {
		var stored []byte
		doc, err := src.s.records.FindOne(src.with(ctx), field("_id", recordID(store.ParametersBucket, store.ParametersKey))).Raw()
		ok, err := found(err)
		if ok {
			stored = readRecord(doc).Value
		}
		if err != nil {
			return err
		}
		if set = src.indexing.params; !bytes.Equal(stored, src.indexing.record) {
			set = set.Record().Halted().Set()
		}
		return nil
	})
	return set, err
}

// one reads one version.
func (src *source) one(ctx context.Context, c *mongo.Collection, filter bson.D) (row plan.Row, ok bool, err error) {
	doc, err := c.FindOne(src.with(ctx), filter, options.FindOne().SetProjection(rowFields)).Raw()
	if ok, err = found(err); !ok {
		return row, false, err
	}
	row, err = readRow(doc)
	return row, err == nil, err
}

// rowFields are those of a row, current or past.
var rowFields = append(bson.D{{Key: fieldName, Value: 1}, {Key: fieldGone, Value: 1}}, whole...)

func nameOf(k plan.Key) string { return k.Type() + "/" + k.ID() }

// Read implements plan.Source.
func (src *source) Read(ctx context.Context, k plan.Key) (row plan.Row, ok bool, err error) {
	err = src.run(ctx, "read", func(ctx context.Context) error {
		row, ok, err = src.one(ctx, src.s.resources, field("_id", nameOf(k)))
		return err
	})
	return row, ok, err
}

// Version implements plan.Source.
func (src *source) Version(ctx context.Context, k plan.Key, number uint64) (row plan.Row, ok bool, err error) {
	if number == 0 || number > maxVersion {
		return row, false, nil
	}
	err = src.run(ctx, "read a version", func(ctx context.Context) error {
		row, ok, err = src.one(ctx, src.s.resources, bson.D{{Key: "_id", Value: nameOf(k)}, {Key: fieldVersion, Value: int64(number)}})
		if err != nil || ok {
			return err
		}
		row, ok, err = src.one(ctx, src.s.history, field("_id", version(nameOf(k), number)))
		return err
	})
	return row, ok, err
}

const maxVersion = 1<<63 - 1

// Versions implements plan.Source. Its cursor is the number of a version.
func (src *source) Versions(ctx context.Context, k plan.Key, w plan.Window) (page plan.Page, err error) {
	page.Total = -1
	from, to := int64(1), int64(maxVersion)
	if w.After != nil {
		if len(w.After) != 8 {
			return page, errCursor
		}
		at := int64(binary.BigEndian.Uint64(w.After))
		switch {
		case w.Back && w.At:
			from = at
		case w.Back:
			from = at + 1
		case w.At:
			to = at
		default:
			to = at - 1
		}
	}
	err = src.run(ctx, "read versions", func(ctx context.Context) error {
		now, ok, err := src.one(ctx, src.s.resources, field("_id", nameOf(k)))
		if err != nil || !ok {
			if w.Total {
				page.Total = 0
			}
			return err
		}
		if w.Total {
			page.Total = int(now.Version) // they count from 1 without gaps
		}
		page.Rows, page.Next = nil, nil
		latest := int64(now.Version)
		if !w.Back && latest >= from && latest <= to {
			page.Rows = append(page.Rows, now)
		}
		if err := src.older(ctx, &page, k, from, min(to, latest-1), w); err != nil {
			return err
		}
		if w.Back && latest >= from && latest <= to {
			page.Rows = append(page.Rows, now)
		}
		page.Read = len(page.Rows)
		cutAt(&page, w.Limit, func(r *plan.Row) []byte { return binary.BigEndian.AppendUint64(nil, r.Version) })
		return nil
	})
	return page, err
}

// cutAt cuts a page that may have more rows than the limit.
func cutAt(page *plan.Page, limit int, position func(*plan.Row) []byte) {
	if len(page.Rows) <= limit {
		return
	}
	if page.Rows = page.Rows[:max(limit, 0)]; len(page.Rows) > 0 {
		page.Next = position(&page.Rows[len(page.Rows)-1])
	}
}

// older adds versions that are not current, one more than there is room for.
func (src *source) older(ctx context.Context, page *plan.Page, k plan.Key, from, to int64, w plan.Window) error {
	more := w.Limit + 1 - len(page.Rows)
	if from > to || w.Limit == 0 || more <= 0 {
		return nil
	}
	cursor, err := src.s.history.Find(src.with(ctx), bson.D{
		{Key: fieldName, Value: nameOf(k)}, {Key: fieldVersion, Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lte", Value: to}}},
	}, options.Find().SetProjection(rowFields).SetSort(field(fieldVersion, direction(true, w.Back))).SetLimit(int64(more)))
	if err != nil {
		return err
	}
	defer cursor.Close(ctx)
	for cursor.Next(src.with(ctx)) {
		row, err := readRow(cursor.Current)
		if err != nil {
			return err
		}
		row.Body = bytes.Clone(row.Body)
		page.Rows = append(page.Rows, row)
	}
	return cursor.Err()
}

// tester tests rows by a node, for what no filter says exactly. Without bodies the tests are around what the filter says.
func (src *source) tester(n plan.Node, bodies bool) func(*plan.Row) (bool, error) {
	return func(row *plan.Row) (bool, error) {
		c := candidate{indexing: src.indexing, row: row}
		if bodies {
			return c.holds(n)
		}
		for x := n; ; {
			v, ok := x.(plan.Verify)
			if !ok {
				return true, nil
			}
			if ok, err := v.By(row); !ok || err != nil {
				return false, err
			}
			x = v.X
		}
	}
}

// candidate is a row that is tested; its entries are made when a node asks for them.
type candidate struct {
	indexing *indexing
	row      *plan.Row
	entries  *entries
}

func (c *candidate) holds(n plan.Node) (bool, error) {
	switch n := n.(type) {
	case plan.All:
		return true, nil
	case plan.None:
		return false, nil
	case plan.And:
		for _, x := range n {
			if ok, err := c.holds(x); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case plan.Or:
		for _, x := range n {
			if ok, err := c.holds(x); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case plan.Not:
		ok, err := c.holds(n.X)
		return !ok && err == nil, err
	case plan.Verify:
		if ok, err := c.holds(n.X); !ok || err != nil {
			return false, err
		}
		return n.By(c.row)
	}
	if c.entries == nil {
		e, err := c.indexing.entries(c.row)
		if err != nil {
			return false, err
		}
		c.entries = &entries{e}
	}
	return c.entries.hold(n)
}

// errNode says that a plan has a node that this engine does not know.
func errNode(n plan.Node) error { return fmt.Errorf("an unknown node %T", n) }
