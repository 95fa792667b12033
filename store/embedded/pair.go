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

// beside is those postings of a code that have a pair beside them.
type beside struct {
	*list
	pair *plan.Pair
	unit []byte
	v    interval // the last that was read
}

// paired says whether one of the intervals beside the posting at hand is in the pair.
func (b *beside) paired() bool {
	for val := b.value(); len(val) > 0; {
		n := b.v.read(val)
		if n < 0 {
			b.bad, b.ok = errRecord, false
			return false
		}
		if b.v.num == b.pair.Num && b.v.in(b.pair.Any) && hasUnit(b.v.units, b.unit) {
			return true
		}
		val = val[n:]
	}
	return false
}

func (b *beside) settle(ok bool) bool {
	for ; ok && !b.paired(); ok = b.list.next() {
	}
	return b.list.ok
}

func (b *beside) next() bool { return b.settle(b.list.next()) }

func (b *beside) seek(p position) bool {
	if b.begun && (!b.ok || !b.work.dir.before(b.cur, p)) {
		return b.ok
	}
	return b.settle(b.list.seek(p))
}

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
	limit := q.root(q.src.s.limits.pairs)
	if listed {
		limit = q.src.s.limits.beside
	} else if q.whole {
		limit = q.src.s.limits.alone
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
			whole, err := q.scanPairs(p, prefixes, func(at position) bool {
				found = append(found, at)
				return len(found)-from <= limit
			})
			if err != nil {
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
			parts = append(parts, &beside{list: l, pair: p, unit: appendText(nil, p.Any[0].Unit)})
		}
	}
	if len(found) > 0 || len(parts) == 0 {
		parts = append(parts, newSlice(q.work.dir, found))
	}
	return newUnion(q.work.dir, parts), nil
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
