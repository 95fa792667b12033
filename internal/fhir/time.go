package fhir

import (
	"math"
	"time"
)

// Interval is a half-open span of time [Low, High) in microseconds since 1970-01-01T00:00:00Z. A partial date is the
// interval it names: 2020 is the whole year, 2020-01-01T10:00:00Z that second. Open ends of a Period are MinTime and
// MaxTime.
type Interval struct{ Low, High int64 }

// The ends of time.
const (
	MinTime = math.MinInt64
	MaxTime = math.MaxInt64
)

// Contains says whether all of o is in i.
func (i Interval) Contains(o Interval) bool { return i.Low <= o.Low && o.High <= i.High }

// Overlaps says whether i and o have a moment in common.
func (i Interval) Overlaps(o Interval) bool { return i.Low < o.High && o.Low < i.High }

// ParseDateTime reads a date, dateTime or instant of any precision: YYYY, YYYY-MM, YYYY-MM-DD, and with a time hh:mm,
// hh:mm:ss or hh:mm:ss.f…, with or without an offset (Z, ±hh:mm). That is what search allows (R4 search.html#date);
// the types of resources are narrower: ValidDate, ValidDateTime, ValidInstant. A value without an offset is meant in
// loc, UTC if nil. The interval is as wide as the last part written; a fraction counts to the microsecond. The error
// is an *Error of KindValue.
func ParseDateTime(s string, loc *time.Location) (Interval, error) {
	m, ok := readMoment(s)
	if !ok {
		return Interval{}, Errorf(KindValue, "", "%q is no date or time", short(s))
	}
	return m.interval(loc), nil
}

// ValidDate says whether s is a FHIR date: YYYY, YYYY-MM or YYYY-MM-DD (R4 datatypes.html#date).
func ValidDate(s string) bool {
	m, ok := readMoment(s)
	return ok && m.precision <= day
}

// ValidDateTime says whether s is a FHIR dateTime: a date, or a date and time with seconds and an offset.
func ValidDateTime(s string) bool {
	m, ok := readMoment(s)
	return ok && (m.precision <= day || m.precision >= second && m.zoned)
}

// ValidInstant says whether s is a FHIR instant: date, time with seconds, and offset.
func ValidInstant(s string) bool {
	m, ok := readMoment(s)
	return ok && m.precision >= second && m.zoned
}

// ValidTime says whether s is a FHIR time: hh:mm:ss with an optional fraction and no offset.
func ValidTime(s string) bool {
	var m moment
	rest, ok := m.readClock(s)
	return ok && rest == "" && m.precision >= second
}

// Instant is t in UTC with milliseconds: 2026-11-22T08:00:00.123Z.
func Instant(t time.Time) string { return string(AppendInstant(nil, t)) }

// AppendInstant appends Instant(t).
func AppendInstant(dst []byte, t time.Time) []byte {
	t = t.UTC()
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	ms := t.Nanosecond() / 1e6
	dst = append(dst, byte('0'+y/1000%10), byte('0'+y/100%10))
	dst = append(append2(dst, y%100), '-')
	dst = append(append2(dst, int(mo)), '-')
	dst = append(append2(dst, d), 'T')
	dst = append(append2(dst, h), ':')
	dst = append(append2(dst, mi), ':')
	dst = append(append2(dst, s), '.', byte('0'+ms/100))
	return append(append2(dst, ms%100), 'Z')
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// moment is a date or time as written.
type moment struct {
	year, month, day     int // month and day are 1 where not written
	hour, minute, second int
	micro                int
	precision            precision
	width                int64 // microseconds, of a second or a fraction of it
	zoned                bool
	offset               int // minutes east of UTC
}

// precision is the last part of a moment that is written.
type precision uint8

const (
	year precision = iota
	month
	day
	minute
	second // or a fraction
)

const microsPerSecond = 1_000_000

func readMoment(s string) (m moment, ok bool) {
	m.month, m.day = 1, 1
	if len(s) < 4 {
		return m, false
	}
	hi, ok1 := two(s)
	lo, ok2 := two(s[2:])
	m.year = hi*100 + lo
	if !ok1 || !ok2 || m.year == 0 {
		return m, false
	}
	if s = s[4:]; s == "" {
		return m, true
	}
	if s[0] != '-' {
		return m, false
	}
	if m.month, ok = two(s[1:]); !ok || m.month < 1 || m.month > 12 {
		return m, false
	}
	m.precision = month
	if s = s[3:]; s == "" {
		return m, true
	}
	if s[0] != '-' {
		return m, false
	}
	if m.day, ok = two(s[1:]); !ok || m.day < 1 || m.day > DaysIn(m.year, m.month) {
		return m, false
	}
	m.precision = day
	if s = s[3:]; s == "" {
		return m, true
	}
	if s[0] != 'T' {
		return m, false
	}
	if s, ok = m.readClock(s[1:]); !ok {
		return m, false
	}
	switch {
	case s == "":
		return m, true
	case s == "Z":
		m.zoned = true
		return m, true
	case len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':':
		return m, false
	}
	h, ok1 := two(s[1:])
	min, ok2 := two(s[4:])
	if !ok1 || !ok2 || min > 59 || h*60+min > 14*60 {
		return m, false
	}
	m.zoned = true
	m.offset = h*60 + min
	if s[0] == '-' {
		m.offset = -m.offset
	}
	return m, true
}

// readClock reads hh:mm[:ss[.f…]] and returns what follows it.
func (m *moment) readClock(s string) (rest string, ok bool) {
	if m.hour, ok = two(s); !ok || m.hour > 23 || len(s) < 5 || s[2] != ':' {
		return "", false
	}
	if m.minute, ok = two(s[3:]); !ok || m.minute > 59 {
		return "", false
	}
	m.precision = minute
	if s = s[5:]; s == "" || s[0] != ':' {
		return s, true
	}
	if m.second, ok = two(s[1:]); !ok || m.second > 60 { // 60: a leap second
		return "", false
	}
	m.precision, m.width = second, microsPerSecond
	if s = s[3:]; s == "" || s[0] != '.' {
		return s, true
	}
	i := 1
	for ; i < len(s) && isDigit(s[i]); i++ {
		if m.width > 1 {
			m.width /= 10
			m.micro += int(s[i]-'0') * int(m.width)
		}
	}
	return s[i:], i > 1
}

// two is the number of the two digits that s starts with.
func two(s string) (int, bool) {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		return 0, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}

// DaysIn is the number of days of a month of 1 to 12.
func DaysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func (m *moment) interval(loc *time.Location) Interval {
	next := *m
	switch m.precision {
	case year:
		next.year++
	case month:
		next.month++
	case day:
		next.day++
	case minute:
		low := m.micros(loc)
		return Interval{low, low + 60*microsPerSecond}
	case second:
		low := m.micros(loc)
		return Interval{low, low + m.width}
	}
	return Interval{m.micros(loc), next.micros(loc)}
}

// micros is the start of m; parts that are out of range carry over.
func (m *moment) micros(loc *time.Location) int64 {
	if m.zoned || loc == nil {
		loc = time.UTC
	}
	t := time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute-m.offset, m.second, 0, loc)
	return t.Unix()*microsPerSecond + int64(m.micro)
}
