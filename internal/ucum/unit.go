package ucum

import (
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Unit is a unit with its way to the canonical unit of its dimension. It does not change.
type Unit struct {
	canonical string
	factor    *big.Rat // nil is 10^shift
	shift     int
	offset    *big.Rat // of the canonical unit; nil is none
}

// Canonical is the code of the unit that Convert leads to: the same for all units that compare.
func (u *Unit) Canonical() string { return u.canonical }

// Convert is the value d of unit u in the canonical unit: exact, or, where the result is no decimal, rounded to 40
// significant digits so that the order of values stays and values that are equal stay equal (fhir.Decimal.Mul).
func (u *Unit) Convert(d fhir.Decimal) fhir.Decimal {
	switch {
	case u.offset != nil:
		x := d.Shift(u.shift).Rat()
		if u.factor != nil {
			x.Mul(x, u.factor)
		}
		return one.Mul(x.Add(x, u.offset))
	case u.factor != nil:
		return d.Mul(u.factor)
	}
	return d.Shift(u.shift)
}

var one, _ = fhir.ParseDecimal("1")

// The reasons why a text has no canonical form.
var (
	errSyntax  = errors.New("it is no UCUM code")
	errSpecial = errors.New("it is a unit on a scale of its own, or inside of a product")
	errLarge   = errors.New("its factor is too large")
)

// Bounds of a code, so that hostile text cannot cost time or memory.
const (
	maxCode = 100
	maxBits = 4096 // of the numbers of a factor
	maxPow  = 100  // an exponent
)

// measure is a unit as a multiple of a product of base units.
type measure struct {
	factor *big.Rat
	offset *big.Rat // of a special unit, which stands alone; else nil
	base   []power  // sorted by name, none zero
}

// power is a base unit or an arbitrary unit with its exponent.
type power struct {
	name string
	exp  int
}

// Parse reads a code: prefixes, products, quotients, exponents, parentheses and annotations.
func Parse(code string) (*Unit, error) {
	m, err := parseCode(code)
	if err != nil {
		return nil, err
	}
	to := canonical[m.dimension()]
	u := &Unit{canonical: to.code, factor: m.factor, offset: m.offset}
	if to.code == "" {
		u.canonical = m.dimension()
	} else {
		if u.offset == nil && to.m.offset != nil {
			u.offset = new(big.Rat)
		}
		if u.offset != nil && to.m.offset != nil {
			u.offset = new(big.Rat).Sub(u.offset, to.m.offset)
		}
		if u.offset != nil {
			u.offset.Quo(u.offset, to.m.factor)
		}
		u.factor = new(big.Rat).Quo(u.factor, to.m.factor)
	}
	if u.offset != nil && u.offset.Sign() == 0 {
		u.offset = nil
	}
	if n, ok := powerOfTen(u.factor); ok {
		u.factor, u.shift = nil, n
	}
	return u, nil
}

// powerOfTen is n where f is 10^n.
func powerOfTen(f *big.Rat) (n int, ok bool) {
	x, one, sign := f.Num(), f.Denom(), 1
	if f.Cmp(unity) < 0 {
		x, one, sign = one, x, -1
	}
	text := x.String()
	zeros := len(text) - 1
	return sign * zeros, one.IsInt64() && one.Int64() == 1 && text[0] == '1' && strings.Count(text, "0") == zeros
}

var unity = big.NewRat(1, 1)

// dimension is the product of base units as a code: "g.m-1.s-2"; "1" where there is none.
func (m *measure) dimension() string {
	if len(m.base) == 0 {
		return "1"
	}
	var b strings.Builder
	for i, p := range m.base {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p.name)
		if p.exp != 1 {
			b.WriteString(strconv.Itoa(p.exp))
		}
	}
	return b.String()
}

// canonicalCodes are the units that values of their dimension usually have.
var canonicalCodes = []string{"kg", "cm", "mm[Hg]", "mg/dL", "mmol/L", "/min", "%", "Cel", "kg/m2", "mL/min", "U/L"}

type canonicalUnit struct {
	code string
	m    measure
}

// canonical is canonicalCodes by dimension.
var canonical = func() map[string]canonicalUnit {
	out := map[string]canonicalUnit{}
	for _, code := range canonicalCodes {
		m, err := parseCode(code)
		if err != nil {
			panic("ucum: " + code + ": " + err.Error())
		}
		out[m.dimension()] = canonicalUnit{code, m}
	}
	return out
}()

// times is m × o^sign.
func (m *measure) times(o measure, sign int) error {
	if m.offset != nil || o.offset != nil {
		return errSpecial
	}
	f := new(big.Rat)
	if sign < 0 {
		f.Quo(m.factor, o.factor)
	} else {
		f.Mul(m.factor, o.factor)
	}
	if large(f) {
		return errLarge
	}
	m.factor = f
	for _, p := range o.base {
		m.add(p.name, sign*p.exp)
	}
	return nil
}

func (m *measure) add(name string, exp int) {
	i, found := slices.BinarySearchFunc(m.base, name, func(p power, name string) int { return strings.Compare(p.name, name) })
	if !found {
		m.base = slices.Insert(slices.Clip(m.base), i, power{name, exp})
		return
	}
	m.base = slices.Clone(m.base)
	if m.base[i].exp += exp; m.base[i].exp == 0 {
		m.base = slices.Delete(m.base, i, i+1)
	}
}

// raise is m^n.
func (m *measure) raise(n int) error {
	switch {
	case n == 1:
		return nil
	case m.offset != nil:
		return errSpecial
	}
	size := max(n, -n)
	if size > maxPow || size*max(m.factor.Num().BitLen(), m.factor.Denom().BitLen()) > maxBits {
		return errLarge
	}
	e := big.NewInt(int64(size))
	num, den := new(big.Int).Exp(m.factor.Num(), e, nil), new(big.Int).Exp(m.factor.Denom(), e, nil)
	if n < 0 {
		num, den = den, num
	}
	m.factor = new(big.Rat).SetFrac(num, den)
	base := make([]power, 0, len(m.base))
	for _, p := range m.base {
		if p.exp *= n; p.exp != 0 {
			base = append(base, p)
		}
	}
	m.base = base
	return nil
}

func large(f *big.Rat) bool { return f.Num().BitLen() > maxBits || f.Denom().BitLen() > maxBits }
