package search

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/ucum"
	"github.com/firewarden/firewarden/search/index"
)

// value reads one search value; target is the type of the modifier :[type].
func (p *parser) value(sp *r4.SearchParameter, mod Modifier, target, s string) (Value, *fhir.Error) {
	if s == "" {
		return Value{}, p.bad("%s has an empty value", sp.Code)
	}
	v := Value{Raw: s}
	var err *fhir.Error
	switch {
	case mod == ModText:
		err = p.words(&v, unescape(s), true)
	case mod == ModOfType:
		err = p.ofType(&v, s)
	case mod == ModIn || mod == ModNotIn:
		err = p.valueSet(&v, s)
	case sp.Type == r4.Token && (mod == ModAbove || mod == ModBelow):
		err = p.subsumption(&v, sp, mod, s)
	case mod == ModIdentifier:
		err = p.token(&v, s)
	default:
		switch sp.Type {
		case r4.Number:
			err = p.number(&v, p.prefix(&v, s))
		case r4.Date:
			err = p.date(&v, p.prefix(&v, s))
		case r4.String:
			v.Text, err = p.text(s)
		case r4.Token:
			err = p.token(&v, s)
		case r4.Reference:
			err = p.reference(&v, sp, target, s)
			if err == nil && mod != ModNone && !hasOrder(sp, mod, v.Ref) {
				err = p.bad("%q is of no hierarchy: %s asks for a reference as Location/1, by its type", shown(s), sp.Code+":"+mod.String())
			}
		case r4.Composite:
			err = p.composite(&v, sp, s)
		case r4.Quantity:
			err = p.quantity(&v, p.prefix(&v, s))
		case r4.URI:
			v.Text = unescape(s)
		case r4.Special:
			err = p.near(&v, s)
		default:
			err = p.unknown("%s is not supported yet", sp.Code)
		}
	}
	return v, err
}

var prefixes = [...]string{Eq: "eq", Ne: "ne", Gt: "gt", Lt: "lt", Ge: "ge", Le: "le", Sa: "sa", Eb: "eb", Ap: "ap"}

// Prefixes are the comparisons that may stand before a value of a parameter.
func Prefixes(sp *r4.SearchParameter) []string {
	if sp.Type == r4.Number || sp.Type == r4.Date || sp.Type == r4.Quantity {
		return prefixes[:]
	}
	return nil
}

// prefix takes the comparison off an ordered value. What is no prefix stays and is then no number or date.
func (p *parser) prefix(v *Value, s string) string {
	for i, name := range prefixes {
		if strings.HasPrefix(s, name) {
			v.Prefix = Prefix(i)
			return s[len(name):]
		}
	}
	return s
}

// text is a string that is not empty when folded.
func (p *parser) text(s string) (string, *fhir.Error) {
	s = unescape(s)
	if fhir.Fold(s) == "" {
		return "", p.bad("a string of blanks finds nothing")
	}
	return s, nil
}

func (p *parser) number(v *Value, s string) *fhir.Error {
	d, err := fhir.ParseDecimal(s)
	if err != nil {
		return p.bad("%q is no number with an optional prefix (eq ne gt lt ge le sa eb ap)", shown(v.Raw))
	}
	v.Number = d
	return nil
}

func (p *parser) date(v *Value, s string) *fhir.Error {
	t, err := fhir.ParseDateTime(s, p.o.Zone)
	if err != nil {
		hint := ""
		if strings.Contains(s, " ") {
			hint = "; a + in a URL is written %2B"
		}
		return p.bad("%q is no date with an optional prefix (eq ne gt lt ge le sa eb ap)%s", shown(v.Raw), hint)
	}
	if v.Prefix == Ap && !p.o.Now.IsZero() {
		now := p.o.Now.UnixMicro()
		margin := max(now-t.Low, t.Low-now) / 10
		t.Low -= margin
		t.High += margin
	}
	v.Time = t
	return nil
}

// token reads code, system|code, |code or system| (R4 search.html#token).
func (p *parser) token(v *Value, s string) *fhir.Error {
	parts := split(s, '|')
	switch len(parts) {
	case 1:
		v.Code = unescape(parts[0])
	case 2:
		v.HasSystem, v.System, v.Code = true, unescape(parts[0]), unescape(parts[1])
	default:
		return p.bad(`%q has more than one |; one that belongs to a code is written \|`, shown(s))
	}
	if v.System == "" && v.Code == "" {
		return p.bad("%q has neither system nor code", shown(s))
	}
	return nil
}

// ofType reads system|code|value, where system and code are of the identifier's type (R4 search.html#token).
func (p *parser) ofType(v *Value, s string) *fhir.Error {
	parts := split(s, '|')
	if len(parts) != 3 || slices.Contains(parts, "") {
		return p.bad("a value with :of-type is system|code|value, none of them empty: %q", shown(s))
	}
	v.HasSystem, v.System, v.Code, v.Text = true, unescape(parts[0]), unescape(parts[1]), unescape(parts[2])
	return nil
}

// defaultMetres is the radius of near where none is given.
const defaultMetres = 50_000

