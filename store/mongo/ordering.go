package mongo

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// byField is the order of stored fields, of which the last one is in one document only.
func byField(w plan.Window, kind byte, fields ...string) (*ordering, error) {
	d := direction(w.Sort[0].Desc, w.Back)
	o := &ordering{fields: fields, index: byTime}
	if kind == kindName {
		o.index = ""
	}
	var sort bson.D
	for _, f := range fields {
		sort = append(sort, bson.E{Key: f, Value: d})
	}
	p := part{within: allOrders, sort: sort}
	if w.After != nil {
		values, err := readValues(w.After, kind, len(fields))
		if err != nil {
			return nil, err
		}
		if len(fields) > 1 { // a bound of the index
			p.rest = field("$and", bson.A{field(fields[0], field(towards(d, true), values[0])), behindValues(sort, values, w.At)})
		} else {
			p.rest = field("$and", bson.A{behindValues(sort, values, w.At)})
		}
	}
	o.parts = []part{p}
	o.position = func(doc bson.Raw) []byte { return writeValues(kind, doc, fields) }
	o.keys = func(doc bson.Raw) []index.Key {
		if kind == kindName {
			_, id, _ := strings.Cut(doc.Lookup("_id").StringValue(), "/")
			return []index.Key{index.Key(id)}
		}
		at := doc.Lookup(fieldAt).Int64()
		return []index.Key{index.DateKey(at - at%1000)} // a body has milliseconds
	}
	return o, nil
}

// towards is the comparison that holds behind a value.
func towards(direction int, at bool) string {
	switch {
	case direction > 0 && at:
		return "$gte"
	case direction > 0:
		return "$gt"
	case at:
		return "$lte"
	}
	return "$lt"
}

// behindValues is the condition that a document is behind a position: the first field that differs decides.
func behindValues(sort bson.D, values []bson.RawValue, at bool) bson.D {
	var or bson.A
	for i := range sort {
		var and bson.D
		for j := range i {
			and = append(and, bson.E{Key: sort[j].Key, Value: field("$eq", values[j])})
		}
		op := towards(sort[i].Value.(int), at && i == len(sort)-1)
		or = append(or, append(and, bson.E{Key: sort[i].Key, Value: field(op, values[i])}))
	}
	return field("$or", or)
}

func writeValues(kind byte, last bson.Raw, fields []string) []byte {
	values := bson.D{}
	for i, f := range fields {
		v, err := last.LookupErr(f)
		if err != nil {
			v = bson.RawValue{Type: bson.TypeNull}
		}
		values = append(values, bson.E{Key: strconv.Itoa(i), Value: v})
	}
	b, err := bson.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("write a position: %v", err)) // values that came from a document
	}
	return append([]byte{kind}, b...)
}

func readValues(b []byte, kind byte, n int) ([]bson.RawValue, error) {
	if len(b) < 2 || b[0] != kind || bson.Raw(b[1:]).Validate() != nil {
		return nil, errCursor
	}
	values, err := bson.Raw(b[1:]).Values()
	if err != nil || len(values) != n {
		return nil, errCursor
	}
	for _, v := range values {
		switch v.Type {
		case bson.TypeString, bson.TypeInt32, bson.TypeInt64, bson.TypeBinary, bson.TypeNull:
		default:
			return nil, errCursor
		}
	}
	return values, nil
}

