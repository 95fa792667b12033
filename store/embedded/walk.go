package embedded

import (
	"bytes"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// walk goes through all values of a parameter in their order, or backwards, by the keys of the index: for a page of
// many matches in an order that postings do not have.
type walk struct {
	q    *query
	p    *r4.SearchParameter
	desc bool
	runs []*run // one for terms; for intervals one for each set of units and class
}

// run is one stretch of keys in the order of values.
type run struct {
	it    *pebble.Iterator
	base  []byte // what its keys begin with
	group []byte // base and the value at hand
	value []byte // encoded
	ok    bool
}

// walkable says whether the index has the values of a key in their order. References are kept in another one, the
// main date and _id are no such keys.
func (q *query) walkable(k plan.SortKey) bool {
	p := k.P
	if k.Of != nil {
		return false
	}
	switch p.Type {
	case r4.String, r4.URI:
		return true
	case r4.Token:
		return p.Num != q.sch.id
	case r4.Date, r4.Number, r4.Quantity:
		return p.Num != q.sch.main
	}
	return false
}

// newWalk begins at a key, which is included, or at the first one.
func (q *query) newWalk(k plan.SortKey, from []byte) (*walk, error) {
	w := &walk{q: q, p: k.P, desc: k.Desc}
	var bases [][]byte
	switch form := sortForm(k.P); form {
	case 0:
		start := appendNum([]byte{keyRange, q.sch.number}, k.P.Num)
		it, err := q.iterator(start)
		if err != nil {
			return nil, err
		}
		for ok := it.First(); ok; {
			n := unitsLen(it.Key()[len(start):])
			if n < 0 || len(it.Key()) <= len(start)+n {
				return nil, errRecord
			}
			base := bytes.Clone(it.Key()[:len(start)+n+1]) // with the class
			if hasUnit(base[len(start):len(base)-1], noUnit[1:]) {
				bases = append(bases, base)
			}
			ok = it.SeekGE(after(base))
		}
		if err := it.Error(); err != nil {
			return nil, err
		}
	case index.FormCode:
		bases = [][]byte{append(appendNum([]byte{keyTerm, q.sch.number}, k.P.Num), groupToken)}
	default:
		bases = [][]byte{append(appendNum([]byte{keyTerm, q.sch.number}, k.P.Num), groupForm+byte(form))}
	}
	for _, base := range bases {
		it, err := q.iterator(base)
		if err != nil {
			return nil, err
		}
		r := &run{it: it, base: base}
		w.runs = append(w.runs, r)
		var ok bool
		switch {
		case from == nil && !k.Desc:
			ok = it.First()
		case from == nil:
			ok = it.Last()
		case !k.Desc:
			ok = it.SeekGE(w.start(base, from))
		default:
			ok = it.SeekLT(after(w.start(base, from)))
		}
		if err := r.read(ok); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// start is what the keys of a value begin with.
func (w *walk) start(base, value []byte) []byte {
	out := bytes.Clone(base)
	if sortForm(w.p) == 0 {
		return append(appendEscaped(out, value), 0x00, 0x01)
	}
	if len(value) > inline {
		return append(appendEscaped(out, value[:inline]), 0x00, 0x02)
	}
	return append(appendEscaped(out, value), 0x00, 0x01)
}

// read takes the group at the iterator.
func (r *run) read(ok bool) error {
	if r.ok = ok; !ok {
		return r.it.Error()
	}
	rest := r.it.Key()[len(r.base):]
	n := textLen(rest)
	if n < 0 {
		return errRecord
	}
	if cut(rest[:n]) {
		n -= 16 // all texts that begin alike are one group: their hashes have no order
	}
	r.group = append(r.group[:0], r.it.Key()[:len(r.base)+n]...)
	r.value = r.group[len(r.base):]
	return nil
}

// cut says whether an encoded text is one whose end is a hash.
func cut(b []byte) bool { return len(b) >= 18 && b[len(b)-18] == 0x00 && b[len(b)-17] == 0x02 }

// value is the value of the group at hand; false at the end.
func (w *walk) value() ([]byte, bool) {
	var best []byte
	for _, r := range w.runs {
		if r.ok && (best == nil || bytes.Compare(r.value, best) < 0 != w.desc && !bytes.Equal(r.value, best)) {
			best = r.value
		}
	}
	return bytes.Clone(best), best != nil
}

// group is the documents that have a value, in their order; whole is false where the group is of several values that
// begin alike.
func (w *walk) group(value []byte) (docs postings, whole bool, err error) {
	whole = !bytes.HasSuffix(value, []byte{0x00, 0x02})
	if sortForm(w.p) == index.FormCode {
		var prefixes [][]byte
		if prefixes, err = w.q.below(nil, append(bytes.Clone(w.runs[0].base), value...)); err == nil {
			docs, err = w.q.lists(prefixes...)
		}
		return docs, whole, err
	}
	if sortForm(w.p) != 0 && whole {
		docs, err = w.q.list(append(bytes.Clone(w.runs[0].base), value...))
		return docs, true, err
	}
	var found []position
	for _, r := range w.runs {
		if !r.ok || !bytes.Equal(r.value, value) {
			continue
		}
		for ok := r.it.SeekGE(r.group); ok && bytes.HasPrefix(r.it.Key(), r.group); ok = r.it.Next() {
			p, err := w.position(r)
			if err != nil {
				return nil, false, err
			}
			found = append(found, p)
		}
		if err := r.it.Error(); err != nil {
			return nil, false, err
		}
	}
	return newSlice(w.q.work.dir, found), whole, nil
}

// position is that of the key at hand.
func (w *walk) position(r *run) (position, error) {
	if err := w.q.work.step(); err != nil {
		return position{}, err
	}
	rest := r.it.Key()[2:]
	n := 0
	if sortForm(w.p) == 0 {
		var v interval
		n = v.read(rest)
	} else {
		n = termLen(rest)
	}
	if n >= 0 {
		if p, ok := readPosition(rest[n:]); ok {
			return p, nil
		}
	}
	return position{}, errRecord
}

// next goes behind a value.
func (w *walk) next(value []byte) error {
	for _, r := range w.runs {
		if !r.ok || !bytes.Equal(r.value, value) {
			continue
		}
		var ok bool
		if w.desc {
			ok = r.it.SeekLT(r.group)
		} else {
			ok = r.it.SeekGE(after(r.group))
		}
		if err := r.read(ok); err != nil {
			return err
		}
	}
	return nil
}

// seen is every document that has a value.
func (w *walk) seen() (docSet, error) {
	docs := newDocSet(w.q.src.s.nextDoc.Load())
	for _, r := range w.runs {
		for ok := r.it.First(); ok; ok = r.it.Next() {
			p, err := w.position(r)
			if err != nil {
				return nil, err
			}
			docs.add(p.number())
		}
		if err := r.it.Error(); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// walked is the first rows, one more than the page, of many matches in the order of an index: values one after the
// other, of each those documents that match and that it is the value of in the order asked for; the matches that have
// none come last, or, backwards, first.
func (q *query) walked(n plan.Node, limit int, r *rest, match func(position) (bool, error)) (rows []*sortKeys, err error) {
	key := r.keys[0]
	key.Desc = key.Desc != r.back
	var from []byte
	if r.start != nil {
		from = r.start.keys[0]
	}
	walk, err := q.newWalk(key, from)
	if err != nil {
		return nil, err
	}
	behind := r.start != nil && (from == nil) != r.back // start lies in the second of the two parts
	if r.back {
		if !behind {
			rows, err = q.walkedMissing(walk, rows, n, limit, r)
		}
		if len(rows) > limit || err != nil {
			return rows, err
		}
		return q.walkedValues(walk, rows, limit, r, match)
	}
	if !behind {
		rows, err = q.walkedValues(walk, rows, limit, r, match)
	}
	if len(rows) > limit || err != nil {
		return rows, err
	}
	return q.walkedMissing(walk, rows, n, limit, r)
}

// walkedValues appends the matches that have a value.
func (q *query) walkedValues(walk *walk, rows []*sortKeys, limit int, r *rest, match func(position) (bool, error)) ([]*sortKeys, error) {
	// Documents of equal value are in the order of postings; with further keys all of them have to be known.
	alone := len(r.keys) == 1
	for value, ok := walk.value(); ok; value, ok = walk.value() {
		docs, whole, err := walk.group(value)
		if err != nil {
			return nil, err
		}
		var group []*sortKeys
		for ok := docs.next(); ok; ok = docs.next() {
			if ok, err := match(docs.at()); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			k, err := q.sortKeys(docs.at(), r.keys)
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(walk.start(nil, k.keys[0]), value) || !r.holds(k) {
				continue
			}
			group = append(group, k)
			if alone && whole && len(rows)+len(group) > limit {
				break
			}
		}
		if err := docs.err(); err != nil {
			return nil, err
		}
		if rows = r.appendSorted(rows, group); len(rows) > limit {
			return rows, nil
		}
		if err := walk.next(value); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// walkedMissing appends the matches that have no value.
func (q *query) walkedMissing(walk *walk, rows []*sortKeys, n plan.Node, limit int, r *rest) ([]*sortKeys, error) {
	alone := len(r.keys) == 1
	seen, err := walk.seen()
	if err != nil {
		return nil, err
	}
	docs, err := q.compiled(n, "")
	if err != nil {
		return nil, err
	}
	var group []*sortKeys
	for ok := docs.next(); ok; ok = docs.next() {
		if seen.has(docs.at().number()) {
			continue
		}
		k := &sortKeys{keys: make([][]byte, 1), pos: docs.at()}
		if !alone {
			if k, err = q.sortKeys(docs.at(), r.keys); err != nil {
				return nil, err
			}
		}
		if !r.holds(k) {
			continue
		}
		if group = append(group, k); alone && len(rows)+len(group) > limit {
			break
		}
	}
	return r.appendSorted(rows, group), docs.err()
}

func (o *sorting) appendSorted(rows, group []*sortKeys) []*sortKeys {
	slices.SortFunc(group, o.compare)
	return append(rows, group...)
}
