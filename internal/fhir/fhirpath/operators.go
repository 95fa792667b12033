package fhirpath

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// operator is a binary operator on collections; boolean says that its result is one.
type operator struct {
	eval    func(r *run, a, b, dst []Item) ([]Item, error)
	boolean bool
}

var operators map[string]operator

// The tables of operators and functions refer to the evaluation, which refers to them: they are set once, here.
func init() {
	logic := func(f func(a, b tri) tri) operator {
		return operator{func(_ *run, a, b, dst []Item) ([]Item, error) {
			if len(a) > 1 || len(b) > 1 {
				return dst, fault("a boolean operator needs single items")
			}
			return f(truth(a), truth(b)).append(dst), nil
		}, true}
	}
	order := func(f func(c int) bool) operator {
		return operator{func(_ *run, a, b, dst []Item) ([]Item, error) {
			if len(a) == 0 || len(b) == 0 {
				return dst, nil
			}
			if len(a) > 1 || len(b) > 1 {
				return dst, fault("a comparison needs single items")
			}
			c, known, err := compare(a[0], b[0])
			if err != nil || !known {
				return dst, err
			}
			return append(dst, boolean(f(c))), nil
		}, true}
	}
	test := func(f func(a, b []Item) tri) operator {
		return operator{func(_ *run, a, b, dst []Item) ([]Item, error) { return f(a, b).append(dst), nil }, true}
	}
	math := func(f func(a, b *big.Rat) *big.Rat, integers bool) operator {
		return operator{func(_ *run, a, b, dst []Item) ([]Item, error) { return arithmetic(a, b, dst, f, integers) }, false}
	}
	in := func(a, b []Item, dst []Item) ([]Item, error) {
		switch {
		case len(a) == 0:
			return dst, nil
		case len(a) > 1:
			return dst, fault("membership needs a single item")
		}
		return append(dst, boolean(contains(b, a[0]))), nil
	}
	add := math(func(a, b *big.Rat) *big.Rat { return a.Add(a, b) }, true)
	operators = map[string]operator{
		"and": logic(func(a, b tri) tri {
			switch {
			case a == no || b == no:
				return no
			case a == yes && b == yes:
				return yes
			}
			return unknown
		}),
		"or": logic(or),
		"xor": logic(func(a, b tri) tri {
			if a == unknown || b == unknown {
				return unknown
			}
			return truthOf(a != b)
		}),
		"implies": logic(func(a, b tri) tri { return or(a.not(), b) }),
		"=":       test(equalAll),
		"!=":      test(func(a, b []Item) tri { return equalAll(a, b).not() }),
		"~":       test(equivalentAll),
		"!~":      test(func(a, b []Item) tri { return equivalentAll(a, b).not() }),
		"<":       order(func(c int) bool { return c < 0 }),
		"<=":      order(func(c int) bool { return c <= 0 }),
		">":       order(func(c int) bool { return c > 0 }),
		">=":      order(func(c int) bool { return c >= 0 }),
		"in":      {func(_ *run, a, b, dst []Item) ([]Item, error) { return in(a, b, dst) }, true},
		"contains": {func(_ *run, a, b, dst []Item) ([]Item, error) {
			return in(b, a, dst)
		}, true},
		"+": {func(r *run, a, b, dst []Item) ([]Item, error) {
			if len(a) == 1 && len(b) == 1 && a[0].kind() == String && b[0].kind() == String {
				x, _ := a[0].Value()
				y, _ := b[0].Value()
				return appendText(dst, x+y)
			}
			return add.eval(r, a, b, dst)
		}, false},
		"-": math(func(a, b *big.Rat) *big.Rat { return a.Sub(a, b) }, true),
		"*": math(func(a, b *big.Rat) *big.Rat { return a.Mul(a, b) }, true),
		"/": math(func(a, b *big.Rat) *big.Rat {
			if b.Sign() == 0 {
				return nil
			}
			return a.Quo(a, b)
		}, false),
		"div": math(func(a, b *big.Rat) *big.Rat {
			if b.Sign() == 0 {
				return nil
			}
			a.Quo(a, b)
			return a.SetInt(new(big.Int).Quo(a.Num(), a.Denom()))
		}, true),
		"mod": math(func(a, b *big.Rat) *big.Rat {
			if b.Sign() == 0 {
				return nil
			}
			q := new(big.Rat).Quo(a, b)
			q.SetInt(new(big.Int).Quo(q.Num(), q.Denom()))
			return a.Sub(a, q.Mul(q, b))
		}, true),
		"&": {func(_ *run, a, b, dst []Item) ([]Item, error) {
			if len(a) > 1 || len(b) > 1 {
				return dst, fault("& needs single items")
			}
			text := ""
			for _, x := range [][]Item{a, b} {
				if len(x) == 1 {
					s, _ := x[0].Value()
					text += s
				}
			}
			return appendText(dst, text)
		}, false},
	}
	setFunctions()
}

