package plan

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// param is what a parameter with any of its values finds; with :not and :not-in what it does not find.
func (l lowering) param(e search.Param) (Node, search.Expr, error) {
	if e.Mod.Negative() {
		positive := e
		if positive.Mod = search.ModNone; e.Mod == search.ModNotIn {
			positive.Mod = search.ModIn
		}
		n, err := l.exact(positive)
		return not(n), nil, err
	}
	var nodes []Node
	var rest search.Expr
	for i := range e.Any {
		n, exact, err := l.value(e.P, e.Mod, &e.Any[i])
		if err != nil {
			return nil, nil, err
		}
		if !exact {
			rest = e
		}
		nodes = append(nodes, n)
	}
	return or(nodes), rest, nil
}

// value is what one value finds; if it is not exact, the node has more than that.
func (l lowering) value(p *r4.SearchParameter, mod search.Modifier, v *search.Value) (n Node, exact bool, err error) {
	if mod == search.ModOther || mod == search.ModHolds {
		return missing(p.Num, false), false, nil
	}
	switch p.Type {
	case r4.Number:
		return number(p.Num, "", v), true, nil
	case r4.Date:
		return date(p.Num, v), true, nil
	case r4.String:
		n, exact := l.text(p, mod, v)
		return n, exact, nil
	case r4.Token:
		switch mod {
		case search.ModText:
			return l.words(p, v), false, nil
		case search.ModOfType:
			n, exact := ofType(p, v)
			return n, exact, nil
		case search.ModIn, search.ModAbove, search.ModBelow:
			n, exact := codes(p, mod, v)
			return n, exact, nil
		}
		n, exact := token(p, v)
		return n, exact, nil
	case r4.Reference:
		switch mod {
		case search.ModText:
			return l.words(p, v), false, nil
		case search.ModIdentifier:
			n, exact := identifier(p.Num, v)
			return n, exact, nil
		case search.ModVersions:
			return versions(p.Num, v.Ref), true, nil
		}
		return reference(p.Num, v.Ref), true, nil
	case r4.Composite:
		return l.composite(p, v)
	case r4.Quantity:
		return number(p.Num, unit(v), v), true, nil
	case r4.URI:
		return uri(p.Num, mod, v.Text), true, nil
	case r4.Special:
		return near(p.Num, v.Near), false, nil
	}
	return nil, false, fmt.Errorf("lower a query: no node for the type of %s", p.Code)
}

// date: the ranges of a resource are half-open, as those of a search are (search.md "Dates"). Where a comparison is
// a union, its parts are disjoint and each has a bound on Low, so that an index in the order of Low seeks.
func date(num uint16, v *search.Value) Node {
	low, high := index.DateKey(v.Time.Low), index.DateKey(v.Time.High)
	within := Range{Num: num, Low: Span{Min: low}, High: Span{Max: high}}
	switch v.Prefix {
	case search.Eq:
		return within
	case search.Ne:
		return Or{
			Range{Num: num, Low: Span{Max: low, MaxOpen: true}},
			Range{Num: num, Low: Span{Min: low}, High: Span{Min: high, MinOpen: true}},
		}
	case search.Gt:
		return Range{Num: num, High: Span{Min: high, MinOpen: true}}
	case search.Lt:
		return Range{Num: num, Low: Span{Max: low, MaxOpen: true}}
	case search.Ge: // above or within
		return Or{
			Range{Num: num, Low: Span{Min: low}},
			Range{Num: num, Low: Span{Max: low, MaxOpen: true}, High: Span{Min: high, MinOpen: true}},
		}
	case search.Le: // below or within
		return Or{Range{Num: num, Low: Span{Max: low, MaxOpen: true}}, within}
	case search.Sa:
		return Range{Num: num, Low: Span{Min: high}}
	case search.Eb:
		return Range{Num: num, High: Span{Max: low}}
	case search.Ap:
		return Range{Num: num, Low: Span{Max: high, MaxOpen: true}, High: Span{Min: low, MinOpen: true}}
	}
	return None{}
}

