package embedded

import (
	"slices"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// Pairs of a code and a quantity are kept twice. Under each code in the order of the quantities (keyPair): where few are
// in a range, they are listed. And the postings of the code have their quantities beside them, as values: where many are
// in a range, some of the first postings are, and nobody has to look elsewhere to know which.

// beside are the intervals that are kept with the posting of a term: those of the elements that have it.
func (d *document) beside(t *index.Term) []interval {
	var ranges []index.Range
	several := false
	for i := range d.coded {
		if p := &d.coded[i]; p.Of == *t {
			if several = ranges != nil; several {
				ranges = slices.Concat(ranges, p.Ranges)
			} else {
				ranges = p.Ranges
			}
		}
	}
	if several {
		slices.SortFunc(ranges, index.CompareRanges)
		ranges = slices.Compact(ranges)
	}
	return d.schema.intervals(ranges)
}

// beside is those postings of a code that have a pair beside them. They are walked, but if the first of them are so few
// that a page is far, they are listed in the order of the quantities instead, if those are few.
type beside struct {
	list *list
	pair *plan.Pair
	unit []byte
	v    interval // the last that was read

	walked, hits int
	sample       int                    // how many are walked before it is asked whether to list
	listed       func() (*slice, error) // lists them, nil if they are too many; nil: they are walked to the end
	known        *slice                 // all of them, once they are listed
}

// paired says whether one of the intervals beside the posting at hand is in the pair.
func (b *beside) paired() bool {
	for val := b.list.value(); len(val) > 0; {
		n := b.v.read(val)
		if n < 0 {
			b.list.bad, b.list.ok = errRecord, false
			return false
		}
		if b.v.num == b.pair.Num && b.v.in(b.pair.Any) && hasUnit(b.v.units, b.unit) {
			return true
		}
		val = val[n:]
	}
	return false
}

// With fewer than farHits in a sample, which is a quarter of what is listed at most, a page of twenty is not nearer than
// the end of the list.
const farHits = 5

func (b *beside) settle(ok bool) bool {
	for ; ok && !b.paired(); ok = b.list.next() {
		if b.walked++; b.listed == nil || b.walked < b.sample {
			continue
		}
		listed := b.listed
		if b.listed = nil; b.hits >= farHits {
			continue
		}
		if b.known, b.list.bad = listed(); b.known != nil {
			return b.known.seek(b.list.at())
		} else if b.list.bad != nil {
			b.list.ok = false
			return false
		}
	}
	b.walked++
	b.hits++
	return b.list.ok
}

func (b *beside) next() bool {
	if b.known != nil {
		return b.known.next()
	}
	return b.settle(b.list.next())
}

func (b *beside) seek(p position) bool {
	if b.known != nil {
		return b.known.seek(p)
	}
	if b.list.begun && (!b.list.ok || !b.list.work.dir.before(b.list.cur, p)) {
		return b.list.ok
	}
	return b.settle(b.list.seek(p))
}

func (b *beside) at() position {
	if b.known != nil {
		return b.known.at()
	}
	return b.list.at()
}

func (b *beside) err() error { return b.list.err() }

func (b *beside) has(p position) bool { return b.list.has(p) && b.paired() }

// pairs is the documents that have one of several pairs; with a patient those of the patient's postings, also where
// the postings are opened by somebody who has not asked for that patient.
type pairs struct {
	any     []plan.Pair
	patient string
}

// pairable says whether pairs answer a plan.Pair: its term is kept as codes are.
func (q *query) pairable(p *plan.Pair) bool {
	switch t := p.Of; t.Form {
	case index.FormCode, index.FormNoSystem:
		return true
	case index.FormSystemCode:
		_, _, ok := splitToken(t.Text)
		return ok && !severalBars(t.Text)
	}
	return false
}

// allPairs says whether pairs answer for each of several plan.Pairs.
func (q *query) allPairs(any []plan.Pair) bool {
	return len(any) > 0 && !slices.ContainsFunc(any, func(p plan.Pair) bool { return !q.pairable(&p) })
}

// pairs is the documents that have one of several pairs; with a patient those of the patient's postings, if all codes
// are kept there.
func (q *query) pairs(any []plan.Pair, patient string) set {
	for i := range any {
		if !q.sch.behind[any[i].Of.Num] {
			patient = ""
		}
	}
	return set{pairs: []pairs{{any, patient}}, within: patient != ""}
}

// paired is the postings of a union of pairs: sorted in memory if they are few, else those of the codes.
func (q *query) paired(u pairs, listed bool) (postings, error) {
	limits := &q.src.s.limits
	limit, later := limits.few, q.root(limits.pairs)
	if listed {
		limit, later = limits.beside, 0
	} else if q.whole {
		limit, later = limits.alone, 0
	}
	var found []position
	var parts []postings
	for i := range u.any {
		p := &u.any[i]
		if len(p.Any) == 0 {
			continue
		}
		prefixes, err := q.prefixes(nil, p.Of, u.patient)
		if err != nil {
			return nil, err
		}
		if u.patient == "" {
			from := len(found)
			whole := false
			if found, whole, err = q.listPairs(found, p, prefixes, limit); err != nil {
				return nil, err
			}
			if whole {
				continue
			}
			found = found[:from]
		}
		for _, prefix := range prefixes {
			l, err := q.list(prefix)
			if err != nil {
				return nil, err
			}
			b := &beside{list: l, pair: p, unit: appendText(nil, p.Any[0].Unit), sample: later / 4}
			if later > 0 && u.patient == "" {
				b.listed = func() (*slice, error) {
					found, whole, err := q.listPairs(nil, p, [][]byte{prefix}, later)
					if !whole {
						return nil, err
					}
					return newSlice(q.work.dir, found), nil
				}
			}
			parts = append(parts, b)
		}
	}
	if len(found) > 0 || len(parts) == 0 {
		parts = append(parts, newSlice(q.work.dir, found))
	}
	return newUnion(q.work.dir, parts), nil
}

// listPairs appends what is in a pair, and one more than the limit at most; whole says that it is all.
func (q *query) listPairs(found []position, p *plan.Pair, prefixes [][]byte, limit int) (_ []position, whole bool, err error) {
	from := len(found)
	whole, err = q.scanPairs(p, prefixes, func(at position) bool {
		found = append(found, at)
		return len(found)-from <= limit
	})
	return found, whole, err
}

// scanPairs is scan among the pairs of a code, whose postings have the prefixes.
func (q *query) scanPairs(p *plan.Pair, prefixes [][]byte, f func(position) bool) (whole bool, err error) {
	for _, prefix := range prefixes {
		start := append(appendNum([]byte{keyPair, q.sch.number}, p.Num), prefix[4:]...)
		for i := range p.Any {
			if whole, err = q.scanRange(start, &p.Any[i], f); !whole || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// bothOf takes from the operands of an intersection a code and a quantity, where pairs are what has both; ok says that
// there were such.
func (q *query) bothOf(nodes []plan.Node) (any []plan.Pair, rest []plan.Node, ok bool) {
	for i, x := range nodes {
		terms := plan.TermsOf(x)
		if len(terms) == 0 || len(terms) > q.src.s.limits.lists {
			continue
		}
		for j, y := range nodes {
			union := rangesOf(plan.Or{y})
			if or, is := y.(plan.Or); is {
				union = rangesOf(or)
			}
			if union == nil {
				continue
			}
			composite := index.Both(q.sch.typ, terms[0].Num, union[0].Num)
			if composite == nil {
				continue
			}
			for _, t := range terms {
				any = append(any, plan.Pair{Num: composite.Num, Of: t, Any: union})
			}
			for k, n := range nodes {
				if k != i && k != j {
					rest = append(rest, n)
				}
			}
			return any, rest, q.allPairs(any)
		}
	}
	return nil, nil, false
}