func or(a, b tri) tri {
	switch {
	case a == yes || b == yes:
		return yes
	case a == no && b == no:
		return no
	}
	return unknown
}

// maxText bounds a string that is put together, in bytes.
const maxText = 1 << 20

func appendText(dst []Item, text string) ([]Item, error) {
	if len(text) > maxText {
		return dst, errCostly
	}
	return append(dst, Item{Type: String, Text: text}), nil
}

func integer(i int) Item { return Item{Type: Integer, Text: strconv.Itoa(i)} }

// maxLength bounds the text of a number in arithmetic.
const maxLength = 100

func rational(text string) *big.Rat {
	d, err := fhir.ParseDecimal(text)
	if err != nil || len(text) > maxLength || strings.ContainsAny(text, "eE") && len(text) > 40 {
		return nil
	}
	return d.Rat()
}

func decimals(text string) int {
	if i := strings.IndexByte(text, '.'); i >= 0 {
		return len(text) - i - 1
	}
	return 0
}

// number is a computed number: an Integer if it has no fraction and integers is set.
func number(x *big.Rat, integers bool) Item {
	if integers && x.IsInt() {
		return Item{Type: Integer, Text: x.Num().String()}
	}
	text := x.FloatString(8)
	text = strings.TrimRight(text, "0")
	if strings.HasSuffix(text, ".") {
		text += "0"
	}
	return Item{Type: Decimal, Text: text}
}

func arithmetic(a, b, dst []Item, f func(a, b *big.Rat) *big.Rat, integers bool) ([]Item, error) {
	if len(a) == 0 || len(b) == 0 {
		return dst, nil
	}
	if len(a) > 1 || len(b) > 1 {
		return dst, fault("arithmetic needs single items")
	}
	ka, kb := a[0].kind(), b[0].kind()
	if !numeric(ka) || !numeric(kb) {
		return dst, fault("arithmetic on these types is not supported")
	}
	ta, oka := a[0].Value()
	tb, okb := b[0].Value()
	if !oka || !okb {
		return dst, nil
	}
	x, y := rational(ta), rational(tb)
	if x == nil || y == nil {
		return dst, fault("a number is too long")
	}
	if x = f(x, y); x == nil {
		return dst, nil
	}
	it := number(x, integers && (ka == Integer && kb == Integer))
	if len(it.Text) > maxLength {
		return dst, fault("a number is too long")
	}
	return append(dst, it), nil
}

func negate(x, dst []Item) ([]Item, error) {
	if len(x) != 1 {
		return dst, fault("- needs a single item")
	}
	text, ok := x[0].Value()
	if k := x[0].kind(); !ok || !numeric(k) && x[0].Type != Quantity {
		return dst, fault("- needs a number")
	}
	if s, neg := strings.CutPrefix(text, "-"); neg {
		text = s
	} else {
		text = "-" + text
	}
	typ := x[0].kind()
	return append(dst, Item{Type: typ, Text: text, Unit: x[0].Unit}), nil
}

// integer is the value of an argument that must be one integer; ok is false if it is empty.
func (r *run) integer(x op) (i int, ok bool, err error) {
	v, err := r.value(x)
	if err != nil || len(v) == 0 {
		return 0, false, err
	}
	text, _ := v[0].Value()
	i, bad := strconv.Atoi(text)
	if bad != nil || len(v) > 1 {
		return 0, false, fault("an integer was expected")
	}
	return i, true, nil
}

// text is the value of an argument that must be one string; ok is false if it is empty.
func (r *run) text(x op) (s string, ok bool, err error) {
	v, err := r.value(x)
	if err != nil || len(v) == 0 {
		return "", false, err
	}
	if len(v) > 1 || v[0].kind() != String {
		return "", false, fault("a string was expected")
	}
	s, ok = v[0].Value()
	return s, ok, nil
}
