package embedded

import (
	"math"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// window is the positions between two, documents or not, and the wide documents before and after them: where a range
// of the main date can hold. It stands behind a list in an intersection; what it lets through is tested.
type window struct {
	dir      direction
	from, to position // inclusive
	wide     *list
	cur      position
}

// next is for a window alone, which there is not.
func (w *window) next() bool { return w.seek(w.from) }

func (w *window) seek(p position) bool {
	if w.dir.before(p, w.from) {
		if w.wide.seek(p) && w.dir.before(w.wide.at(), w.from) {
			w.cur = w.wide.at()
			return true
		}
		p = w.from
	}
	if !w.dir.before(w.to, p) && w.wide.err() == nil {
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

func (w *window) has(p position) bool {
	return !w.dir.before(p, w.from) && !w.dir.before(w.to, p) || p.wide()
}

// mainRange is ranges of the main date. The order of a document that is not wide is the low end of its one main date,
// which is at most a day wide: most documents need no look at the date itself.
func (q *query) mainRange(union []plan.Range) (set, error) {
	wide, err := q.list([]byte{keyWide, q.sch.number})
	if err != nil {
		return set{}, err
	}
	w := &window{from: last, wide: wide, dir: q.work.dir}
	var sure []span
	for i := range union {
		r := &union[i]
		lowMin, lowMax := spanTimes(r.Low)
		highMin, highMax := spanTimes(r.High)
		first, final := max(lowMin, minus(highMin, microsPerDay)), min(lowMax, highMax)
		if final == math.MinInt64 {
			continue // no document that is not wide
		}
		if from := (position{ordOf(final), 0}); from.less(w.from) {
			w.from = from
		}
		if to := (position{ordOf(first), wideBit | maxDoc}); w.to.less(to) {
			w.to = to
		}
		sure = append(sure, span{max(lowMin, highMin), min(lowMax, minus(highMax, microsPerDay))})
	}
	if w.dir&oldestFirst != 0 {
		w.from, w.to = w.to, w.from
	}
	probe := q.probe(union)
	return set{windows: []postings{w}, tests: []test{func(p position) (bool, error) {
		if !p.wide() {
			if p.ord >= ordOpen {
				return false, nil
			}
			at := dateOf(p.ord)
			for _, s := range sure {
				if s.holds(at) {
					return true, nil
				}
			}
		}
		return probe(p)
	}}}, nil
}

// span is where every document that is not wide is in a range: strictly between two dates.
type span struct{ after, before int64 }

func (s span) holds(at int64) bool {
	return (at > s.after || s.after == math.MinInt64) && at < s.before
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
