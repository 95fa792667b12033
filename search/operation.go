package search

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// filter reads _filter as the same expressions that parameters give. Its tests are on the values of one parameter each:
// some value is what the operation asks for.
func (p *parser) filter(typ, text string) (Expr, *fhir.Error) {
	n, err := p.readFilter(text)
	if err != nil {
		return nil, err
	}
	return p.filterNode(typ, n)
}

func (p *parser) filterNode(typ string, n *filterNode) (Expr, *fhir.Error) {
	if n.join == "" {
		return p.filterPath(typ, n, n.path)
	}
	a, err := p.filterNode(typ, n.a)
	if err != nil || n.join == "not" {
		return Not{a}, err
	}
	b, err := p.filterNode(typ, n.b)
	if n.join == "and" {
		return And{a, b}, err
	}
	return Or{a, b}, err
}

// filterPath is a test at the end of a path. What says that there is none (pr false, ni) says it of the whole path.
func (p *parser) filterPath(typ string, n *filterNode, path []filterStep) (Expr, *fhir.Error) {
	if err := p.spend(1); err != nil {
		return nil, err
	}
	positive := *n
	switch {
	case n.op == "ni":
		positive.op = "in"
	case n.op == "pr" && n.value == "false":
		positive.value = "true"
	default:
		return p.filterStep(typ, n, path)
	}
	x, err := p.filterStep(typ, &positive, path)
	return Not{x}, err
}

func (p *parser) filterStep(typ string, n *filterNode, path []filterStep) (Expr, *fhir.Error) {
	name, where := path[0].name, path[0].where
	if rest, ok := strings.CutPrefix(name, "_has:"); ok {
		return p.filterHas(typ, rest, n, path)
	}
	code, target, typed := strings.Cut(name, ":")
	if code == "id" && r4.Lookup(typ, code) == nil {
		code = "_id"
	}
	sp, err := p.searched(typ, code)
	switch {
	case err != nil:
		return nil, err
	case len(path) == 1 && typed:
		return nil, p.unknown("a filter has operations instead of modifiers: %q", shown(name))
	case len(path) == 1:
		return p.operation(sp, n)
	case sp.Type == r4.Composite && where != nil && len(path) == 2:
		return p.filterComposite(sp, n, path)
	case sp.Type != r4.Reference:
		return nil, p.unknown("%s of %s is no reference: it has no parameter %q", code, typ, shown(path[1].name))
	}
	targets, err := p.targets(typ, sp, target, typed, path[1].name)
	if err != nil {
		return nil, err
	}
	return p.filterChain(sp, targets, n, path)
}

// filterChain is the union over the types that have what comes behind, and, in brackets, what they must satisfy.
func (p *parser) filterChain(sp *r4.SearchParameter, targets []string, n *filterNode, path []filterStep) (Expr, *fhir.Error) {
	return union(sp, targets, func(t string) (Expr, *fhir.Error) {
		x, err := p.filterPath(t, n, path[1:])
		if where := path[0].where; err == nil && where != nil {
			var also Expr
			if also, err = p.filterNode(t, where); err == nil {
				x = And{also, x}
			}
		}
		return x, err
	})
}

// filterHas is _has:Source:reference:parameter.
func (p *parser) filterHas(typ, rest string, n *filterNode, path []filterStep) (Expr, *fhir.Error) {
	parts := strings.Split(rest, ":")
	if len(parts) != 3 || path[0].where != nil {
		return nil, p.unknown("reverse chaining in a filter is _has:Type:reference:parameter")
	}
	source, code := parts[0], parts[1]
	sp, err := p.back(source, code, typ)
	if err != nil {
		return nil, err
	}
	x, err := p.filterStep(source, n, append([]filterStep{{name: parts[2]}}, path[1:]...))
	return Has{Source: source, P: sp, X: x}, err
}

// filterComposite is name[component eq value].component: both in the same element, which is what the composite asks.
func (p *parser) filterComposite(sp *r4.SearchParameter, n *filterNode, path []filterStep) (Expr, *fhir.Error) {
	where := path[0].where
	if len(sp.Components) != 2 || where.join != "" || len(where.path) != 1 {
		return nil, p.unknown("a filter on the composite %s is %s[component operation value].component", sp.Code, sp.Code)
	}
	v := Value{Parts: make([]Value, 2)}
	var raw [2]string
	for _, part := range []struct {
		name string
		n    *filterNode
	}{{where.path[0].name, where}, {path[1].name, n}} {
		i := slices.IndexFunc(sp.Components, func(c r4.Component) bool { return c.Code == part.name || strings.HasSuffix(c.Code, "-"+part.name) })
		if i < 0 || raw[i] != "" {
			return nil, p.unknown("the composite %s has no two components %q and %q, but %s and %s",
				sp.Code, shown(where.path[0].name), shown(path[1].name), sp.Components[0].Code, sp.Components[1].Code)
		}
		x, err := p.operation(component(sp, i), part.n)
		if err != nil {
			return nil, err
		}
		e, ok := x.(Param)
		if !ok || e.Mod != ModNone || len(e.Any) != 1 {
			return nil, p.unknown("the operation %s does not work inside of a composite", part.n.op)
		}
		v.Parts[i], raw[i] = e.Any[0], e.Any[0].Raw
	}
	v.Raw = raw[0] + "$" + raw[1]
	return Param{P: sp, Any: []Value{v}}, nil
}

