package ucum

import (
	"math/big"
	"strconv"
	"strings"
)

// parser reads a code (UCUM §§ 4–20): terms of components with "." and "/", read from left to right.
type parser struct {
	s     string
	at    int
	depth int
}

func parseCode(code string) (measure, error) {
	if code == "" || len(code) > maxCode {
		return measure{}, errSyntax
	}
	for i := range len(code) {
		if code[i] <= ' ' || code[i] > '~' {
			return measure{}, errSyntax
		}
	}
	p := parser{s: code}
	m, err := p.term()
	if err == nil && p.at < len(p.s) {
		err = errSyntax
	}
	return m, err
}

func (p *parser) peek() byte {
	if p.at < len(p.s) {
		return p.s[p.at]
	}
	return 0
}

// term is [/] component {(. | /) component}.
func (p *parser) term() (measure, error) {
	m := measure{factor: unity}
	sign := 1
	if p.peek() == '/' {
		p.at++
		sign = -1
	}
	for first := true; ; first = false {
		c, err := p.component()
		if err != nil {
			return m, err
		}
		if first && sign > 0 {
			m = c
		} else if err := m.times(c, sign); err != nil {
			return m, err
		}
		switch p.peek() {
		case '.':
			sign = 1
		case '/':
			sign = -1
		default:
			return m, nil
		}
		p.at++
	}
}

// component is a unit with an exponent, a whole number, a term in parentheses, or an annotation, which says nothing.
func (p *parser) component() (measure, error) {
	m := measure{factor: unity}
	switch c := p.peek(); {
	case c == '(':
		if p.depth++; p.depth > 20 {
			return m, errSyntax
		}
		p.at++
		inner, err := p.term()
		if err != nil {
			return m, err
		}
		if p.peek() != ')' {
			return m, errSyntax
		}
		p.at++
		p.depth--
		m = inner
	case c == '{':
		return m, p.annotation()
	default:
		var err error
		if m, err = p.annotatable(); err != nil {
			return m, err
		}
	}
	if p.peek() == '{' {
		return m, p.annotation()
	}
	return m, nil
}

func (p *parser) annotation() error {
	end := strings.IndexByte(p.s[p.at:], '}')
	if end < 0 || strings.IndexByte(p.s[p.at+1:p.at+end], '{') >= 0 {
		return errSyntax
	}
	p.at += end + 1
	return nil
}

// annotatable is a number, or a simple unit with an exponent.
func (p *parser) annotatable() (measure, error) {
	text := p.s[p.at:symbolEnd(p.s, p.at)]
	p.at += len(text)
	name, exp := exponent(text)
	if name == "" { // digits only: a factor
		if exp == "" || exp[0] == '-' || exp[0] == '+' {
			return measure{}, errSyntax
		}
		n, ok := new(big.Int).SetString(exp, 10)
		if !ok || n.Sign() == 0 {
			return measure{}, errSyntax
		}
		return measure{factor: new(big.Rat).SetInt(n)}, nil
	}
	m, err := simple(name)
	if err != nil || exp == "" {
		return m, err
	}
	n, err := strconv.Atoi(exp)
	if err != nil || n == 0 || n > maxPow || n < -maxPow {
		return measure{}, errLarge
	}
	return m, m.raise(n)
}

// symbolEnd is where the symbol that begins at from ends; what stands in brackets belongs to it.
func symbolEnd(s string, from int) int {
	inside := false
	for i := from; i < len(s); i++ {
		switch c := s[i]; {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case inside:
		case strings.IndexByte("./(){}", c) >= 0:
			return i
		}
	}
	return len(s)
}

// exponent cuts the digits at the end of a symbol, with their sign.
func exponent(s string) (name, exp string) {
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	if i < len(s) && i > 0 && (s[i-1] == '-' || s[i-1] == '+') {
		i--
	}
	return s[:i], s[i:]
}

// simple is an atom, or a metric atom with a prefix.
func simple(name string) (measure, error) {
	if a := atoms[name]; a != nil {
		return a.measure(name)
	}
	for _, n := range []int{1, 2} {
		if n >= len(name) {
			break
		}
		f, ok := prefixes[name[:n]]
		if !ok {
			continue
		}
		a := atoms[name[n:]]
		if a == nil || !a.metric {
			continue
		}
		m, err := a.measure(name[n:])
		if err != nil {
			return m, err
		}
		return m, m.times(measure{factor: f.Rat()}, 1)
	}
	return measure{}, errSyntax
}

// kind tells how an atom is defined.
type kind uint8

const (
	kindDefined   kind = iota // factor × unit
	kindBase                  // a base unit
	kindArbitrary             // compares with itself only
	kindLinear                // special: factor × (value + offset) of unit
	kindSpecial               // special: no factor
)

// atom is a row of the table.
type atom struct {
	kind   kind
	metric bool
	factor string // a number: "254e-2", "6.0221367"
	unit   string // what factor multiplies; of an arbitrary unit the other name of the same
}

// linear are the special units that differ in their zero: factor × value + offset in K.
var linear = map[string]struct{ factor, offset *big.Rat }{
	"Cel":     {big.NewRat(1, 1), big.NewRat(27315, 100)},
	"[degF]":  {big.NewRat(5, 9), big.NewRat(45967*5, 900)},
	"[degRe]": {big.NewRat(5, 4), big.NewRat(27315, 100)},
}

// measure resolves an atom down to base units. The table has no circles: a test resolves all of it.
func (a *atom) measure(name string) (measure, error) {
	switch a.kind {
	case kindBase:
		return measure{factor: unity, base: []power{{name, 1}}}, nil
	case kindArbitrary:
		if a.unit != "" {
			name = a.unit
		}
		return measure{factor: unity, base: []power{{name, 1}}}, nil
	case kindLinear:
		l := linear[name]
		return measure{factor: l.factor, offset: l.offset, base: []power{{"K", 1}}}, nil
	case kindSpecial:
		return measure{}, errSpecial
	}
	f, ok := new(big.Rat).SetString(a.factor)
	if !ok {
		return measure{}, errSyntax
	}
	m, err := parseCode(a.unit)
	if err != nil {
		return measure{}, err
	}
	return m, m.times(measure{factor: f}, 1)
}

// prefix is a power of ten or of two.
type prefix struct{ base, exp int }

// Rat is the factor of the prefix.
func (p prefix) Rat() *big.Rat {
	n := new(big.Int).Exp(big.NewInt(int64(p.base)), big.NewInt(int64(max(p.exp, -p.exp))), nil)
	if p.exp < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), n)
	}
	return new(big.Rat).SetInt(n)
}
