package fhirpath

import (
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// stamp is a date or time as its parts: year, month, day, hour, minute, second with its fraction in nanoseconds. n is
// how many were given.
type stamp struct {
	part  [6]int
	n     int
	zoned bool
	zone  int // minutes
}

// parseStamp reads the text of a date, dateTime or time (which starts at the hour).
func parseStamp(s string) (t stamp, ok bool) {
	if i := strings.IndexByte(s, ':'); i == 2 {
		t.n = 3
	} else if len(s) == 2 {
		t.n = 3
	}
	seps := [6]byte{0, '-', '-', 'T', ':', ':'}
	widths := [6]int{4, 2, 2, 2, 2, 2}
	start := t.n
	for ; t.n < 6 && s != ""; t.n++ {
		if t.n > start {
			if s[0] != seps[t.n] {
				break
			}
			if s = s[1:]; s == "" { // 2020-01-01T
				break
			}
		}
		w := widths[t.n]
		if len(s) < w {
			return t, false
		}
		for _, c := range []byte(s[:w]) {
			if !digit(c) {
				return t, false
			}
			t.part[t.n] = t.part[t.n]*10 + int(c-'0')
		}
		s = s[w:]
	}
	if t.n == 6 {
		t.part[5] *= 1e9
		if strings.HasPrefix(s, ".") {
			scale := int(1e8)
			for s = s[1:]; s != "" && digit(s[0]); s = s[1:] {
				t.part[5] += int(s[0]-'0') * scale
				scale /= 10
			}
		}
	}
	switch {
	case s == "":
	case s == "Z":
		t.zoned = true
	case len(s) == 6 && (s[0] == '+' || s[0] == '-') && s[3] == ':':
		t.zoned = true
		for _, i := range []int{1, 2, 4, 5} {
			if !digit(s[i]) {
				return t, false
			}
		}
		t.zone = (int(s[1]-'0')*10+int(s[2]-'0'))*60 + int(s[4]-'0')*10 + int(s[5]-'0')
		if s[0] == '-' {
			t.zone = -t.zone
		}
	default:
		return t, false
	}
	return t, t.n > 0
}

// utc carries the offset into the parts. Dates and times of hour precision keep their parts.
func (t *stamp) utc() {
	if !t.zoned || t.zone == 0 || t.n < 5 {
		return
	}
	t.part[4] -= t.zone
	t.zone = 0
	for t.part[4] < 0 {
		t.part[4] += 60
		t.part[3]--
	}
	for t.part[4] >= 60 {
		t.part[4] -= 60
		t.part[3]++
	}
	for t.part[3] < 0 {
		t.part[3] += 24
		t.part[2]--
	}
	for t.part[3] >= 24 {
		t.part[3] -= 24
		t.part[2]++
	}
	if t.part[2] < 1 {
		if t.part[1]--; t.part[1] < 1 {
			t.part[1] = 12
			t.part[0]--
		}
		t.part[2] += fhir.DaysIn(t.part[0], t.part[1])
	}
	if d := fhir.DaysIn(t.part[0], t.part[1]); t.part[2] > d {
		t.part[2] -= d
		if t.part[1]++; t.part[1] > 12 {
			t.part[1] = 1
			t.part[0]++
		}
	}
}

// compareTimes compares part by part (FHIRPath "Date/Time Comparison"); known is false if one is less precise and
// the parts that both have are equal, or if only one of them has an offset and a time of day.
func compareTimes(a, b string) (c int, known bool) {
	x, okx := parseStamp(a)
	y, oky := parseStamp(b)
	if !okx || !oky {
		return 0, false
	}
	if x.n > 3 && y.n > 3 && x.zoned != y.zoned {
		return 0, false
	}
	x.utc()
	y.utc()
	for i := range min(x.n, y.n) {
		if d := x.part[i] - y.part[i]; d != 0 {
			return d, true
		}
	}
	return 0, x.n == y.n
}
