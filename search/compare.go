package search

import (
	"math"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// matchValue says whether a value v of a resource is what q asks for. (:not asks what ModNone asks; its sense is
// turned by who calls.)
func matchValue(p *r4.SearchParameter, mod Modifier, q *Value, v *index.Value) bool {
	if v.Type != p.Type {
		return false
	}
	if mod == ModOther {
		return matchOther(p, q, v)
	}
	switch p.Type {
	case r4.Number:
		if mod == ModHolds {
			return numberHolds(q, v)
		}
		return matchNumber(q, v)
	case r4.Date:
		if mod == ModHolds {
			return v.Time.Contains(q.Time)
		}
		return matchDate(q, v.Time)
	case r4.String:
		if q.Words != nil {
			return matchWords(q, v.Text)
		}
		return matchString(mod, q, v.Text)
	case r4.Token:
		switch mod {
		case ModText:
			return matchWords(q, v.Text)
		case ModOfType:
			return matchOfType(q, v, p.CaseSensitive)
		case ModIn, ModNotIn, ModAbove, ModBelow:
			if q.Set == nil {
				return (!q.HasSystem || q.System == mimeTypes) && matchMIME(mod, q.Code, v.Code)
			}
			return q.Set.Has(v.System, v.Code)
		}
		return matchToken(q, v, p.CaseSensitive)
	case r4.Reference:
		switch mod {
		case ModText:
			return matchWords(q, v.Text)
		case ModIdentifier:
			return v.Identifier != nil && matchToken(q, v.Identifier, true)
		case ModVersions:
			return matchReference(q.Ref, v.Ref) || belowVersion(v.Ref.URL, q.Ref.URL)
		}
		return matchReference(q.Ref, v.Ref)
	case r4.Composite:
		return matchComposite(p, q, v)
	case r4.Quantity:
		return matchQuantity(q, v)
	case r4.URI:
		return matchURI(mod, q.Text, v.Text)
	case r4.Special:
		return q.Near.holds(v)
	}
	return false
}

// matchOther: the value of the resource is another one. What stands beside it, because a code or a canonical is found
// with and without its system or version, is not.
func matchOther(p *r4.SearchParameter, q *Value, v *index.Value) bool {
	switch p.Type {
	case r4.String:
		return !matchString(ModEqual, q, v.Text)
	case r4.Token:
		if q.HasSystem && q.System != "" && v.System != "" && q.System != v.System {
			return true
		}
		return v.Code != "" && q.Code != "" && v.Code != q.Code && (p.CaseSensitive || fhir.Fold(v.Code) != fhir.Fold(q.Code))
	case r4.URI:
		return v.Text != q.Text && beforeVersion(v.Text) != q.Text && v.Text != beforeVersion(q.Text)
	}
	return !matchValue(p, ModNone, q, v)
}

// matchDate compares the range that was asked for with the range of the resource; both are half-open.
func matchDate(q *Value, v fhir.Interval) bool {
	s := q.Time
	above, below := v.High > s.High, v.Low < s.Low // some of v lies there
	switch q.Prefix {
	case Eq:
		return s.Contains(v)
	case Ne:
		return !s.Contains(v)
	case Gt:
		return above
	case Lt:
		return below
	case Ge:
		return above || s.Contains(v)
	case Le:
		return below || s.Contains(v)
	case Sa:
		return v.Low >= s.High
	case Eb:
		return v.High <= s.Low
	case Ap:
		return s.Overlaps(v)
	}
	return false
}

// matchNumber compares a number or quantity, as matchDate does; the values of the resource are closed ranges, perhaps
// without an end.
func matchNumber(q *Value, v *index.Value) bool {
	s := q.Bracket()
	fromLow := v.LowOpen || v.Low.Cmp(s.Low) < 0 // some of v lies below s
	beyond := v.HighOpen || v.High.Cmp(s.High) > 0 || s.HighOpen && v.High.Cmp(s.High) == 0
	switch q.Prefix {
	case Eq:
		return !fromLow && !beyond
	case Ne:
		return fromLow || beyond
	case Gt:
		return beyond
	case Lt:
		return fromLow
	case Ge:
		return beyond || !fromLow
	case Le:
		return fromLow || !beyond
	case Sa:
		return !v.LowOpen && v.Low.Cmp(s.High) > 0
	case Eb:
		return !v.HighOpen && v.High.Cmp(s.Low) < 0
	case Ap:
		return (v.LowOpen || v.Low.Cmp(s.High) <= 0) && (v.HighOpen || v.High.Cmp(s.Low) >= 0)
	}
	return false
}

// matchQuantity: where both units convert to one canonical unit, the values do too; otherwise units are compared as
// written.
func matchQuantity(q *Value, v *index.Value) bool {
	if q.Unit == nil {
		return matchUnit(q, v) && matchNumber(q, v)
	}
	u := v.Unit()
	if u == nil || u.Canonical() != q.Unit.Canonical() {
		return false
	}
	c := v.In(u)
	return matchNumber(q, &c)
}

// matchUnit: with a system code and system are the same; without one the code or the unit is as written.
func matchUnit(q *Value, v *index.Value) bool {
	switch {
	case !q.HasSystem:
		return true
	case q.System == "":
		return v.Code == q.Code || v.Text == q.Code
	}
	return v.System == q.System && v.Code == q.Code
}

func matchString(mod Modifier, q *Value, v string) bool {
	if mod == ModExact {
		return v == q.Text
	}
	text := fhir.Fold(q.Text)
	v = fhir.Fold(v)
	switch mod {
	case ModContains:
		return strings.Contains(v, text)
	case ModEqual:
		return v == text
	case ModEnds:
		return strings.HasSuffix(v, text)
	case ModOrder:
		return q.Prefix == Gt && v > text || q.Prefix == Lt && v < text || q.Prefix == Ge && v >= text || q.Prefix == Le && v <= text
	}
	return strings.HasPrefix(v, text)
}

// numberHolds: the number of the search lies in what the digits of the resource's imply.
func numberHolds(q *Value, v *index.Value) bool {
	low, high := v.Low.Low(), v.High.High()
	return (v.LowOpen || q.Number.Cmp(low) >= 0) && (v.HighOpen || q.Number.Cmp(high) < 0)
}

// matchWords: the words asked for stand one behind the other in the text.
func matchWords(q *Value, text string) bool {
	var space [32]string
	words := space[:0]
	index.EachWord(fhir.Fold(text), func(w string) bool {
		words = append(words, w)
		return true
	})
	last := len(q.Words) - 1
	for ; len(words) > last && last >= 0; words = words[1:] {
		if slices.Equal(words[:last], q.Words[:last]) &&
			(words[last] == q.Words[last] || q.Begins && strings.HasPrefix(words[last], q.Words[last])) {
			return true
		}
	}
	return false
}

// matchMIME: image lies above image/png, and text/html above text/html; charset=UTF-8 (R4 search.html#mimetype).
func matchMIME(mod Modifier, q, v string) bool {
	if mod == ModAbove {
		q, v = v, q
	}
	rest, ok := strings.CutPrefix(v, q)
	return ok && q != "" && (rest == "" || rest[0] == ';' || rest[0] == '/' || rest[0] == ' ')
}

// matchOfType: an identifier with this value and a coding of its type.
func matchOfType(q *Value, v *index.Value, caseSensitive bool) bool {
	if !slices.Contains(v.Types, index.Coding{System: q.System, Code: q.Code}) {
		return false
	}
	return v.Code == q.Text || !caseSensitive && v.Code != "" && fhir.Fold(v.Code) == fhir.Fold(q.Text)
}

// holds says whether a position lies in the circle, by the great circle on a sphere of the mean radius of the earth.
func (c Circle) holds(v *index.Value) bool {
	const degree = math.Pi / 180
	latitude, longitude := float(v.Low), float(v.High)
	a, b := math.Sin((latitude-c.Latitude)*degree/2), math.Sin((longitude-c.Longitude)*degree/2)
	h := a*a + b*b*math.Cos(latitude*degree)*math.Cos(c.Latitude*degree)
	return 2*index.EarthRadius*math.Asin(math.Sqrt(min(h, 1))) <= c.Metres
}

// matchToken: "code" in any system, "|code" only without one, "system|" any code of it, "system|code" both.
func matchToken(q *Value, v *index.Value, caseSensitive bool) bool {
	if q.HasSystem && q.System != v.System {
		return false
	}
	switch {
	case q.Code == "":
		return q.HasSystem
	case caseSensitive:
		return q.Code == v.Code
	}
	return v.Code != "" && fhir.Fold(q.Code) == fhir.Fold(v.Code)
}

// matchReference: a local target by type and id, or by its id alone; anything else by its URL as written, where a
// canonical without a version stands for every version.
func matchReference(q, v fhir.Reference) bool {
	if q.URL != "" {
		return v.URL == q.URL || !strings.Contains(q.URL, "|") && beforeVersion(v.URL) == q.URL
	}
	return v.URL == "" && v.Fragment == "" && v.ID == q.ID && (q.Type == "" || v.Type == q.Type)
}

// beforeVersion is a canonical without its |version.
func beforeVersion(url string) string {
	url, _, _ = strings.Cut(url, "|")
	return url
}

// matchURI: the URI as written; :below is it or what lies under its path, :above it or what it lies under.
func matchURI(mod Modifier, q, v string) bool {
	switch mod {
	case ModBelow:
		return under(v, q)
	case ModAbove:
		return under(q, v)
	}
	return v == q
}

// under says whether a is b or lies under b: http://a/b/c under http://a/b and under http://a/b/.
func under(a, b string) bool {
	b = strings.TrimSuffix(b, "/")
	rest, ok := strings.CutPrefix(a, b)
	return ok && b != "" && (rest == "" || rest[0] == '/')
}

// matchComposite: each component has a value inside one and the same element.
func matchComposite(p *r4.SearchParameter, q *Value, v *index.Value) bool {
	if len(q.Parts) != len(p.Components) || len(v.Parts) != len(p.Components) {
		return false
	}
	for i := range p.Components {
		c := component(p, i)
		found := false
		for j := range v.Parts[i] {
			found = found || matchValue(c, ModNone, &q.Parts[i], &v.Parts[i][j])
		}
		if !found {
			return false
		}
	}
	return true
}
