package embedded

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// anyMicros is a date that FHIR can write, often at a whole second.
var anyMicros = rapid.Custom(func(t *rapid.T) int64 {
	sec := rapid.Int64Range(-62135596800, 253402300799).Draw(t, "second")
	frac := rapid.SampledFrom([]int64{0, 0, 1, 1000, 500_000, 999_999}).Draw(t, "fraction")
	return sec*1e6 + frac
})

var anyText = rapid.Custom(func(t *rapid.T) string {
	s := rapid.StringOfN(rapid.SampledFrom([]rune{0, 1, 2, 'a', 'b', '|', '/', 'é', 0xFFFD, 0x10FFFF}), 0, 6, -1).Draw(t, "text")
	return strings.Repeat("long", rapid.SampledFrom([]int{0, 0, 0, 24, 25, 26, 60}).Draw(t, "times")) + s
})

// Keys of positions order as positions do: newer first, missing last, then by number.
func TestPositionOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (position, int64, bool) {
			doc := rapid.Uint64Range(1, 5).Draw(t, name)
			if rapid.Bool().Draw(t, name+" wide") {
				doc |= wideBit
			}
			if rapid.IntRange(0, 4).Draw(t, name+" missing") == 0 {
				return position{ordMissing, doc}, 0, true
			}
			at := anyMicros.Draw(t, name+" date")
			return position{ordOf(at), doc}, at, false
		}
		a, at, aMissing := draw("a")
		b, bt, bMissing := draw("b")
		want := cmp.Or(cmp.Compare(bt, at), cmp.Compare(a.doc, b.doc))
		switch {
		case aMissing && !bMissing:
			want = 1
		case !aMissing && bMissing:
			want = -1
		case aMissing:
			want = cmp.Compare(a.doc, b.doc)
		}
		if got := bytes.Compare(a.append(nil), b.append(nil)); got != want || a.compare(b) != want {
			t.Fatalf("%v (%d) and %v (%d) compare %d as keys, %d as positions, want %d", a, at, b, bt, got, a.compare(b), want)
		}
		if back, ok := readPosition(a.append(nil)); !ok || back != a {
			t.Fatalf("%v comes back as %v", a, back)
		}
		if !aMissing && dateOf(a.ord) != at {
			t.Fatalf("date %d comes back as %d", at, dateOf(a.ord))
		}
	})
	if p := ordOf(fhir.MinTime); p != ordOpen || p <= ordOf(-62135596800*1e6) || p >= ordMissing {
		t.Errorf("an open start is not the last date: %x", p)
	}
	if a, b := ordOf(math.MaxInt64), ordOf(253402300799*1e6); a > b {
		t.Errorf("the end of time is before the year 9999")
	}
}

// Encoded texts order as texts, none begins with another, and what begins with a text does so encoded.
func TestTextOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyText.Draw(t, "a"), anyText.Draw(t, "b")
		x, y := appendText(nil, a), appendText(nil, b)
		if a == b {
			return
		}
		if bytes.HasPrefix(x, y) || bytes.HasPrefix(y, x) {
			t.Fatalf("%q and %q: one key begins with the other", a, b)
		}
		if n := textLen(append(bytes.Clone(x), y...)); n != len(x) {
			t.Fatalf("%q: length %d, want %d", a, n, len(x))
		}
		if a[:min(len(a), inline)] != b[:min(len(b), inline)] && cmp.Compare(a, b) != bytes.Compare(x, y) {
			t.Fatalf("%q and %q: order %d, as keys %d", a, b, cmp.Compare(a, b), bytes.Compare(x, y))
		}
		if len(a) <= inline && strings.HasPrefix(b, a) != bytes.HasPrefix(y, appendEscaped(nil, a)) {
			t.Fatalf("%q begins with %q: as keys it is otherwise", b, a)
		}
	})
}

