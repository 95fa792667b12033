package model

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"
)

// What a search asks of one value: comparisons, spellings, units, places (R4 search.html).

// compared is a value without its comparison.
func compared(asked string) (prefix, value string) {
	if len(asked) > 2 && asked[0] >= 'a' && asked[0] <= 'z' {
		return asked[:2], asked[2:]
	}
	return "eq", asked
}

// span is the time that a date, a month or a year takes.
func span(s string) (from, to time.Time) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, t.Add(time.Second)
	}
	for _, f := range []struct {
		layout              string
		years, months, days int
	}{{"2006-01-02", 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0}} {
		if t, err := time.Parse(f.layout, s); err == nil {
			return t, t.AddDate(f.years, f.months, f.days)
		}
	}
	return from, to
}

// dated compares a date with what is asked for (R4 search.html#prefix).
func (a *access) dated(have, asked string) bool {
	prefix, asked := compared(asked)
	low, high := span(have)
	from, to := span(asked)
	inside := !low.Before(from) && !high.After(to)
	switch prefix {
	case "eq":
		return inside
	case "ne":
		return !inside
	case "gt":
		return high.After(to)
	case "lt":
		return low.Before(from)
	case "ge":
		return high.After(to) || inside
	case "le":
		return low.Before(from) || inside
	case "sa":
		return !low.Before(to)
	case "eb":
		return !high.After(from)
	case "ap": // the tenth of the time between now and the date
		margin := a.now.Sub(from).Abs() / 10
		return low.Before(to.Add(margin)) && high.After(from.Add(-margin))
	case "po":
		return low.Before(to) && high.After(from)
	}
	return false
}

// spelled compares strings, by case only where that is asked for.
func spelled(modifier, have, asked string) bool {
	low, wanted := strings.ToLower(have), strings.ToLower(asked)
	switch modifier {
	case "exact":
		return have == asked
	case "contains":
		return strings.Contains(low, wanted)
	case "text":
		return phrase(have, asked+"*")
	}
	return strings.HasPrefix(low, wanted)
}

// under says whether a URL lies below another one.
func under(url, above string) bool { return strings.HasPrefix(url, strings.TrimSuffix(above, "/")+"/") }

// labels are what people read of the codes at paths.
func labels(v *Version, paths []string) (out []string) {
	for _, path := range paths {
		for _, name := range []string{"text", "coding.display", "display", "type.text"} {
			for _, x := range values(v.JSON, append(strings.Split(path, "."), strings.Split(name, ".")...)...) {
				out = append(out, text(x))
			}
		}
	}
	return out
}

// ofType says whether an Identifier has a type and a value: system|code|value.
func ofType(x any, asked string) bool {
	parts := strings.Split(asked, "|")
	o, _ := x.(map[string]any)
	return len(parts) == 3 && text(o["value"]) == parts[2] && slices.ContainsFunc(values(x, "type", "coding"), func(x any) bool {
		c := x.(map[string]any)
		return text(c["system"]) == parts[0] && text(c["code"]) == parts[1]
	})
}

// rat is a number as it is written.
func rat(x any) *big.Rat {
	n, is := new(big.Rat).SetString(string(x.(json.Number)))
	if !is {
		panic("not a number: " + string(x.(json.Number)))
	}
	return n
}

// band is what a number means by its digits: half a unit of the last one to both sides.
func band(digits string) (at, low, high *big.Rat) {
	at = rat(json.Number(digits))
	_, fraction, _ := strings.Cut(digits, ".")
	half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil))
	half.Mul(half, big.NewRat(1, 2))
	return at, new(big.Rat).Sub(at, half), new(big.Rat).Add(at, half)
}

// ranged compares a number or a Range with what is asked for.
func ranged(x any, asked string) bool {
	low, high := x, x
	if o, is := x.(map[string]any); is {
		low, high = values(o, "low", "value")[0], values(o, "high", "value")[0]
	}
	return within(rat(low), rat(high), asked, big.NewRat(1, 1))
}

// within compares the closed range of a resource with a number in some unit.
func within(low, high *big.Rat, asked string, unit *big.Rat) bool {
	prefix, digits := compared(asked)
	at, from, to := band(digits)
	for _, n := range []*big.Rat{at, from, to} {
		n.Mul(n, unit)
	}
	switch prefix {
	case "eq":
		return low.Cmp(from) >= 0 && high.Cmp(to) < 0
	case "ne":
		return low.Cmp(from) < 0 || high.Cmp(to) >= 0
	case "gt":
		return high.Cmp(at) > 0
	case "lt":
		return low.Cmp(at) < 0
	case "ge":
		return high.Cmp(at) > 0 || low.Cmp(at) == 0
	case "le":
		return low.Cmp(at) < 0 || high.Cmp(at) == 0
	case "sa":
		return low.Cmp(at) > 0
	case "eb":
		return high.Cmp(at) < 0
	case "ap": // a tenth more or less
		from, to := new(big.Rat).Mul(at, big.NewRat(9, 10)), new(big.Rat).Mul(at, big.NewRat(11, 10))
		return low.Cmp(to) <= 0 && high.Cmp(from) >= 0
	}
	return false
}

const ucum = "http://unitsofmeasure.org"

// grams are the units of mass that tests use.
var grams = map[string]*big.Rat{"mg": big.NewRat(1, 1000), "g": big.NewRat(1, 1), "kg": big.NewRat(1000, 1)}

// measured compares a Quantity with number, number|system|code or number||unit (R4 search.html#quantity): units of UCUM
// convert where system and code are given.
func measured(x any, asked string) bool {
	o, _ := x.(map[string]any)
	if o["value"] == nil {
		return false
	}
	have := rat(o["value"])
	asked, unit, restricted := strings.Cut(asked, "|")
	system, code, _ := strings.Cut(unit, "|")
	switch {
	case !restricted:
	case system == "":
		if code != text(o["code"]) && code != text(o["unit"]) {
			return false
		}
	case system != text(o["system"]):
		return false
	case system == ucum && grams[code] != nil:
		mine := grams[text(o["code"])]
		if mine == nil {
			return false
		}
		have.Mul(have, mine)
		return within(have, have, asked, grams[code])
	case code != text(o["code"]):
		return false
	}
	return within(have, have, asked, big.NewRat(1, 1))
}

// near says whether a position lies in latitude|longitude|distance|unit, by the great circle (R4 location.html#search).
func near(x any, asked string) bool {
	var n [3]float64
	parts := strings.Split(asked, "|")
	for i := range n {
		n[i], _ = rat(json.Number(parts[i])).Float64()
	}
	if len(parts) < 4 || parts[3] == "km" {
		n[2] *= 1000
	}
	o, _ := x.(map[string]any)
	latitude, _ := rat(o["latitude"]).Float64()
	longitude, _ := rat(o["longitude"]).Float64()
	vector := func(latitude, longitude float64) [3]float64 {
		f, l := latitude*math.Pi/180, longitude*math.Pi/180
		return [3]float64{math.Cos(f) * math.Cos(l), math.Cos(f) * math.Sin(l), math.Sin(f)}
	}
	a, b := vector(latitude, longitude), vector(n[0], n[1])
	return math.Acos(min(1, a[0]*b[0]+a[1]*b[1]+a[2]*b[2]))*6_371_000 <= n[2]
}
