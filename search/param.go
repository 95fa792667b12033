package search

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// param reads a condition on resources of type typ: code, code:modifier, chain or _has.
func (p *parser) param(typ, name, value string) (Expr, *fhir.Error) {
	if err := p.spend(1); err != nil {
		return nil, err
	}
	if rest, ok := strings.CutPrefix(name, "_has:"); ok {
		return p.has(typ, rest, value)
	}
	if head, rest, ok := strings.Cut(name, "."); ok {
		return p.chain(typ, head, rest, value)
	}
	code, modifier, colon := strings.Cut(name, ":")
	if code == "_list" {
		return p.list(typ, modifier, colon, value)
	}
	sp, err := p.searched(typ, code)
	if err != nil {
		return nil, err
	}
	if colon && modifier == "" {
		return nil, p.unknown("%s has a colon without a modifier", code)
	}
	if modifier == "missing" && slices.Contains(fitting(sp), modifier) {
		if value != "true" && value != "false" {
			return nil, p.bad(":missing is true or false: %q", shown(value))
		}
		return Missing{P: sp, Is: value == "true"}, nil
	}
	mod, target, err := p.modifier(typ, sp, modifier)
	if err != nil {
		return nil, err
	}
	if index.IsText(sp) {
		return p.texts(sp, value)
	}
	x := Param{P: sp, Mod: mod}
	for _, v := range split(value, ',') {
		if err := p.spend(1); err != nil {
			return nil, err
		}
		v, err := p.value(sp, mod, target, v)
		if err != nil {
			return nil, err
		}
		x.Any = append(x.Any, v)
	}
	switch {
	case sp.Code == "_id":
		return p.ids(x)
	case mod == ModBelow && sp.Type == r4.Reference && index.Canonical(sp):
		return versions(x), nil
	case mod == ModNone && sp.Type == r4.URI && sp.Code == "url" && index.CanonicalType(typ):
		return p.canonicals(typ, x)
	}
	return x, nil
}

// ids is _id=a,b as the instances themselves.
func (p *parser) ids(x Param) (Expr, *fhir.Error) {
	var any Or
	for _, v := range x.Any {
		if v.HasSystem {
			return nil, p.bad("_id takes ids only: %q", shown(v.Raw))
		}
		any = append(any, ID(v.Code))
	}
	var e Expr = any
	if len(any) == 1 {
		e = any[0]
	}
	if x.Mod == ModNot {
		e = Not{e}
	}
	return e, nil
}

// searched finds a parameter that can be searched by.
func (p *parser) searched(typ, code string) (*r4.SearchParameter, *fhir.Error) {
	if sp := p.o.Params.Lookup(typ, code); sp != nil && (index.IsText(sp) || code == "near") {
		return sp, nil
	}
	return p.lookup(typ, code)
}

// lookup finds a parameter that can be searched, sorted and included by.
func (p *parser) lookup(typ, code string) (*r4.SearchParameter, *fhir.Error) {
	if why := refused[code]; why != "" {
		return nil, p.unknown("%s is not supported: %s", code, why)
	}
	sp := p.o.Params.Lookup(typ, code)
	if sp == nil && p.o.Params.Building(typ, code) {
		return nil, p.unknown("%s of %s is being indexed and cannot be used yet", code, typ)
	}
	if sp == nil {
		return nil, p.noParam(code, typ)
	}
	if sp.Type == r4.Special || sp.Expression == "" {
		return nil, p.unknown("%s of %s has no values to sort by or to follow", code, typ)
	}
	return sp, nil
}

// noParam says that none of the types has the parameter, and which one they have that is nearly the same.
func (p *parser) noParam(code string, types ...string) *fhir.Error {
	var words []string
	for _, t := range types {
		for _, sp := range p.o.Params.Params(t) {
			words = append(words, sp.Code)
		}
	}
	if slices.Equal(types, p.types) {
		words = append(words, resultParams...)
	}
	return p.unknown("unknown search parameter %q of %s%s", shown(code), shown(strings.Join(types, ", ")), suggestion(code, words))
}

// modifiers by name; which of them fit a parameter is in fitting. :missing and :[type] are not here.
var modifiers = map[string]Modifier{
	"": ModNone, "exact": ModExact, "contains": ModContains, "text": ModText, "not": ModNot, "in": ModIn, "not-in": ModNotIn,
	"above": ModAbove, "below": ModBelow, "of-type": ModOfType, "identifier": ModIdentifier,
}

// modifier reads the part behind the colon (R4 search.html#modifiers); target is the type of :[type].
func (p *parser) modifier(typ string, sp *r4.SearchParameter, name string) (mod Modifier, target string, err *fhir.Error) {
	mod, known := modifiers[name]
	if !known {
		if r4.IsResource(name) && sp.Type == r4.Reference {
			return ModNone, name, p.target(typ, sp, name)
		}
		return 0, "", p.unknown("unknown modifier :%s of %s%s", shown(name), sp.Code, suggestion(name, fitting(sp)))
	}
	if mod == ModNone || slices.Contains(fitting(sp), name) {
		return mod, "", nil
	}
	return 0, "", p.unknown(":%s does not fit %s of %s", name, sp.Code, typ)
}

