package embedded

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// sortKeys are the values of a document in the order asked for; nil is none.
type sortKeys struct {
	keys [][]byte
	pos  position
}

// sorting is an order that is asked for. Of what is equal in it the order is that of postings in a direction.
type sorting struct {
	keys []plan.SortKey
	dir  direction
	back bool
}

// compare puts missing values last, whether a key is descending or not; back is the opposite of all.
func (o *sorting) compare(a, b *sortKeys) int {
	for i := range o.keys {
		x, y := a.keys[i], b.keys[i]
		if x == nil && y == nil {
			continue
		}
		c := 0
		switch {
		case x == nil:
			c = 1
		case y == nil:
			c = -1
		default:
			if c = bytes.Compare(x, y); o.keys[i].Desc {
				c = -c
			}
		}
		if o.back {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return o.dir.compare(a.pos, b.pos)
}

// firstRows is a heap of the first rows of an order, the last of them on top.
type firstRows struct {
	*sorting
	rows []*sortKeys
}

func (t *firstRows) Len() int           { return len(t.rows) }
func (t *firstRows) Less(i, j int) bool { return t.compare(t.rows[i], t.rows[j]) > 0 }
func (t *firstRows) Swap(i, j int)      { t.rows[i], t.rows[j] = t.rows[j], t.rows[i] }
func (t *firstRows) Push(x any)         { t.rows = append(t.rows, x.(*sortKeys)) }
func (t *firstRows) Pop() any {
	x := t.rows[len(t.rows)-1]
	t.rows = t.rows[:len(t.rows)-1]
	return x
}

// rest is what of an order is asked for: what lies behind start, or at it; all where start is nil.
type rest struct {
	sorting
	start *sortKeys
	at    bool
}

func (r *rest) holds(k *sortKeys) bool {
	if r.start == nil {
		return true
	}
	c := r.compare(k, r.start)
	return c > 0 || c == 0 && r.at
}

// sorted is a page in any order. Of few matches, or where no index has the order, the keys of all are looked at.
func (q *query) sorted(n plan.Node, found postings, w plan.Window) (plan.Page, error) {
	page := plan.Page{Total: -1}
	r := rest{sorting: sorting{w.Sort, q.work.dir, w.Back}, at: w.At}
	if w.After != nil {
		k, ok := q.readKeys(w.After, w.Sort)
		if !ok {
			return page, errCursor
		}
		r.start = k
	}
	few := q.src.s.limits.intervals
	if slices.ContainsFunc(w.Sort, func(k plan.SortKey) bool { return k.Of != nil || sortForm(k.P) != 0 && k.P.Num != q.sch.id }) {
		few = q.src.s.limits.terms
	}
	total := 0
	var first []position
	ok := found.next()
	for ; ok && len(first) < few; ok = found.next() {
		first = append(first, found.at())
		total++
	}
	var rows []*sortKeys
	var err error
	if w.Limit == 0 {
		for ; ok; ok = found.next() {
			total++
		}
	} else if ok && q.walkable(w.Sort[0]) {
		var match func(position) (bool, error)
		if match, total, err = q.matches(n, first, found, w.Total); err == nil {
			rows, err = q.walked(n, w.Limit, &r, match)
		}
	} else {
		rows, total, err = q.top(first, found, ok, w.Limit, &r)
	}
	if err == nil {
		err = found.err()
	}
	if err != nil {
		return page, err
	}
	if w.Total {
		page.Total = total
	}
	for i, k := range rows {
		if i == w.Limit {
			page.Next = rows[i-1].append([]byte{cursorKeys})
			break
		}
		row, err := q.found(k.pos, w.Bare)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, row)
		if w.Place {
			page.Places = append(page.Places, k.place())
		}
	}
	return page, nil
}

// top is the first rows, one more than the page, of what was found first and the rest of found, which stands at a
// document if ok.
func (q *query) top(first []position, found postings, ok bool, limit int, r *rest) (rows []*sortKeys, total int, err error) {
	t := &firstRows{sorting: &r.sorting}
	take := func(p position) error {
		total++
		k, err := q.sortKeys(p, r.keys)
		if err != nil || !r.holds(k) {
			return err
		}
		if len(t.rows) <= limit {
			heap.Push(t, k)
		} else if t.compare(k, t.rows[0]) < 0 {
			t.rows[0] = k
			heap.Fix(t, 0)
		}
		return nil
	}
	for _, p := range first {
		if err := take(p); err != nil {
			return nil, 0, err
		}
	}
	for ; ok; ok = found.next() {
		if err := take(found.at()); err != nil {
			return nil, 0, err
		}
	}
	return r.appendSorted(nil, t.rows), total, nil
}

// matches is how to know whether a document is found: from a set of all that are, or, if they are very many, by asking
// their postings. The total is right only if all were counted.
func (q *query) matches(n plan.Node, first []position, found postings, count bool) (match func(position) (bool, error), total int, err error) {
	if _, all := n.(plan.All); all && !count {
		return func(position) (bool, error) { return true, nil }, 0, nil
	}
	docs := newDocSet(q.src.s.nextDoc.Load())
	for _, p := range first {
		docs.add(p.number())
	}
	total = len(first)
	for ok := true; ok; ok = found.next() {
		docs.add(found.at().number())
		if total++; total > q.src.s.limits.known && !count {
			again, err := q.compiled(n, "")
			return func(p position) (bool, error) { return again.has(p), again.err() }, 0, err
		}
	}
	return func(p position) (bool, error) { return docs.has(p.number()), nil }, total, found.err()
}

// sortForm is the form of the terms that a parameter sorts by; dates, numbers and quantities sort by the low end of
// their intervals and have none.
func sortForm(p *r4.SearchParameter) index.Form {
	switch p.Type {
	case r4.String:
		return index.FormString
	case r4.Token:
		return index.FormCode
	case r4.Reference:
		return index.FormReference
	case r4.URI:
		return index.FormURI
	}
	return 0
}

// sortKeys reads the keys of a document: those of intervals from the list of all, those of terms from its body, those of
// other resources as the plan says.
func (q *query) sortKeys(p position, order []plan.SortKey) (*sortKeys, error) {
	k := &sortKeys{make([][]byte, len(order)), p}
	take := func(i int, text string) {
		if best := k.keys[i]; best == nil || text != string(best) && (text < string(best)) != order[i].Desc {
			k.keys[i] = append(make([]byte, 0, len(text)), text...)
		}
	}
	terms, intervals := false, false
	for i, o := range order {
		switch {
		case o.Of != nil:
			row, err := q.load(p)
			if err != nil {
				return nil, err
			}
			key, ok, err := o.Of(q.work.ctx, q.src, row)
			if err != nil {
				return nil, err
			}
			if ok {
				take(i, string(key))
			}
		case sortForm(o.P) != 0:
			terms = true
		default:
			intervals = true
		}
	}
	if intervals {
		l, err := q.look(p)
		if err != nil {
			return nil, err
		}
		var v interval
		for b := l.intervals; len(b) > 0; {
			n := v.read(b)
			if n < 0 {
				return nil, errRecord
			}
			for i, o := range order {
				if o.Of == nil && sortForm(o.P) == 0 && o.P.Num == v.num && hasUnit(v.units, noUnit[1:]) {
					take(i, string(v.low))
				}
			}
			b = b[n:]
		}
	}
	if terms {
		e, err := q.termsOf(p, order)
		if err != nil {
			return nil, err
		}
		for i, o := range order {
			form := sortForm(o.P)
			for j := range e {
				if t := &e[j]; form != 0 && o.Of == nil && t.Num == o.P.Num && t.Form == form {
					take(i, t.Text)
				}
			}
		}
	}
	return k, nil
}

// termsOf are the terms that an order may need: of the id alone the record has it.
func (q *query) termsOf(p position, order []plan.SortKey) ([]index.Term, error) {
	for _, o := range order {
		if o.Of == nil && sortForm(o.P) != 0 && (o.P.Num != q.sch.id || !o.P.CaseSensitive) {
			e, err := q.entries(p)
			return e.Terms, err
		}
	}
	r, err := q.record(p.number())
	if err != nil {
		return nil, err
	}
	return []index.Term{{Num: q.sch.id, Form: index.FormCode, Text: readID(r.id)}}, nil
}

// append writes a cursor.
func (k *sortKeys) append(dst []byte) []byte {
	for _, key := range k.keys {
		if key == nil {
			dst = append(dst, 0)
			continue
		}
		dst = binary.AppendUvarint(append(dst, 1), uint64(len(key)))
		dst = append(dst, key...)
	}
	return k.pos.append(dst)
}

// readKeys reads a cursor. Whether documents have several dates decides how pages by date are made, and may change from
// one to the next: a position is read as the key that it stands for.
func (q *query) readKeys(b []byte, order []plan.SortKey) (*sortKeys, bool) {
	if len(b) > 0 && b[0] == cursorOrder && len(order) == 1 && q.ofMain(order[0]) {
		p, ok := readPosition(b[1:])
		return keyOf(p), ok
	}
	return readSortKeys(b, len(order))
}

// keyOf is the key, by the main date, that a position stands for.
func keyOf(p position) *sortKeys {
	k := &sortKeys{keys: [][]byte{nil}, pos: p}
	if p.ord != ordMissing {
		k.keys[0] = []byte(index.DateKey(dateOf(p.ord)))
	}
	return k
}

// place is where a row with these keys stands.
func (k *sortKeys) place() plan.Place {
	p := plan.Place{Keys: make([]index.Key, len(k.keys)), At: k.append([]byte{cursorKeys})}
	for i, key := range k.keys {
		p.Keys[i] = index.Key(key)
	}
	return p
}

// readStart is readKeys for pages in the order of postings.
func readStart(b []byte, order []plan.SortKey) (position, bool) {
	if len(b) > 0 && b[0] == cursorOrder {
		return readPosition(b[1:])
	}
	k, ok := readSortKeys(b, len(order))
	if !ok || len(order) == 0 {
		return position{}, false
	}
	if k.pos.ord = ordMissing; k.keys[0] != nil {
		k.pos.ord = ordOf(floorTime(index.Key(k.keys[0])))
	}
	return k.pos, true
}

func readSortKeys(b []byte, n int) (*sortKeys, bool) {
	if len(b) == 0 || b[0] != cursorKeys {
		return nil, false
	}
	b = b[1:]
	k := &sortKeys{keys: make([][]byte, n)}
	for i := range k.keys {
		if len(b) == 0 || b[0] > 1 {
			return nil, false
		}
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		size, m := binary.Uvarint(b[1:])
		if m <= 0 || size > uint64(len(b)-1-m) {
			return nil, false
		}
		k.keys[i], b = append([]byte{}, b[1+m:1+m+int(size)]...), b[1+m+int(size):]
	}
	var ok bool
	k.pos, ok = readPosition(b)
	return k, ok
}
