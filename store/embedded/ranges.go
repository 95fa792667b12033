package embedded

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// ranges is the documents of a union of ranges of one parameter and unit.
func (q *query) ranges(union []plan.Range) (set, error) {
	if r := &union[0]; r.Num == q.sch.main && r.Num != 0 && r.Unit == "" {
		return q.mainRange(union)
	}
	return set{ranges: [][]plan.Range{union}}, nil
}

// probe is the test whether some interval of a document is in one of the ranges.
func (q *query) probe(union []plan.Range) test {
	num, unit := union[0].Num, appendText(nil, union[0].Unit)
	var v interval
	return func(p position) (bool, error) {
		l, err := q.look(p)
		if err != nil {
			return false, err
		}
		for b := l.intervals; len(b) > 0; {
			n := v.read(b)
			if n < 0 {
				return false, errRecord
			}
			if v.num == num && v.in(union) && hasUnit(v.units, unit) {
				return true, nil
			}
			b = b[n:]
		}
		return false, nil
	}
}

// looks is the value of keyAll: what is known of a document without its body.
type looks struct {
	shape     uint16
	links     links
	intervals []byte
}

func readLooks(val []byte) (l looks, err error) {
	if len(val) < 2 {
		return l, errRecord
	}
	n := linksLen(val[2:])
	if n < 0 {
		return l, errRecord
	}
	return looks{uint16(val[0])<<8 | uint16(val[1]), links(val[2 : 2+n]), val[2+n:]}, nil
}

// look looks at a document; the result is valid until the next look. Several tests may ask in turns, each in its own
// order.
func (q *query) look(p position) (l looks, err error) {
	if q.every == nil {
		prefix := []byte{keyAll, q.sch.number}
		it, err := q.over(prefix)
		if err != nil {
			return l, err
		}
		q.every = newList(it, prefix, &work{ctx: q.work.ctx})
	}
	q.work.read++
	if !q.every.has(p) {
		if err := q.every.err(); err != nil {
			return l, err
		}
		return l, fmt.Errorf("document %d has postings and is not listed", p.number())
	}
	return readLooks(q.every.value())
}

// ranged is the documents of a union of ranges: postings if they are few, else a test.
func (q *query) ranged(union []plan.Range, beside, ofOne bool) (postings, test, error) {
	limits := &q.src.s.limits
	limit := limits.alone
	switch {
	case ofOne:
		limit = limits.ofOne
	case beside:
		limit = limits.beside
	case !q.whole:
		limit = min(limit, q.root(limits.looks))
	}
	var found []position
	whole, err := q.scan(union, func(p position) bool {
		found = append(found, p)
		if page := limit > limits.sample && !beside && !q.whole; page && len(found) == limits.sample && q.common(union) {
			return false
		}
		return len(found) <= limit
	})
	if err != nil {
		return nil, nil, err
	}
	if whole {
		return newSlice(q.work.dir, found), nil, nil
	}
	// Candidates are probed. When they are many the range is read as a set, if it is not much longer; in turns, so that
	// neither way costs much more than the better one would have.
	probe, probes, budget := q.probe(union), 0, q.src.s.limits.probes
	var docs docSet
	return nil, func(p position) (bool, error) {
		if docs != nil {
			return docs.has(p.number()), nil
		}
		if probes++; probes <= budget {
			return probe(p)
		}
		budget *= 8
		set, left := newDocSet(q.src.s.nextDoc.Load()), budget
		whole, err := q.scan(union, func(p position) bool {
			set.add(p.number())
			left--
			return left >= 0
		})
		if err != nil {
			return false, err
		}
		if whole {
			docs = set
		}
		return probe(p)
	}, nil
}

// root is how many members of a range are sorted in memory for a page. The fewer there are the more postings, in the order of
// dates, have to be walked to find some, each costing a part of what a member costs: at the root both ways are as long.
func (q *query) root(cost int) int {
	return int(math.Sqrt(float64(cost) * float64(q.src.s.nextDoc.Load())))
}

