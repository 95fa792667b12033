package index

import (
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// pass is one extraction from one resource: it makes Values of the items that the program finds and collects them, or
// hands them to the entries.
type pass struct {
	x        *Indexer
	program  *program
	resource *fhir.Node
	typ      string

	entries *builder // nil: collect values
	values  []Value

	inside composite
}

// composite is what one element has for the components of a composite: first it is only asked which of them have a
// value, then, if all have, which values.
type composite struct {
	*parts         // nil: no composite is at hand
	at      int    // component at hand
	have    uint64 // components that have a value, as bits
	collect bool
	values  [][]Value
	texts   [maxParts][]string // of terms, where parts.joined
}

// maxParts bounds the components of a composite; R4 has three at most.
const maxParts = 4

func (s *pass) run() {
	it := fhirpath.Item{Node: s.resource, Type: s.typ}
	s.program.set.Walk(it, s.resource, s)
	for i := range s.program.evals {
		e := &s.program.evals[i]
		items, err := e.expr.Eval(nil, it, nil)
		if err != nil {
			continue // over a limit, or an operator that is not defined for what stands there: no value
		}
		for _, it := range items {
			s.item(&e.leaf, it)
		}
	}
}

// Found is fhirpath.Found.
func (s *pass) Found(path int, it fhirpath.Item) { s.item(&s.program.leaves[path], it) }

func (s *pass) emit(l *leaf, v *Value) {
	switch c := &s.inside; {
	case c.parts != nil && !c.collect:
		c.have |= 1 << c.at
	case c.parts != nil && c.paired != nil && s.entries != nil:
		s.entries.half(c.num, c.paired, c.at, v)
	case c.parts != nil && s.entries == nil:
		c.values[c.at] = append(c.values[c.at], *v)
	case c.parts != nil:
		c.texts[c.at] = s.entries.part(c.texts[c.at], v)
	case s.entries != nil:
		s.entries.value(l, v)
	default:
		s.values = append(s.values, *v)
	}
}

// item makes the values of an item. What the item's type, or its content, has no values for is left out (R4
// search.html#table).
func (s *pass) item(l *leaf, it fhirpath.Item) {
	switch l.p.Type {
	case r4.Token:
		s.token(l, it)
	case r4.String:
		s.string(l, it)
	case r4.Reference:
		s.reference(l, it)
	case r4.Date:
		if t, ok := s.interval(it); ok {
			s.emit(l, &Value{Type: r4.Date, Time: t})
		}
	case r4.Number, r4.Quantity:
		s.number(l, it)
	case r4.URI:
		if text, ok := it.Value(); ok && text != "" {
			s.emit(l, &Value{Type: r4.URI, Text: text})
			if url, _, ok := strings.Cut(text, "|"); ok && it.Type == "canonical" && url != "" {
				s.emit(l, &Value{Type: r4.URI, Text: url})
			}
		}
	case r4.Composite:
		s.composite(l, it)
	case r4.Special:
		s.position(l, it)
	}
}

func (s *pass) token(l *leaf, it fhirpath.Item) {
	n := it.Node
	switch it.Type {
	case "Coding":
		s.coding(l, n)
	case "CodeableConcept":
		n.Get("coding").Each(func(c *fhir.Node) { s.coding(l, c) })
		if text := n.Str("text"); text != "" {
			s.emit(l, &Value{Type: r4.Token, Text: text})
		}
	case "Identifier":
		v := identifier(n)
		if v != (token{}) {
			s.emit(l, &Value{Type: r4.Token, System: v.system, Code: v.code, Text: v.text, Types: typesOf(n)})
		}
	case "ContactPoint":
		if code := n.Str("value"); code != "" {
			s.emit(l, &Value{Type: r4.Token, Code: code})
			if use := n.Str("use"); use != "" {
				s.emit(l, &Value{Type: r4.Token, System: use, Code: code})
			}
		}
	default:
		text, ok := it.Value()
		if !ok || text == "" {
			return
		}
		s.emit(l, &Value{Type: r4.Token, Code: text})
		if l.system != "" {
			s.emit(l, &Value{Type: r4.Token, System: l.system, Code: text})
		}
	}
}

func (s *pass) coding(l *leaf, n *fhir.Node) {
	v := Value{Type: r4.Token, System: n.Str("system"), Code: n.Str("code"), Text: n.Str("display")}
	if v.System != "" || v.Code != "" || v.Text != "" {
		s.emit(l, &v)
	}
}

// typesOf are the codings of the type of an Identifier.
func typesOf(n *fhir.Node) []Coding {
	var out []Coding
	n.Get("type").Get("coding").Each(func(c *fhir.Node) {
		out = append(out, Coding{c.Str("system"), c.Str("code")})
	})
	return out
}

type token struct{ system, code, text string }

func identifier(n *fhir.Node) token {
	return token{n.Str("system"), n.Str("value"), n.Get("type").Str("text")}
}

// The parts of names and addresses that a string search looks at (R4 search.html#string).
var (
	nameParts    = []string{"family", "given", "prefix", "suffix", "text"}
	addressParts = []string{"line", "city", "district", "state", "postalCode", "country", "text"}
)

func (s *pass) string(l *leaf, it fhirpath.Item) {
	var names []string
	switch it.Type {
	case "HumanName":
		names = nameParts
	case "Address":
		names = addressParts
	default:
		if text, ok := it.Value(); ok && text != "" {
			s.emit(l, &Value{Type: r4.String, Text: text})
		}
		return
	}
	if it.Node.JSON != fhir.Object {
		return
	}
	for c := it.Node.First; c != nil; c = c.Next {
		for _, name := range names {
			if c.Name != name {
				continue
			}
			c.Each(func(n *fhir.Node) {
				if n.JSON == fhir.String {
					s.emit(l, &Value{Type: r4.String, Text: n.Text})
				}
			})
			break
		}
	}
}

func (s *pass) reference(l *leaf, it fhirpath.Item) {
	v := Value{Type: r4.Reference}
	switch it.Type {
	case "Reference":
		v.Text = it.Node.Str("display")
		text := it.Node.Str("reference")
		if text != "" {
			v.Ref = fhir.ParseReference(text, s.x.Base)
			if v.Ref.Type == "" && v.Ref.Fragment == "" {
				v.Ref.Type = it.Node.Str("type")
			}
		}
		if id := it.Node.Get("identifier"); id != nil && !l.link {
			if t := identifier(id); t.system != "" || t.code != "" {
				v.Identifier = &Value{Type: r4.Token, System: t.system, Code: t.code, Text: t.text}
			}
		}
	case "canonical", "uri", "url":
		text, ok := it.Value()
		if !ok {
			return
		}
		v.Ref = fhir.ParseReference(text, s.x.Base)
		if l.link && v.Ref.Type != "Binary" {
			return
		}
	case "Attachment":
		return
	default: // a resource that stands there itself: Bundle.entry[0].resource
		if len(l.p.Targets) != 1 || l.p.Targets[0] != it.Type {
			return
		}
		v.Ref = fhir.Reference{Type: it.Type, ID: it.Node.Str("id")}
	}
	s.emit(l, &v)
}

// composite makes one value of an element in which each component has a value.
func (s *pass) composite(l *leaf, it fhirpath.Item) {
	p := l.parts[it.Type]
	if p == nil || len(p.leaves) > maxParts {
		return
	}
	c := &s.inside
	c.parts, c.have, c.collect = p, 0, false
	s.components(it)
	if c.have == 1<<len(p.leaves)-1 {
		c.collect = true
		switch {
		case p.paired != nil && s.entries != nil:
			terms, ranges := len(s.entries.out.Terms), len(s.entries.out.Ranges)
			s.components(it)
			s.entries.pairs(terms, ranges)
			s.entries.add(l.p.Num, FormPresent, "")
		case s.entries == nil:
			c.values = make([][]Value, len(p.leaves))
			s.components(it)
			s.values = append(s.values, Value{Type: r4.Composite, Parts: c.values})
		case p.joined:
			for i := range c.texts {
				c.texts[i] = c.texts[i][:0]
			}
			s.components(it)
			s.entries.combine(l.p.Num, c.texts[:len(p.leaves)])
			fallthrough
		default:
			s.entries.add(l.p.Num, FormPresent, "")
		}
	}
	c.parts = nil
}

// components emits the values of the components in an element.
func (s *pass) components(it fhirpath.Item) {
	c := &s.inside
	c.set.Walk(it, s.resource, (*inside)(s))
	for _, e := range c.evals {
		c.at = e.part
		items, err := e.expr.Eval(nil, it, &fhirpath.Env{Resource: s.resource})
		if err != nil {
			continue
		}
		for _, it := range items {
			if it.Node != nil || it.Text != "" {
				s.item(&c.leaves[c.at], it)
			}
		}
	}
}

// inside is a pass inside a composite.
type inside pass

// Found is fhirpath.Found.
func (s *inside) Found(path int, it fhirpath.Item) {
	c := &s.inside
	c.at = c.of[path]
	(*pass)(s).item(&c.leaves[c.at], it)
}
