package ucum

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/firewarden/firewarden/internal/fhir"
)

func decimal(t interface{ Fatal(...any) }, s string) fhir.Decimal {
	d, err := fhir.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConvert(t *testing.T) {
	for _, c := range []struct{ value, code, want, canonical string }{
		{"5.4", "mg", "0.0000054", "kg"},
		{"0.0054", "g", "0.0000054", "kg"},
		{"70", "kg", "70", "kg"},
		{"154.3", "[lb_av]", "69.989302691", "kg"},
		{"1", "[in_i]", "2.54", "cm"},
		{"5", "[ft_i]", "152.4", "cm"},
		{"120", "mm[Hg]", "120", "mm[Hg]"},
		{"16", "kPa", "120.0102008670737012646074916367891270758", "mm[Hg]"},
		{"1", "g/L", "100", "mg/dL"},
		{"1", "g/dl", "1000", "mg/dL"},
		{"1", "ng/mL", "0.0001", "mg/dL"},
		{"5", "mmol/L", "5", "mmol/L"},
		{"5000", "umol/L", "5", "mmol/L"},
		{"72", "{beats}/min", "72", "/min"},
		{"72", "/min{beats}", "72", "/min"},
		{"1.2", "Hz", "72", "/min"},
		{"0.05", "1", "5", "%"},
		{"1", "{score}", "100", "%"},
		{"1", "10*-2", "1", "%"},
		{"37", "Cel", "37", "Cel"},
		{"98.6", "[degF]", "37", "Cel"},
		{"310.15", "K", "37", "Cel"},
		{"0", "[degF]", "-17.77777777777777777777777777777777777778", "Cel"},
		{"29.6", "[degRe]", "37", "Cel"},
		{"23", "kg/m2", "23", "kg/m2"},
		{"1", "U/L", "1", "U/L"},
		{"1", "kat/m3", "60000", "U/L"},
		{"1", "[iU]/mL", "1000000", "[iU].m-3"},
		{"1", "k[IU]/L", "1000000", "[iU].m-3"},
		{"1", "m/s2", "1", "m.s-2"},
		{"1", "kg.m.s-2", "1000", "g.m.s-2"},
		{"1", "N", "1000", "g.m.s-2"},
		{"1", "J/(kg.K)", "1", "K-1.m2.s-2"},
		{"1", "deg", "0.01745329251994329576923690768488612713443", "rad"},
		{"2", "(((m)))", "200", "cm"},
		{"1", "m/s/s", "1", "m.s-2"},
		{"1", "m/(s.s)", "1", "m.s-2"},
		{"1", "/s.s", "100", "%"}, // left to right
		{"3", "12.m", "3600", "cm"},
		{"1", "daL", "0.01", "m3"},
	} {
		u, err := Parse(c.code)
		if err != nil {
			t.Errorf("%s: %v", c.code, err)
			continue
		}
		want := decimal(t, c.want)
		if got := u.Convert(decimal(t, c.value)); got.Cmp(want) != 0 || u.Canonical() != c.canonical {
			t.Errorf("%s %s: %s %s, want %s %s", c.value, c.code, got, u.Canonical(), c.want, c.canonical)
		}
	}
}

func TestNoCanonicalForm(t *testing.T) {
	for _, c := range []struct {
		code string
		want error
	}{
		{"", errSyntax}, {"nonsense", errSyntax}, {"m g", errSyntax}, {"m..g", errSyntax}, {"m/", errSyntax}, {".m", errSyntax},
		{"(m", errSyntax}, {"m)", errSyntax}, {"m{x", errSyntax}, {"{a{b}}", errSyntax}, {"mmol/Lé", errSyntax}, {"0", errSyntax},
		{"k[in_i]", errSyntax}, {"kk", errSyntax}, {"-1", errSyntax}, {"m(g)", errSyntax}, {"µg", errSyntax},
		{"[pH]", errSpecial}, {"dB", errSpecial}, {"Cel/h", errSpecial}, {"Cel2", errSpecial}, {"mCel", errSpecial}, {"[p'diop]", errSpecial},
		{"10*101", errLarge}, {"m0", errLarge}, {"mol100", errLarge}, {"m-999999999999999999999", errLarge},
		{"10*100.10*100.10*100.10*100.10*100.10*100.10*100.10*100.10*100.10*100.10*100.10*100.10*100.10*100", errLarge},
		{strings.Repeat("(", 40) + "m" + strings.Repeat(")", 40), errSyntax},
		{strings.Repeat("9", 101), errSyntax},
	} {
		if u, err := Parse(c.code); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, %v; want %v", c.code, u, err, c.want)
		}
	}
}

