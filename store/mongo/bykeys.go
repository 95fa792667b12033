package mongo

import (
	"encoding/hex"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

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
		of := field("$in", bson.A{"$$r.p", field("$literal", bson.A{s.name(k.P.Num), s.name(k.P.Num) + broad})})
		if s.measured(k.P.Num) { // as written: what a canonical unit makes of a value is another range
			of = field("$and", bson.A{of, field("$in", bson.A{"", "$$r.u"})})
		}
		return field(op, field("$map", bson.D{
			{Key: "input", Value: field("$filter", bson.D{{Key: "input", Value: "$" + fieldRanges}, {Key: "as", Value: "r"}, {Key: "cond", Value: of}})},
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
