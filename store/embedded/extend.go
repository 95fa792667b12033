package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
)

// indexing is what resources are indexed by. It does not change; a store has another one when its parameters change.
type indexing struct {
	params *parameters.Set
	now    *index.Indexer // of params
	older  sync.Map       // generation → *index.Indexer
}

// at is how resources of a generation are indexed.
func (x *indexing) at(generation uint64) *index.Indexer {
	if have, ok := x.older.Load(generation); ok {
		return have.(*index.Indexer)
	}
	have, _ := x.older.LoadOrStore(generation, x.now.With(x.params.At(generation)))
	return have.(*index.Indexer)
}

func (s *Store) use(params *parameters.Set) {
	s.indexing.Store(&indexing{params: params, now: s.opts.Indexer.With(params)})
}

// loadParameters reads by which own parameters the store is indexed.
func (s *Store) loadParameters() error {
	var record parameters.Record
	val, closer, err := get(s.db, kvKey(store.ParametersBucket, store.ParametersKey))
	if err != nil {
		return err
	}
	if closer != nil {
		r, err := readKV(store.ParametersBucket, store.ParametersKey, val)
		closer.Close()
		if err != nil {
			return err
		}
		if record, err = parameters.ReadRecord(r.Value); err != nil {
			return err
		}
	}
	s.use(record.Set())
	return nil
}

var _ store.Extender = (*Store)(nil)

// Use implements store.Extender. A commit that was prepared before and is applied after is prepared again.
func (s *Store) Use(params *parameters.Set) {
	s.commit.Lock()
	defer s.commit.Unlock()
	s.use(params)
	if s.db.LogData(nil, pebble.Sync) == nil { // all that the view holds is durable then
		_ = s.snapshots.publish(s.view()) // an error is of the snapshot before: whoever reads it keeps it
	}
}

// extendBatch is how many resources are extended in one step.
const extendBatch = 200

// Extend implements store.Extender. An entry says by which generation a resource is indexed: those of another one get the
// keys that differ. What is written meanwhile is of the newest one.
func (s *Store) Extend(ctx context.Context, progress func(done, of int)) error {
	params := s.indexing.Load().params
	resources := s.Stats().Resources
	done, of := 0, 0
	for _, typ := range params.Types() {
		of += resources[typ]
	}
	for _, typ := range params.Types() {
		e := &extension{s: s, sch: &s.schemas[s.types.number(typ)], typ: typ}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if more, err = e.step(); err != nil {
				return fmt.Errorf("index %s: %w", typ, err)
			}
			if progress != nil {
				progress(min(done+e.done, of), of)
			}
		}
		done += e.done
	}
	if progress != nil {
		progress(of, of)
	}
	return s.db.LogData(nil, pebble.Sync) // the log has an order: with this, all steps are durable
}

// extension is how far a type is extended.
type extension struct {
	s    *Store
	sch  *schema
	typ  string
	from []byte // behind the last entry that was seen; nil: at the beginning
	done int
}

// located is an instance as it was when a step was prepared.
type located struct {
	id string
	entry
}

// step extends some resources; more says that there may be others.
func (e *extension) step() (more bool, err error) {
	for {
		p := e.s.preparation()
		generation := p.indexing.params.Generation(e.typ)
		batch, next, seen, err := e.collect(generation)
		if err == nil {
			for _, l := range batch {
				if err = p.extend(e.sch, l, generation); err != nil {
					break
				}
			}
		}
		if err == nil {
			err = e.apply(p, batch)
		}
		if err == errIndexed {
			p.batch.Close()
			continue
		}
		err = errors.Join(err, p.batch.Close())
		e.from = next
		e.done += seen
		return next != nil, err
	}
}

// collect finds the next resources that are not of the generation. next is where to go on, nil at the end.
func (e *extension) collect(generation uint64) (batch []located, next []byte, seen int, err error) {
	prefix := []byte{keyID, e.sch.number}
	from := prefix
	if e.from != nil {
		from = e.from
	}
	it, err := e.s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(prefix)})
	if err != nil {
		return nil, nil, 0, err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if len(batch) == extendBatch || seen == 50*extendBatch {
			return batch, append([]byte{}, it.Key()...), seen, nil
		}
		n, err := readEntry(it.Value())
		if err != nil {
			return nil, nil, 0, err
		}
		if n.deleted {
			continue
		}
		seen++
		if n.params != generation {
			batch = append(batch, located{readID(it.Key()[2:]), n})
		}
	}
	return batch, nil, seen, it.Error()
}

// extend puts into the batch what the index of a resource lacks.
func (p *preparation) extend(sch *schema, l located, generation uint64) error {
	s := p.s
	val, closer, err := get(s.db, appendBodyKey(nil, l.pos.number()))
	if err != nil {
		return err
	}
	if closer == nil {
		return errIndexed
	}
	defer closer.Close()
	r, err := readRecord(val)
	if err != nil {
		return err
	}
	if r.version != l.version || r.deleted {
		return errIndexed // written since
	}
	res, err := s.parse(r.body)
	if err != nil {
		return fmt.Errorf("%s: %w", l.id, err)
	}
	before, err := s.document(p.indexing.at(l.params), sch, l.pos.number(), res)
	if err != nil {
		return err
	}
	now, err := s.document(p.indexing.now, sch, l.pos.number(), res)
	if err != nil {
		return err
	}
	p.counts[shapeID{sch.number, before.shape}]--
	p.counts[shapeID{sch.number, now.shape}]++
	if p.tells {
		p.moved = append(p.moved, moved{s.totals.lists(s.types, &before), s.totals.lists(s.types, &now)})
	}
	if err := p.keys(&before, &now); err != nil {
		return err
	}
	l.params = generation
	return p.batch.Set(appendIDKey(nil, sch.number, l.id), l.entry.append(nil), nil)
}

// apply applies a step if nothing that it saw has changed; errIndexed if something has.
func (e *extension) apply(p *preparation, batch []located) error {
	if len(batch) == 0 {
		return nil
	}
	s := e.s
	s.commit.Lock()
	if p.indexing != s.indexing.Load() {
		s.commit.Unlock()
		return errIndexed
	}
	for _, l := range batch {
		now, err := source{s: s, r: s.db}.entry(e.sch.number, l.id)
		if err == nil && now != l.entry {
			err = errIndexed
		}
		if err != nil {
			s.commit.Unlock()
			return err
		}
	}
	applied, err := p.apply(nil)
	s.commit.Unlock()
	if !applied {
		return err
	}
	return p.sync()
}
