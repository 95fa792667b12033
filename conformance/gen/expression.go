package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// selection is what an expression selects: FHIR types with their reference targets, and whether it is at most one
// element.
type selection struct {
	items  []typeRef
	single bool
	key    string // path without as(): two clauses with one key are variants of one choice
}

// clauses splits a union at its top level.
func clauses(expr string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range expr {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				out = append(out, strings.TrimSpace(expr[from:i]))
				from = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(expr[from:]))
}

var headName = regexp.MustCompile(`^\(*([A-Za-z]+)`)

// cut keeps the clauses of an expression that apply to a resource type: those that begin with its name, and those
// that begin with an element instead of a type.
func cut(expr, typ string) string {
	var kept []string
	for _, c := range clauses(expr) {
		head := headName.FindStringSubmatch(c)
		if head != nil && (head[1] == typ || strings.ToLower(head[1][:1]) == head[1][:1]) {
			kept = append(kept, c)
		}
	}
	return strings.Join(kept, " | ")
}

var asSuffix = regexp.MustCompile(`^\((.+) as ([A-Za-z]+)\)(.*)$`)

// walk evaluates an expression (already cut) over the element tables, beginning at a type.
func (t *types) walk(expr, typ string) (selection, error) {
	var out selection
	out.single = true
	var keys []string
	for _, c := range clauses(expr) {
		s, err := t.walkClause(c, typ)
		if err != nil {
			return out, fmt.Errorf("%s: %w", c, err)
		}
		out.items = append(out.items, s.items...)
		out.single = out.single && s.single
		if !slices.Contains(keys, s.key) {
			keys = append(keys, s.key)
		}
	}
	out.single = out.single && len(keys) == 1
	return out, nil
}

func (t *types) walkClause(c, typ string) (selection, error) {
	if strings.Contains(c, " and ") || strings.HasSuffix(c, ".exists()") {
		return selection{items: []typeRef{{code: "boolean"}}, single: true, key: c}, nil
	}
	path, rest := c, ""
	if m := asSuffix.FindStringSubmatch(c); m != nil {
		path, rest = m[1], ".as("+m[2]+")"+m[3]
	}
	s := selection{items: []typeRef{{code: typ}}, single: true}
	for i, step := range steps(path + rest) {
		if i == 0 && (step == typ || step == "%resource" || step == "Resource" || step == "DomainResource") {
			continue
		}
		var err error
		if s, err = t.step(s, step); err != nil {
			return s, err
		}
	}
	return s, nil
}

// steps splits a path at the dots outside parentheses.
func steps(path string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range path {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case '.':
			if depth == 0 {
				out = append(out, path[from:i])
				from = i + 1
			}
		}
	}
	return append(out, path[from:])
}

func (t *types) step(s selection, step string) (selection, error) {
	name, arg, call := strings.Cut(strings.TrimSuffix(step, ")"), "(")
	if !call {
		name, _, index := strings.Cut(step, "[")
		out := t.children(s, name)
		if index {
			out.single = true
		}
		if len(out.items) == 0 {
			return s, fmt.Errorf("no element %s", step)
		}
		out.key = s.key + "." + name
		return out, nil
	}
	out := s
	out.items = nil
	switch name {
	case "as", "ofType":
		for _, x := range s.items {
			if strings.EqualFold(x.code, arg) {
				out.items = append(out.items, x)
			}
		}
	case "where":
		if target, ok := strings.CutPrefix(arg, "resolve() is "); ok {
			for _, x := range s.items {
				x.targets = []string{target}
				out.items = append(out.items, x)
			}
			return out, nil
		}
		out.items = s.items
		out.key += "." + step
	default:
		return s, fmt.Errorf("unknown function %s", name)
	}
	if len(out.items) == 0 {
		return s, fmt.Errorf("%s selects nothing", step)
	}
	return out, nil
}

func (t *types) children(s selection, name string) selection {
	out := selection{single: s.single}
	for _, x := range s.items {
		e := t.get(x.code).element(name)
		if e == nil {
			continue
		}
		out.items = append(out.items, e.types...)
		if e.max != 1 {
			out.single = false
		}
	}
	return out
}
