package fhir

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDateTime(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		in        string
		loc       *time.Location
		low, high string // RFC 3339
	}{
		{"2020", nil, "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"},
		{"0001", nil, "0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z"},
		{"9999-12-31", nil, "9999-12-31T00:00:00Z", "+1"},
		{"2020-02", nil, "2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"},
		{"2019-12", nil, "2019-12-01T00:00:00Z", "2020-01-01T00:00:00Z"},
		{"2020-02-29", nil, "2020-02-29T00:00:00Z", "2020-03-01T00:00:00Z"},
		{"2000-02-29", nil, "2000-02-29T00:00:00Z", "2000-03-01T00:00:00Z"},
		{"1969-12-31", nil, "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"2020-06", berlin, "2020-06-01T00:00:00+02:00", "2020-07-01T00:00:00+02:00"},
		{"2020-03-29", berlin, "2020-03-29T00:00:00+01:00", "2020-03-30T00:00:00+02:00"},
		{"2020-06-01T10:30", nil, "2020-06-01T10:30:00Z", "2020-06-01T10:31:00Z"},
		{"2020-06-01T10:30", berlin, "2020-06-01T08:30:00Z", "2020-06-01T08:31:00Z"},
		{"2020-06-01T10:30Z", berlin, "2020-06-01T10:30:00Z", "2020-06-01T10:31:00Z"},
		{"2020-06-01T10:30:59", nil, "2020-06-01T10:30:59Z", "2020-06-01T10:31:00Z"},
		{"2020-06-01T23:30:00-05:30", nil, "2020-06-02T05:00:00Z", "2020-06-02T05:00:01Z"},
		{"2020-01-01T00:00:00+14:00", nil, "2019-12-31T10:00:00Z", "2019-12-31T10:00:01Z"},
		{"2016-12-31T23:59:60Z", nil, "2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"},
		{"2020-06-01T10:30:00.5Z", nil, "2020-06-01T10:30:00.5Z", "2020-06-01T10:30:00.6Z"},
		{"2020-06-01T10:30:00.123Z", nil, "2020-06-01T10:30:00.123Z", "2020-06-01T10:30:00.124Z"},
		{"1960-06-01T10:30:00.999Z", nil, "1960-06-01T10:30:00.999Z", "1960-06-01T10:30:01Z"},
		{"2020-06-01T10:30:00.123456Z", nil, "2020-06-01T10:30:00.123456Z", "2020-06-01T10:30:00.123457Z"},
		{"2020-06-01T10:30:00.123456999Z", nil, "2020-06-01T10:30:00.123456Z", "2020-06-01T10:30:00.123457Z"},
	} {
		got, err := ParseDateTime(c.in, c.loc)
		want := Interval{Low: micros(t, c.low)}
		if c.high == "+1" {
			want.High = want.Low + 86400e6
		} else {
			want.High = micros(t, c.high)
		}
		if err != nil || got != want {
			t.Errorf("%s: %v, want %v, %v", c.in, got, want, err)
		}
	}
}

func TestParseDateTimeRefuses(t *testing.T) {
	for _, s := range []string{
		"", "2", "202", "20200", "0000", "2020-", "2020-1", "2020-00", "2020-13", "2020-01-", "2020-01-1", "2020-01-00", "2020-01-32",
		"2020-04-31", "2019-02-29", "1900-02-29", "2020-02-30", "2020/01/01", "2020-01-01T", "2020-01-01T10", "2020-01-01T10:", "2020-01-01T1:00",
		"2020-01-01T24:00", "2020-01-01T10:60", "2020-01-01T10:00:", "2020-01-01T10:00:61", "2020-01-01T10:00:00.", "2020-01-01T10:00:00.Z",
		"2020-01-01T10:00:00z", "2020-01-01t10:00:00Z", "2020-01-01 10:00:00Z", "2020-01-01T10:00:00+1:00", "2020-01-01T10:00:00+0100",
		"2020-01-01T10:00:00+14:01", "2020-01-01T10:00:00+15:00", "2020-01-01T10:00:00+10:60", "2020-01-01T10:00:00ZZ", "2020-01-01Z",
		"2020-01-01T10:00:00 01:00", "-2020", "+2020", "２０２０", "2020-01-01T10:00:00Z ", " 2020",
	} {
		got, err := ParseDateTime(s, nil)
		if KindOf(err) != KindValue {
			t.Errorf("%q: %v, %v", s, got, err)
		}
		if ValidDate(s) || ValidDateTime(s) || ValidInstant(s) {
			t.Errorf("%q is valid", s)
		}
	}
}

