package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Commit implements store.Store. It is in three parts: preparing (compressing, indexing, the batch), which many do at
// once; checking and applying, which one does at a time, in memory; waiting for the sync of the log, which Pebble
// shares among all who wait.
func (s *Store) Commit(ctx context.Context, c store.Commit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		p := s.preparation()
		if err := p.prepare(c); err != nil {
			p.batch.Close()
			return err
		}
		applied, err := s.apply(ctx, c, p)
		if !applied {
			p.batch.Close()
			if err == errIndexed {
				continue
			}
			if errors.Is(err, store.ErrConflict) {
				s.snapshots.await(p.against)
			}
			return err
		}
		return errors.Join(p.sync(), p.batch.Close())
	}
}

// sync waits until what was applied is durable, and lets others see it. If that fails, nothing can be known any more
// of what is durable: nobody reads until the store is opened again.
func (p *preparation) sync() error {
	if err := p.batch.SyncWait(); err != nil {
		return errors.Join(fmt.Errorf("sync the log: %w", err), p.s.snapshots.back(p.after), p.s.snapshots.close())
	}
	return p.s.snapshots.publish(p.after)
}

// errIndexed says that search parameters have changed since a commit was prepared: it is prepared again.
var errIndexed = errors.New("the index has other search parameters")

// apply is the serial part. Here a commit sees all that were applied before it, acknowledged or not: its own record in
// the log comes after theirs, so that it cannot become durable without them.
func (s *Store) apply(ctx context.Context, c store.Commit, p *preparation) (applied bool, err error) {
	s.commit.Lock()
	defer s.commit.Unlock()
	p.against = s.views
	src := source{s: s, r: s.db, indexing: s.indexing.Load()}
	for _, r := range c.Reads {
		e, err := src.entry(s.types.number(r.Type), r.ID)
		if err != nil {
			return false, err
		}
		if e.version != r.Version {
			return false, fmt.Errorf("%s/%s is at version %d, not %d: %w", r.Type, r.ID, e.version, r.Version, store.ErrConflict)
		}
		if used, ok := p.params[instance{r.Type, r.ID}]; ok && used != e.params {
			return false, errIndexed
		}
	}
	for _, cond := range c.Conditions {
		ok, err := cond.Holds(ctx, src)
		if err != nil {
			return false, fmt.Errorf("evaluate a condition: %w", err)
		}
		if !ok {
			return false, fmt.Errorf("a condition: %w", store.ErrConflict)
		}
	}
	if p.stale != nil {
		return false, p.stale
	}
	if len(c.Writes) == 0 && len(c.Records) == 0 {
		return false, nil
	}
	if p.indexing != s.indexing.Load() {
		return false, errIndexed
	}
	return p.apply(c.Records)
}

// apply applies what is prepared; the store's commit is held.
func (p *preparation) apply(records []store.Put) (applied bool, err error) {
	s := p.s
	for id, n := range p.counts {
		total := s.counts[id] + uint64(n)
		key := appendShapeKey(nil, keyCount, id.typ, id.shape)
		if err := p.batch.Set(key, appendUint64(nil, total), nil); err != nil {
			return false, err
		}
	}
	write := func() error {
		done := s.totals.announce(p.moved, p.tells)
		err := s.db.ApplyNoSyncWait(p.batch, pebble.Sync)
		done(err == nil)
		return err
	}
	if slices.ContainsFunc(records, func(r store.Put) bool { return !r.Fresh }) {
		err = s.kv.apply(p.batch, records, write)
	} else {
		err = write()
	}
	if err != nil {
		return false, fmt.Errorf("apply: %w", err)
	}
	for id, n := range p.counts {
		s.counts[id] += uint64(n)
	}
	p.after = s.view()
	return true, nil
}

// preparation makes the batch of a commit from what is current now. If anything that it used changes before it is
// applied, the check of a version fails.
type preparation struct {
	s      *Store
	batch  *pebble.Batch
	counts map[shapeID]int64
	tells  bool // moved is wanted
	moved  []moved
	buf    []byte
	// indexing is what the writes are indexed by, params what the versions before are: if either is another when the
	// commit is applied, it is prepared again.
	indexing *indexing
	params   map[instance]uint64
	against  uint64 // the view that it was checked against
	after    *lent  // the state that it has made
	stale    error  // the state is not the one that the writes rely on: refused when the reads are checked, else at the end
}

type instance struct{ typ, id string }

