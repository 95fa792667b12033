package fhir

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"   ", ""},
		{"smith", "smith"},
		{"Smith", "smith"},
		{"  van  der\tBerg\n", "van der berg"},
		{"a\x00b\x1fc", "abc"},
		{"Müller", "muller"},
		{"Mu\u0308ller", "muller"},
		{"MÜLLER", "muller"},
		{"Groß", "gross"},
		{"GROẞ", "gross"},
		{"Ærø", "aero"},
		{"Œuvre", "oeuvre"},
		{"Łukasz Żółć", "lukasz zolc"},
		{"Đặng Văn", "dang van"},
		{"Þórður", "thordur"},
		{"İstanbul", "istanbul"},
		{"ISTANBUL ılık", "istanbul ilik"},
		{"Σίσυφος", "σισυφοσ"},
		{"ΣΊΣΥΦΟΣ", "σισυφοσ"},
		{"Ёлка Йод", "елка иод"},
		{"ﬁnn", "finn"},
		{"Ｔｏｋｙｏ", "tokyo"},
		{"がく", "か\u3099く"},
		{"ｶﾞ", "カ\u3099"},
		{"हिन्दी", "हिन्दी"},
		{"שָׁלוֹם", "שלום"},
		{"مُحَمَّد", "محمد"},
		{"O’Brien", "o'brien"},
		{"Anne‑Marie", "anne-marie"},
		{"a\u00a0\u2003b", "a b"},
		{"a\u00adb\u200d\ufeffc\u200e", "abc"},
		{"\u00e9 ", "e"},
		{" \u00e9", "e"},
		{"bad \xff byte é", "bad \ufffd byte e"},
		{"日本", "日本"},
		{"😀 É", "😀 e"},
	} {
		if got := Fold(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	for _, s := range []string{"", "smith", "van der berg 12"} {
		if n := testing.AllocsPerRun(10, func() { Fold(s) }); n != 0 {
			t.Errorf("%q: %v allocations", s, n)
		}
	}
}

// TestFoldProperties: folding twice is folding once; case, white space around and accents in either normal form make
// no difference.
func TestFoldProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("aB \t\né̈ßœŁſ½ﬃがｶﾞאָ가ς´\u200d\u0300\u3099\u0345")))).Draw(t, "s")
		f := Fold(s)
		if again := Fold(f); again != f {
			t.Fatalf("%q folds to %q, that to %q", s, f, again)
		}
		if strings.TrimSpace(f) != f || strings.Contains(f, "  ") || strings.ContainsAny(f, "\t\n\u00a0") {
			t.Fatalf("white space in %q", f)
		}
		if got := Fold(" \t" + s + "\n "); got != f {
			t.Fatalf("%q with space around: %q, not %q", s, got, f)
		}
		ascii := rapid.StringMatching(`[ -~]{0,12}`).Draw(t, "ascii")
		if Fold(strings.ToUpper(ascii)) != Fold(ascii) || Fold(ascii+"é") != Fold(ascii+"E") {
			t.Fatalf("case of %q", ascii)
		}
	})
}
