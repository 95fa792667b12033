package subset

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Subset is a part of resources. The zero Subset is all of them.
type Subset struct {
	kind     kind
	elements map[string]uint64 // of kind listed: by type, bits of the places in r4.Type.Elements
}

type kind uint8

const (
	whole   kind = iota
	summary      // what the definitions mark as summary, at any depth
	text         // the narrative
	data         // all but the narrative
	listed       // elements by name
)

// Summary is the subset of a value of _summary: true, text, data or false (the whole). ok is false for another one.
func Summary(value string) (s Subset, ok bool) {
	switch value {
	case "true":
		return Subset{kind: summary}, true
	case "text":
		return Subset{kind: text}, true
	case "data":
		return Subset{kind: data}, true
	}
	return Subset{}, value == "false"
}

// Elements is the subset of the elements of these names, in resources of these types; resources of other types stay
// whole. A choice is named with or without [x], or by one of its types: value, value[x], valueQuantity. unknown is the
// first name that no type has, "" if there is none.
func Elements(types, names []string) (s Subset, unknown string) {
	s = Subset{listed, make(map[string]uint64, len(types))}
	known := make([]bool, len(names))
	for _, typ := range types {
		t := r4.TypeOf(typ)
		if t == nil {
			continue
		}
		bits := t.Required()
		for i, name := range names {
			if j := place(t, strings.TrimSuffix(name, "[x]")); j >= 0 {
				bits |= 1 << j
				known[i] = true
			}
		}
		s.elements[typ] = bits
	}
	for i, ok := range known {
		if !ok {
			return Subset{}, names[i]
		}
	}
	return s, ""
}

// place is the place of an element in t.Elements, -1 if it has none of that name.
func place(t *r4.Type, name string) int {
	for i := range t.Elements {
		if t.Elements[i].Name == name {
			return i
		}
	}
	i, _ := t.Index(name)
	return i
}

// Whole says whether s is all of a resource.
func (s Subset) Whole() bool { return s.kind == whole }

// Narrative says whether s is _summary=text, which goes with no include (R4 search.html#summary).
func (s Subset) Narrative() bool { return s.kind == text }

// OfIncluded is s as it applies to what is included: a list of elements does not.
func (s Subset) OfIncluded() Subset {
	if s.kind == listed {
		return Subset{}
	}
	return s
}

// Append appends the subset of a resource, which says so by the tag SUBSETTED. resourceType, id, meta and what can
// change the meaning of the rest (implicitRules, modifierExtension) are always in it, and so are mandatory elements and
// the contained resources that what is left refers to.
func (s Subset) Append(dst, body []byte) ([]byte, error) {
	if s.Whole() {
		return append(dst, body...), nil
	}
	res, err := fhir.Parse(body, stored)
	if err != nil {
		return nil, fmt.Errorf("parse a stored resource: %w", err)
	}
	t := r4.TypeOf(res.Type)
	bits, known := s.elements[res.Type]
	if t == nil || s.kind == listed && !known {
		return append(dst, body...), nil
	}
	start := len(dst)
	w := writer{res, append(dst, '{')}
	tagged := false
	var contained *fhir.Node // left out
	for c := res.Root.First; c != nil; c = c.Next {
		name := strings.TrimPrefix(c.Name, "_")
		switch name {
		case "meta":
			w.key(c)
			w.meta(c)
			tagged = true
			continue
		case "resourceType", "id", "implicitRules", "modifierExtension":
			w.member(c)
			continue
		}
		i, ref := t.Index(name)
		if i < 0 {
			continue
		}
		e := &t.Elements[i]
		switch {
		case s.kind == summary && w.inSummary(e):
			w.key(c)
			w.summary(c, e.Types[ref].Type())
		case s.kind == listed && bits>>i&1 == 1, s.kind == text && (name == "text" || e.Min > 0), s.kind == data && name != "text":
			w.member(c)
		case name == "contained":
			contained = c
		}
	}
	if !tagged {
		w.dst = append(append(append(w.dst, `,"meta":{"tag":[`...), subsetted...), `]}`...)
	}
	w.contained(contained, start)
	return append(w.dst, '}'), nil
}