// number is date for closed ranges.
func number(num uint16, unit string, v *search.Value) Node {
	s := v.Bracket()
	low, high := index.Key(s.Low.Key()), index.Key(s.High.Key())
	at := func(l, h Span) Range { return Range{Num: num, Unit: unit, Low: l, High: h} }
	var any Span
	notBelow, below := Span{Min: low}, Span{Max: low, MaxOpen: true}
	notAbove, above := Span{Max: high, MaxOpen: s.HighOpen}, Span{Min: high, MinOpen: !s.HighOpen}
	switch v.Prefix {
	case search.Eq:
		return at(notBelow, notAbove)
	case search.Ne:
		return Or{at(below, any), at(notBelow, above)}
	case search.Gt:
		return at(any, above)
	case search.Lt:
		return at(below, any)
	case search.Ge:
		return Or{at(notBelow, any), at(below, above)}
	case search.Le:
		return Or{at(below, any), at(notBelow, notAbove)}
	case search.Sa:
		return at(Span{Min: high, MinOpen: true}, any)
	case search.Eb:
		return at(any, Span{Max: low, MaxOpen: true})
	case search.Ap:
		return at(Span{Max: high}, Span{Min: low})
	}
	return None{}
}

// unit is the index.Range.Unit that a quantity asks for.
func unit(v *search.Value) string {
	switch {
	case v.Unit != nil:
		return index.CanonicalUnit(v.Unit)
	case !v.HasSystem:
		return ""
	}
	return v.System + "|" + v.Code
}

// text: a prefix of up to three characters is a term of its own.
func (l lowering) text(p *r4.SearchParameter, mod search.Modifier, v *search.Value) (n Node, exact bool) {
	switch {
	case index.IsText(p):
		return l.texts(p, v)
	case mod == search.ModText:
		return l.words(p, v), false
	case mod == search.ModExact:
		return Term{Num: p.Num, Form: index.FormExact, Text: v.Text}, true
	case mod == search.ModContains:
		return l.contains(p, v)
	case mod == search.ModEqual:
		return Term{Num: p.Num, Form: index.FormString, Text: fhir.Fold(v.Text)}, true
	case mod == search.ModEnds:
		n, _ := l.contains(p, v) // what ends so contains it
		return n, false
	case mod == search.ModOrder:
		return missing(p.Num, false), false
	}
	s := fhir.Fold(v.Text)
	if utf8.RuneCountInString(s) <= 3 {
		return Term{Num: p.Num, Form: index.FormPrefix, Text: s}, true
	}
	return Prefix{Num: p.Num, Form: index.FormString, Text: s}, true
}

func token(p *r4.SearchParameter, v *search.Value) (n Node, exact bool) {
	code := v.Code
	if !p.CaseSensitive {
		code = fhir.Fold(code)
	}
	switch {
	case !v.HasSystem:
		return Term{Num: p.Num, Form: index.FormCode, Text: code}, true
	case v.System == "":
		return Term{Num: p.Num, Form: index.FormNoSystem, Text: "|" + code}, true
	case code == "":
		return Term{Num: p.Num, Form: index.FormSystem, Text: v.System + "|"}, true
	}
	text := v.System + "|" + code
	return Term{Num: p.Num, Form: index.FormSystemCode, Text: text}, bars(text) == 1
}

// codes is what has one of a set of codes, or a media type above or below another one.
func codes(p *r4.SearchParameter, mod search.Modifier, v *search.Value) (n Node, exact bool) {
	switch {
	case v.Set == nil && mod == search.ModBelow:
		return Prefix{Num: p.Num, Form: index.FormCode, Text: v.Code}, false
	case v.Set == nil:
		return missing(p.Num, false), false
	}
	exact = true
	var list []index.Term
	add := func(form index.Form, text string) {
		list = append(list, index.Term{Num: p.Num, Form: form, Text: text})
		exact = exact && bars(text) == 1
	}
	for _, c := range v.Set.Codes() {
		if !p.CaseSensitive {
			c.Code = fhir.Fold(c.Code)
		}
		add(index.FormSystemCode, c.System+"|"+c.Code)
	}
	n = terms(list)
	list = nil
	for _, system := range v.Set.Systems() {
		add(index.FormSystem, system+"|")
	}
	return or([]Node{n, terms(list)}), exact
}

// bars counts what joins the parts of a text: with more than it needs, parts that are cut elsewhere give the same.
func bars(text string) int { return strings.Count(text, "|") }

func ofType(p *r4.SearchParameter, v *search.Value) (n Node, exact bool) {
	value := v.Text
	if !p.CaseSensitive {
		value = fhir.Fold(value)
	}
	text := v.System + "|" + v.Code + "|" + value
	return Term{Num: p.Num, Form: index.FormOfType, Text: text}, bars(text) == 2
}

func identifier(num uint16, v *search.Value) (n Node, exact bool) {
	switch {
	case !v.HasSystem:
		return Term{Num: num, Form: index.FormIdentCode, Text: v.Code}, true
	case v.Code == "":
		text := v.System + "|"
		return Prefix{Num: num, Form: index.FormIdentifier, Text: text}, bars(text) == 1
	}
	text := v.System + "|" + v.Code
	return Term{Num: num, Form: index.FormIdentifier, Text: text}, bars(text) == 1
}

