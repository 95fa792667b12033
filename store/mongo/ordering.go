package mongo

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// ordering is how a page is put in order and what its positions are made of.
type ordering struct {
	kind     byte
	parts    []part // one behind the other
	fields   []string
	index    string // that has the order, for the whole type; "": as the paths have it
	computed bson.D // sort keys, by expressions; nil: none
	flags    bson.D // what follows from them
	after    bson.D // condition on them: behind the position
	position func(doc bson.Raw) []byte
	keys     func(doc bson.Raw) []index.Key // of Window.Sort; nil where there are none
}

// part is a part of an order: a span of the default order, or what another condition holds for.
type part struct {
	within orders
	rest   bson.D
	sort   bson.D
}

// The first byte of a cursor says of which order it is.
const (
	kindDefault = 'o'
	kindName    = 'n'
	kindTime    = 't'
	kindDate    = 'd'
	kindKeys    = 'k'
)

var errCursor = fhir.Errorf(fhir.KindInvalid, "", "the position is of another query")

// ordering is the order that a window asks for. Keys that one field has are walked in an index, if they are the only
// key; all others are computed of each match.
func (q *query) ordering(w plan.Window) (*ordering, error) {
	keys := w.Sort
	if len(keys) == 1 {
		switch p, main := keys[0].P, q.sch.main; {
		case main != nil && p.Num == main.Num && keys[0].Desc:
			return byDefault(w)
		case main != nil && p.Num == main.Num && q.sch.dated():
			return q.byDate(w)
		case p.Num == idNum:
			return byField(w, kindName, "_id")
		case p.Num == lastUpdated:
			return byField(w, kindTime, fieldAt, "_id")
		}
	}
	if len(keys) == 0 {
		return byDefault(w)
	}
	return q.byKeys(w)
}

var lastUpdated = r4.Lookup("", "_lastUpdated").Num

// direction is 1 or -1.
func direction(desc, back bool) int {
	if desc != back {
		return -1
	}
	return 1
}

// byDefault is the main date, descending.
func byDefault(w plan.Window) (*ordering, error) {
	within, err := behindOrder(w, kindDefault, true)
	if err != nil {
		return nil, err
	}
	return &ordering{
		parts:  []part{{within: within, sort: bson.D{{Key: fieldOrder, Value: direction(true, w.Back)}}}},
		fields: []string{fieldOrder},
		position: func(doc bson.Raw) []byte {
			o := orderOf(doc)
			return append([]byte{kindDefault}, o[:]...)
		},
		keys: dateKey,
	}, nil
}

func orderOf(doc bson.Raw) order {
	_, b := doc.Lookup(fieldOrder).Binary()
	o, _ := readOrder(b)
	return o
}

// dateKey is the main date as the order has it.
func dateKey(doc bson.Raw) []index.Key {
	at, ok := orderOf(doc).time()
	if !ok {
		return []index.Key{""}
	}
	return []index.Key{index.DateKey(at)}
}

// behindOrder is the span behind the position of a window.
func behindOrder(w plan.Window, kind byte, desc bool) (orders, error) {
	if w.After == nil {
		return allOrders, nil
	}
	if w.After[0] != kind {
		return orders{}, errCursor
	}
	o, ok := readOrder(w.After[1:])
	if !ok {
		return orders{}, errCursor
	}
	return behindAt(o, w.At, desc != w.Back), nil
}

// behindAt is the span behind an order: above it, or below it if the walk goes down.
func behindAt(o order, at, down bool) orders {
	s := allOrders
	switch {
	case down && at:
		s.to = o
	case down && o == (order{}):
		s = orders{order{1}, order{}}
	case down:
		s.to = o.prior()
	case at:
		s.from = o
	case o == allOrders.to:
		s = orders{order{1}, order{}}
	default:
		s.from = o.next()
	}
	return s
}
