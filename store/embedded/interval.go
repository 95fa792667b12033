package embedded

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// interval is one index.Range as keys hold it, several of equal ends that differ in their unit only taken
// together:
//
//	parameter, number of units, units, class, low, length shared with low, length of the rest, rest of high
//
// It is whole and distinct for distinct ranges, and orders by low behind the class.
type interval struct {
	num   uint16
	units []byte // encoded: count, texts
	class byte
	low   []byte // keys (index.Key)
	high  []byte
}

// Classes tell how far low may lie before high, so that a bound of high is a bound of low too.
const (
	classPoint = 0 // numbers: low is high
	classDay   = 1 // dates: at most a day
	classYear  = 2 // dates: at most 400 days
	classAny   = 3
)

const (
	microsPerDay = 86_400_000_000
	yearMicros   = 400 * microsPerDay
)

// classWidth is the greatest width of a date's class in microseconds.
func classWidth(class byte) int64 {
	switch class {
	case classDay:
		return microsPerDay
	case classYear:
		return yearMicros
	}
	return math.MaxInt64
}

func classOf(date bool, low, high index.Key) byte {
	if !date {
		if low == high {
			return classPoint
		}
		return classAny
	}
	l, ok1 := keyTime(low)
	h, ok2 := keyTime(high)
	switch width := h - l; {
	case !ok1 || !ok2 || h < l || width < 0:
		return classAny
	case width <= microsPerDay:
		return classDay
	case width <= yearMicros:
		return classYear
	}
	return classAny
}

// intervals are the ranges of a resource, grouped.
func (sch *schema) intervals(ranges []index.Range) []interval {
	if len(ranges) == 0 {
		return nil
	}
	byEnds := func(a, b index.Range) int {
		if a.Num != b.Num {
			return int(a.Num) - int(b.Num)
		}
		if c := strings.Compare(string(a.Low), string(b.Low)); c != 0 {
			return c
		}
		if c := strings.Compare(string(a.High), string(b.High)); c != 0 {
			return c
		}
		return strings.Compare(a.Unit, b.Unit)
	}
	if !slices.IsSortedFunc(ranges, byEnds) {
		ranges = slices.Clone(ranges)
		slices.SortFunc(ranges, byEnds)
	}
	out := make([]interval, 0, len(ranges))
	for i := 0; i < len(ranges); {
		r := ranges[i]
		j := i + 1
		for j < len(ranges) && ranges[j].Num == r.Num && ranges[j].Low == r.Low && ranges[j].High == r.High && j-i < 255 {
			j++
		}
		out = append(out, interval{r.Num, unitsOf(ranges[i:j]), classOf(sch.dates[r.Num], r.Low, r.High), []byte(r.Low), []byte(r.High)})
		i = j
	}
	return out
}

// noUnit are the units of a date or number.
var noUnit = []byte{1, 0x00, 0x01}

func unitsOf(group []index.Range) []byte {
	if len(group) == 1 && group[0].Unit == "" {
		return noUnit
	}
	out := []byte{byte(len(group))}
	for _, r := range group {
		out = appendText(out, r.Unit)
	}
	return out
}

// unitsLen is the length of the units that b begins with, -1 if there are none.
func unitsLen(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	n := 1
	for range b[0] {
		m := textLen(b[n:])
		if m < 0 {
			return -1
		}
		n += m
	}
	return n
}

// hasUnit says whether a unit is among units; unit is encoded (appendText).
func hasUnit(units, unit []byte) bool {
	for n := 1; n < len(units); {
		m := textLen(units[n:])
		if m < 0 {
			return false
		}
		if string(units[n:n+m]) == string(unit) {
			return true
		}
		n += m
	}
	return false
}

func (v *interval) append(dst []byte) []byte { return v.appendEnds(appendNum(dst, v.num)) }

// appendEnds appends all but the number of the parameter.
func (v *interval) appendEnds(dst []byte) []byte {
	dst = append(append(dst, v.units...), v.class)
	dst = append(appendEscaped(dst, v.low), 0x00, 0x01)
	shared := 0
	for shared < len(v.low) && shared < len(v.high) && v.low[shared] == v.high[shared] {
		shared++
	}
	dst = binary.AppendUvarint(dst, uint64(shared))
	dst = binary.AppendUvarint(dst, uint64(len(v.high)-shared))
	return append(dst, v.high[shared:]...)
}

// read decodes the interval that b begins with and gives its length, -1 if there is none. The slices are parts of b,
// or of the ones that v had before.
func (v *interval) read(b []byte) (n int) {
	if len(b) < 3 {
		return -1
	}
	v.num = binary.BigEndian.Uint16(b)
	if n = v.readEnds(b[2:]); n < 0 {
		return -1
	}
	return 2 + n
}

// readEnds reads what appendEnds appends.
func (v *interval) readEnds(b []byte) (n int) {
	m := unitsLen(b)
	if m < 0 || len(b) <= m {
		return -1
	}
	v.units, n = b[:m], m
	v.class = b[n]
	n++
	if m = textLen(b[n:]); m < 0 {
		return -1
	}
	v.low = appendUnescaped(v.low[:0], b[n:n+m-2])
	n += m
	shared, m := binary.Uvarint(b[n:])
	if m <= 0 || shared > uint64(len(v.low)) {
		return -1
	}
	n += m
	rest, m := binary.Uvarint(b[n:])
	if m <= 0 || rest > uint64(len(b)-n-m) {
		return -1
	}
	n += m
	v.high = append(append(v.high[:0], v.low[:shared]...), b[n:n+int(rest)]...)
	return n + int(rest)
}

// appendUnescaped undoes appendEscaped.
func appendUnescaped(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 || i+1 >= len(b) {
			return append(dst, b...)
		}
		dst = append(dst, b[:i+1]...)
		b = b[i+2:]
	}
}

// in says whether the interval is in one of the ranges of a plan.
func (v *interval) in(union []plan.Range) bool {
	for i := range union {
		if within(&union[i].Low, v.low) && within(&union[i].High, v.high) {
			return true
		}
	}
	return false
}

func within(s *plan.Span, k []byte) bool {
	if s.Min != "" && (string(k) < string(s.Min) || s.MinOpen && string(k) == string(s.Min)) {
		return false
	}
	return s.Max == "" || string(k) < string(s.Max) || !s.MaxOpen && string(k) == string(s.Max)
}

// keyTime is the time of a DateKey; false for the open ends, which are the ends of time.
func keyTime[K index.Key | []byte](k K) (micros int64, ok bool) {
	if len(k) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64([]byte(k)) ^ timeSign), true
}

func timeKey(micros int64) index.Key {
	return index.Key(binary.BigEndian.AppendUint64(nil, uint64(micros)^timeSign))
}
