package mongo

import (
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
)

// dateSpans are where documents are that fulfil the conditions on the main date: those with one interval of a day at
// most, and those with a wider one where that is more. Documents with several are anywhere.
type dateSpans struct{ narrow, wide []orders }

// dates are the spans of the members that are conditions on the main date; ok is false if there are none.
func (q *query) dates(members []plan.Node) (d dateSpans, ok bool) {
	if !q.sch.dated() {
		return d, false
	}
	for _, m := range members {
		ranges := q.mainRanges(m)
		if ranges == nil {
			continue
		}
		x := spans(ranges)
		if ok {
			x.narrow, x.wide = cross(d.narrow, x.narrow), cross(append(d.wide, d.narrow...), append(x.wide, x.narrow...))
			x.wide = without(x.wide, x.narrow)
		}
		d, ok = x, true
	}
	return d, ok && len(d.narrow)+len(d.wide) < maxPaths
}

// mainRanges are the ranges of the main date whose union a node is; nil if it is none.
func (q *query) mainRanges(n plan.Node) []plan.Range {
	list := unionOf(n)
	if list == nil || list[0].Num != q.sch.main.Num {
		return nil
	}
	return list
}

// spans are those of a union of ranges. Of a wide interval only its Low, and that it is not above High, is known.
func spans(ranges []plan.Range) dateSpans {
	var d dateSpans
	for _, r := range ranges {
		low := orders{begin(fhir.MinTime), allOrders.to}
		if at, ok := keyTime(r.Low.Min); ok {
			low.from = begin(at)
		}
		if at, ok := keyTime(r.Low.Max); ok {
			low.to = end(at)
		}
		if at, ok := keyTime(r.High.Max); ok {
			low = low.and(orders{order{}, end(at)})
		}
		narrow := low
		if at, ok := keyTime(r.High.Min); ok && at != fhir.MinTime {
			narrow.from = laterOf(narrow.from, begin(before(at)))
		}
		d.narrow, d.wide = append(d.narrow, narrow), append(d.wide, low)
	}
	d.narrow = union(d.narrow)
	d.wide = without(union(d.wide), d.narrow)
	return d
}

// before is the earliest that an interval of a day at most begins that ends at a time.
func before(at int64) int64 {
	if at < fhir.MinTime+2*day {
		return fhir.MinTime
	}
	return at - day
}
