package embedded

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Compact rewrites the store in its final order: after a bulk load that makes it smaller and faster to read.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.db.Compact(ctx, []byte{0}, []byte{0xFF}, true); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// Checkpoint makes a copy of the store as it is now in a directory that does not exist yet. On the same file system
// files are linked, not copied. The copy is a store.
func (s *Store) Checkpoint(dir string) error {
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	return nil
}

// Stats are the sizes of a store.
type Stats struct {
	Resources map[string]int // live ones by type; types without any are left out
	Instances int            // live and deleted
	Bytes     int64          // on disk, log included
	Memory    int64          // caches and tables in memory
}

// Stats counts; it takes microseconds.
func (s *Store) Stats() Stats {
	out := Stats{Resources: map[string]int{}, Instances: int(s.nextDoc.Load())}
	s.commit.Lock()
	for id, n := range s.counts {
		if n > 0 {
			out.Resources[s.types.name(id.typ)] += int(n)
		}
	}
	s.commit.Unlock()
	m := s.db.Metrics()
	out.Bytes = int64(m.DiskSpaceUsage())
	out.Memory = m.BlockCache.Size + int64(m.MemTable.Size)
	return out
}

// Progress is told how far a long work is.
type Progress func(done, of int)

// Reindex rebuilds the index of a store that nobody has open. If it is broken off the store cannot be opened until it
// has been run to its end.
func Reindex(ctx context.Context, o Options, p Progress) error {
	s, err := open(o, true)
	if err != nil {
		return err
	}
	if err := s.reindex(ctx, p); err != nil {
		s.Close()
		return fmt.Errorf("reindex %s: %w", s.name(), err)
	}
	return s.Close()
}

// reindexBatch is how many bytes of keys are written at once.
const reindexBatch = 4 << 20

func (s *Store) reindex(ctx context.Context, p Progress) error {
	if err := s.writeHeader(0); err != nil {
		return err
	}
	if err := s.db.DeleteRange([]byte{keyIndex}, []byte{keyEnd}, pebble.Sync); err != nil {
		return err
	}
	if err := s.loadIndex(); err != nil {
		return err
	}
	r := s.preparation()
	defer func() { r.batch.Close() }()
	done, of := 0, int(s.nextDoc.Load())
	flush := func() error {
		if r.batch.Len() < reindexBatch {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.batch.Commit(pebble.NoSync); err != nil {
			return err
		}
		r.batch.Reset()
		return nil
	}
	err := scan(s.db, []byte{keyBody}, func(key, val []byte) error {
		if err := r.reindex(readDoc(key[1:]), val); err != nil {
			return err
		}
		if done++; p != nil && done%1000 == 0 {
			p(done, of)
		}
		return flush()
	})
	if err == nil {
		err = scan(s.db, []byte{keyOld}, func(key, val []byte) error {
			if err := r.refile(readDoc(key[1:]), val); err != nil {
				return err
			}
			return flush()
		})
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	for id, n := range r.counts {
		if err := r.batch.Set(appendShapeKey(nil, keyCount, id.typ, id.shape), appendUint64(nil, uint64(n)), nil); err != nil {
			return err
		}
	}
	if err := r.batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	if err := s.writeHeader(indexVersion); err != nil {
		return err
	}
	if err := s.Compact(ctx); err != nil {
		return err
	}
	if p != nil {
		p(done, of)
	}
	return s.loadIndex()
}

// reindex writes the index keys and the entry of one document.
func (p *preparation) reindex(doc uint64, val []byte) error {
	r, err := readRecord(val)
	if err != nil {
		return fmt.Errorf("document %d: %w", doc, err)
	}
	id := readID(r.id)
	e := entry{version: r.version, deleted: r.deleted, pos: position{doc: doc}}
	var charts []string
	if r.deleted {
		if charts, err = p.s.chartsBefore(p.s.db, doc, r.version); err != nil {
			return fmt.Errorf("%s/%s: %w", p.s.types.name(r.typ), id, err)
		}
	} else {
		d, err := p.s.indexed(p.indexing.now, &p.s.schemas[r.typ], doc, r.body)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", p.s.types.name(r.typ), id, err)
		}
		e.pos, e.params = d.pos, p.indexing.params.Generation(p.s.types.name(r.typ))
		p.counts[shapeID{r.typ, d.shape}]++
		if err := p.keys(&document{}, &d); err != nil {
			return err
		}
		charts = d.charts
	}
	if err := p.file(charts, doc, &r); err != nil {
		return err
	}
	return p.batch.Set(appendIDKey(nil, r.typ, id), e.append(nil), nil)
}

// refile writes the places in charts of an older version.
func (p *preparation) refile(doc uint64, val []byte) error {
	r, err := readRecord(val)
	if err != nil {
		return fmt.Errorf("document %d: %w", doc, err)
	}
	charts, err := p.s.charts(p.s.db, doc, &r)
	if err != nil {
		return fmt.Errorf("%s/%s version %d: %w", p.s.types.name(r.typ), readID(r.id), r.version, err)
	}
	return p.file(charts, doc, &r)
}