func TestValidTimes(t *testing.T) {
	for _, c := range []struct {
		in                            string
		date, dateTime, instant, time bool
	}{
		{"2020", true, true, false, false},
		{"2020-01", true, true, false, false},
		{"2020-02-29", true, true, false, false},
		{"2020-01-01T10:00", false, false, false, false},
		{"2020-01-01T10:00Z", false, false, false, false},
		{"2020-01-01T10:00:00", false, false, false, false},
		{"2020-01-01T10:00:00Z", false, true, true, false},
		{"2020-01-01T10:00:00.123456789+01:00", false, true, true, false},
		{"2016-12-31T23:59:60-14:00", false, true, true, false},
		{"10:00", false, false, false, false},
		{"10:00:00", false, false, false, true},
		{"23:59:60.999", false, false, false, true},
		{"24:00:00", false, false, false, false},
		{"10:00:00Z", false, false, false, false},
		{"", false, false, false, false},
	} {
		if d, dt, i, tm := ValidDate(c.in), ValidDateTime(c.in), ValidInstant(c.in), ValidTime(c.in); d != c.date || dt != c.dateTime || i != c.instant || tm != c.time {
			t.Errorf("%q: date %v, dateTime %v, instant %v, time %v", c.in, d, dt, i, tm)
		}
	}
	if n := testing.AllocsPerRun(10, func() { ValidDateTime("2020-01-01T10:00:00.123+01:00") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestInstant: an instant is RFC 3339 with milliseconds, and reads back as the millisecond it names.
func TestInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-62135596800e6, 253402300799e6).Draw(t, "micros"))
		got := Instant(at)
		if want := at.UTC().Format("2006-01-02T15:04:05.000Z"); got != want || !ValidInstant(got) {
			t.Fatalf("%s, want %s", got, want)
		}
		low := at.Truncate(time.Millisecond).UnixMicro()
		if i, err := ParseDateTime(got, nil); err != nil || i != (Interval{low, low + 1000}) {
			t.Fatalf("%s: %v, %v", got, i, err)
		}
	})
	buf := make([]byte, 0, 32)
	now := time.Now()
	if n := testing.AllocsPerRun(10, func() { AppendInstant(buf, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPrecision: what is written with less precision contains what is written with more.
func TestPrecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := time.UnixMicro(rapid.Int64Range(-62135596800e6, 253402300799e6).Draw(t, "micros")).UTC().Format("2006-01-02T15:04:05.000000")
		last := Interval{MinTime, MaxTime}
		for _, n := range []int{4, 7, 10, 16, 19, 21, 23, 26} {
			i, err := ParseDateTime(text[:n], nil)
			if err != nil || !last.Contains(i) || i.Contains(last) || !last.Overlaps(i) || i.Low >= i.High {
				t.Fatalf("%s: %v in %v, %v", text[:n], i, last, err)
			}
			last = i
		}
	})
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		a, b               Interval
		contains, overlaps bool
	}{
		{Interval{0, 10}, Interval{0, 10}, true, true},
		{Interval{0, 10}, Interval{2, 3}, true, true},
		{Interval{0, 10}, Interval{9, 11}, false, true},
		{Interval{0, 10}, Interval{10, 11}, false, false},
		{Interval{0, 10}, Interval{-5, 0}, false, false},
		{Interval{MinTime, MaxTime}, Interval{5, MaxTime}, true, true},
		{Interval{5, MaxTime}, Interval{MinTime, 5}, false, false},
	} {
		if c.a.Contains(c.b) != c.contains || c.a.Overlaps(c.b) != c.overlaps || c.b.Overlaps(c.a) != c.overlaps {
			t.Errorf("%v and %v", c.a, c.b)
		}
	}
}

func micros(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMicro()
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no time zones here: %v", err)
	}
	return loc
}
