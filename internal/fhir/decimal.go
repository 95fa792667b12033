package fhir

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number that knows the precision it was written with: coefficient × 10^exponent, where
// 5.40 is 540 × 10^-2 and 1e2 is 1 × 10^2. The zero value is 0. Decimals are immutable.
type Decimal struct {
	small int64    // the coefficient, where big is nil
	big   *big.Int // the coefficient, where it does not fit an int64
	exp   int
}

// Bounds of decimals, so that hostile text cannot cost time or memory: digits of the coefficient, and the absolute
// value of the exponent, as written and as adjusted for the fraction. XML Schema asks for 18 digits.
const (
	maxDigits   = 1000
	maxExponent = 5000
)

// ParseDecimal reads a FHIR decimal: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? (R4 datatypes.html#decimal).
// The error is an *Error of KindValue.
func ParseDecimal(s string) (Decimal, error) {
	bad := func(why string) (Decimal, error) {
		return Decimal{}, Errorf(KindValue, "", "%q is no decimal%s", short(s), why)
	}
	rest := strings.TrimPrefix(s, "-")
	whole := digits(rest)
	if whole == 0 || whole > 1 && rest[0] == '0' {
		return bad("")
	}
	text, rest := rest[:whole], rest[whole:]
	fraction := ""
	if strings.HasPrefix(rest, ".") {
		n := digits(rest[1:])
		if n == 0 {
			return bad("")
		}
		fraction, rest = rest[1:1+n], rest[1+n:]
	}
	exp := 0
	if rest != "" {
		if rest[0]|0x20 != 'e' {
			return bad("")
		}
		power := rest[1:]
		if power != "" && (power[0] == '+' || power[0] == '-') {
			power = power[1:]
		}
		if n := digits(power); n == 0 || n < len(power) {
			return bad("")
		}
		var err error
		if exp, err = strconv.Atoi(rest[1:]); err != nil || exp > maxExponent || exp < -maxExponent {
			return bad(": its exponent is out of range")
		}
	}
	exp -= len(fraction)
	if len(text)+len(fraction) > maxDigits {
		return bad(": it has too many digits")
	}
	if len(text)+len(fraction) <= 18 {
		var n int64
		for i := range len(text) {
			n = n*10 + int64(text[i]-'0')
		}
		for i := range len(fraction) {
			n = n*10 + int64(fraction[i]-'0')
		}
		if s[0] == '-' {
			n = -n
		}
		return Decimal{small: n, exp: exp}, nil
	}
	n, _ := new(big.Int).SetString(text+fraction, 10)
	if s[0] == '-' {
		n.Neg(n)
	}
	return newDecimal(n, exp), nil
}

// digits counts the digits that s starts with.
func digits(s string) (n int) {
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// newDecimal is n × 10^exp; it takes ownership of n.
func newDecimal(n *big.Int, exp int) Decimal {
	if n.IsInt64() {
		return Decimal{small: n.Int64(), exp: exp}
	}
	return Decimal{big: n, exp: exp}
}

func (d Decimal) coefficient() *big.Int {
	if d.big != nil {
		return d.big
	}
	return big.NewInt(d.small)
}

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.big != nil:
		return d.big.Sign()
	case d.small < 0:
		return -1
	case d.small > 0:
		return 1
	}
	return 0
}

// Cmp is -1, 0 or 1 as d is less than, equal to or greater than o in value: 1.0 equals 1.
func (d Decimal) Cmp(o Decimal) int {
	if d.big == nil && o.big == nil && d.exp == o.exp {
		switch {
		case d.small < o.small:
			return -1
		case d.small > o.small:
			return 1
		}
		return 0
	}
	var a, b [40]byte
	return bytes.Compare(d.AppendKey(a[:0]), o.AppendKey(b[:0]))
}

// Low and High are the ends of the range that the written precision implies, half a unit of the last digit to each
// side, High excluded: 5.4 is [5.35, 5.45), 100 is [99.5, 100.5). Where a positive exponent leaves the last digit left
// of the units, it is half a tenth of it, so that 1e2 is [95, 105), as R4 search.html#number has it.
func (d Decimal) Low() Decimal { return d.around(-5) }

// High is the excluded upper end, see Low.
func (d Decimal) High() Decimal { return d.around(5) }

func (d Decimal) around(half int64) Decimal {
	scale, exp := int64(10), d.exp-1
	if d.exp > 0 {
		scale, exp = 100, d.exp-2
	}
	const safe = 1 << 56 // a hundred times that and five still fits
	if d.big == nil && d.small < safe && d.small > -safe {
		return Decimal{small: d.small*scale + half, exp: exp}
	}
	n := new(big.Int).Mul(d.coefficient(), big.NewInt(scale))
	return newDecimal(n.Add(n, big.NewInt(half)), exp)
}

