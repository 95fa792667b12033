package fhirpath

import (
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// tri is FHIRPath's logic of three values.
type tri int8

const (
	unknown tri = iota // the empty collection
	no
	yes
)

func truthOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

func (t tri) not() tri {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func (t tri) append(dst []Item) []Item {
	if t == unknown {
		return dst
	}
	return append(dst, boolean(t == yes))
}

// truth is the singleton evaluation of a collection as a boolean (FHIRPath "Singleton Evaluation of Collections"): one
// item that is no boolean is true.
func truth(in []Item) tri {
	if len(in) != 1 {
		return unknown
	}
	if in[0].kind() == Boolean {
		text, ok := in[0].Value()
		if !ok {
			return unknown
		}
		return truthOf(text == "true")
	}
	return yes
}

// equal is the operator = on items.
func equal(a, b Item) tri {
	ka, kb := a.kind(), b.kind()
	if ka == "" || kb == "" {
		if ka != kb || a.Node == nil || b.Node == nil {
			return no
		}
		return truthOf(deep(a.Node, b.Node))
	}
	if ka == Quantity || kb == Quantity {
		qa, oka := quantity(a)
		qb, okb := quantity(b)
		if !oka || !okb {
			return truthOf(!oka && !okb && a.Node != nil && b.Node != nil && deep(a.Node, b.Node))
		}
		c, known := qa.compare(qb)
		if !known {
			return unknown
		}
		return truthOf(c == 0)
	}
	ta, oka := a.Value()
	tb, okb := b.Value()
	if !oka || !okb {
		return no
	}
	switch {
	case numeric(ka) && numeric(kb):
		da, erra := fhir.ParseDecimal(ta)
		db, errb := fhir.ParseDecimal(tb)
		return truthOf(erra == nil && errb == nil && da.Cmp(db) == 0)
	case temporal(ka) && temporal(kb):
		if (ka == Time) != (kb == Time) {
			return no
		}
		c, known := compareTimes(ta, tb)
		if !known {
			return unknown
		}
		return truthOf(c == 0)
	case ka == kb:
		return truthOf(ta == tb)
	case temporal(ka) && kb == String, temporal(kb) && ka == String: // literals in quotes are common in invariants
		return truthOf(ta == tb)
	}
	return no
}

func numeric(kind string) bool  { return kind == Integer || kind == Decimal }
func temporal(kind string) bool { return kind == Date || kind == DateTime || kind == Time }

// deep compares two values of the tree, members in any order.
func deep(a, b *fhir.Node) bool {
	if a.JSON != b.JSON {
		return false
	}
	switch a.JSON {
	case fhir.Object:
		n := 0
		for c := a.First; c != nil; c = c.Next {
			o := b.Get(c.Name)
			if o == nil || !deep(c, o) {
				return false
			}
			n++
		}
		for c := b.First; c != nil; c = c.Next {
			n--
		}
		return n == 0
	case fhir.Array:
		x, y := a.First, b.First
		for ; x != nil && y != nil; x, y = x.Next, y.Next {
			if !deep(x, y) {
				return false
			}
		}
		return x == nil && y == nil
	case fhir.Number:
		da, erra := fhir.ParseDecimal(a.Text)
		db, errb := fhir.ParseDecimal(b.Text)
		return erra == nil && errb == nil && da.Cmp(db) == 0
	}
	return a.Text == b.Text
}

// equalAll is = on collections: items in order.
func equalAll(a, b []Item) tri {
	if len(a) == 0 || len(b) == 0 {
		return unknown
	}
	if len(a) != len(b) {
		return no
	}
	out := yes
	for i := range a {
		switch equal(a[i], b[i]) {
		case no:
			return no
		case unknown:
			out = unknown
		}
	}
	return out
}

// equivalent is ~ on items: strings without case and with white space normalised, numbers at the lesser precision.
func equivalent(a, b Item) bool {
	ka, kb := a.kind(), b.kind()
	ta, oka := a.Value()
	tb, okb := b.Value()
	switch {
	case ka == String && kb == String && oka && okb:
		return strings.EqualFold(strings.Join(strings.Fields(ta), " "), strings.Join(strings.Fields(tb), " "))
	case numeric(ka) && numeric(kb) && oka && okb:
		x, y := rational(ta), rational(tb)
		if x == nil || y == nil {
			return false
		}
		places := min(decimals(ta), decimals(tb))
		return x.FloatString(places) == y.FloatString(places)
	case temporal(ka) && temporal(kb) && oka && okb:
		c, known := compareTimes(ta, tb)
		return known && c == 0
	}
	return equal(a, b) == yes
}

func equivalentAll(a, b []Item) tri {
	if len(a) != len(b) {
		return no
	}
	used := make([]bool, len(b))
next:
	for _, x := range a {
		for i, y := range b {
			if !used[i] && equivalent(x, y) {
				used[i] = true
				continue next
			}
		}
		return no
	}
	return yes
}

// compare is < 0, 0 or > 0; known is false where the operands' precision or units do not tell.
func compare(a, b Item) (c int, known bool, err error) {
	ka, kb := a.kind(), b.kind()
	ta, oka := a.Value()
	tb, okb := b.Value()
	switch {
	case ka == Quantity && kb == Quantity:
		qa, oka := quantity(a)
		qb, okb := quantity(b)
		if !oka || !okb {
			return 0, false, nil
		}
		c, known = qa.compare(qb)
		return c, known, nil
	case !oka || !okb:
	case numeric(ka) && numeric(kb):
		da, erra := fhir.ParseDecimal(ta)
		db, errb := fhir.ParseDecimal(tb)
		if erra != nil || errb != nil {
			return 0, false, nil
		}
		return da.Cmp(db), true, nil
	case temporal(ka) && temporal(kb) && (ka == Time) == (kb == Time):
		c, known = compareTimes(ta, tb)
		return c, known, nil
	case ka == String && kb == String:
		return strings.Compare(ta, tb), true, nil
	}
	return 0, false, fault("values of these types have no order")
}

// amount is a quantity.
type amount struct {
	number fhir.Decimal
	unit   string
}

func quantity(it Item) (amount, bool) {
	if it.Type == Quantity || numeric(it.Type) {
		d, err := fhir.ParseDecimal(it.Text)
		unit := it.Unit
		if unit == "" {
			unit = "1"
		}
		return amount{d, calendarUnit(unit)}, err == nil
	}
	v := it.Node.Get("value")
	if v == nil {
		if text, ok := it.Value(); ok && numeric(it.kind()) {
			d, err := fhir.ParseDecimal(text)
			return amount{d, "1"}, err == nil
		}
		return amount{}, false
	}
	d, err := fhir.ParseDecimal(v.Text)
	unit := it.Node.Str("code")
	if unit == "" {
		unit = it.Node.Str("unit")
	}
	if unit == "" {
		unit = "1"
	}
	return amount{d, calendarUnit(unit)}, err == nil
}

// calendarUnit is the calendar duration that a definite UCUM duration compares with.
func calendarUnit(unit string) string {
	switch unit {
	case "wk":
		return "week"
	case "d":
		return "day"
	case "h":
		return "hour"
	case "min":
		return "minute"
	case "s":
		return "second"
	case "ms":
		return "millisecond"
	}
	return unit
}

func (a amount) compare(b amount) (int, bool) {
	if a.unit != b.unit {
		return 0, false
	}
	return a.number.Cmp(b.number), true
}
