package embedded

import (
	"github.com/firewarden/firewarden/search/index"
)

// shaped is the documents whose shape holds a term, or, negated, does not.
func (q *query) shaped(t index.Term, patient string, negated bool) (set, error) {
	shapes := q.src.s.shapes.having(q.sch.number, t.Num, t.Form, t.Text, negated)
	odd, err := q.odd(t, negated)
	if err != nil {
		return set{}, err
	}
	if patient == "" && len(shapes) <= q.src.s.limits.shapes {
		parts := odd
		for _, n := range shapes {
			l, err := q.list(appendShapeKey(nil, keyMember, q.sch.number, n))
			if err != nil {
				return set{}, err
			}
			parts = append(parts, l)
		}
		if len(parts) == 0 {
			return listed(nothing{}), nil
		}
		return listed(newUnion(q.work.dir, parts)), nil
	}
	wanted := map[uint16]bool{}
	for _, n := range shapes {
		wanted[n] = true
	}
	return set{tests: []test{func(p position) (bool, error) {
		l, err := q.look(p)
		if err != nil {
			return false, err
		}
		if l.shape != 0 {
			return wanted[l.shape], nil
		}
		for _, o := range odd {
			if o.has(p) {
				return true, nil
			} else if err := o.err(); err != nil {
				return false, err
			}
		}
		return false, nil
	}}}, nil
}

// odd is the documents without a numbered shape that hold a term, or, negated, do not; none if there are no such
// documents.
func (q *query) odd(t index.Term, negated bool) ([]postings, error) {
	n, err := q.src.count(shapeID{q.sch.number, 0})
	if err != nil || n == 0 {
		return nil, err
	}
	with, err := q.list(appendForm([]byte{keyTerm, q.sch.number}, t.Num, t.Form, t.Text))
	if err != nil || !negated {
		return []postings{with}, err
	}
	all, err := q.list(appendShapeKey(nil, keyMember, q.sch.number, 0))
	if err != nil {
		return nil, err
	}
	return []postings{newFiltered(q.work.dir, all, []test{func(p position) (bool, error) {
		return !with.has(p), with.err()
	}})}, nil
}

// count is the number of live documents of a shape.
func (src source) count(id shapeID) (uint64, error) {
	val, closer, err := get(src.r, appendShapeKey(nil, keyCount, id.typ, id.shape))
	if err != nil || closer == nil {
		return 0, err
	}
	defer closer.Close()
	if len(val) != 8 {
		return 0, errRecord
	}
	return readUint64(val), nil
}