// Rat is the exact value.
func (d Decimal) Rat() *big.Rat {
	r := new(big.Rat)
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(d.exp, -d.exp))), nil)
	if d.exp < 0 {
		return r.SetFrac(d.coefficient(), ten)
	}
	return r.SetInt(ten.Mul(ten, d.coefficient()))
}

// Shift is d × 10^n, exactly. The precision of d moves with it; n is small.
func (d Decimal) Shift(n int) Decimal {
	d.exp += n
	return d
}

// mulDigits is the precision of Mul.
const mulDigits = 40

// Mul is d × r rounded to 40 significant digits, half away from zero. Rounding all products alike keeps their order,
// and products that are equal as rationals equal. The precision of d is lost: take Low and High before. The factors
// of units are far inside the exponents that Key can hold.
func (d Decimal) Mul(r *big.Rat) Decimal {
	x := d.Rat()
	x.Mul(x, r)
	if x.Sign() == 0 {
		return Decimal{}
	}
	num, den := new(big.Int).Abs(x.Num()), x.Denom()
	// Scale num/den into (10^40, 10^42), so that its whole part has one or two digits too many.
	exp := digitsOf(num) - digitsOf(den) - mulDigits - 1
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp, -exp))), nil)
	if exp < 0 {
		num.Mul(num, scale)
	} else {
		den = scale.Mul(scale, den)
	}
	q := num.Quo(num, den)
	digit, ten := new(big.Int), big.NewInt(10)
	cut := int64(0) // the digit cut off last; those after it cannot change the rounding
	for digitsOf(q) > mulDigits {
		q.QuoRem(q, ten, digit)
		cut = digit.Int64()
		exp++
	}
	if cut >= 5 {
		q.Add(q, big.NewInt(1))
	}
	if x.Sign() < 0 {
		q.Neg(q)
	}
	for q.Sign() != 0 { // trailing zeros say nothing
		z, m := new(big.Int).QuoRem(q, ten, digit)
		if m.Sign() != 0 {
			break
		}
		q = z
		exp++
	}
	return newDecimal(q, exp)
}

func digitsOf(n *big.Int) int { return len(n.Text(10)) }

// String is the number with the digits it was written with, in plain notation where that needs no zeros of its own
// for a positive exponent: 5.40, 1E2.
func (d Decimal) String() string {
	s := d.coefficient().Text(10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	switch {
	case d.exp == 0:
	case d.exp > 0 || d.exp < -100:
		s += "E" + strconv.Itoa(d.exp)
	default:
		if missing := 1 - d.exp - len(s); missing > 0 {
			s = strings.Repeat("0", missing) + s
		}
		s = s[:len(s)+d.exp] + "." + s[len(s)+d.exp:]
	}
	return sign + s
}

// Key is a byte string whose order under bytes.Compare is the order of the values, equal for equal values whatever
// their precision: 1.0, 1 and 10E-1 have one key. No key is a prefix of another.
func (d Decimal) Key() string {
	var a [40]byte
	return string(d.AppendKey(a[:0]))
}

// AppendKey appends Key. With the value 0.p1p2… × 100^e, where the pairs p of digits have no trailing zeros: a byte
// for the sign, two bytes for e, a byte p+1 for each pair, a zero byte; inverted after the sign if negative.
func (d Decimal) AppendKey(dst []byte) []byte {
	const negative, zero, positive = 0x40, 0x80, 0xC0
	sign := d.Sign()
	if sign == 0 {
		return append(dst, zero)
	}
	var space [24]byte
	var text []byte // digits
	if d.big != nil {
		text = d.big.Append(nil, 10)
	} else {
		text = strconv.AppendInt(space[:0], d.small, 10)
	}
	if sign < 0 {
		text = text[1:]
	}
	point := len(text) + d.exp // value = 0.text × 10^point
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	e := (point + 1) >> 1 // rounds up
	lead := e*2 - point   // 1: a zero goes before the first digit

	if sign < 0 {
		dst = append(dst, negative)
	} else {
		dst = append(dst, positive)
	}
	start := len(dst)
	biased := uint16(e + 1<<15)
	dst = append(dst, byte(biased>>8), byte(biased))
	if lead == 1 {
		dst = append(dst, text[0]-'0'+1)
		text = text[1:]
	}
	for ; len(text) >= 2; text = text[2:] {
		dst = append(dst, (text[0]-'0')*10+text[1]-'0'+1)
	}
	if len(text) == 1 {
		dst = append(dst, (text[0]-'0')*10+1)
	}
	dst = append(dst, 0)
	if sign < 0 {
		for i := start; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}
