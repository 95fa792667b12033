package embedded

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
)

// source is a plan.Source over a snapshot, or, while a commit is checked, over what was applied last.
type source struct {
	s *Store
	r pebble.Reader
}

var errCursor = fhir.Errorf(fhir.KindInvalid, "", "the position is of another query")

// entry is the entry of an instance; its version is 0 if there never was one.
func (src source) entry(typ byte, id string) (entry, error) {
	if !validKey(typ, id) {
		return entry{}, nil
	}
	var space [72]byte
	val, closer, err := get(src.r, appendIDKey(space[:0], typ, id))
	if err != nil || closer == nil {
		return entry{}, err
	}
	defer closer.Close()
	return readEntry(val)
}

// record reads the record of keyBody or keyOld and calls f with it, if there is one; its slices are f's only until it
// returns.
func (src source) record(key []byte, f func(*record) error) (ok bool, err error) {
	val, closer, err := get(src.r, key)
	if err != nil || closer == nil {
		return false, err
	}
	defer closer.Close()
	r, err := readRecord(val)
	if err != nil {
		return false, fmt.Errorf("%x: %w", key, err)
	}
	return true, f(&r)
}

// Read implements plan.Source.
func (src source) Read(_ context.Context, k plan.Key) (row plan.Row, ok bool, err error) {
	e, err := src.entry(src.s.types.number(k.Type()), k.ID())
	if err != nil || e.version == 0 {
		return row, false, err
	}
	var space [16]byte
	return src.row(appendBodyKey(space[:0], e.pos.number()), k.ID())
}

// row reads a version; with id "" the id is the record's.
func (src source) row(key []byte, id string) (row plan.Row, ok bool, err error) {
	val, closer, err := get(src.r, key)
	if err != nil || closer == nil {
		return row, false, err
	}
	defer closer.Close()
	r, err := readRecord(val)
	if err != nil {
		return row, false, fmt.Errorf("%x: %w", key, err)
	}
	row, err = r.row(src.s, id)
	return row, err == nil, err
}

// Version implements plan.Source.
func (src source) Version(_ context.Context, k plan.Key, version uint64) (row plan.Row, ok bool, err error) {
	e, err := src.entry(src.s.types.number(k.Type()), k.ID())
	if err != nil || version == 0 || version > e.version {
		return row, false, err
	}
	return src.version(e, k.ID(), version)
}

func (src source) version(e entry, id string, version uint64) (plan.Row, bool, error) {
	var space [16]byte
	if version == e.version {
		return src.row(appendBodyKey(space[:0], e.pos.number()), id)
	}
	return src.row(appendOldKey(space[:0], e.pos.number(), version), id)
}

// Versions implements plan.Source. Its cursor is the number of the last version given.
func (src source) Versions(_ context.Context, k plan.Key, w plan.Window) (plan.Page, error) {
	page := plan.Page{Total: -1}
	e, err := src.entry(src.s.types.number(k.Type()), k.ID())
	if err != nil {
		return page, err
	}
	if w.Total {
		page.Total = int(e.version) // they count from 1 without gaps
	}
	version, end, step := e.version, uint64(0), ^uint64(0) // down to 1
	if w.Back {
		version, end, step = 1, e.version+1, 1
	}
	if w.After != nil {
		n, ok := readNumber(w.After)
		if !ok {
			return page, errCursor
		}
		if !w.At {
			n += step
		}
		if version = min(n, e.version); w.Back {
			version = min(max(n, 1), end)
		}
	}
	for ; version != end && len(page.Rows) < w.Limit; version += step {
		row, ok, err := src.version(e, k.ID(), version)
		if err != nil {
			return page, err
		}
		if !ok {
			return page, fmt.Errorf("version %d of %s/%s is missing", version, k.Type(), k.ID())
		}
		page.Rows = append(page.Rows, row)
		page.Read++
	}
	if version != end && len(page.Rows) > 0 {
		page.Next = appendNumber(nil, version-step)
	}
	return page, nil
}

