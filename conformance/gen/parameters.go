package main

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// parameters are the search parameters by URL, one for each resource type that they apply to.
type parameters struct {
	list    []*param
	byType  map[string][]int // resource type → places in list, sorted by code, with those for all types
	numbers numbers
}

type param struct {
	code, url, typ, base, expression string
	number                           int
	targets, elements                []string
	components                       []component
	single                           bool
}

type component struct{ code, definition, expression, typ string }

var paramTypes = map[string]string{
	"number": "Number", "date": "Date", "string": "String", "token": "Token", "reference": "Reference",
	"composite": "Composite", "quantity": "Quantity", "uri": "URI", "special": "Special",
}

func makeParameters(d *definitions, t *types) (*parameters, error) {
	p := &parameters{byType: map[string][]int{}, numbers: d.numbers}
	p.numbers.extend(d.parameters)
	definition := map[string]*parameter{}
	for i := range d.parameters {
		definition[d.parameters[i].URL] = &d.parameters[i]
	}
	for _, s := range definition {
		for _, base := range s.Base {
			x, err := makeParam(t, s, base, definition)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", s.URL, base, err)
			}
			x.number = p.numbers.of(x.code)
			p.list = append(p.list, x)
		}
	}
	slices.SortFunc(p.list, func(a, b *param) int {
		return strings.Compare(a.url+" "+a.base, b.url+" "+b.base)
	})
	for _, typ := range append(t.resources(), "") {
		for i, x := range p.list {
			if x.base == typ || x.base == "" && (x.code != "_text" || typ != "" && t.get(typ).base == "DomainResource") {
				p.byType[typ] = append(p.byType[typ], i)
			}
		}
		list := p.byType[typ]
		sort.Slice(list, func(i, j int) bool { return p.list[list[i]].code < p.list[list[j]].code })
		for i := 1; i < len(list); i++ {
			if p.list[list[i-1]].code == p.list[list[i]].code {
				return nil, fmt.Errorf("two parameters %s of %s", p.list[list[i]].code, typ)
			}
		}
	}
	return p, nil
}

func makeParam(t *types, s *parameter, base string, all map[string]*parameter) (*param, error) {
	x := &param{code: s.Code, url: s.URL, typ: paramTypes[s.Type], base: base}
	if x.typ == "" {
		return nil, fmt.Errorf("type %q", s.Type)
	}
	for _, c := range s.Component {
		def := all[c.Definition]
		if def == nil {
			return nil, fmt.Errorf("component %s is unknown", c.Definition)
		}
		x.components = append(x.components, component{def.Code, c.Definition, c.Expression, paramTypes[def.Type]})
	}
	x.targets = slices.Sorted(slices.Values(s.Target))
	if s.Expression != "" {
		x.expression = cut(s.Expression, base)
		if x.expression == "" {
			return nil, fmt.Errorf("no clause for the type in %q", s.Expression)
		}
		sel, err := t.walk(x.expression, base)
		if err != nil {
			return nil, err
		}
		codes := map[string]bool{}
		for _, i := range sel.items {
			codes[i.code] = true
		}
		x.elements = slices.Sorted(maps.Keys(codes))
		x.single = sel.single
		x.targets = narrow(x.targets, sel.items)
	}
	if base == "Resource" || base == "DomainResource" {
		x.base = ""
	}
	return x, nil
}

// narrow keeps the targets of a definition, which it names for all its types at once, that the elements of one type
// permit.
func narrow(targets []string, items []typeRef) []string {
	permitted := map[string]bool{}
	for _, i := range items {
		if i.code != "Reference" && i.code != "canonical" {
			continue
		}
		if len(i.targets) == 0 {
			return targets
		}
		for _, t := range i.targets {
			permitted[t] = true
		}
	}
	var out []string
	for _, t := range targets {
		if permitted[t] {
			out = append(out, t)
		}
	}
	if out == nil {
		return targets
	}
	return out
}

// numbers hold the codes of search parameters; a code's number is its place, from 1.
type numbers struct{ codes []string }

func parseNumbers(text string) numbers { return numbers{strings.Fields(text)} }

// extend appends the codes that have no number yet, sorted.
func (n *numbers) extend(list []parameter) {
	unknown := map[string]bool{}
	for _, p := range list {
		unknown[p.Code] = true
	}
	for _, c := range n.codes {
		delete(unknown, c)
	}
	n.codes = append(slices.Clone(n.codes), slices.Sorted(maps.Keys(unknown))...)
}

func (n *numbers) of(code string) int { return slices.Index(n.codes, code) + 1 }

func (n *numbers) text() string { return strings.Join(n.codes, "\n") + "\n" }

func (p *parameters) source() string {
	var b strings.Builder
	b.WriteString(header + "\npackage r4\n\n")
	lists := newShared("names", "[]string")
	var body strings.Builder
	for _, x := range p.list {
		fmt.Fprintf(&body, "{%q, %d, %q, %s, %q, %q, %s, %s, %s, %t, true},\n", x.code, x.number, x.url, x.typ, x.base,
			x.expression, lists.strings(x.targets), componentSource(x.components), lists.strings(x.elements), x.single)
	}
	b.WriteString(lists.source())
	fmt.Fprintf(&b, "// parameters are sorted by URL, then by base. Their numbers are persistent: indexes on disk hold them.\nvar parameters = [...]SearchParameter{\n%s}\n\n", body.String())
	b.WriteString("// parametersOf are sorted by type; each list by code. The type \"\" has those for all types.\nvar parametersOf = [...]typeParameters{\n")
	for _, typ := range slices.Sorted(maps.Keys(p.byType)) {
		fmt.Fprintf(&b, "{%q, []*SearchParameter{", typ)
		for _, i := range p.byType[typ] {
			fmt.Fprintf(&b, "&parameters[%d], ", i)
		}
		b.WriteString("}},\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func componentSource(list []component) string {
	if len(list) == 0 {
		return "nil"
	}
	var b strings.Builder
	b.WriteString("[]Component{")
	for _, c := range list {
		fmt.Fprintf(&b, "{%q, %q, %q, %s}, ", c.code, c.definition, c.expression, c.typ)
	}
	return b.String() + "}"
}
