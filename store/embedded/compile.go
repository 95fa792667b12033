package embedded

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// query turns a plan.Node into postings.
type query struct {
	src     source
	sch     *schema
	work    work
	whole   bool               // all that is found is wanted, not the first rows
	limit   int                // of the first rows that are wanted; 0: it is not known
	open    []*pebble.Iterator // closed by close
	spare   []*pebble.Iterator // of postings that are no longer needed, to be used again
	every   *list              // keyAll, for look
	records *pebble.Iterator   // keyBody, for record
	row     plan.Row           // the last one that was loaded
	doc     uint64             // its number
}

func (src source) query(ctx context.Context, sch *schema) *query {
	src.iterators.begin()
	return &query{src: src, sch: sch, work: work{ctx: ctx}}
}

func (q *query) close() {
	used := append(q.open, q.spare...)
	if q.every != nil {
		used = append(used, q.every.it)
	}
	if q.records != nil {
		used = append(used, q.records)
	}
	q.src.iterators.end(used)
}

// set is an intersection that is still being put together: documents of all lists, in all windows, that all tests keep.
// Without lists it is of all documents of the type.
type set struct {
	lists   []postings
	windows []postings     // dense: they say yes to most positions, documents or not, and so can only follow a list
	ranges  [][]plan.Range // each a union
	pairs   []pairs
	tests   []test
	late    []test // those that read bodies
	within  bool   // a list holds only documents of the patient's compartment
}

func listed(p postings) set { return set{lists: []postings{p}} }

func (s *set) add(o set) {
	s.lists = append(s.lists, o.lists...)
	s.windows = append(s.windows, o.windows...)
	s.ranges = append(s.ranges, o.ranges...)
	s.pairs = append(s.pairs, o.pairs...)
	s.tests = append(s.tests, o.tests...)
	s.late = append(s.late, o.late...)
	s.within = s.within || o.within
}

// postings finishes a set. patient is that of compile.
func (q *query) postings(s set, patient string) (postings, error) {
	listed := len(s.lists) > 0
	for _, union := range s.pairs {
		p, err := q.paired(union, listed)
		if err != nil {
			return nil, err
		}
		s.lists = append(s.lists, p)
	}
	for _, r := range s.ranges {
		p, t, err := q.ranged(r, len(s.lists) > 0, patient != "")
		if err != nil {
			return nil, err
		}
		if p != nil {
			s.lists = append(s.lists, p)
		} else {
			s.tests = append(s.tests, t)
		}
	}
	if len(s.lists) == 0 {
		all, err := q.all(patient)
		if err != nil {
			return nil, err
		}
		s.lists = append(s.lists, all)
	}
	return newFiltered(q.work.dir, newIntersection(append(s.lists, s.windows...)), append(s.tests, s.late...)), nil
}

// compile makes the set of a node. With a patient the result is right only within that patient's compartment: the
// caller intersects with it.
func (q *query) compile(n plan.Node, patient string) (set, error) {
	switch n := n.(type) {
	case plan.All:
		return set{}, nil
	case plan.None:
		return listed(nothing{}), nil
	case plan.Term:
		return q.term(index.Term(n), patient)
	case plan.Terms:
		return q.terms(n, patient)
	case plan.Prefix:
		return q.prefix(index.Term(n))
	case plan.Range:
		return q.ranges([]plan.Range{n})
	case plan.And:
		if len(n) == 0 {
			return set{}, fmt.Errorf("an empty plan.And")
		}
		return q.and(n, patient)
	case plan.Or:
		if len(n) == 0 {
			return set{}, fmt.Errorf("an empty plan.Or")
		}
		return q.or(n, patient)
	case plan.Not:
		return q.not(n.X, patient)
	case plan.Verify:
		if q.allPairs(n.Pairs) {
			return q.pairs(n.Pairs, patient), nil
		}
		s, err := q.compile(n.X, patient)
		s.late = append(s.late, q.verify(n))
		return s, err
	}
	return set{}, fmt.Errorf("an unknown node %T", n)
}

// compiled is compile and postings.
func (q *query) compiled(n plan.Node, patient string) (postings, error) {
	s, err := q.compile(n, patient)
	if err != nil {
		return nil, err
	}
	return q.postings(s, patient)
}

// verify is the test of a plan.Verify. What the links tell needs no body.
func (q *query) verify(v plan.Verify) test {
	bit := uint64(0)
	if v.Lead != nil {
		bit = q.sch.link(v.P.Num)
	}
	return func(p position) (bool, error) {
		if bit != 0 {
			l, err := q.look(p)
			if err != nil {
				return false, err
			}
			if l.links.whole(bit) {
				var refs []fhir.Reference
				for id := range l.links.patients(bit) {
					refs = append(refs, fhir.Reference{Type: "Patient", ID: readID(id)})
				}
				return v.Lead(refs)
			}
		}
		row, err := q.found(p, v.Bare)
		if err != nil {
			return false, err
		}
		return v.By(&row)
	}
}

// load reads the row of a document; the last one is kept.
func (q *query) load(p position) (*plan.Row, error) {
	if doc := p.number(); q.doc != doc {
		if err := q.work.step(); err != nil {
			return nil, err
		}
		r, err := q.record(doc)
		if err != nil {
			return nil, err
		}
		if q.row, err = r.row(q.src.s, ""); err != nil {
			return nil, err
		}
		q.doc = doc
	}
	return &q.row, nil
}

// record reads the record of a document; its slices are valid until the next one is read. Through one iterator that is
// quicker than through Get, which opens one for each key.
func (q *query) record(doc uint64) (r record, err error) {
	if q.records == nil {
		if q.records, err = q.over([]byte{keyBody}); err != nil {
			return r, err
		}
	}
	var space [8]byte
	if !q.records.SeekPrefixGE(appendBodyKey(space[:0], doc)) {
		if err = q.records.Error(); err == nil {
			err = fmt.Errorf("document %d has postings and no body", doc)
		}
		return r, err
	}
	return readRecord(q.records.Value())
}

// tested is a test on the entries of a document: the slow way, for what no posting says.
func (q *query) tested(f func(*index.Entries) bool) test {
	return func(p position) (bool, error) {
		e, err := q.entries(p)
		if err != nil {
			return false, err
		}
		return f(&e), nil
	}
}

// list opens the postings of a prefix.
func (q *query) list(prefix []byte) (*list, error) {
	it, err := q.iterator(prefix)
	if err != nil {
		return nil, err
	}
	return newList(it, prefix, &q.work), nil
}

// lists opens several and merges them.
func (q *query) lists(prefixes ...[]byte) (postings, error) {
	parts := make([]postings, 0, len(prefixes))
	for _, p := range prefixes {
		l, err := q.list(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, l)
	}
	if len(parts) == 0 {
		return nothing{}, nil
	}
	return newUnion(q.work.dir, parts), nil
}

// all is every document of the type, or of the type in the patient's compartment.
func (q *query) all(patient string) (postings, error) {
	if patient != "" {
		return q.list(appendSelf(q.behind(patient), index.NumIn))
	}
	return q.list([]byte{keyAll, q.sch.number})
}

// behind is what the terms kept behind a patient begin with.
func (q *query) behind(patient string) []byte {
	return append(appendID([]byte{keyPatient}, patient), q.sch.number)
}