func (s *Store) preparation() *preparation {
	return &preparation{s: s, batch: s.db.NewBatch(), counts: map[shapeID]int64{}, indexing: s.indexing.Load(),
		params: map[instance]uint64{}, tells: s.totals.active()}
}

func (p *preparation) prepare(c store.Commit) error {
	read := make(map[instance]uint64, len(c.Reads))
	for _, r := range c.Reads {
		read[instance{r.Type, r.ID}] = r.Version
	}
	seen := make(map[instance]bool, len(c.Writes))
	for i := range c.Writes {
		w := &c.Writes[i]
		at := instance{w.Type, w.ID}
		before, ok := read[at]
		switch {
		case seen[at]:
			return fmt.Errorf("two writes of %s/%s in one commit", w.Type, w.ID)
		case !ok && !(w.Fresh && w.Version == 1):
			return fmt.Errorf("a write of %s/%s that has not read its version before", w.Type, w.ID)
		case w.Version != before+1:
			return fmt.Errorf("version %d of %s/%s after version %d", w.Version, w.Type, w.ID, before)
		case w.Deleted != (w.Resource == nil):
			return fmt.Errorf("%s/%s: a tombstone has no resource, any other version has one", w.Type, w.ID)
		case !validKey(p.s.types.number(w.Type), w.ID):
			return fmt.Errorf("%s/%s is no name of a resource", w.Type, w.ID)
		}
		seen[at] = true
	}
	for i := range c.Writes {
		if err := p.write(&c.Writes[i]); err != nil {
			return fmt.Errorf("prepare %s/%s: %w", c.Writes[i].Type, c.Writes[i].ID, err)
		}
		if p.stale != nil {
			return nil
		}
	}
	for i := range c.Records {
		if r := &c.Records[i]; r.Fresh {
			if err := p.fresh(r); err != nil {
				return fmt.Errorf("prepare the record %s/%s: %w", r.Bucket, r.Key, err)
			}
		}
	}
	return nil
}

// write puts a version into the batch.
func (p *preparation) write(w *store.Write) error {
	s := p.s
	sch := &s.schemas[s.types.number(w.Type)]
	var old *record
	var doc, params uint64
	if w.Version > 1 {
		src := source{s: s, r: s.db}
		e, err := src.entry(sch.number, w.ID)
		if err != nil {
			return err
		}
		val, closer, err := get(s.db, appendBodyKey(p.buf[:0], e.pos.number()))
		if err != nil {
			return err
		}
		if closer != nil {
			defer closer.Close()
		}
		r, err := readRecord(val)
		if e.version != w.Version-1 || err == nil && r.version != e.version {
			p.stale = fmt.Errorf("%s/%s is not at version %d: %w", w.Type, w.ID, w.Version-1, store.ErrConflict)
			return nil
		}
		if err != nil {
			return err
		}
		old, doc, params = &r, e.pos.number(), e.params
		p.params[instance{w.Type, w.ID}] = params
	} else if doc = s.nextDoc.Add(1); doc > maxDoc {
		return errors.New("the store has no document numbers left")
	}

	var before, now document
	if old != nil && !old.deleted {
		var err error
		if before, err = s.indexed(p.indexing.at(params), sch, doc, old.body); err != nil {
			return fmt.Errorf("the version before: %w", err)
		}
		p.counts[shapeID{sch.number, before.shape}]--
	}
	r := record{version: w.Version, lastUpdated: w.LastUpdated, deleted: w.Deleted, method: w.Method, typ: sch.number}
	if !w.Deleted {
		var err error
		if now, err = s.document(p.indexing.now, sch, doc, w.Resource); err != nil {
			return err
		}
		p.counts[shapeID{sch.number, now.shape}]++
		if s.based(w.Body) {
			if err := p.batch.Set(basedKey, nil, nil); err != nil {
				return err
			}
		}
	}
	charts := now.charts
	if w.Deleted {
		if charts = before.charts; old != nil && old.deleted {
			var err error
			if charts, err = s.chartsBefore(s.db, doc, old.version); err != nil {
				return err
			}
		}
	}
	if p.tells {
		p.moved = append(p.moved, moved{s.totals.lists(s.types, &before), s.totals.lists(s.types, &now)})
	}
	e := entry{w.Version, w.Deleted, now.pos, p.indexing.params.Generation(w.Type)}
	e.pos.doc |= doc
	return errors.Join(p.keys(&before, &now), p.history(old, doc, &r), p.file(charts, doc, &r), p.record(w, &r, e))
}