// near reads latitude|longitude[|distance[|unit]]; without a unit it is km (R4 location.html#search).
func (p *parser) near(v *Value, s string) *fhir.Error {
	parts := split(s, '|')
	if len(parts) < 2 || len(parts) > 4 {
		return p.bad("near is latitude|longitude|distance|unit, the last two optional: %q", shown(s))
	}
	parts = append(parts, "", "")[:4]
	var numbers [3]fhir.Decimal
	for i := range numbers {
		if i == 2 && parts[2] == "" && parts[3] == "" {
			continue
		}
		d, err := fhir.ParseDecimal(parts[i])
		if err != nil {
			return p.bad("near is latitude|longitude|distance|unit: %q is no number", shown(parts[i]))
		}
		numbers[i] = d
	}
	v.Near = Circle{float(numbers[0]), float(numbers[1]), defaultMetres}
	if parts[2] != "" {
		code := unescape(parts[3])
		if code == "" {
			code = "km"
		}
		u, ok := ucum.Lookup(code)
		if !ok || u.Canonical() != "cm" {
			return p.bad("%q is no UCUM unit of length (km, m, [mi_i])", shown(code))
		}
		v.Near.Metres = float(u.Convert(numbers[2]).Shift(-2))
	}
	if c := v.Near; math.Abs(c.Latitude) > 90 || math.Abs(c.Longitude) > 180 || c.Metres < 0 {
		return p.bad("%q is no place on earth with a distance: latitude is -90 to 90, longitude -180 to 180", shown(s))
	}
	return nil
}

func float(d fhir.Decimal) float64 {
	f, _ := d.Rat().Float64()
	return f
}

// quantity reads number, number|system|code or number||unit behind the prefix (R4 search.html#quantity).
func (p *parser) quantity(v *Value, s string) *fhir.Error {
	parts := split(s, '|')
	if err := p.number(v, parts[0]); err != nil {
		return err
	}
	switch {
	case len(parts) == 1:
		return nil
	case len(parts) != 3 || parts[2] == "" && parts[1] != "":
		return p.bad("a quantity is number, number|system|code or number||unit: %q", shown(v.Raw))
	}
	v.HasSystem, v.System, v.Code = parts[2] != "", unescape(parts[1]), unescape(parts[2])
	if v.System == index.UCUM {
		u, ok := ucum.Lookup(v.Code)
		if !ok && !ucum.Valid(v.Code) {
			return p.bad("%q is no unit of UCUM; number||%s compares the unit as it is written", shown(v.Code), shown(v.Code))
		}
		v.Unit = u
	}
	return nil
}

// reference reads Type/id, id or a URL (R4 search.html#reference). Raw becomes the one spelling of a local reference.
func (p *parser) reference(v *Value, sp *r4.SearchParameter, target, s string) *fhir.Error {
	r := fhir.ParseReference(unescape(s), p.o.Base)
	switch {
	case r.Fragment != "", r.URL != "" && !strings.Contains(r.URL, ":"):
		return p.bad("%q is no reference: Type/id, id or URL", shown(s))
	case r.URL != "":
	case r.Type == "" && target != "":
		r.Type = target
	case r.Type == "" && len(sp.Targets) == 1:
		r.Type = sp.Targets[0]
	case r.Type != "" && target != "" && r.Type != target:
		return p.bad("%q is not of type %s", shown(s), target)
	case r.Type != "" && !r4.IsResource(r.Type):
		return p.bad("%q is no resource type%s", shown(r.Type), suggestion(r.Type, r4.Resources()))
	}
	r.Version = "" // every version is the same target
	v.Ref = r
	if r.URL == "" {
		v.Raw = r.String()
	}
	return nil
}

// composite reads the parts between $, one for each component (R4 search.html#composite).
func (p *parser) composite(v *Value, sp *r4.SearchParameter, s string) *fhir.Error {
	parts := split(s, '$')
	if len(parts) != len(sp.Components) {
		return p.bad("%s takes %d values with $ between them: %q", sp.Code, len(sp.Components), shown(s))
	}
	for i, part := range parts {
		v2, err := p.value(component(sp, i), ModNone, "", part)
		if err != nil {
			return err
		}
		v.Parts = append(v.Parts, v2)
	}
	return nil
}

// component is the parameter that a component of a composite refers to.
func component(sp *r4.SearchParameter, i int) *r4.SearchParameter {
	c := &sp.Components[i]
	if own := r4.Lookup(sp.Base, c.Code); own != nil && own.Type == c.Type {
		return own
	}
	return &r4.SearchParameter{Code: c.Code, Type: c.Type, CaseSensitive: true}
}

// A Bracket is a closed interval of numbers, but for High where HighOpen.
type Bracket struct {
	Low, High fhir.Decimal
	HighOpen  bool
}

// Bracket is the range that a number stands for: for eq and ne what its digits imply (5.4: [5.35, 5.45)), for ap 10%
// to either side, else the number itself; of a quantity with a Unit in the canonical unit.
func (v *Value) Bracket() Bracket {
	b := v.bracket()
	if v.Unit != nil {
		b.Low, b.High = v.Unit.Convert(b.Low), v.Unit.Convert(b.High)
	}
	return b
}

func (v *Value) bracket() Bracket {
	switch v.Prefix {
	case Eq, Ne:
		return Bracket{v.Number.Low(), v.Number.High(), true}
	case Ap:
		a, b := v.Number.Mul(big.NewRat(9, 10)), v.Number.Mul(big.NewRat(11, 10))
		if v.Number.Sign() < 0 {
			a, b = b, a
		}
		return Bracket{a, b, false}
	}
	return Bracket{v.Number, v.Number, false}
}