// common says whether so many of all documents are in ranges that a page is found sooner by walking all: by what Pebble
// estimates that the lists take.
func (q *query) common(union []plan.Range) bool {
	all := []byte{keyAll, q.sch.number}
	total, err := q.src.s.db.EstimateDiskUsage(all, after(all))
	var part uint64
	for i := range union {
		start := appendNum([]byte{keyRange, q.sch.number}, union[i].Num)
		err = errors.Join(err, q.spans(start, &union[i], func(_ *pebble.Iterator, from, to []byte) error {
			n, err := q.src.s.db.EstimateDiskUsage(from, to)
			part += n
			return err
		}))
	}
	return err == nil && part*q.src.s.limits.walked > total
}

// docSet is a set of document numbers.
type docSet []uint64

func newDocSet(most uint64) docSet { return make(docSet, most/64+1) }

func (s docSet) add(doc uint64) {
	if i := doc / 64; i < uint64(len(s)) {
		s[i] |= 1 << (doc % 64)
	}
}

func (s docSet) has(doc uint64) bool {
	i := doc / 64
	return i < uint64(len(s)) && s[i]&(1<<(doc%64)) != 0
}

// scan calls f for the documents of ranges, as often as they have intervals in them, until f returns false; whole says
// that it never did.
func (q *query) scan(union []plan.Range, f func(position) bool) (whole bool, err error) {
	for i := range union {
		if whole, err = q.scanOne(union[i], f); !whole || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (q *query) scanOne(r plan.Range, f func(position) bool) (whole bool, err error) {
	return q.scanRange(appendNum([]byte{keyRange, q.sch.number}, r.Num), &r, f)
}

// scanRange is scan of the keys that have units and ends behind start.
func (q *query) scanRange(start []byte, r *plan.Range, f func(position) bool) (whole bool, err error) {
	one := []plan.Range{*r}
	var v interval
	whole = true
	err = q.spans(start, r, func(it *pebble.Iterator, from, to []byte) error {
		for ok := whole && it.SeekGE(from); ok && string(it.Key()) < string(to); ok = it.Next() {
			if err := q.work.step(); err != nil {
				return err
			}
			n := v.readEnds(it.Key()[len(start):])
			if n < 0 {
				return errRecord
			}
			if !v.in(one) {
				continue
			}
			p, ok := readPosition(it.Key()[len(start)+n:])
			if !ok {
				return errRecord
			}
			if whole = f(p); !whole {
				return nil
			}
		}
		return it.Error()
	})
	return whole && err == nil, err
}

// spans calls f for the spans of keys behind start in which a range can have members, with an iterator to walk them.
func (q *query) spans(start []byte, r *plan.Range, f func(it *pebble.Iterator, from, to []byte) error) error {
	it, err := q.iterator(start)
	if err != nil {
		return err
	}
	unit := appendText(nil, r.Unit)
	for ok := it.First(); ok; {
		// One turn is one set of units.
		n := unitsLen(it.Key()[len(start):])
		if n < 0 {
			return errRecord
		}
		units := append([]byte(nil), it.Key()[:len(start)+n]...)
		if hasUnit(units[len(start):], unit) {
			for class := byte(classPoint); class <= classAny; class++ {
				low := classSpan(class, r)
				from := append(append([]byte(nil), units...), class)
				to := after(from)
				if low.Max != "" {
					to = append(appendEscaped(append([]byte(nil), from...), string(low.Max)), 0x00, 0x02)
				}
				if low.Min != "" {
					from = appendEscaped(from, string(low.Min))
				}
				if string(from) >= string(to) {
					continue
				}
				if err := f(it, from, to); err != nil {
					return err
				}
			}
		}
		ok = it.SeekGE(after(units))
	}
	return it.Error()
}

// classSpan is where the low ends of the intervals of a class can lie.
func classSpan(class byte, r *plan.Range) plan.Span {
	low := plan.Span{Min: r.Low.Min, Max: r.Low.Max}
	if r.High.Max != "" && (low.Max == "" || r.High.Max < low.Max) {
		low.Max = r.High.Max // low is not behind high
	}
	if r.High.Min == "" {
		return low
	}
	min := index.Key("")
	switch class {
	case classPoint:
		min = r.High.Min
	case classDay, classYear:
		min = timeKey(minus(floorTime(r.High.Min), classWidth(class)))
	}
	if min > low.Min {
		low.Min = min
	}
	return low
}