func reference(num uint16, r fhir.Reference) Node {
	switch {
	case r.URL != "" && !strings.Contains(r.URL, "|"):
		return or([]Node{
			Term{Num: num, Form: index.FormReference, Text: r.URL},
			Term{Num: num, Form: index.FormCanonical, Text: r.URL},
		})
	case r.URL == "" && r.Type == "":
		return Term{Num: num, Form: index.FormID, Text: r.ID}
	}
	return Term{Num: num, Form: index.FormReference, Text: r.String()}
}

// versions is a canonical and, where it has a version, those below it.
func versions(num uint16, r fhir.Reference) Node {
	nodes := []Node{reference(num, r)}
	if strings.Contains(r.URL, "|") {
		for _, c := range index.VersionParts {
			nodes = append(nodes, Prefix{Num: num, Form: index.FormReference, Text: r.URL + string(c)})
		}
	}
	return or(nodes)
}

// uri: :below is the URI or what lies under its path; :above is it or what it lies under, which are finitely many.
func uri(num uint16, mod search.Modifier, s string) Node {
	term := func(s string) index.Term { return index.Term{Num: num, Form: index.FormURI, Text: s} }
	switch mod {
	case search.ModBelow:
		s = strings.TrimSuffix(s, "/")
		if s == "" {
			return None{}
		}
		under := term(s + "/")
		return Or{Term(term(s)), Prefix(under)}
	case search.ModAbove:
		list := []index.Term{term(s), term(strings.TrimSuffix(s, "/") + "/")}
		for i := range len(s) {
			if s[i] == '/' && i > 0 {
				list = append(list, term(s[:i]), term(s[:i+1]))
			}
		}
		return terms(list)
	}
	return Term(term(s))
}

// composite: where all parts are tokens or references with their text in full there is a term for all of them
// together, and of a code and a quantity there may be pairs; else what each part finds for itself has more than the
// composite.
func (l lowering) composite(p *r4.SearchParameter, v *search.Value) (n Node, exact bool, err error) {
	if text, ok := joined(p, v); ok {
		return Term{Num: p.Num, Form: index.FormComposite, Text: text}, true, nil
	}
	if pairs := pairsOf(p, v); pairs != nil {
		n, _, err := l.parts(p, v)
		if err != nil {
			return nil, false, err
		}
		one := search.Param{P: p, Any: []search.Value{*v}}
		return Verify{X: n, By: keep(l.index, one), Pairs: pairs}, true, nil
	}
	return l.parts(p, v)
}

// pairsOf are the pairs that a composite finds, nil if it is not as simple.
func pairsOf(p *r4.SearchParameter, v *search.Value) (out []Pair) {
	for _, of := range index.Pairs(p) {
		n, exact := token(index.PairCode(of), &v.Parts[0])
		t, ok := n.(Term)
		if !ok || !exact || t.Form == index.FormSystem {
			return nil
		}
		out = append(out, Pair{of.Num, index.Term(t), ranges(number(of.Num, unit(&v.Parts[1]), &v.Parts[1]))})
	}
	return out
}

// parts is what each part of a composite finds for itself.
func (l lowering) parts(p *r4.SearchParameter, v *search.Value) (n Node, exact bool, err error) {
	// (The expressions of an own composite may select what the components' parameters do not.)
	nodes := []Node{missing(p.Num, false)}
	for i, c := range p.Components {
		own := r4.Lookup(p.Base, c.Code)
		if parameters.IsOwn(p) || own == nil || own.URL != c.Definition || own.Type != c.Type {
			continue
		}
		n, _, err := l.value(own, search.ModNone, &v.Parts[i])
		if err != nil {
			return nil, false, err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == len(p.Components)+1 {
		nodes = nodes[1:] // the parts are there, so is the composite
	}
	return and(nodes), false, nil
}

// joined is the text of FormComposite, if there is one.
func joined(p *r4.SearchParameter, v *search.Value) (string, bool) {
	var parts []string
	for i, c := range p.Components {
		part := &v.Parts[i]
		if c.Type != r4.Token || part.Code == "" || part.HasSystem && part.System == "" ||
			strings.ContainsAny(part.Code, "$|") || strings.Contains(part.System, "$") {
			return "", false
		}
		text := part.Code
		if part.HasSystem {
			text = part.System + "|" + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "$"), true
}
