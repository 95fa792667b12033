package embedded

import (
	"slices"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// eachPatient is the union over the patients ts, which are nodes[i]. Of many patients it reads the first postings, twice as
// many as a page takes of each if it takes as many of all, and the rest when the page comes to it.
func (q *query) eachPatient(ts plan.Terms, nodes []plan.Node, i int) (set, error) {
	rest := slices.Concat(nodes[:i], nodes[i+1:])
	var parts []postings
	if len(ts) <= q.src.s.limits.atOnce {
		for _, t := range ts {
			p, err := q.ofPatient(t, rest)
			if err != nil {
				return set{}, err
			}
			parts = append(parts, p)
		}
		return listed(newUnion(q.work.dir, parts)), nil
	}
	most := q.src.s.limits.ofPatient
	if q.limit > 0 {
		most = min(most, 2*(q.limit/len(ts)+1))
	}
	var found []position
	for _, t := range ts {
		l := &later{q: q, patient: t, rest: rest}
		first, more, err := l.read(postings.next, most)
		if err != nil {
			return set{}, err
		}
		found = append(found, first...)
		if more {
			parts = append(parts, l)
		}
	}
	if len(found) > 0 || len(parts) == 0 {
		parts = append(parts, newSlice(q.work.dir, found))
	}
	return listed(newUnion(q.work.dir, parts)), nil
}

// ofPatient is the documents that refer to a patient and are in rest.
func (q *query) ofPatient(t index.Term, rest []plan.Node) (postings, error) {
	s, err := q.and(append(plan.And{plan.Term(t)}, rest...), "")
	if err != nil {
		return nil, err
	}
	return q.postings(s, q.patient(t))
}

// later is what of a patient's postings has not been read yet. They are read some at a time, and nothing is open between.
type later struct {
	q       *query
	patient index.Term
	rest    []plan.Node
	first   position // of what has not been read
	begun   bool
	behind  postings // what has been read since, and what is later still; nil: nothing has
	bad     error
}

// read reads from where begin goes to, at most so many; more says that there are others, from first on.
func (l *later) read(begin func(postings) bool, most int) (found []position, more bool, err error) {
	opened := len(l.q.open)
	p, err := l.q.ofPatient(l.patient, l.rest)
	if err != nil {
		return nil, false, err
	}
	for more = begin(p); more && len(found) < most; more = p.next() {
		found = append(found, p.at())
	}
	if more {
		l.first = p.at()
	}
	l.q.spare = append(l.q.spare, l.q.open[opened:]...)
	l.q.open = l.q.open[:opened]
	return found, more, p.err()
}

// open reads from a position on.
func (l *later) open(p position) bool {
	after := &later{q: l.q, patient: l.patient, rest: l.rest}
	var found []position
	var more bool
	if found, more, l.bad = after.read(func(x postings) bool { return x.seek(p) }, l.q.src.s.limits.ofPatient); l.bad != nil {
		l.behind = nothing{}
		return false
	}
	parts := []postings{newSlice(l.q.work.dir, found)}
	if more {
		parts = append(parts, after)
	}
	l.behind = newUnion(l.q.work.dir, parts)
	return l.behind.seek(p)
}

func (l *later) next() bool {
	switch {
	case !l.begun:
		l.begun = true
		return true
	case l.behind == nil && !l.open(l.first):
		return false
	}
	return l.behind.next()
}

func (l *later) seek(p position) bool {
	l.begun = true
	switch {
	case l.behind != nil:
		return l.behind.seek(p)
	case l.q.work.dir.before(l.first, p):
		return l.open(p)
	}
	return true
}

func (l *later) at() position {
	if l.behind != nil {
		return l.behind.at()
	}
	return l.first
}

func (l *later) has(p position) bool {
	if l.behind == nil {
		l.open(l.first)
	}
	return l.behind.has(p)
}

func (l *later) err() error {
	if l.bad == nil && l.behind != nil {
		return l.behind.err()
	}
	return l.bad
}
