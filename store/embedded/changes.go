package embedded

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"slices"

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
		at, ok := readChange(w.After)
		if !ok {
			return page, errCursor
		}
		from = &at
	}
	begin := from
	if w.Total {
		begin = nil
	}
	merged, err := src.changes(c, begin, w.Back)
	if err != nil {
		return page, err
	}
	defer merged.it.Close()
	var lastKept change
	for {
		at, ok, err := merged.next()
		if err != nil {
			return page, err
		}
		if !ok {
			return page, nil
		}
		if page.Read&1023 == 0 && ctx.Err() != nil {
			return page, ctx.Err()
		}
		page.Read++
		row, err := src.changed(at)
		if err != nil {
			return page, err
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
		if from != nil && (merged.before(at.change, *from) || at.change == *from && !w.At) {
			continue
		}
		if len(page.Rows) < w.Limit {
			page.Rows = append(page.Rows, row)
			lastKept = at.change
		} else {
			if page.Next == nil && len(page.Rows) > 0 {
				page.Next = lastKept.append(nil)
			}
			if !w.Total {
				return page, nil
			}
		}
	}
}

// changed is the version of a change.
func (src source) changed(at filed) (row plan.Row, err error) {
	var space [16]byte
	ok := false
	if !at.old {
		row, ok, err = src.row(appendBodyKey(space[:0], at.doc), "", at.version)
	}
	if !ok && err == nil {
		row, ok, err = src.row(appendOldKey(space[:0], at.doc, at.version), "", at.version)
	}
	if !ok && err == nil {
		err = fmt.Errorf("version %d of document %d is missing", at.version, at.doc)
	}
	return row, err
}

// filed is a change in a list.
type filed struct {
	change
	old bool // it is known not to be the current version
}

// changeList is a list of changes: the keys between two, of which what is behind the prefix is a change. They are read some
// at a time, so that all lists share one iterator.
type changeList struct {
	prefix       []byte
	lower, upper []byte  // of what is still to be read
	ahead        []filed // what was read, the next one last
	size         int     // how many are read at once
}

// mostAhead is how many changes of a list are read at once at most.
const mostAhead = 512

// changeLists merges the histories of several types, each of all or of what is in some charts.
type changeLists struct {
	it    *pebble.Iterator
	lists []*changeList // a heap: what comes next is in the first one
	back  bool          // oldest first
	last  change        // the one given last
}

// changes begins to read the lists of c at a change; nil is the start.
func (src source) changes(c plan.Changes, from *change, back bool) (*changeLists, error) {
	it, err := src.r.NewIter(&pebble.IterOptions{LowerBound: []byte{keyChange}, UpperBound: []byte{keyEnd}})
	if err != nil {
		return nil, err
	}
	m := &changeLists{it: it, back: back}
	for _, part := range c.Parts() {
		if err := m.part(src.s.types, part, c, from); err != nil {
			it.Close()
			return nil, err
		}
	}
	heap.Init(m)
	return m, nil
}

// part opens the lists of a part of c.
func (m *changeLists) part(numbers typeNumbers, part plan.ChangesPart, c plan.Changes, from *change) error {
	var types []byte
	for _, name := range part.Types {
		if typ := numbers.number(name); typ != 0 {
			types = append(types, typ)
		}
	}
	if part.Patients == nil {
		for _, typ := range types {
			if err := m.open([]byte{keyChange, typ}, c, from); err != nil {
				return err
			}
		}
	}
	for _, id := range part.Patients {
		if err := m.chart(id, types, c, from); err != nil {
			return err
		}
	}
	return nil
}

// chart opens the lists of those of the types of which there is something in the chart of a patient.
func (m *changeLists) chart(patient string, types []byte, c plan.Changes, from *change) error {
	for len(types) > 0 {
		prefix := appendChartKey(nil, patient, types[0])
		n := len(prefix) - 1
		if !m.it.SeekGE(prefix) {
			return m.it.Error()
		}
		key := m.it.Key()
		if len(key) <= n || !bytes.Equal(key[:n], prefix[:n]) {
			return nil
		}
		if next := key[n]; next != types[0] {
			for len(types) > 0 && types[0] < next {
				types = types[1:]
			}
			continue
		}
		if err := m.open(prefix, c, from); err != nil {
			return err
		}
		types = types[1:]
	}
	return nil
}