// stored resources were within the limits when they came in.
var stored = fhir.Limits{Depth: math.MaxInt, Bytes: math.MaxInt, Nodes: math.MaxInt}

// subsetted is the tag of incomplete resources (R4 search.html#summary).
const (
	observationValue = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	subsetted        = `{"system":"` + observationValue + `","code":"SUBSETTED"}`
)

// writer writes parts of a resource.
type writer struct {
	res *fhir.Resource
	dst []byte
}

// key begins a member.
func (w *writer) key(n *fhir.Node) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(append(append(w.dst, '"'), n.Name...), `":`...) // a name of the definitions: nothing to escape
}

func (w *writer) raw(n *fhir.Node) { w.dst = append(w.dst, w.res.Raw(n)...) }

func (w *writer) member(n *fhir.Node) {
	w.key(n)
	w.raw(n)
}

// meta writes meta with the tag.
func (w *writer) meta(n *fhir.Node) {
	tags := n.Get("tag")
	has := false
	tags.Each(func(t *fhir.Node) {
		has = has || t.Str("system") == observationValue && t.Str("code") == "SUBSETTED"
	})
	if has || n.JSON != fhir.Object {
		w.raw(n)
		return
	}
	raw, at, before := w.res.Raw(n), n.End-1, `"tag":[`
	after := "]"
	switch {
	case tags != nil && tags.JSON == fhir.Array:
		at, before, after = tags.End-1, ",", ""
	case n.First != nil:
		before = "," + before
	}
	at -= n.Start
	w.dst = append(append(w.dst, raw[:at]...), before...)
	w.dst = append(append(append(w.dst, subsetted...), after...), raw[at:]...)
}

// contained writes those of the contained resources to which the output from start on refers.
func (w *writer) contained(list *fhir.Node, start int) {
	var left []*fhir.Node
	list.Each(func(c *fhir.Node) { left = append(left, c) })
	begun := false
	for again := len(left) > 0; again; {
		again = false
		left = slices.DeleteFunc(left, func(c *fhir.Node) bool {
			id := c.Str("id")
			if id == "" || !bytes.Contains(w.dst[start:], []byte(`"#`+id+`"`)) {
				return false
			}
			if begun {
				w.dst[len(w.dst)-1] = ','
			} else {
				w.key(list)
				w.dst = append(w.dst, '[')
			}
			w.raw(c)
			w.dst = append(w.dst, ']')
			begun, again = true, true
			return true
		})
	}
}

func (w *writer) inSummary(e *r4.Element) bool {
	return e.Summary || e.Min > 0 || e.Name == "modifierExtension"
}

// summary writes the summary of a value. One of which nothing would remain stays whole, and so do the extensions of a
// primitive, which may be all that it has.
func (w *writer) summary(n *fhir.Node, t *r4.Type) {
	switch {
	case n.JSON == fhir.Array:
		w.dst = append(w.dst, '[')
		for c := n.First; c != nil; c = c.Next {
			if c != n.First {
				w.dst = append(w.dst, ',')
			}
			w.summary(c, t)
		}
		w.dst = append(w.dst, ']')
		return
	case n.JSON != fhir.Object || t.Kind == r4.KindPrimitive || t.Name == "Extension":
		w.raw(n)
		return
	}
	if typ := n.Get("resourceType"); typ != nil {
		if t = r4.TypeOf(typ.Text); t == nil {
			w.raw(n)
			return
		}
	}
	start := len(w.dst)
	w.dst = append(w.dst, '{')
	kept := false
	for c := n.First; c != nil; c = c.Next {
		if c.Name == "resourceType" {
			w.member(c)
			continue
		}
		e, ref := t.Lookup(strings.TrimPrefix(c.Name, "_"))
		if e == nil || !w.inSummary(e) {
			continue
		}
		w.key(c)
		w.summary(c, ref.Type())
		kept = true
	}
	if !kept {
		w.dst = w.dst[:start]
		w.raw(n)
		return
	}
	w.dst = append(w.dst, '}')
}