// namespaces are the names that a filter may use for code systems.
var namespaces = map[string]string{
	"loinc": "http://loinc.org", "snomed": "http://snomed.info/sct", "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm", "ucum": index.UCUM,
}

// namespaced resolves the name of a code system before a |.
func namespaced(s string) string {
	parts := split(s, '|')
	for i, name := range parts[:len(parts)-1] {
		if url := namespaces[name]; url != "" {
			parts[i] = url
		}
	}
	return strings.Join(parts, "|")
}

// operation is a test of the values of a parameter (R4 search_filter.html#ops); those that are not in its table for a
// type of parameter are refused. Tokens compare as in any search, by case where their system does.
func (p *parser) operation(sp *r4.SearchParameter, n *filterNode) (Expr, *fhir.Error) {
	if n.op == "pr" {
		if n.value != "true" && n.value != "false" {
			return nil, p.bad("pr is true or false: %q", shown(n.value))
		}
		return Missing{P: sp, Is: n.value == "false"}, nil
	}
	if index.IsText(sp) && n.op == "co" {
		return p.texts(sp, escapeCommas(n.value))
	}
	v := Value{Raw: n.value}
	mod := ModNone
	var err *fhir.Error
	prefix := slices.Index(prefixes[:], n.op)
	if v.Prefix = Prefix(max(prefix, 0)); v.Prefix != Eq {
		v.Raw = n.op + n.value // as in a search
	}
	fits := false
	switch sp.Type {
	case r4.String:
		if v.Text = n.value; fhir.Fold(v.Text) == "" {
			err = p.bad("a string of blanks finds nothing")
		}
		mod, fits = stringOperation(n.op)
	case r4.URI:
		v.Text = n.value
		mod, fits = map[string]Modifier{"eq": ModNone, "ne": ModOther}[n.op], n.op == "eq" || n.op == "ne"
	case r4.Number:
		mod, fits = ordered(n.op, prefix)
		err = p.number(&v, n.value)
	case r4.Quantity:
		fits = prefix >= 0
		err = p.quantity(&v, namespaced(n.value))
	case r4.Date:
		mod, fits = ordered(n.op, prefix)
		err = p.date(&v, n.value)
		if n.op == "po" { // overlap without a margin
			v.Prefix, v.Raw, fits = Ap, n.op+n.value, true
		}
	case r4.Token:
		if mod, fits = tokenOperation(n.op); mod != ModNone && mod != ModOther {
			fits = slices.Contains(fitting(sp), mod.String())
		}
		v, err = p.value(sp, mod, "", namespaced(n.value))
	case r4.Reference:
		fits = n.op == "re"
		v, err = p.value(sp, ModNone, "", n.value)
	case r4.Composite, r4.Special:
		mod, fits = map[string]Modifier{"ne": ModOther}[n.op], n.op == "eq" || n.op == "ne" && sp.Type == r4.Composite
		parts := split(n.value, '$')
		for i := range parts {
			parts[i] = namespaced(parts[i])
		}
		v, err = p.value(sp, ModNone, "", strings.Join(parts, "$"))
	}
	if !fits {
		return nil, p.unknown("the operation %q does not fit %s, a %s%s", shown(n.op), sp.Code, typeNames[sp.Type], instead[sp.Type])
	}
	if err != nil {
		return nil, err
	}
	x := Param{P: sp, Mod: mod, Any: []Value{v}}
	if sp.Code == "_id" && mod == ModNone {
		return p.ids(x)
	}
	return x, nil
}

// escapeCommas keeps the commas of a text from separating values.
func escapeCommas(s string) string { return strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(s) }

func stringOperation(op string) (mod Modifier, fits bool) {
	switch op {
	case "eq":
		return ModEqual, true
	case "ne":
		return ModOther, true
	case "co":
		return ModContains, true
	case "sw":
		return ModNone, true
	case "ew":
		return ModEnds, true
	case "gt", "lt", "ge", "le":
		return ModOrder, true
	}
	return 0, false
}

func tokenOperation(op string) (mod Modifier, fits bool) {
	switch op {
	case "eq":
		return ModNone, true
	case "ne":
		return ModOther, true
	case "in":
		return ModIn, true
	case "ss": // the value subsumes what is there
		return ModBelow, true
	case "sb":
		return ModAbove, true
	}
	return 0, false
}

// ordered is the operation of a number or date: one of the prefixes, or co: what is there holds the value.
func ordered(op string, prefix int) (mod Modifier, fits bool) {
	if op == "co" {
		return ModHolds, true
	}
	return ModNone, prefix >= 0
}

var typeNames = [...]string{
	r4.Number: "number", r4.Date: "date", r4.String: "string", r4.Token: "token", r4.Reference: "reference",
	r4.Composite: "composite", r4.Quantity: "quantity", r4.URI: "uri", r4.Special: "special parameter",
}

// instead are the operations of each type.
var instead = [...]string{
	r4.Number: ": eq ne gt lt ge le ap sa eb co pr", r4.Date: ": eq ne gt lt ge le ap sa eb co po pr", r4.String: ": eq ne co sw ew gt lt ge le pr",
	r4.Token: ": eq ne in ni ss sb pr", r4.Reference: ": re pr", r4.Composite: ": eq ne pr", r4.Quantity: ": eq ne gt lt ge le ap sa eb pr",
	r4.URI: ": eq ne pr", r4.Special: ": eq pr",
}