// Changes implements plan.Source. Its cursor is the change behind which to go on.
func (src source) Changes(ctx context.Context, c plan.Changes, w plan.Window) (plan.Page, error) {
	page := plan.Page{Total: -1}
	if w.Total {
		page.Total = 0
	}
	var from *change
	if w.After != nil {
		at, ok := readChange(append([]byte{keyChange, 0}, w.After...))
		if !ok {
			return page, errCursor
		}
		from = &at
	}
	merged, err := src.changes(c, w.Back)
	if err != nil {
		return page, err
	}
	defer merged.close()
	if from != nil && !w.Total {
		merged.seek(*from)
	}
	var lastKept change
	for ; ; merged.next() {
		at, current, ok := merged.at()
		if !ok {
			break
		}
		if page.Read&1023 == 0 && ctx.Err() != nil {
			return page, ctx.Err()
		}
		page.Read++
		var space [16]byte
		key := appendBodyKey(space[:0], at.doc)
		if !current {
			key = appendOldKey(space[:0], at.doc, at.version)
		}
		row, ok, err := src.row(key, "")
		if err != nil {
			return page, err
		}
		if !ok {
			return page, fmt.Errorf("version %d of document %d is missing", at.version, at.doc)
		}
		keep, err := c.Keep(src, &row)
		if err != nil {
			return page, err
		}
		if !keep {
			continue
		}
		if w.Total {
			page.Total++
		}
		if from != nil && (merged.before(at, *from) || at == *from && !w.At) {
			continue
		}
		if len(page.Rows) < w.Limit {
			page.Rows = append(page.Rows, row)
			lastKept = at
		} else {
			if page.Next == nil && len(page.Rows) > 0 {
				page.Next = lastKept.append(nil, 0)[2:]
			}
			if !w.Total {
				break
			}
		}
	}
	return page, merged.err()
}

// changeLists merges the histories of several types.
type changeLists struct {
	lists []*changeList
	back  bool // oldest first
}

// before says whether a comes before b.
func (m *changeLists) before(a, b change) bool {
	if m.back {
		a, b = b, a
	}
	return a.newer(b)
}

type changeList struct {
	it      *pebble.Iterator
	typ     byte
	at      change
	current bool
	ok      bool
	bad     error
}

func (src source) changes(c plan.Changes, back bool) (*changeLists, error) {
	m := &changeLists{back: back}
	for _, name := range c.Types() {
		typ := src.s.types.number(name)
		if typ == 0 {
			continue
		}
		// Newer ones come first: the earliest time is the upper bound.
		upper := []byte{keyChange, typ + 1}
		if since := c.Since(); since != 0 {
			upper = binary.BigEndian.AppendUint64([]byte{keyChange, typ}, ^(uint64(since) ^ timeSign))
			upper = after(upper)
		}
		it, err := src.r.NewIter(&pebble.IterOptions{LowerBound: []byte{keyChange, typ}, UpperBound: upper})
		if err != nil {
			m.close()
			return nil, err
		}
		l := &changeList{it: it, typ: typ}
		if back {
			l.read(it.Last())
		} else {
			l.read(it.First())
		}
		m.lists = append(m.lists, l)
	}
	return m, nil
}

func (l *changeList) read(ok bool) {
	if l.ok = ok; !ok {
		l.bad = l.it.Error()
		return
	}
	if l.at, l.ok = readChange(l.it.Key()); !l.ok {
		l.bad = fmt.Errorf("malformed change %x", l.it.Key())
	}
	l.current = len(l.it.Value()) == 0
}

// first is the list whose change is next.
func (m *changeLists) first() *changeList {
	var best *changeList
	for _, l := range m.lists {
		if l.ok && (best == nil || m.before(l.at, best.at)) {
			best = l
		}
	}
	return best
}

func (m *changeLists) at() (at change, current, ok bool) {
	l := m.first()
	if l == nil {
		return at, false, false
	}
	return l.at, l.current, true
}

func (m *changeLists) next() {
	l := m.first()
	switch {
	case l == nil:
	case m.back:
		l.read(l.it.Prev())
	default:
		l.read(l.it.Next())
	}
}

// seek goes to the first change at or behind c.
func (m *changeLists) seek(c change) {
	for _, l := range m.lists {
		if key := c.append(nil, l.typ); m.back {
			l.read(l.it.SeekLT(append(key, 0)))
		} else {
			l.read(l.it.SeekGE(key))
		}
	}
}

func (m *changeLists) err() error {
	for _, l := range m.lists {
		if l.bad != nil {
			return l.bad
		}
	}
	return nil
}

func (m *changeLists) close() {
	for _, l := range m.lists {
		l.it.Close()
	}
}