// Modifiers are the modifiers that work with a parameter, without the colon; of a reference also each type that it can
// refer to does.
func Modifiers(sp *r4.SearchParameter) []string { return fitting(sp) }

// fitting are the modifiers that work with a parameter.
func fitting(sp *r4.SearchParameter) []string {
	if sp.Code == "_id" {
		return []string{"missing", "not"}
	}
	switch sp.Type {
	case r4.String:
		if index.IsText(sp) {
			return nil
		}
		return []string{"missing", "exact", "contains", "text"}
	case r4.Token:
		list := []string{"missing", "not", "text"}
		if slices.Contains(sp.Elements, "Identifier") {
			list = append(list, "of-type")
		}
		if coded(sp) {
			list = append(list, "in", "not-in", "above", "below")
		}
		return list
	case r4.Reference:
		list := []string{"missing", "identifier", "text"}
		switch {
		case hierarchical(sp):
			list = append(list, "above", "below")
		case index.Canonical(sp):
			list = append(list, "below")
		}
		return list
	case r4.URI:
		return []string{"missing", "above", "below"}
	}
	return []string{"missing"}
}

// coded says whether the values of a token parameter are codes of code systems.
func coded(sp *r4.SearchParameter) bool {
	return slices.ContainsFunc(sp.Elements, func(typ string) bool {
		return typ == "CodeableConcept" || typ == "Coding" || typ == "code"
	})
}

// chain reads head.rest, where head is a reference with or without a type: the union over the types it can refer to
// that have the parameter (R4 search.html#chaining).
func (p *parser) chain(typ, head, rest, value string) (Expr, *fhir.Error) {
	code, target, typed := strings.Cut(head, ":")
	sp, err := p.lookup(typ, code)
	if err != nil {
		return nil, err
	}
	if sp.Type != r4.Reference {
		return nil, p.unknown("%s of %s is no reference: it has no parameter %q", code, typ, shown(rest))
	}
	targets, err := p.targets(typ, sp, target, typed, rest)
	if err != nil {
		return nil, err
	}
	next := rest[:strings.IndexAny(rest+":", ".:")]
	known := slices.DeleteFunc(slices.Clone(targets), func(t string) bool {
		return next != "_has" && p.o.Params.Lookup(t, next) == nil && !p.o.Params.Building(t, next)
	})
	if len(known) == 0 {
		return nil, p.noParam(next, targets...)
	}
	return union(sp, known, func(t string) (Expr, *fhir.Error) { return p.param(t, rest, value) })
}

// union is what sp refers to of each type where what is asked of the type can be asked; the first fault where there is
// none.
func union(sp *r4.SearchParameter, targets []string, asked func(typ string) (Expr, *fhir.Error)) (Expr, *fhir.Error) {
	var list Or
	var first *fhir.Error
	for _, t := range targets {
		x, err := asked(t)
		switch {
		case err == nil:
			list = append(list, Chain{P: sp, Target: t, X: x, Contained: true})
		case err.Kind == fhir.KindTooCostly:
			return nil, err
		case first == nil:
			first = err
		}
	}
	if len(list) == 0 {
		return nil, first
	}
	return single(list, None), nil
}

// targets are the types that a chain by sp of type typ leads to: the one that is named behind the colon, or all that sp can
// refer to. next is what stands behind them.
func (p *parser) targets(typ string, sp *r4.SearchParameter, named string, typed bool, next string) ([]string, *fhir.Error) {
	switch {
	case typed:
		return []string{named}, p.target(typ, sp, named)
	case len(sp.Targets) == 0:
		return nil, p.unknown("%s refers to any type: name it, %s:Type.%s", sp.Code, sp.Code, shown(next))
	}
	return sp.Targets, nil
}

// back is the parameter code of source, by which a resource of that type can refer to one of type typ.
func (p *parser) back(source, code, typ string) (*r4.SearchParameter, *fhir.Error) {
	if !r4.Searchable(source) {
		return nil, p.unknown("%q is no resource type%s", shown(source), suggestion(source, r4.Resources()))
	}
	sp, err := p.lookup(source, code)
	if err != nil {
		return nil, err
	}
	if sp.Type != r4.Reference {
		return nil, p.unknown("%s of %s is no reference", code, source)
	}
	if err := p.target(source, sp, typ); err != nil {
		return nil, err
	}
	return sp, nil
}

// has reads Source:param:rest: resources of type Source that refer to the one of type typ by param and satisfy rest
// (R4 search.html#has).
func (p *parser) has(typ, name, value string) (Expr, *fhir.Error) {
	source, name, ok := strings.Cut(name, ":")
	code, rest, ok2 := strings.Cut(name, ":")
	if !ok || !ok2 || rest == "" {
		return nil, p.unknown("reverse chaining is _has:Type:reference:parameter")
	}
	sp, err := p.back(source, code, typ)
	if err != nil {
		return nil, err
	}
	x, err := p.param(source, rest, value)
	if err != nil {
		return nil, err
	}
	return Has{Source: source, P: sp, X: x}, nil
}
