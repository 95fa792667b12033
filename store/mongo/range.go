package mongo

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// appendRanges appends the ranges; those of one value that differ in the unit only are one.
func (s *schema) appendRanges(dst []byte, e *index.Entries) []byte {
	list := slices.Clone(e.Ranges)
	slices.SortStableFunc(list, func(a, b index.Range) int {
		return cmp.Or(cmp.Compare(a.Num, b.Num), cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High))
	})
	start, dst := bsoncore.AppendArrayElementStart(dst, fieldRanges)
	for n := 0; len(list) > 0; n++ {
		r, units := list[0], []string(nil)
		for len(list) > 0 && list[0].Num == r.Num && list[0].Low == r.Low && list[0].High == r.High {
			units = append(units, list[0].Unit)
			list = list[1:]
		}
		at, d := bsoncore.AppendDocumentElementStart(dst, strconv.Itoa(n))
		d = bsoncore.AppendStringElement(d, "p", s.name(r.Num)+s.breadth(r))
		d = s.appendKey(d, "lo", r.Num, r.Low)
		d = s.appendKey(d, "hi", r.Num, r.High)
		if s.measured(r.Num) {
			d = appendStrings(d, "u", units)
		}
		dst, _ = bsoncore.AppendDocumentEnd(d, at)
	}
	dst, _ = bsoncore.AppendArrayEnd(dst, start)
	return dst
}

// breadth is broad or nothing.
func (s *schema) breadth(r index.Range) string {
	if !s.ordered(r.Num) {
		if r.Low != r.High {
			return broad
		}
		return ""
	}
	low, _ := keyTime(r.Low)
	high, _ := keyTime(r.High)
	if low == fhir.MinTime || high == fhir.MaxTime || high-low > day {
		return broad
	}
	return ""
}

// measured says whether the ranges of a parameter have units, one of which is none.
func (s *schema) measured(num uint16) bool {
	p := s.params[num]
	return p == nil || p.Type != r4.Date && p.Type != r4.Number
}

// ordered says whether keys of a parameter are stored as times; all others are, in hexadecimal, in the order of bytes.
func (s *schema) ordered(num uint16) bool {
	p := s.params[num]
	return p != nil && p.Type == r4.Date
}

func (s *schema) appendKey(dst []byte, name string, num uint16, k index.Key) []byte {
	if s.ordered(num) {
		at, _ := keyTime(k)
		return bsoncore.AppendInt64Element(dst, name, at)
	}
	return bsoncore.AppendStringElement(dst, name, hex.EncodeToString([]byte(k)))
}

// keyValue is a key as it is stored.
func (s *schema) keyValue(num uint16, k index.Key) (any, error) {
	if !s.ordered(num) {
		return hex.EncodeToString([]byte(k)), nil
	}
	at, ok := keyTime(k)
	if !ok {
		return nil, fmt.Errorf("the key %x of %s is no time", string(k), s.name(num))
	}
	return at, nil
}

// keyTime is the time of a key in microseconds.
func keyTime(k index.Key) (at int64, ok bool) {
	switch {
	case k == index.KeyMin:
		return fhir.MinTime, true
	case k == index.KeyMax:
		return fhir.MaxTime, true
	case len(k) != 8:
		return 0, false
	}
	var u uint64
	for i := range 8 {
		u = u<<8 | uint64(k[i])
	}
	return int64(u ^ 1<<63), true
}

func (s *schema) rangeFilter(r plan.Range) (bson.D, error) {
	m, err := s.rangeMatch(r, s.ranges(r.Num))
	return field(fieldRanges, bson.D{{Key: "$elemMatch", Value: m}}), err
}

// ranges is the condition that an element of fieldRanges is of a parameter.
func (s *schema) ranges(num uint16) bson.D {
	return field("$in", bson.A{s.name(num), s.name(num) + broad})
}

// rangeMatches are the conditions on the elements that are not broad, and on those that are.
func (s *schema) rangeMatches(r plan.Range) (narrow, wide bson.D, err error) {
	if wide, err = s.rangeMatch(r, s.name(r.Num)+broad); err != nil {
		return nil, nil, err
	}
	near, shift := r, int64(0)
	if s.ordered(r.Num) {
		shift = day
	}
	near.Low = both(r.Low, s.moved(r.High, -shift, 0))
	near.High = both(r.High, s.moved(r.Low, 0, shift))
	narrow, err = s.rangeMatch(near, s.name(r.Num))
	return narrow, wide, err
}

// moved is a span of dates with its ends moved; of anything else it is the span.
func (s *schema) moved(span plan.Span, low, high int64) plan.Span {
	if low == 0 && high == 0 {
		return span
	}
	move := func(k index.Key, by int64) index.Key {
		at, ok := keyTime(k)
		if !ok || at == fhir.MinTime || at == fhir.MaxTime || by < 0 && at < fhir.MinTime+2*day || by > 0 && at > fhir.MaxTime-2*day {
			return "" // no bound
		}
		return index.DateKey(at + by)
	}
	return plan.Span{Min: move(span.Min, low), Max: move(span.Max, high)}
}

// both is the intersection of two spans.
func both(a, b plan.Span) plan.Span {
	if b.Min != "" && (b.Min > a.Min || b.Min == a.Min && b.MinOpen) {
		a.Min, a.MinOpen = b.Min, b.MinOpen
	}
	if b.Max != "" && (a.Max == "" || b.Max < a.Max || b.Max == a.Max && b.MaxOpen) {
		a.Max, a.MaxOpen = b.Max, b.MaxOpen
	}
	return a
}

// rangeMatch is the condition on one element of fieldRanges whose name is of a kind.
func (s *schema) rangeMatch(r plan.Range, name any) (bson.D, error) {
	m := field("p", name)
	for _, side := range []struct {
		name string
		span plan.Span
	}{{"lo", r.Low}, {"hi", r.High}} {
		var c bson.D
		for _, b := range []struct {
			key      index.Key
			open     bool
			in, past string
		}{{side.span.Min, side.span.MinOpen, "$gte", "$gt"}, {side.span.Max, side.span.MaxOpen, "$lte", "$lt"}} {
			if b.key == "" {
				continue
			}
			v, err := s.keyValue(r.Num, b.key)
			if err != nil {
				return nil, err
			}
			op := b.in
			if b.open {
				op = b.past
			}
			c = append(c, bson.E{Key: op, Value: v})
		}
		if c != nil {
			m = append(m, bson.E{Key: side.name, Value: c})
		}
	}
	switch {
	case s.measured(r.Num):
		m = append(m, bson.E{Key: "u", Value: r.Unit})
	case r.Unit != "":
		m = append(m, bson.E{Key: "u", Value: r.Unit}) // no such range has one
	}
	return m, nil
}

// unionOf are the ranges of one parameter whose union a node is; nil if it is none.
func unionOf(n plan.Node) (out []plan.Range) {
	list, ok := n.(plan.Or)
	if !ok {
		list = plan.Or{n}
	}
	for _, x := range list {
		r, ok := x.(plan.Range)
		if !ok || len(out) > 0 && r.Num != out[0].Num {
			return nil
		}
		out = append(out, r)
	}
	return out
}
