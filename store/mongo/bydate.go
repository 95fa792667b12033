package mongo

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/search/plan"
)

// byDate is the main date, ascending, then the order; what has no date comes last. Documents with several dates are not
// in the order by their first one: where there are any the keys are computed.
func (q *query) byDate(w plan.Window) (*ordering, error) {
	odd, err := q.odd()
	if err != nil {
		return nil, err
	}
	if odd {
		return q.byKeys(w)
	}
	dated, undated := orders{undated().next(), allOrders.to}, orders{order{}, undated()}
	o := &ordering{fields: []string{fieldOrder}, keys: dateKey, position: func(doc bson.Raw) []byte {
		o := orderOf(doc)
		at, ok := o.time()
		return datePosition(at, ok, o)
	}}
	if w.After != nil {
		at, ok, tie, err := readDatePosition(w.After)
		if err != nil {
			return nil, err
		}
		// The row at the position may have had several dates: then it was ordered by the first one, and its order is
		// behind all that have this date only.
		inclusive := w.At
		if then, has := tie.time(); has != ok || then != at {
			if tie, inclusive = undatedEnd(at, ok), false; w.Back {
				inclusive = true
			}
		}
		s := behindAt(tie, inclusive, w.Back)
		switch {
		case ok && !w.Back:
			dated = dated.and(s)
		case ok:
			dated, undated = dated.and(s), orders{order{1}, order{}}
		case !w.Back:
			dated, undated = orders{order{1}, order{}}, undated.and(s)
		default:
			undated = undated.and(s)
		}
	}
	sort := bson.D{{Key: fieldOrder, Value: direction(false, w.Back)}}
	o.parts = []part{{within: dated, sort: sort}, {within: undated, sort: sort}}
	if w.Back {
		slices.Reverse(o.parts)
	}
	return o, nil
}

// undatedEnd is the last order of a date, or of no date.
func undatedEnd(at int64, ok bool) order {
	if !ok {
		return undated()
	}
	return end(at)
}

// odd says whether the type has documents with several main dates.
func (q *query) odd() (bool, error) {
	ctx := q.src.with(q.ctx)
	p := path{keys: []string{keyOdd}, span: allOrders}
	err := q.src.s.resources.FindOne(ctx, p.filter(q.sch.typ, nil)).Err()
	return found(err)
}

// datePosition is a cursor of byDate: the first date and the order.
func datePosition(at int64, ok bool, o order) []byte {
	b := []byte{kindDate, 0}
	if ok {
		b[1] = 1
	}
	first := begin(at)
	return append(append(b, first[:8]...), o[:]...)
}

func readDatePosition(b []byte) (at int64, ok bool, o order, err error) {
	if len(b) != 2+8+16 || b[0] != kindDate || b[1] > 1 {
		return 0, false, o, errCursor
	}
	var first order
	copy(first[:8], b[2:])
	copy(o[:], b[10:])
	if b[1] == 1 {
		at, ok = first.time()
	}
	return at, ok, o, nil
}