func TestID(t *testing.T) {
	long := strings.Repeat("x", 64)
	ids := []string{"a", "A", "1", long, "0f3c9a5e-1b2c-4d5e-8f90-a1b2c3d4e5f6", "0F3C9A5E-1B2C-4D5E-8F90-A1B2C3D4E5F6",
		"0f3c9a5e.1b2c-4d5e-8f90-a1b2c3d4e5f6", "0f3c9a5e-1b2c-4d5e-8f90-a1b2c3d4e5fg", "0f3c9a5e-1b2c-4d5e-8f90-a1b2c3d4e5f"}
	seen := map[string]string{}
	for _, id := range ids {
		b := appendID(nil, id)
		if n := idLen(append(bytes.Clone(b), "rest"...)); n != len(b) || readID(b) != id {
			t.Errorf("%s: length %d of %d, comes back as %s", id, n, len(b), readID(b))
		}
		if other, ok := seen[string(b)]; ok {
			t.Errorf("%s and %s have one key", id, other)
		}
		seen[string(b)] = id
	}
	if n := len(appendID(nil, ids[4])); n != 17 {
		t.Errorf("a UUID takes %d bytes", n)
	}
}

// Histories are newest first, ties by number and version.
func TestChangeOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) change {
			return change{rapid.Int64Range(-2, 2).Draw(t, name+" time"), rapid.Uint64Range(1, 3).Draw(t, name+" doc"),
				rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64()).Draw(t, name+" version")}
		}
		a, b := draw("a"), draw("b")
		x, y := a.append(nil), b.append(nil)
		if a.newer(b) != (bytes.Compare(x, y) < 0) {
			t.Fatalf("%v newer than %v: %v, as keys otherwise", a, b, a.newer(b))
		}
		if back, ok := readChange(x); !ok || back != a {
			t.Fatalf("%v comes back as %v", a, back)
		}
	})
}

// An interval comes back, with all its units, and keys of one class order by the low end.
func TestIntervals(t *testing.T) {
	sch := &newSchemas(r4.Resources())[typeNumbers(r4.Resources()).number("Observation")]
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Custom(func(t *rapid.T) index.Key {
			if rapid.Bool().Draw(t, "date") {
				return index.DateKey(anyMicros.Draw(t, "micros"))
			}
			return index.Key(rapid.SampledFrom([]string{"\x00", "\x80", "\xC0\x80\x01\x33\x00", "\xC0\x80\x01\x33\x01\x00", string(index.KeyMax)}).Draw(t, "key"))
		})
		var ranges []index.Range
		for range rapid.IntRange(1, 6).Draw(t, "n") {
			ranges = append(ranges, index.Range{Num: rapid.Uint16Range(1, 2).Draw(t, "num"), Unit: rapid.SampledFrom([]string{"", "a|b", "|b", strings.Repeat("u", 200)}).Draw(t, "unit"),
				Low: key.Draw(t, "low"), High: key.Draw(t, "high")})
		}
		var back []index.Range
		var keys [][]byte
		for _, v := range sch.intervals(ranges) {
			b := v.append(nil)
			keys = append(keys, b)
			var got interval
			n := got.read(append(bytes.Clone(b), 1, 2, 3))
			if n != len(b) || !bytes.Equal(got.low, v.low) || !bytes.Equal(got.high, v.high) || got.num != v.num || got.class != v.class {
				t.Fatalf("%+v comes back as %+v, length %d of %d", v, got, n, len(b))
			}
			for _, r := range ranges {
				if r.Num == v.num && string(r.Low) == string(v.low) && string(r.High) == string(v.high) && hasUnit(got.units, appendText(nil, r.Unit)) {
					back = append(back, r)
				}
			}
		}
		for _, r := range ranges {
			if !slices.Contains(back, r) {
				t.Fatalf("%+v is lost", r)
			}
		}
		for i, a := range keys {
			for _, b := range keys[:i] {
				if bytes.HasPrefix(a, b) || bytes.HasPrefix(b, a) {
					t.Fatalf("%x and %x: one begins with the other", a, b)
				}
			}
		}
	})
}