// byKeys computes the keys of each match from its terms and ranges. Where a value is missing the flag before it is 1,
// so that it comes last either way.
func (q *query) byKeys(w plan.Window) (*ordering, error) {
	o := &ordering{computed: bson.D{}}
	tie := direction(true, w.Back)
	byDate := len(w.Sort) == 1 && q.sch.dated() && w.Sort[0].P.Num == q.sch.main.Num
	if byDate {
		tie = direction(false, w.Back)
	}
	var sort bson.D
	for i, k := range w.Sort {
		key, flag := "s"+strconv.Itoa(i), "none"+strconv.Itoa(i)
		o.computed = append(o.computed, bson.E{Key: key, Value: q.sch.sortKey(k)})
		o.flags = append(o.flags, bson.E{Key: flag, Value: field("$cond", bson.A{field("$gt", bson.A{"$" + key, nil}), 0, 1})})
		sort = append(sort, bson.E{Key: flag, Value: direction(false, w.Back)}, bson.E{Key: key, Value: direction(k.Desc, w.Back)})
	}
	o.computed = append(o.computed, bson.E{Key: fieldOrder, Value: 1})
	sort = append(sort, bson.E{Key: fieldOrder, Value: tie})
	var fields []string
	for _, e := range sort {
		fields = append(fields, e.Key)
	}
	o.parts = []part{{within: allOrders, sort: sort}}
	o.position = func(doc bson.Raw) []byte { return writeValues(kindKeys, doc, fields) }
	if byDate {
		o.position = func(doc bson.Raw) []byte {
			at, ok := doc.Lookup("s0").AsInt64OK()
			return datePosition(at, ok, orderOf(doc))
		}
	}
	o.keys = func(doc bson.Raw) []index.Key {
		out := make([]index.Key, len(w.Sort))
		for i, k := range w.Sort {
			out[i] = q.sch.readKey(k.P, doc.Lookup("s"+strconv.Itoa(i)))
		}
		return out
	}
	if w.After == nil {
		return o, nil
	}
	var values []bson.RawValue
	if byDate {
		at, ok, tie, err := readDatePosition(w.After)
		if err != nil {
			return nil, err
		}
		doc := bson.D{{Key: "a", Value: int32(1)}, {Key: "b", Value: nil}, {Key: "c", Value: tie.value()}}
		if ok {
			doc[0].Value, doc[1].Value = int32(0), at
		}
		b, err := bson.Marshal(doc)
		if err != nil {
			return nil, err
		}
		if values, err = bson.Raw(b).Values(); err != nil {
			return nil, err
		}
	} else {
		var err error
		if values, err = readValues(w.After, kindKeys, len(fields)); err != nil {
			return nil, err
		}
	}
	o.after = behindComputed(sort, values, w.At)
	return o, nil
}

// behindComputed is behindValues for computed keys: where the flag says that a value is missing there is nothing to
// compare.
func behindComputed(sort bson.D, values []bson.RawValue, at bool) bson.D {
	var s bson.D
	var v []bson.RawValue
	for i := range sort {
		if values[i].Type == bson.TypeNull {
			continue
		}
		s, v = append(s, sort[i]), append(v, values[i])
	}
	return behindValues(s, v, at)
}

// sortKey is the expression of a sort key: of the values the one that comes first. It is null if there is none.
func (s *schema) sortKey(k plan.SortKey) bson.D {
	op := "$min"
	if k.Desc {
		op = "$max"
	}
	switch k.P.Type {
	case r4.Date, r4.Number, r4.Quantity:
		return field(op, field("$map", bson.D{
			{Key: "input", Value: field("$filter", bson.D{
				{Key: "input", Value: "$" + fieldRanges}, {Key: "as", Value: "r"},
				{Key: "cond", Value: field("$in", bson.A{"$$r.p", field("$literal", bson.A{s.name(k.P.Num), s.name(k.P.Num) + broad})})},
			})},
			{Key: "as", Value: "r"}, {Key: "in", Value: "$$r.lo"},
		}))
	case r4.Composite, r4.Special:
		return field("$literal", nil)
	}
	return field(op, words(s.head(k.P.Num, plainForms[k.P.Type])))
}

// readKey is the key that a sort key is of.
func (s *schema) readKey(p *r4.SearchParameter, v bson.RawValue) index.Key {
	if at, ok := v.AsInt64OK(); ok {
		return index.DateKey(at)
	}
	text, ok := v.StringValueOK()
	switch {
	case !ok:
		return ""
	case p.Type == r4.Number || p.Type == r4.Quantity:
		b, _ := hex.DecodeString(text)
		return index.Key(b)
	}
	return index.Key(strings.TrimPrefix(text, s.head(p.Num, plainForms[p.Type])))
}