// record writes the body and the entry of a new version.
func (p *preparation) record(w *store.Write, r *record, e entry) error {
	r.id = appendID(nil, w.ID)
	if !w.Deleted {
		r.body = p.s.bodies.append(nil, w.Body)
	}
	p.buf = r.append(p.buf[:0])
	doc := e.pos.number()
	if err := p.batch.Set(appendBodyKey(nil, doc), p.buf, nil); err != nil {
		return err
	}
	p.buf = appendIDKey(p.buf[:0], r.typ, w.ID)
	return p.batch.Set(p.buf, e.append(nil), nil)
}

// history notes a new version, and puts away the one that it replaces.
func (p *preparation) history(old *record, doc uint64, r *record) error {
	p.buf = change{r.lastUpdated, doc, r.version}.append(append(p.buf[:0], keyChange, r.typ))
	if err := p.batch.Set(p.buf, nil, nil); err != nil || old == nil {
		return err
	}
	p.buf = change{old.lastUpdated, doc, old.version}.append(append(p.buf[:0], keyChange, old.typ))
	if err := p.batch.Set(p.buf, []byte{1}, nil); err != nil {
		return err
	}
	p.buf = old.append(p.buf[:0])
	return p.batch.Set(appendOldKey(nil, doc, old.version), p.buf, nil)
}

// file writes the places of a version in charts: they stay when it is not current any more.
func (p *preparation) file(charts []string, doc uint64, r *record) error {
	for _, id := range charts {
		p.buf = change{r.lastUpdated, doc, r.version}.append(appendChartKey(p.buf[:0], id, r.typ))
		if err := p.batch.Set(p.buf, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// keys writes the index keys of a version; of an update only those that differ.
func (p *preparation) keys(before, now *document) (err error) {
	if before.schema == nil {
		if now.schema == nil {
			return nil
		}
		now.each(p.s.types, func(key, val []byte) {
			if err == nil {
				err = p.batch.Set(key, val, nil)
			}
		})
		return err
	}
	old, new := before.pairs(p.s.types), []pair(nil)
	if now.schema != nil {
		new = now.pairs(p.s.types)
	}
	for len(old) > 0 || len(new) > 0 {
		c := 0
		switch {
		case len(old) == 0:
			c = 1
		case len(new) == 0:
			c = -1
		default:
			c = bytes.Compare(old[0].key, new[0].key)
		}
		if c < 0 {
			err = p.batch.Delete(old[0].key, nil)
		} else if c > 0 || !bytes.Equal(old[0].val, new[0].val) {
			err = p.batch.Set(new[0].key, new[0].val, nil)
		}
		if err != nil {
			return err
		}
		if c <= 0 {
			old = old[1:]
		}
		if c >= 0 {
			new = new[1:]
		}
	}
	return nil
}

// pair is an index key and its value.
type pair struct{ key, val []byte }

// pairs are the index keys of a document in their order.
func (d *document) pairs(types typeNumbers) []pair {
	var out []pair
	d.each(types, func(key, val []byte) {
		out = append(out, pair{bytes.Clone(key), bytes.Clone(val)})
	})
	slices.SortFunc(out, func(a, b pair) int { return bytes.Compare(a.key, b.key) })
	return out
}

// document indexes a resource.
func (s *Store) document(x *index.Indexer, sch *schema, doc uint64, res *fhir.Resource) (document, error) {
	e := x.Entries(res)
	d := newDocument(sch, doc, &e)
	var err error
	d.shape, err = s.shapes.number(s.db, sch.number, appendShape(nil, d.terms))
	return d, err
}

// indexed indexes a stored body.
func (s *Store) indexed(x *index.Indexer, sch *schema, doc uint64, stored []byte) (document, error) {
	res, err := s.parse(stored)
	if err != nil {
		return document{}, err
	}
	return s.document(x, sch, doc, res)
}

// parse reads a stored body as a resource. It was checked when it was written, by whatever limits held then.
func (s *Store) parse(stored []byte) (*fhir.Resource, error) {
	body, err := s.bodies.read(stored)
	if err != nil {
		return nil, err
	}
	return fhir.Parse(body, storedLimits)
}

const most = 1 << 30

var storedLimits = fhir.Limits{Depth: 10_000, Bytes: most, Nodes: most}

var _ plan.Source = source{}
