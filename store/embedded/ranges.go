package embedded

import (
	"fmt"
	"math"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// window is the positions between two, documents or not, and the wide documents before and after them: where a range
// of the main date can hold. It stands behind a list in an intersection; what it lets through is tested.
type window struct {
	from, to position // inclusive
	wide     *list
	cur      position
}

func (w *window) next() bool { return w.seek(w.cur.next()) }

func (w *window) seek(p position) bool {
	if p.less(w.from) {
		if w.wide.seek(p) && w.wide.at().less(w.from) {
			w.cur = w.wide.at()
			return true
		}
		p = w.from
	}
	if !w.to.less(p) && w.wide.err() == nil {
		w.cur = p
		return true
	}
	if !w.wide.seek(p) {
		return false
	}
	w.cur = w.wide.at()
	return true
}

func (w *window) at() position { return w.cur }
func (w *window) err() error   { return w.wide.err() }
func (w *window) close()       {}

// mainRange is a range of the main date. The order of a document that is not wide is the low end of its one main date,
// which is at most a day wide: most documents need no look at the date itself.
func (q *query) mainRange(r plan.Range) (set, error) {
	wide, err := q.list([]byte{keyWide, q.sch.number})
	if err != nil {
		return set{}, err
	}
	lowMin, lowMax := spanTimes(r.Low)
	highMin, highMax := spanTimes(r.High)
	first, final := max(lowMin, minus(highMin, microsPerDay)), min(lowMax, highMax)
	w := &window{from: position{ordOf(final), 0}, to: position{ordOf(first), wideBit | maxDoc}, wide: wide}
	if final == math.MinInt64 {
		w.from = position{ordOpen, 0}
	}
	// Strictly between these every narrow document holds.
	sure, sureEnd := max(lowMin, highMin), min(lowMax, minus(highMax, microsPerDay))
	unlimited := lowMin == math.MinInt64 && highMin == math.MinInt64
	return set{windows: []postings{w}, tests: []test{func(p position) (bool, error) {
		if !p.wide() {
			if p.ord >= ordOpen {
				return false, nil
			}
			if at := dateOf(p.ord); (at > sure || unlimited) && at < sureEnd {
				return true, nil
			}
		}
		return q.probe(p, &r)
	}}}, nil
}

// spanTimes is a span of dates in microseconds, at least as wide.
func spanTimes(s plan.Span) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if s.Min != "" {
		from = floorTime(s.Min)
	}
	if s.Max != "" {
		to = floorTime(s.Max)
	}
	return from, to
}

// floorTime is the latest time whose key is not behind k.
func floorTime(k index.Key) int64 {
	var b [8]byte
	copy(b[:], k)
	return int64(readUint64(b[:]) ^ timeSign)
}

func minus(t, width int64) int64 {
	if t < math.MinInt64+width {
		return math.MinInt64
	}
	return t - width
}

// probe says whether some interval of a document is in a range.
func (q *query) probe(p position, r *plan.Range) (holds bool, err error) {
	if err := q.work.step(); err != nil {
		return false, err
	}
	unit := appendText(nil, r.Unit)
	var space [8]byte
	ok, err := q.src.record(appendBodyKey(space[:0], p.number()), func(rec *record) error {
		return rec.each(func(v *interval) bool {
			holds = v.num == r.Num && hasUnit(v.units, unit) && v.holds(r)
			return !holds
		})
	})
	if err == nil && !ok {
		err = fmt.Errorf("document %d has postings and no body", p.number())
	}
	return holds, err
}

// each calls f for the intervals of a record until it returns false.
func (r *record) each(f func(*interval) bool) error {
	for b := r.intervals; len(b) > 0; {
		v, n := readInterval(b)
		if n < 0 {
			return errRecord
		}
		if !f(&v) {
			return nil
		}
		b = b[n:]
	}
	return nil
}

// How many postings of a range are sorted in memory: fewer if there is another list, or a short one, to probe.
const (
	mostAlone  = 1 << 16
	mostBeside = 1 << 12
	mostOfOne  = 1 << 8
	mostProbes = 1 << 9
)

// ranged is the documents of a range: postings if they are few, else a test.
func (q *query) ranged(r plan.Range, beside, ofOne bool) (postings, test, error) {
	limit := mostAlone
	if ofOne {
		limit = mostOfOne
	} else if beside {
		limit = mostBeside
	}
	var found []position
	whole, err := q.scan(r, func(p position) bool {
		found = append(found, p)
		return len(found) <= limit
	})
	if err != nil {
		return nil, nil, err
	}
	if whole {
		return newSlice(found), nil, nil
	}
	// Candidates are probed; if it turns out that many have to be, the whole range is read after all, as a set.
	probes := 0
	var docs docSet
	return nil, func(p position) (bool, error) {
		if docs != nil {
			return docs.has(p.number()), nil
		}
		if probes++; probes <= mostProbes {
			return q.probe(p, &r)
		}
		docs = newDocSet(q.src.s.nextDoc.Load())
		_, err := q.scan(r, func(p position) bool { docs.add(p.number()); return true })
		return docs.has(p.number()), err
	}, nil
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

// scan calls f for the documents of a range, as often as they have intervals in it, until f returns false; whole says
// that it never did.
func (q *query) scan(r plan.Range, f func(position) bool) (whole bool, err error) {
	start := appendNum([]byte{keyRange, q.sch.number}, r.Num)
	it, err := q.iterator(start)
	if err != nil {
		return false, err
	}
	unit := appendText(nil, r.Unit)
	for ok := it.First(); ok; {
		// One turn is one set of units.
		n := unitsLen(it.Key()[len(start):])
		if n < 0 {
			return false, errRecord
		}
		units := append([]byte(nil), it.Key()[:len(start)+n]...)
		if hasUnit(units[len(start):], unit) {
			for class := byte(classPoint); class <= classAny; class++ {
				low := classSpan(class, &r)
				from := append(append([]byte(nil), units...), class)
				to := after(from)
				if low.Max != "" {
					to = append(appendEscaped(append([]byte(nil), from...), string(low.Max)), 0x00, 0x02)
				}
				if low.Min != "" {
					from = appendEscaped(from, string(low.Min))
				}
				for ok := it.SeekGE(from); ok && string(it.Key()) < string(to); ok = it.Next() {
					if err := q.work.step(); err != nil {
						return false, err
					}
					v, n := readInterval(it.Key()[2:])
					if n < 0 {
						return false, errRecord
					}
					if !v.holds(&r) {
						continue
					}
					p, ok := readPosition(it.Key()[2+n:])
					if !ok {
						return false, errRecord
					}
					if !f(p) {
						return false, it.Error()
					}
				}
			}
		}
		ok = it.SeekGE(after(units))
	}
	return true, it.Error()
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