// TestTable resolves every atom, so that the table has no circle and no definition that is not read.
func TestTable(t *testing.T) {
	counts := map[kind]int{}
	for code, a := range atoms {
		_, err := Parse(code)
		if a.kind == kindSpecial != errors.Is(err, errSpecial) || a.kind != kindSpecial && err != nil {
			t.Errorf("%s: %v", code, err)
		}
		if a.kind == kindLinear && linear[code].factor == nil {
			t.Errorf("%s has no scale", code)
		}
		counts[a.kind]++
	}
	want := map[kind]int{kindBase: 7, kindLinear: 3, kindSpecial: 18, kindArbitrary: 41, kindDefined: 242}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("atoms by kind: %v, want %v", counts, want)
	}
}

// TestOrder: conversion keeps the order of values, and two ways to write one quantity give one value.
func TestOrder(t *testing.T) {
	codes := []string{"mg", "g", "[lb_av]", "ug", "kg", "t", "[oz_av]"}
	rapid.Check(t, func(t *rapid.T) {
		u, err := Parse(rapid.SampledFrom(codes).Draw(t, "unit"))
		if err != nil {
			t.Fatal(err)
		}
		a := decimal(t, fmt.Sprintf("%de%d", rapid.Int64().Draw(t, "a"), rapid.IntRange(-20, 20).Draw(t, "scale a")))
		b := decimal(t, fmt.Sprintf("%de%d", rapid.Int64().Draw(t, "b"), rapid.IntRange(-20, 20).Draw(t, "scale b")))
		if got, want := u.Convert(a).Cmp(u.Convert(b)), a.Cmp(b); got != want {
			t.Fatalf("%s and %s compare as %d, converted as %d", a, b, want, got)
		}
		milli, err := Parse("mg")
		if err != nil {
			t.Fatal(err)
		}
		gram, err := Parse("g")
		if err != nil {
			t.Fatal(err)
		}
		thousandth := a.Mul(big.NewRat(1, 1000))
		if x, y := milli.Convert(a), gram.Convert(thousandth); x.Cmp(y) != 0 {
			t.Fatalf("%s mg is %s, %s g is %s", a, x, thousandth, y)
		}
	})
}

func TestLookupIsBounded(t *testing.T) {
	for i := range 3 * maxCached {
		Lookup(fmt.Sprintf("m{%d}", i))
		if n := len(cache.units); n > maxCached {
			t.Fatalf("%d units are kept", n)
		}
	}
	if u, ok := Lookup("mg"); !ok || u.Canonical() != "kg" {
		t.Errorf("mg: %v %v", u, ok)
	}
	if _, ok := Lookup("nonsense"); ok {
		t.Error("nonsense has a canonical form")
	}
	if _, ok := Lookup("nonsense"); ok {
		t.Error("nonsense has a canonical form when asked again")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"mg", "mm[Hg]", "10*3/uL", "{a}", "kg.m2/(s.A)", "Cel", "/m", "1{x}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			return
		}
		if u.Canonical() == "" {
			t.Fatalf("%q has no canonical unit", s)
		}
		c, err := Parse(u.Canonical())
		if errors.Is(err, errLarge) || len(u.Canonical()) > maxCode {
			return // a power that is only written, never read
		}
		if err != nil {
			t.Fatalf("%q: the canonical unit %q: %v", s, u.Canonical(), err)
		}
		if d := decimal(t, "5.4"); c.Canonical() != u.Canonical() || c.Convert(d).Cmp(d) != 0 {
			t.Fatalf("%q: the canonical unit %q is not its own", s, u.Canonical())
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	for _, code := range []string{"mm[Hg]", "g/dL", "[lb_av]", "[degF]"} {
		b.Run(code, func(b *testing.B) {
			d := decimal(b, "5.4")
			b.ReportAllocs()
			for b.Loop() {
				if u, ok := Lookup(code); !ok || u.Convert(d).Sign() == 0 {
					b.Fatal("lost")
				}
			}
		})
	}
}
