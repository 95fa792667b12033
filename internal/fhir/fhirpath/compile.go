package fhirpath

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Expr is an expression compiled against a type. It does not change and may be used by several goroutines.
type Expr struct {
	src   string
	typ   string
	root  op
	types []string
	model Model
}

// Compile reads an expression that will be evaluated on items of the type. It refuses, with an *Error of KindInvalid
// that names the place, what is not FHIRPath, elements that the type does not have and functions that are unknown or
// not supported.
func Compile(src, typ string, m Model) (*Expr, error) {
	n, err := parse(src)
	if err != nil {
		return nil, err
	}
	c := &compiler{src: src, model: m, this: static{typ}}
	root, types, err := c.compile(n)
	if err != nil {
		return nil, err
	}
	return &Expr{src, typ, root, types, m}, nil
}

func (x *Expr) String() string { return x.src }

// Types are the types that the items of the result can have, nil if they are not known before evaluation.
func (x *Expr) Types() []string { return x.types }

// Paths are the clauses of the union that the expression is, if all of them are paths; else ok is false. Clauses that
// can select nothing are left out.
func (x *Expr) Paths() (paths []Path, ok bool) {
	clauses := []op{x.root}
	if u, is := x.root.(*unionOp); is {
		clauses = u.args
	}
	for _, o := range clauses {
		switch o := o.(type) {
		case *pathOp:
			for _, s := range o.steps {
				if len(s.alts) == 0 {
					return nil, false
				}
			}
			paths = append(paths, Path{x.typ, o.steps})
		case emptyOp:
		default:
			return nil, false
		}
	}
	return paths, true
}

// static is what the compiler knows of the types of a collection; nil is nothing, empty is: no items.
type static []string

var none = static{}

type compiler struct {
	src   string
	model Model
	this  static // of $this
}

func (c *compiler) fail(n *node, why string) error { return syntax(c.src, n.pos, why) }

// compile translates an expression that begins at $this.
func (c *compiler) compile(n *node) (op, static, error) {
	switch n.op {
	case nName:
		if typ := c.model.Canonical(n.text); typ != "" && n.text[0] <= 'Z' {
			return c.head(typ)
		}
		fallthrough
	case nCall:
		return c.invoke(n, &pathOp{}, c.this)
	case nDot:
		left, types, err := c.compile(n.args[0])
		if err != nil {
			return nil, nil, err
		}
		return c.invoke(n.args[1], left, types)
	case nIndex:
		left, types, err := c.compile(n.args[0])
		if err != nil {
			return nil, nil, err
		}
		i, _, err := c.compile(n.args[1])
		return &indexOp{left, i}, types, err
	case nIs, nAs:
		left, types, err := c.compile(n.args[0])
		if err != nil {
			return nil, nil, err
		}
		if n.op == nAs {
			return c.as(n, left, types, n.text)
		}
		t, err := c.spec(n, n.text)
		return &isOp{left, t}, static{Boolean}, err
	case nUnary:
		x, _, err := c.compile(n.args[0])
		return &unaryOp{n.text, x}, nil, err
	case nBinary:
		return c.binary(n)
	case nSpecial:
		switch n.text {
		case "this":
			return &pathOp{}, c.this, nil
		case "index":
			return indexVar{}, static{Integer}, nil
		case "total":
			return totalVar{}, nil, nil
		}
		return nil, nil, c.fail(n, "unknown variable $"+n.text)
	case nConst:
		return c.constant(n)
	}
	return c.literal(n)
}

// head is the name of a type at the start of a path.
func (c *compiler) head(typ string) (op, static, error) {
	var keep static
	for _, t := range c.this {
		switch {
		case c.model.IsA(t, typ):
			keep = append(keep, t)
		case c.model.IsA(typ, t): // an abstract type: known when evaluating
			return &filterOp{&pathOp{}, spec{name: typ, model: c.model}}, static{typ}, nil
		}
	}
	if c.this == nil {
		return &filterOp{&pathOp{}, spec{name: typ, model: c.model}}, static{typ}, nil
	}
	if keep == nil {
		return emptyOp{}, none, nil
	}
	return &pathOp{}, keep, nil
}

func (c *compiler) literal(n *node) (op, static, error) {
	lit := func(typ, text string) (op, static, error) {
		return &literalOp{Item{Type: typ, Text: text}}, static{typ}, nil
	}
	switch n.op {
	case nEmpty:
		return emptyOp{}, none, nil
	case nString:
		return lit(String, n.text)
	case nBoolean:
		return lit(Boolean, n.text)
	case nTime:
		return lit(Time, n.text)
	case nDate:
		if strings.Contains(n.text, "T") {
			return lit(DateTime, n.text)
		}
		return lit(Date, n.text)
	case nNumber:
		if strings.Contains(n.text, ".") {
			return lit(Decimal, trimZeros(n.text))
		}
		return lit(Integer, trimZeros(n.text))
	case nQuantity:
		return &literalOp{Item{Type: Quantity, Text: trimZeros(n.text), Unit: n.unit}}, static{Quantity}, nil
	}
	return nil, nil, c.fail(n, "unexpected")
}

