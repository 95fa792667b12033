package embedded

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/search/plan"
)

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
		lower := []byte{keyChange, typ}
		if until := c.Until(); until != 0 {
			lower = binary.BigEndian.AppendUint64(lower, ^(uint64(until-1) ^ timeSign))
		}
		if string(lower) >= string(upper) {
			continue
		}
		it, err := src.r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
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