// The bounds of a class leave out nothing that a range holds.
func TestClassSpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		date := func(name string) int64 {
			return 1_600_000_000_000_000 + rapid.Int64Range(-900, 900).Draw(t, name)*microsPerDay/2
		}
		bound := func(name string) index.Key {
			if rapid.IntRange(0, 3).Draw(t, name+" none") == 0 {
				return ""
			}
			return index.DateKey(date(name))
		}
		low := date("low")
		high := low + rapid.Int64Range(1, 1000).Draw(t, "width")*microsPerDay/2
		v := interval{low: []byte(index.DateKey(low)), high: []byte(index.DateKey(high))}
		v.class = classOf(true, index.DateKey(low), index.DateKey(high))
		r := plan.Range{Low: plan.Span{Min: bound("low min"), Max: bound("low max"), MinOpen: rapid.Bool().Draw(t, "o1"), MaxOpen: rapid.Bool().Draw(t, "o2")},
			High: plan.Span{Min: bound("high min"), Max: bound("high max"), MinOpen: rapid.Bool().Draw(t, "o3"), MaxOpen: rapid.Bool().Draw(t, "o4")}}
		if s := classSpan(v.class, &r); v.in([]plan.Range{r}) && (s.Min != "" && string(v.low) < string(s.Min) || s.Max != "" && string(v.low) > string(s.Max)) {
			t.Fatalf("%+v holds %x–%x, its low end is outside %+v", r, v.low, v.high, s)
		}
	})
}

// Every term of a resource is found again by its own prefixes, and no key of a document begins with another.
func TestKeysDistinct(t *testing.T) {
	types := typeNumbers(r4.Resources())
	schemas := newSchemas(types)
	e := index.Entries{Order: fhir.MinTime, Compartments: []string{"Patient/p"}, Terms: []index.Term{
		{Num: 5, Form: index.FormCode, Text: "a"}, {Num: 5, Form: index.FormCode, Text: "b"}, {Num: 5, Form: index.FormCode, Text: "b|c"},
		{Num: 5, Form: index.FormSystemCode, Text: "s|a"}, {Num: 5, Form: index.FormSystemCode, Text: "s|b|c"}, {Num: 5, Form: index.FormSystemCode, Text: "s|x|b"},
		{Num: 5, Form: index.FormSystem, Text: "s|"}, {Num: 5, Form: index.FormNoSystem, Text: "|a"}, {Num: 5, Form: index.FormPresent},
		{Num: 9, Form: index.FormReference, Text: "Patient/p"}, {Num: 9, Form: index.FormReference, Text: "Patient/q"}, {Num: 9, Form: index.FormReference, Text: "http://x/Patient/p"},
		{Num: 9, Form: index.FormID, Text: "p"}, {Num: 9, Form: index.FormID, Text: "q"}, {Num: 9, Form: index.FormID, Text: "lonely"},
		{Num: index.NumIn, Form: index.FormIn, Text: "Patient/p"},
	}}
	sch := &schemas[types.number("Observation")]
	for _, shape := range []uint16{0, 3} {
		d := newDocument(sch, 7, &e)
		d.shape = shape
		seen := map[string]bool{}
		d.each(types, func(key, _ []byte) {
			if seen[string(key)] {
				t.Errorf("key %x comes twice", key)
			}
			seen[string(key)] = true
		})
		// In all and by shape; a of s, a without system, b|c of s, s|x|b whole, b alone; the patient, Patient/q, the URL,
		// the lonely id; the compartment. Without a numbered shape its two terms.
		want := 2 + 5 + 4 + 1
		if shape == 0 {
			want += 2
		}
		if len(seen) != want {
			t.Errorf("shape %d: %d keys, want %d", shape, len(seen), want)
		}
	}
}