// open opens the list of the keys with a prefix, within the times of c.
func (m *changeLists) open(prefix []byte, c plan.Changes, from *change) error {
	prefix = slices.Clip(prefix)
	l := &changeList{prefix: prefix, lower: prefix, upper: after(prefix), size: 8}
	// Newer ones come first: the earliest time is the upper bound.
	if since := c.Since(); since != 0 {
		l.upper = after(appendChangeTime(prefix, since))
	}
	if until := c.Until(); until != 0 {
		l.lower = appendChangeTime(prefix, until-1)
	}
	switch {
	case from == nil:
	case m.back:
		if key := append(from.append(prefix), 0); bytes.Compare(key, l.upper) < 0 {
			l.upper = key
		}
	default:
		if key := from.append(prefix); bytes.Compare(key, l.lower) > 0 {
			l.lower = key
		}
	}
	if err := m.read(l); err != nil || len(l.ahead) == 0 {
		return err
	}
	m.lists = append(m.lists, l)
	return nil
}

// read reads the next changes of a list; where it ends there are none.
func (m *changeLists) read(l *changeList) error {
	l.ahead = l.ahead[:0]
	if bytes.Compare(l.lower, l.upper) >= 0 {
		return nil
	}
	seek, step := func() bool { return m.it.SeekGE(l.lower) }, m.it.Next
	if m.back {
		seek, step = func() bool { return m.it.SeekLT(l.upper) }, m.it.Prev
	}
	for ok := seek(); ok && len(l.ahead) < l.size; ok = step() {
		key := m.it.Key()
		if bytes.Compare(key, l.lower) < 0 || bytes.Compare(key, l.upper) >= 0 {
			break
		}
		at, good := readChange(key[len(l.prefix):])
		if !good {
			return fmt.Errorf("malformed change %x", key)
		}
		l.ahead = append(l.ahead, filed{at, len(m.it.Value()) > 0})
	}
	switch n := len(l.ahead); {
	case n < l.size:
		l.lower = l.upper // that was all
	case m.back:
		l.upper = l.ahead[n-1].append(l.prefix)
	default:
		l.lower = append(l.ahead[n-1].append(l.prefix), 0)
	}
	slices.Reverse(l.ahead)
	l.size = min(2*l.size, mostAhead)
	return m.it.Error()
}

// next is the next change of all lists, each once; ok is false at the end.
func (m *changeLists) next() (at filed, ok bool, err error) {
	for len(m.lists) > 0 {
		l := m.lists[0]
		n := len(l.ahead) - 1
		if at, l.ahead = l.ahead[n], l.ahead[:n]; n == 0 {
			if err := m.read(l); err != nil {
				return at, false, err
			}
		}
		if len(l.ahead) == 0 {
			heap.Pop(m)
		} else {
			heap.Fix(m, 0)
		}
		if at.change != m.last {
			m.last = at.change
			return at, true, nil
		}
	}
	return at, false, nil
}

// before says whether a comes before b.
func (m *changeLists) before(a, b change) bool {
	if m.back {
		a, b = b, a
	}
	return a.newer(b)
}

// Len implements heap.Interface, as do the others.
func (m *changeLists) Len() int { return len(m.lists) }

func (m *changeLists) Less(i, j int) bool {
	a, b := m.lists[i].ahead, m.lists[j].ahead
	return m.before(a[len(a)-1].change, b[len(b)-1].change)
}

func (m *changeLists) Swap(i, j int) { m.lists[i], m.lists[j] = m.lists[j], m.lists[i] }

func (m *changeLists) Push(l any) { m.lists = append(m.lists, l.(*changeList)) }

func (m *changeLists) Pop() any {
	n := len(m.lists) - 1
	l := m.lists[n]
	m.lists = m.lists[:n]
	return l
}
