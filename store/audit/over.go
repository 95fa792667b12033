package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// over is the store of a log with the log over it.
type over struct {
	store.Store
	log *Log
}

// Store is the store with the log over it: its snapshots have the log's events among the resources of type AuditEvent, and
// a Commit for a request with a Trail writes the record of it too.
func (l *Log) Store() store.Store { return over{l.o.Store, l} }

// Snapshot implements store.Store.
func (o over) Snapshot(ctx context.Context) (store.Snapshot, error) {
	snap, err := o.Store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &snapshot{Snapshot: snap, log: o.log}, nil
}

// Commit implements store.Store.
func (o over) Commit(ctx context.Context, c store.Commit) error {
	for i, cond := range c.Conditions {
		if types := cond.Types(); types == nil || slices.Contains(types, "AuditEvent") {
			c.Conditions = slices.Clone(c.Conditions)
			c.Conditions[i] = cond.On(o.view)
		}
	}
	t := trailIn(ctx)
	if t == nil || len(c.Writes) == 0 {
		return o.Store.Commit(ctx, c)
	}
	r := t.record(&c)
	if o.log.o.Group && joins(&c) {
		if done, err := o.log.groups.commit(ctx, o, &c, r); done {
			return t.wrote(err)
		}
	}
	return t.wrote(o.commit(ctx, c, []Record{r}))
}

// commit commits c with the records of what it writes, in the order of their times.
func (o over) commit(ctx context.Context, c store.Commit, records []Record) error {
	key, err := o.log.newKey(records[0].At)
	if err != nil {
		return err
	}
	w := written(records, key)
	c.Records = append(c.Records, store.Put{Record: store.Record{Bucket: bucketNew, Key: key, Value: w.texts}, IfVersion: store.AnyVersion, Fresh: true})
	if err := o.Store.Commit(ctx, c); err != nil {
		return err // if it was carried out nevertheless, the record is found when it was left for a minute
	}
	o.log.wait(func(all *waiting) { all.add(w) })
	return nil
}

// view is what conditions are evaluated on.
func (o over) view(src plan.Source) plan.Source { return &snapshot{Snapshot: open{src}, log: o.log} }

// open is a source that somebody else closes.
type open struct{ plan.Source }

func (open) Close() error { return nil }

// snapshot has the events of the log among the AuditEvents. The end of the log is fixed when it is first read.
type snapshot struct {
	store.Snapshot
	log *Log

	mu   sync.Mutex
	head *head
	x    *index.Indexer
}

// end is the end of the log as the snapshot has it.
func (s *snapshot) end(ctx context.Context) (head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head == nil {
		h, err := readHead(ctx, s.log.o.Store.KV())
		if err != nil {
			return head{}, fmt.Errorf("read the audit log: %w", err)
		}
		params, err := s.Params(ctx)
		if err != nil {
			return head{}, err
		}
		s.head, s.x = &h, s.log.o.Indexer
		if params != nil {
			s.x = s.x.With(params)
		}
	}
	return *s.head, nil
}

// index indexes events by the parameters of the snapshot; its end was read.
func (s *snapshot) index() *index.Indexer { return s.x }

// batch reads a batch that the log has.
func (s *snapshot) batch(ctx context.Context, n uint64) (batch, error) {
	return batchOf(ctx, s.log.o.Store.KV(), n)
}

func batchOf(ctx context.Context, kv store.KV, n uint64) (batch, error) {
	r, ok, err := kv.Get(ctx, bucket, batchKey(n))
	if err != nil {
		return batch{}, fmt.Errorf("read the audit log: %w", err)
	}
	if !ok {
		return batch{}, fmt.Errorf("batch %d of the audit log is missing", n)
	}
	return readBatch(r.Value)
}

// event is the event at a place, nil if there is none.
func (s *snapshot) event(ctx context.Context, p place) (*event, error) {
	h, err := s.end(ctx)
	if err != nil || p.batch == 0 || p.batch > h.batches {
		return nil, err
	}
	b, err := s.batch(ctx, p.batch)
	if err != nil || uint64(p.record) >= uint64(b.records) {
		return nil, err
	}
	records, err := s.log.codec.records(&b)
	if err != nil {
		return nil, err
	}
	events := records[p.record].events(place{batch: p.batch, record: p.record})
	if uint64(p.event) >= uint64(len(events)) {
		return nil, nil
	}
	return &events[p.event], nil
}

// one is the event that a key names.
func (s *snapshot) one(ctx context.Context, k plan.Key) (r plan.Row, ok bool, err error) {
	if k.Type() != "AuditEvent" {
		return r, false, nil
	}
	p, ok := s.log.place(k.ID())
	if !ok {
		return r, false, nil
	}
	e, err := s.event(ctx, p)
	if err != nil || e == nil {
		return r, false, err
	}
	r, err = s.log.row(e)
	return r, err == nil, err
}

// Read implements plan.Source.
func (s *snapshot) Read(ctx context.Context, k plan.Key) (plan.Row, bool, error) {
	if r, ok, err := s.one(ctx, k); ok || err != nil {
		return r, ok, err
	}
	return s.Snapshot.Read(ctx, k)
}

// Version implements plan.Source. An event has one.
func (s *snapshot) Version(ctx context.Context, k plan.Key, version uint64) (plan.Row, bool, error) {
	if r, ok, err := s.one(ctx, k); ok || err != nil {
		return r, ok && version == 1, err
	}
	return s.Snapshot.Version(ctx, k, version)
}

// Versions implements plan.Source.
func (s *snapshot) Versions(ctx context.Context, k plan.Key, w plan.Window) (plan.Page, error) {
	r, ok, err := s.one(ctx, k)
	if err != nil {
		return plan.Page{}, err
	}
	if !ok {
		return s.Snapshot.Versions(ctx, k, w)
	}
	page := plan.Page{Total: -1}
	if w.Total {
		page.Total = 1
	}
	if w.Limit > 0 && (w.After == nil || w.At) {
		page.Rows = []plan.Row{r}
	}
	return page, nil
}

// Targets implements plan.Source.
func (s *snapshot) Targets(ctx context.Context, b plan.Bound, p *r4.SearchParameter, max int) ([]fhir.Reference, bool, error) {
	refs, more, err := s.Snapshot.Targets(ctx, b, p, max)
	if err != nil || b.Type() != "AuditEvent" {
		return refs, more, err
	}
	have := make(map[fhir.Reference]bool, len(refs))
	for _, r := range refs {
		have[r] = true
	}
	w := s.walk(b)
	err = w.run(ctx, nil, false, false, func(_ *event, row *plan.Row) error {
		res, err := parsed(row)
		if err != nil {
			return err
		}
		for _, v := range s.index().Values(p, res) {
			r := v.Ref
			if r.Version = ""; !r.Local() || have[r] {
				continue
			}
			if len(refs) >= max {
				more = true
				return errEnough
			}
			have[r] = true
			refs = append(refs, r)
		}
		return nil
	})
	if errors.Is(err, errCostly) {
		more, err = true, nil
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return refs, more, err
}

func (s *snapshot) walk(b plan.Bound) *walk {
	return &walk{s: s, node: b.Node(), need: needs(b.Node()), left: s.log.most}
}