// trimZeros removes the leading zeros that FHIRPath allows and a decimal does not.
func trimZeros(s string) string {
	for len(s) > 1 && s[0] == '0' && s[1] != '.' {
		s = s[1:]
	}
	return s
}

func (c *compiler) constant(n *node) (op, static, error) {
	switch n.text {
	case "resource":
		return envOp(envResource), c.resource(), nil
	case "rootResource":
		return envOp(envRoot), nil, nil
	case "context":
		return envOp(envContext), nil, nil
	}
	known := map[string]string{"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}[n.text]
	if s, ok := strings.CutPrefix(n.text, "vs-"); ok {
		known = "http://hl7.org/fhir/ValueSet/" + s
	} else if s, ok := strings.CutPrefix(n.text, "ext-"); ok {
		known = "http://hl7.org/fhir/StructureDefinition/" + s
	}
	if known == "" {
		return nil, nil, c.fail(n, "unknown constant %"+n.text)
	}
	return &literalOp{Item{Type: String, Text: known}}, static{String}, nil
}

// resource is the type of %resource: that of the expression if it is a resource or a part of one.
func (c *compiler) resource() static {
	if len(c.this) != 1 {
		return nil
	}
	typ, _, _ := strings.Cut(c.this[0], ".")
	if c.model.IsA(typ, "Resource") && c.model.Canonical(typ) == typ {
		return static{typ}
	}
	return nil
}

func (c *compiler) binary(n *node) (op, static, error) {
	var args []op
	var types static
	known := true
	for _, a := range n.args {
		x, t, err := c.compile(a)
		if err != nil {
			return nil, nil, err
		}
		args = append(args, x)
		known = known && t != nil
		types = append(types, t...)
	}
	if n.text == "|" {
		var flat []op
		for _, a := range args {
			if u, ok := a.(*unionOp); ok {
				flat = append(flat, u.args...)
			} else {
				flat = append(flat, a)
			}
		}
		if !known {
			types = nil
		} else if types == nil {
			types = none
		}
		return &unionOp{flat}, types, nil
	}
	o, ok := operators[n.text]
	if !ok {
		return nil, nil, c.fail(n, "unknown operator "+n.text)
	}
	result := static(nil)
	if o.boolean {
		result = static{Boolean}
	}
	return &binaryOp{o.eval, args[0], args[1]}, result, nil
}

// invoke translates what stands behind a dot, or at the start.
func (c *compiler) invoke(n *node, left op, types static) (op, static, error) {
	switch n.op {
	case nName:
		return c.member(n, left, types)
	case nSpecial:
		return c.compile(n)
	}
	switch n.text {
	case "as", "ofType", "is":
		if len(n.args) != 1 {
			return nil, nil, c.fail(n, n.text+" takes the name of a type")
		}
		name := typeArg(n.args[0])
		if name == "" {
			return nil, nil, c.fail(n, n.text+" takes the name of a type")
		}
		if n.text != "is" {
			return c.as(n, left, types, name)
		}
		t, err := c.spec(n, name)
		return &isOp{left, t}, static{Boolean}, err
	case "where":
		if len(n.args) == 1 {
			if f, ok := c.simple(n.args[0], types); ok {
				if p, ok := keep(left, f); ok {
					return p, types, nil
				}
			}
		}
	case "extension":
		if len(n.args) == 1 && n.args[0].op == nString {
			o, t, err := c.member(&node{op: nName, text: "extension", pos: n.pos}, left, types)
			if err != nil {
				return nil, nil, err
			}
			if p, ok := keep(o, filter{key: "url", text: n.args[0].text}); ok {
				return p, t, nil
			}
		}
	case "resolve":
		if len(n.args) != 0 {
			return nil, nil, c.fail(n, "resolve takes no argument")
		}
		return &resolveOp{left}, nil, nil
	}
	f, ok := functions[n.text]
	if !ok {
		return nil, nil, c.fail(n, "unknown or not supported function "+n.text)
	}
	if len(n.args) < f.min || len(n.args) > f.max {
		return nil, nil, c.fail(n, "wrong number of arguments of "+n.text)
	}
	call := &callOp{f: f.eval, left: left}
	outer := c.this
	if f.lambda {
		c.this = types
		if n.text == "repeat" {
			c.this = nil
		}
	}
	for _, a := range n.args {
		o, t, err := c.compile(a)
		if err != nil {
			return nil, nil, err
		}
		call.args = append(call.args, o)
		if n.text == "select" {
			types = t
		}
	}
	c.this = outer
	switch f.result {
	case sameTypes:
	case anyType:
		types = nil
	default:
		types = static{f.result}
	}
	return call, types, nil
}

func typeArg(n *node) string {
	switch {
	case n.op == nName:
		return n.text
	case n.op == nDot && n.args[0].op == nName && n.args[1].op == nName:
		return n.args[0].text + "." + n.args[1].text
	case n.op == nString:
		return n.text
	}
	return ""
}

// member is the step to an element.
func (c *compiler) member(n *node, left op, types static) (op, static, error) {
	s := step{name: n.text}
	out := none
	if types == nil {
		out = nil
	}
	for _, t := range types {
		if t == "Resource" || t == "DomainResource" || system(t) {
			if !system(t) {
				s.alts, out = nil, nil // any resource: known when evaluating
				break
			}
			continue
		}
		fields := c.model.Fields(t, n.text)
		if len(fields) == 0 {
			continue
		}
		s.alts = append(s.alts, alt{t, fields})
		for _, f := range fields {
			if !slices.Contains(out, f.Type) {
				out = append(out, f.Type)
			}
		}
	}
	if _, is := left.(emptyOp); is {
		return left, none, nil
	}
	if out != nil && len(out) == 0 && len(types) > 0 {
		return nil, nil, c.fail(n, strings.Join(types, ", ")+" has no element "+n.text)
	}
	if p, ok := left.(*pathOp); ok {
		return &pathOp{append(slices.Clip(p.steps), s)}, out, nil
	}
	return &dotOp{left, &pathOp{[]step{s}}}, out, nil
}

// keep adds a condition to the last step of a path.
func keep(o op, f filter) (op, bool) {
	p, ok := o.(*pathOp)
	if !ok || len(p.steps) == 0 {
		return nil, false
	}
	steps := slices.Clone(p.steps)
	last := &steps[len(steps)-1]
	last.keep = append(slices.Clip(last.keep), f)
	return &pathOp{steps}, true
}

// simple recognises key = 'text' and resolve() is Type.
func (c *compiler) simple(n *node, types static) (filter, bool) {
	switch {
	case n.op == nBinary && n.text == "=" && n.args[0].op == nName && n.args[1].op == nString && len(types) > 0:
		for _, t := range types {
			fields := c.model.Fields(t, n.args[0].text)
			if len(fields) != 1 || fields[0].JSON != n.args[0].text || (Item{Type: fields[0].Type}).kind() != String {
				return filter{}, false
			}
		}
		return filter{key: n.args[0].text, text: n.args[1].text}, true
	case n.op == nIs && n.args[0].op == nCall && n.args[0].text == "resolve" && len(n.args[0].args) == 0:
		typ := c.model.Canonical(strings.TrimPrefix(n.text, "FHIR."))
		return filter{typ: typ, model: c.model}, typ != ""
	}
	return filter{}, false
}

// as keeps the items of a type; on a choice it keeps the variant.
func (c *compiler) as(n *node, left op, types static, name string) (op, static, error) {
	t, err := c.spec(n, name)
	if err != nil {
		return nil, nil, err
	}
	p, ok := left.(*pathOp)
	if !ok || t.system || len(p.steps) == 0 || len(p.steps[len(p.steps)-1].alts) == 0 {
		return &filterOp{left, t}, static{t.name}, nil
	}
	// Narrow the last step. Other types than t itself count only if no variant is declared as t.
	steps := slices.Clone(p.steps)
	last := &steps[len(steps)-1]
	exact := slices.Contains(types, t.name)
	alts := last.alts
	last.alts = nil
	out := none
	for _, a := range alts {
		var fields []Field
		for _, f := range a.fields {
			if f.Type == "Resource" {
				return &filterOp{left, t}, static{t.name}, nil // known when evaluating
			}
			if f.Type == t.name || !exact && c.model.IsA(f.Type, t.name) {
				fields = append(fields, f)
				out = append(out, f.Type)
			}
		}
		if fields != nil {
			last.alts = append(last.alts, alt{a.from, fields})
		}
	}
	if len(last.alts) == 0 {
		return emptyOp{}, none, nil
	}
	slices.Sort(out)
	return &pathOp{steps}, slices.Compact(out), nil
}

// spec is a type as an expression names it.
type spec struct {
	name   string
	system bool // System.Boolean: computed values only
	model  Model
}

func (c *compiler) spec(n *node, name string) (spec, error) {
	if s, ok := strings.CutPrefix(name, "System."); ok {
		for _, t := range []string{Boolean, String, Integer, Decimal, Date, DateTime, Time, Quantity} {
			if strings.EqualFold(t[7:], s) {
				return spec{t, true, c.model}, nil
			}
		}
		return spec{}, c.fail(n, "unknown type "+name)
	}
	typ := c.model.Canonical(strings.TrimPrefix(name, "FHIR."))
	if typ == "" {
		return spec{}, c.fail(n, "unknown type "+name)
	}
	return spec{typ, false, c.model}, nil
}

func (s *spec) is(it Item) bool {
	switch {
	case s.system:
		return it.Type == s.name
	case system(it.Type):
		return strings.EqualFold(it.Type[7:], s.name)
	}
	return s.model.IsA(it.Type, s.name)
}

var errCostly = fhir.Errorf(fhir.KindTooCostly, "", "the evaluation of a FHIRPath expression is over its limits")
