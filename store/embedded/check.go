package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Check reads all of the store and says what is wrong with it: bodies that cannot be read, versions that are missing,
// index keys that are missing, stray or of another value, counts that are off. A sound store has no problems. Others
// may read and write meanwhile.
func (s *Store) Check(ctx context.Context, p Progress) (problems []string, err error) {
	snap := s.db.NewSnapshot()
	defer snap.Close()
	c := &checking{s: s, r: snap, ctx: ctx, counts: map[shapeID]uint64{}, expected: map[byte]int{}}
	done, of := 0, int(s.nextDoc.Load())
	err = scan(snap, []byte{keyBody}, func(key, val []byte) error {
		if done++; done%1000 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if p != nil {
				p(done, of)
			}
		}
		return c.document(readDoc(key[1:]), val)
	})
	if err != nil {
		return nil, err
	}
	if err := c.totals(); err != nil {
		return nil, err
	}
	if p != nil {
		p(done, of)
	}
	return c.problems, nil
}

// mostProblems ends a check: a store with more has one cause, not many.
const mostProblems = 1000

type checking struct {
	s        *Store
	r        pebble.Reader
	ctx      context.Context
	problems []string
	counts   map[shapeID]uint64
	expected map[byte]int // keys by kind
}

func (c *checking) found(format string, args ...any) {
	if len(c.problems) < mostProblems {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}

// document checks everything that belongs to one instance.
func (c *checking) document(doc uint64, val []byte) error {
	r, err := readRecord(val)
	if err != nil || r.typ == 0 || int(r.typ) >= len(c.s.schemas) {
		c.found("document %d: malformed record", doc)
		return nil
	}
	id := readID(r.id)
	name := c.s.types.name(r.typ) + "/" + id
	pos, params, charts := position{ordMissing, doc}, uint64(0), []string(nil)
	c.expected[keyID]++
	c.expected[keyOld] += int(r.version) - 1
	c.expected[keyChange] += int(r.version)
	if !r.deleted {
		e, err := source{s: c.s, r: c.r}.entry(r.typ, id)
		if err != nil {
			c.found("%s: its entry: %v", name, err)
		}
		params = e.params
		d, err := c.body(&r, doc, params)
		if err != nil {
			c.found("%s: %v", name, err)
			return nil
		}
		pos, charts = d.pos, d.charts
		c.counts[shapeID{r.typ, d.shape}]++
		var fault error
		d.each(c.s.types, func(key, val []byte) {
			c.expected[key[0]]++
			if err := c.has(key, val, func(what string) { c.found("%s: index key %x %s", name, key, what) }); err != nil {
				fault = err
			}
		})
		if fault != nil {
			return fault
		}
	} else if charts, err = c.s.chartsBefore(c.r, doc, r.version); err != nil {
		c.found("%s: what was deleted: %v", name, err)
	}
	want := entry{r.version, r.deleted, pos, params}.append(nil)
	if err := c.has(appendIDKey(nil, r.typ, id), want, func(what string) { c.found("%s: its entry %s", name, what) }); err != nil {
		return err
	}
	if err := c.change(name, &r, doc, charts, nil); err != nil {
		return err
	}
	return c.versions(name, &r, doc)
}

// versions checks the older versions of an instance.
func (c *checking) versions(name string, r *record, doc uint64) error {
	for v := r.version - 1; v > 0; v-- {
		val, closer, err := get(c.r, appendOldKey(nil, doc, v))
		if err != nil {
			return err
		}
		if closer == nil {
			c.found("%s: version %d is missing", name, v)
			continue
		}
		old, err := readRecord(val)
		switch {
		case err != nil:
			c.found("%s: version %d: malformed record", name, v)
		case old.version != v || old.typ != r.typ || !bytes.Equal(old.id, r.id):
			c.found("%s: in the place of version %d is version %d of another", name, v, old.version)
		default:
			charts, err := c.s.charts(c.r, doc, &old)
			if err != nil {
				c.found("%s: version %d: %v", name, v, err)
			}
			err = c.change(name, &old, doc, charts, []byte{1})
			if err != nil {
				closer.Close()
				return err
			}
		}
		closer.Close()
	}
	return nil
}

// change checks the places of a version in the histories of its type and of charts.
func (c *checking) change(name string, r *record, doc uint64, charts []string, val []byte) error {
	at := change{r.lastUpdated, doc, r.version}
	err := c.has(at.append([]byte{keyChange, r.typ}), val, func(what string) { c.found("%s: its place in history, version %d, %s", name, r.version, what) })
	for _, id := range charts {
		c.expected[keyChart]++
		err = errors.Join(err, c.has(at.append(appendChartKey(nil, id, r.typ)), nil, func(what string) {
			c.found("%s: its place in the chart of Patient/%s, version %d, %s", name, id, r.version, what)
		}))
	}
	return err
}

// body reads and indexes the body of a current version.
func (c *checking) body(r *record, doc, params uint64) (document, error) {
	res, err := c.s.parse(r.body)
	if err != nil {
		return document{}, fmt.Errorf("its body: %w", err)
	}
	if res.Type != c.s.types.name(r.typ) {
		return document{}, fmt.Errorf("its body is a %s", res.Type)
	}
	return c.s.document(c.s.indexing.Load().at(params), &c.s.schemas[r.typ], doc, res)
}

func (c *checking) has(key, want []byte, problem func(string)) error {
	val, closer, err := get(c.r, key)
	if err != nil {
		return err
	}
	if closer == nil {
		problem("is missing")
		return nil
	}
	if !bytes.Equal(val, want) {
		problem("has another value")
	}
	return closer.Close()
}

// totals compares what there is with what the documents account for: with nothing missing, more is stray.
func (c *checking) totals() error {
	names := map[byte]string{keyID: "entries", keyOld: "older versions", keyChange: "changes", keyAll: "documents listed",
		keyMember: "documents by shape", keyTerm: "terms", keyPatient: "terms behind patients", keyRange: "ranges", keyWide: "wide dates", keySeveral: "several dates",
		keyPair: "pairs", keyChart: "changes in charts"}
	for _, kind := range []byte{keyID, keyOld, keyChange, keyAll, keyMember, keyTerm, keyPatient, keyRange, keyWide, keySeveral, keyPair, keyChart} {
		n := 0
		err := scan(c.r, []byte{kind}, func(_, _ []byte) error {
			if n++; n&0xFFFF == 0 {
				return c.ctx.Err()
			}
			return nil
		})
		if err != nil {
			return err
		}
		if n != c.expected[kind] {
			c.found("%s: there are %d, the documents account for %d", names[kind], n, c.expected[kind])
		}
	}
	err := scan(c.r, []byte{keyCount}, func(key, val []byte) error {
		id := shapeID{key[1], uint16(key[2])<<8 | uint16(key[3])}
		if len(val) != 8 || readUint64(val) != c.counts[id] {
			c.found("count of %s, shape %d: %x, there are %d", c.s.types.name(id.typ), id.shape, val, c.counts[id])
		}
		delete(c.counts, id)
		return nil
	})
	for id, n := range c.counts {
		c.found("count of %s, shape %d: missing, there are %d", c.s.types.name(id.typ), id.shape, n)
	}
	return err
}
