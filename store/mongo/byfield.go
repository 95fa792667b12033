package mongo

import (
	"fmt"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

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
