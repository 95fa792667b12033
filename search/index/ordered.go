package index

import (
	"strconv"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
	"github.com/firewarden/firewarden/internal/ucum"
)

// interval is the span of time of a date, dateTime, instant, Period or Timing; ok is false for anything else, and for
// what cannot be read.
func (s *pass) interval(it fhirpath.Item) (t fhir.Interval, ok bool) {
	switch it.Type {
	case "Period":
		return s.period(it.Node)
	case "Timing":
		return s.timing(it.Node)
	case "date", "dateTime", "instant", fhirpath.Date, fhirpath.DateTime:
		if text, is := it.Value(); is {
			return s.time(text)
		}
	}
	return t, false
}

func (s *pass) time(text string) (fhir.Interval, bool) {
	if text == "" {
		return fhir.Interval{}, false
	}
	t, err := fhir.ParseDateTime(text, s.x.Zone)
	return t, err == nil
}

// period is from the start of the first to the end of the last date; an end that is not given is open.
func (s *pass) period(n *fhir.Node) (t fhir.Interval, ok bool) {
	t = fhir.Interval{Low: fhir.MinTime, High: fhir.MaxTime}
	start, end := n.Str("start"), n.Str("end")
	if start == "" && end == "" {
		return t, false
	}
	if start != "" {
		x, ok := s.time(start)
		if !ok {
			return t, false
		}
		t.Low = x.Low
	}
	if end != "" {
		x, ok := s.time(end)
		if !ok {
			return t, false
		}
		t.High = x.High
	}
	return t, t.Low < t.High // a period that ends before it starts (R4 per-1) is at no time
}

// timing is the outer limits of the events and of the bounds (R4 search.html#date).
func (s *pass) timing(n *fhir.Node) (t fhir.Interval, ok bool) {
	add := func(x fhir.Interval) {
		if !ok {
			t, ok = x, true
			return
		}
		t.Low, t.High = min(t.Low, x.Low), max(t.High, x.High)
	}
	n.Get("event").Each(func(e *fhir.Node) {
		if x, ok := s.time(e.Text); ok {
			add(x)
		}
	})
	if x, ok := s.period(n.Get("repeat").Get("boundsPeriod")); ok {
		add(x)
	}
	return t, ok
}

// number emits what a number or quantity parameter takes from an item.
func (s *pass) number(l *leaf, it fhirpath.Item) {
	v := Value{Type: l.p.Type}
	ok := false
	switch it.Type {
	case "decimal", "integer", "positiveInt", "unsignedInt", fhirpath.Integer, fhirpath.Decimal:
		if text, is := it.Value(); is {
			v.Low, ok = decimal(text)
			v.High = v.Low
		}
	case "Range":
		ok = v.between(it.Node.Get("low"), it.Node.Get("high"))
	case "Money":
		if v.Low, ok = value(it.Node); ok {
			v.High = v.Low
			if v.Code = it.Node.Str("currency"); v.Code != "" {
				v.System = "urn:iso:std:iso:4217"
			}
		}
	case "Quantity", "Age", "Duration", "Distance", "Count", "SimpleQuantity", "MoneyQuantity":
		if v.Low, ok = value(it.Node); ok {
			v.High = v.Low
			v.unit(it.Node)
			switch it.Node.Str("comparator") {
			case "<", "<=":
				v.Low, v.LowOpen = fhir.Decimal{}, true
			case ">", ">=":
				v.High, v.HighOpen = fhir.Decimal{}, true
			}
		}
	}
	if ok {
		s.emit(l, &v)
	}
}

// EarthRadius is the mean radius in metres of the earth of WGS84.
const EarthRadius = 6_371_008.8

// position emits the place of a Location, if it is one on earth.
func (s *pass) position(l *leaf, it fhirpath.Item) {
	v := Value{Type: r4.Special}
	var ok1, ok2 bool
	v.Low, ok1 = member(it.Node, "latitude")
	v.High, ok2 = member(it.Node, "longitude")
	if ok1 && ok2 && within(v.Low, 90) && within(v.High, 180) {
		s.emit(l, &v)
	}
}

// within says whether d is from -limit to limit.
func within(d fhir.Decimal, limit int) bool {
	l, _ := decimal(strconv.Itoa(limit))
	m, _ := decimal(strconv.Itoa(-limit))
	return d.Cmp(l) <= 0 && d.Cmp(m) >= 0
}

// between makes v the span between two quantities, either of which may be absent.
func (v *Value) between(low, high *fhir.Node) bool {
	var okLow, okHigh bool
	if v.Low, okLow = value(low); okLow {
		v.unit(low)
	}
	if v.High, okHigh = value(high); okHigh && !okLow {
		v.unit(high)
	}
	v.LowOpen, v.HighOpen = !okLow, !okHigh
	return (okLow || okHigh) && (!okLow || !okHigh || v.Low.Cmp(v.High) <= 0)
}

func (v *Value) unit(n *fhir.Node) {
	v.System, v.Code, v.Text = n.Str("system"), n.Str("code"), n.Str("unit")
}

// UCUM is the system of UCUM codes.
const UCUM = "http://unitsofmeasure.org"

// Unit is the unit of a quantity, nil if it has none that converts to a canonical unit: its system is UCUM and its code
// has one.
func (v *Value) Unit() *ucum.Unit {
	if v.System != UCUM {
		return nil
	}
	u, _ := ucum.Lookup(v.Code)
	return u
}

// In is v, a quantity of unit u, in u's canonical unit.
func (v Value) In(u *ucum.Unit) Value {
	low := v.Low
	v.Low = u.Convert(low)
	if v.LowOpen || v.High.Cmp(low) != 0 {
		v.High = u.Convert(v.High)
	} else {
		v.High = v.Low
	}
	return v
}

// value is the number of a quantity.
func value(n *fhir.Node) (fhir.Decimal, bool) { return member(n, "value") }

func member(n *fhir.Node, name string) (fhir.Decimal, bool) {
	if c := n.Get(name); c != nil && c.JSON == fhir.Number {
		return decimal(c.Text)
	}
	return fhir.Decimal{}, false
}

func decimal(text string) (fhir.Decimal, bool) {
	d, err := fhir.ParseDecimal(text)
	return d, err == nil
}

// DateKey is the key of a moment in microseconds since 1970: eight bytes, big-endian with the sign flipped. The ends
// of time are KeyMin and KeyMax.
func DateKey(micro int64) Key {
	switch micro {
	case fhir.MinTime:
		return KeyMin
	case fhir.MaxTime:
		return KeyMax
	}
	var b [8]byte
	appendDate(b[:0], micro)
	return Key(b[:])
}

func appendDate(dst []byte, micro int64) []byte {
	u := uint64(micro) ^ 1<<63
	return append(dst, byte(u>>56), byte(u>>48), byte(u>>40), byte(u>>32), byte(u>>24), byte(u>>16), byte(u>>8), byte(u))
}

// RangesOf are the ranges of one value of a parameter: one for a date or number, up to four for a quantity.
func RangesOf(p *r4.SearchParameter, v *Value) []Range {
	var b builder
	b.ranges(p.Num, v)
	return b.out.Ranges
}
