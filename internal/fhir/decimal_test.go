package fhir

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct{ in, low, high, str string }{
		{"5.4", "5.35", "5.45", "5.4"},
		{"5.40", "5.395", "5.405", "5.40"},
		{"100", "99.5", "100.5", "100"},
		{"100.00", "99.995", "100.005", "100.00"},
		{"1e2", "95", "105", "1E2"},
		{"1.50e2", "149.5", "150.5", "150"},
		{"5.40E-3", "0.005395", "0.005405", "0.00540"},
		{"0", "-0.5", "0.5", "0"},
		{"-0.0", "-0.05", "0.05", "0.0"},
		{"-5.4", "-5.45", "-5.35", "-5.4"},
		{"0.001", "0.0005", "0.0015", "0.001"},
		{"999999999999999999", "999999999999999998.5", "999999999999999999.5", "999999999999999999"},
		{"-12345678901234567890.123", "-12345678901234567890.1235", "-12345678901234567890.1225", "-12345678901234567890.123"},
		{"1e-5000", "0.5e-5000", "1.5e-5000", "1E-5000"},
	} {
		d, err := ParseDecimal(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if d.Rat().Cmp(rat(c.in)) != 0 || d.Low().Rat().Cmp(rat(c.low)) != 0 || d.High().Rat().Cmp(rat(c.high)) != 0 || d.String() != c.str {
			t.Errorf("%s: %s in [%s, %s)", c.in, d, d.Low(), d.High())
		}
	}
}

func TestParseDecimalRefuses(t *testing.T) {
	for _, s := range []string{
		"", "-", "+1", ".5", "1.", "-.5", "01", "-01", "00", "1e", "1e+", "e5", "1e5.0", "1,5", " 1", "1 ", "0x1", "NaN", "Infinity", "--1", "1e1e1", "１",
		"1e5001", "1e-5001", "1e99999999999999999999", strings.Repeat("1", 1001), "0." + strings.Repeat("1", 1000),
	} {
		if d, err := ParseDecimal(s); KindOf(err) != KindValue {
			t.Errorf("%q: %s, %v", s, d, err)
		}
	}
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

// decimals are short and long, near one another and far apart, and the same value in several spellings.
func decimals() *rapid.Generator[string] {
	spelled := rapid.StringMatching(`-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?([eE][+-]?[0-3])?`)
	return rapid.OneOf(
		spelled, spelled,
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?`),
		rapid.StringMatching(`-?[1-9](\.0{0,3}[0-9])?e[+-]?[0-9]{1,2}`),
		rapid.SampledFrom([]string{"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1e5000", "-1e-5000", "999999999999999999", "1000000000000000000"}),
	)
}

// TestDecimalKey: the order of keys is the order of values, and keys are equal exactly where values are.
func TestDecimalKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimals().Draw(t, "a"), decimals().Draw(t, "b")
		if rapid.Bool().Draw(t, "same value") {
			b = a
			if !strings.ContainsAny(b, "eE") {
				b += "e0"
			}
			mantissa, exp, _ := strings.Cut(strings.ToLower(b), "e")
			if !strings.Contains(mantissa, ".") {
				mantissa += "."
			}
			b = mantissa + strings.Repeat("0", rapid.IntRange(1, 40).Draw(t, "zeros")) + "e" + exp
		}
		x, err := ParseDecimal(a)
		if err != nil {
			t.Fatal(err)
		}
		y, err := ParseDecimal(b)
		if err != nil {
			t.Fatal(err)
		}
		want := rat(a).Cmp(rat(b))
		if got := strings.Compare(x.Key(), y.Key()); got != want {
			t.Fatalf("keys of %s and %s: %d, want %d", a, b, got, want)
		}
		if got := x.Cmp(y); got != want {
			t.Fatalf("%s and %s: %d, want %d", a, b, got, want)
		}
		if want != 0 && strings.HasPrefix(x.Key(), y.Key()) {
			t.Fatalf("the key of %s begins with that of %s", a, b)
		}
		if x.Sign() != rat(a).Sign() {
			t.Fatalf("sign of %s is %d", a, x.Sign())
		}
		back, err := ParseDecimal(x.String())
		if err != nil || back.Cmp(x) != 0 || back.Low().Cmp(x.Low()) != 0 {
			t.Fatalf("%s reads back as %s, %v", x, back, err)
		}
		low, high := x.Low(), x.High()
		mid := new(big.Rat).Add(low.Rat(), high.Rat())
		if low.Cmp(x) >= 0 || high.Cmp(x) <= 0 || mid.Quo(mid, rat("2")).Cmp(x.Rat()) != 0 {
			t.Fatalf("%s in [%s, %s)", x, low, high)
		}
	})
}

// TestDecimalMul: products are exact to 40 digits, keep their order, and are equal where the rationals are.
func TestDecimalMul(t *testing.T) {
	factor := rapid.Custom(func(t *rapid.T) *big.Rat {
		return big.NewRat(rapid.Int64Range(1, 1e6).Draw(t, "numerator"), rapid.Int64Range(1, 1e6).Draw(t, "denominator"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimals().Draw(t, "a"), decimals().Draw(t, "b")
		f := factor.Draw(t, "factor")
		x, _ := ParseDecimal(a)
		y, _ := ParseDecimal(b)
		p, q := x.Mul(f), y.Mul(f)
		if want := x.Cmp(y); p.Cmp(q) != want && p.Cmp(q) != 0 {
			t.Fatalf("order of %s and %s times %s: %s and %s", x, y, f, p, q)
		}
		exact := new(big.Rat).Mul(x.Rat(), f)
		diff := new(big.Rat).Sub(p.Rat(), exact)
		bound := new(big.Rat).Mul(exact.Abs(exact), rat("5.0000001e-41")) // half a unit of the 40th digit is at most 5e-40 of the value, at best 5e-41
		if diff.Abs(diff).Cmp(bound.Mul(bound, rat("10"))) > 0 {
			t.Fatalf("%s times %s is %s", x, f, p)
		}
	})
	for _, c := range []struct{ d, by, want string }{
		{"5.40", "1/1000", "0.0054"},
		{"1", "1/3", "0." + strings.Repeat("3", 40)},
		{"-2", "1/3", "-0." + strings.Repeat("6", 39) + "7"},
		{"0.00", "7", "0"},
		{"3", "1/3", "1"},
		{"1", "1/8", "0.125"},
		{strings.Repeat("9", 41), "1", "1E41"},
		{strings.Repeat("9", 40), "1", strings.Repeat("9", 40)},
		{"1" + strings.Repeat("0", 39) + "5", "1", "1" + strings.Repeat("0", 38) + "1E1"},
	} {
		d, err := ParseDecimal(c.d)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Mul(rat(c.by)).String(); got != c.want {
			t.Errorf("%s times %s is %s, want %s", c.d, c.by, got, c.want)
		}
	}
}

func TestShift(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"5.40", -3, "0.0054"}, {"5.4", 3, "5400"}, {"0", 5, "0"}, {"-1e2", -2, "-1"}, {"123456789012345678901234567890", -10, "12345678901234567890.123456789"}} {
		d, err := ParseDecimal(c.in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := ParseDecimal(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Shift(c.n); got.Cmp(want) != 0 || got.Key() != want.Key() {
			t.Errorf("%s shifted by %d: %s, want %s", c.in, c.n, got, want)
		}
	}
}
