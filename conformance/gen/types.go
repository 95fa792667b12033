package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// types are the element tables of all types, sorted by name.
type types struct {
	list  []*typ
	index map[string]int
	sets  *sets
}

type typ struct {
	name, kind, base string
	abstract         bool
	elements         []elem
}

type elem struct {
	name     string // without [x]
	choice   bool
	min, max int // max -1 is *
	types    []typeRef
	summary  bool
	required string // canonical without version
}

type typeRef struct {
	code    string
	targets []string
}

const structureURL = "http://hl7.org/fhir/StructureDefinition/"

func makeTypes(d *definitions) (*types, error) {
	t := &types{index: map[string]int{}}
	for i := range d.structures {
		if err := t.add(&d.structures[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", d.structures[i].Type, err)
		}
	}
	slices.SortFunc(t.list, func(a, b *typ) int { return strings.Compare(a.name, b.name) })
	for i, x := range t.list {
		t.index[x.name] = i
	}
	for _, x := range t.list {
		for _, e := range x.elements {
			for _, r := range e.types {
				if _, ok := t.index[r.code]; !ok {
					return nil, fmt.Errorf("%s.%s: unknown type %s", x.name, e.name, r.code)
				}
			}
		}
	}
	t.sets = makeSets(d, t)
	return t, nil
}

// add makes a table for the structure and one for each of its elements that has children.
func (t *types) add(s *structure) error {
	kind := map[string]string{"primitive-type": "KindPrimitive", "complex-type": "KindComplex", "resource": "KindResource"}[s.Kind]
	if kind == "" || len(s.Snapshot.Element) == 0 {
		return fmt.Errorf("kind %q, %d elements", s.Kind, len(s.Snapshot.Element))
	}
	byPath := map[string]*typ{s.Type: {
		name: s.Type, kind: kind, abstract: s.Abstract, base: strings.TrimPrefix(s.BaseDefinition, structureURL),
	}}
	t.list = append(t.list, byPath[s.Type])
	for i, e := range s.Snapshot.Element[1:] {
		dot := strings.LastIndexByte(e.Path, '.')
		parent := byPath[e.Path[:dot]]
		if parent == nil {
			return fmt.Errorf("%s: no parent", e.Path)
		}
		if e.Max == "0" || kind == "KindPrimitive" && e.Path[dot+1:] == "value" {
			continue // JSON has no "value" inside a primitive
		}
		rest := s.Snapshot.Element[i+2:]
		nested := len(rest) > 0 && strings.HasPrefix(rest[0].Path, e.Path+".")
		if nested {
			byPath[e.Path] = &typ{name: e.Path, kind: "KindComplex", base: e.Type[0].Code}
			t.list = append(t.list, byPath[e.Path])
		}
		el, err := makeElement(&e, parent, nested)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
		parent.elements = append(parent.elements, el)
	}
	return nil
}

func makeElement(e *element, parent *typ, nested bool) (elem, error) {
	name := e.Path[strings.LastIndexByte(e.Path, '.')+1:]
	el := elem{name: strings.TrimSuffix(name, "[x]"), choice: strings.HasSuffix(name, "[x]"), min: e.Min, max: -1, summary: e.IsSummary}
	if e.Max != "*" {
		if _, err := fmt.Sscanf(e.Max, "%d", &el.max); err != nil {
			return el, fmt.Errorf("max %q", e.Max)
		}
	}
	if e.Binding != nil && e.Binding.Strength == "required" {
		el.required, _, _ = strings.Cut(e.Binding.ValueSet, "|")
	}
	switch {
	case e.ContentReference != "":
		el.types = []typeRef{{code: strings.TrimPrefix(e.ContentReference, "#")}}
	case nested:
		el.types = []typeRef{{code: e.Path}}
	case parent.kind == "KindResource" && name == "id":
		// The definitions say string here (a known slip); "Resource.id" in the specification is an id.
		el.types = []typeRef{{code: "id"}}
	default:
		for _, x := range e.Type {
			el.types = append(el.types, makeTypeRef(x))
		}
	}
	if len(el.types) == 0 || len(el.types) > 1 && !el.choice {
		return el, fmt.Errorf("%d types", len(el.types))
	}
	return el, nil
}

func makeTypeRef(x elementType) typeRef {
	r := typeRef{code: x.Code}
	if x.Code == "http://hl7.org/fhirpath/System.String" {
		r.code = "string" // the id of every element
	}
	for _, e := range x.Extension {
		if e.URL == structureURL+"structuredefinition-fhir-type" {
			r.code = e.ValueURL
		}
	}
	for _, p := range x.TargetProfile {
		target := strings.TrimPrefix(p, structureURL)
		if target == "Resource" {
			return typeRef{code: r.code}
		}
		r.targets = append(r.targets, target)
	}
	sort.Strings(r.targets)
	return r
}

// get is the table of a type, nil if there is none.
func (t *types) get(name string) *typ {
	if i, ok := t.index[name]; ok {
		return t.list[i]
	}
	return nil
}

// element is the element of that name without [x], nil if there is none.
func (x *typ) element(name string) *elem {
	for i := range x.elements {
		if x.elements[i].name == name {
			return &x.elements[i]
		}
	}
	return nil
}

// required has a bit for each element with a minimum.
func (x *typ) required() (mask uint64) {
	for i, e := range x.elements {
		if e.min > 0 {
			mask |= 1 << i
		}
	}
	return mask
}

// resources are the names of the concrete resource types.
func (t *types) resources() []string {
	var names []string
	for _, x := range t.list {
		if x.kind == "KindResource" && !x.abstract {
			names = append(names, x.name)
		}
	}
	return names
}

func (t *types) source() string {
	var b strings.Builder
	b.WriteString(header + "\npackage r4\n\n")
	fmt.Fprintf(&b, "var resources = %s\n\n", stringList(t.resources()))
	lists := newShared("refs", "[]TypeRef")
	var body strings.Builder
	for _, x := range t.list {
		fmt.Fprintf(&body, "{%q, %s, %t, %q, []Element{\n", x.name, x.kind, x.abstract, x.base)
		for _, e := range x.elements {
			fmt.Fprintf(&body, "{%q, %t, %d, %d, %s, %t, %q, %d},\n", e.name, e.choice, e.min, e.max,
				lists.name(t.refSource(e.types)), e.summary, e.required, t.sets.number(e.required))
		}
		fmt.Fprintf(&body, "}, []field{%s}, %#x},\n", fieldSource(x), x.required())
	}
	b.WriteString(lists.source())
	fmt.Fprintf(&b, "var types = [...]Type{\n%s}\n", body.String())
	return b.String()
}

func (t *types) refSource(refs []typeRef) string {
	var b strings.Builder
	for _, r := range refs {
		fmt.Fprintf(&b, "{%q, %s, %d}, ", r.code, stringList(r.targets), t.index[r.code])
	}
	return b.String()
}

// fieldSource are the JSON names of the elements, shorter names first, then by bytes: Type.Lookup halves that order.
func fieldSource(x *typ) string {
	type field struct {
		name     string
		el, kind int
	}
	var fields []field
	for i, e := range x.elements {
		for j, r := range e.types {
			name := e.name
			if e.choice {
				name += strings.ToUpper(r.code[:1]) + r.code[1:]
			}
			fields = append(fields, field{name, i, j})
		}
	}
	slices.SortFunc(fields, func(a, b field) int {
		if len(a.name) != len(b.name) {
			return len(a.name) - len(b.name)
		}
		return strings.Compare(a.name, b.name)
	})
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "{%q, %d, %d}, ", f.name, f.el, f.kind)
	}
	return b.String()
}
