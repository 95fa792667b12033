package fhir

import (
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// parser is one strict pass over a JSON text (RFC 8259 in UTF-8, no byte order mark) into a slab of nodes. A node is
// linked to its parent before its value is read, so that an error can name its place.
type parser struct {
	b      []byte
	s      string // b as a string: names and texts without escapes are substrings of it
	i      int
	max    Limits
	depth  int
	nodes  int
	slab   []Node // nodes not given out yet
	shape  bool   // apply the rules of FHIR JSON (R4 json.html), not only those of JSON
	spaced bool   // insignificant white space was seen inside the value
}

// Parse reads one resource. It takes ownership of b: neither the caller nor anyone else may change it afterwards,
// because the texts of the tree are views of it: strings.Clone a text that is to outlive the resource. Zero fields of l mean those of DefaultLimits.
//
// It refuses, with an *Error that names line:column or the FHIRPath location: what is not JSON (KindInvalid: syntax,
// trailing data, invalid UTF-8, lone surrogates, control characters, a byte order mark), what FHIR JSON does not
// allow of any resource (KindStructure: a duplicate key, an empty object, array, string or key, an array in an array,
// a null outside the parallel arrays of primitives and their extensions, a root that is no object, a missing or
// malformed resourceType) and what is over the limits (KindTooLong). Names of elements, the pairing of x and _x,
// and values are the validator's, which has the tables.
func Parse(b []byte, l Limits) (*Resource, error) {
	p := parser{b: b, max: l, shape: true}
	root, err := p.document()
	if err != nil {
		return nil, err
	}
	if root.JSON != Object {
		return nil, Errorf(KindStructure, "", "a resource is a JSON object")
	}
	t := root.Get("resourceType")
	switch {
	case t == nil:
		return nil, Errorf(KindStructure, "resourceType", "resourceType is missing")
	case t.JSON != String || !validType(t.Text):
		return nil, Errorf(KindStructure, "resourceType", "resourceType is not the name of a resource type")
	}
	return &Resource{Bytes: b, Root: root, Type: t.Text, ID: root.Str("id"), spaced: p.spaced}, nil
}

// ParseValue reads any JSON value, such as a JSON Patch document, as strictly as Parse but without the rules of FHIR
// JSON: any root, nulls and empty values. Duplicate keys are refused here too. The result has a Type and an ID only
// if it looks like a resource.
func ParseValue(b []byte, l Limits) (*Resource, error) {
	p := parser{b: b, max: l}
	root, err := p.document()
	if err != nil {
		return nil, err
	}
	return &Resource{Bytes: b, Root: root, Type: root.Str("resourceType"), ID: root.Str("id"), spaced: p.spaced}, nil
}

func (p *parser) document() (*Node, error) {
	if p.max.Depth <= 0 {
		p.max.Depth = DefaultLimits.Depth
	}
	if p.max.Bytes <= 0 {
		p.max.Bytes = DefaultLimits.Bytes
	}
	if p.max.Nodes <= 0 {
		p.max.Nodes = DefaultLimits.Nodes
	}
	if len(p.b) > p.max.Bytes {
		return nil, Errorf(KindTooLong, "", "the body has %d bytes, the limit is %d", len(p.b), p.max.Bytes)
	}
	p.s = unsafe.String(unsafe.SliceData(p.b), len(p.b))
	if strings.HasPrefix(p.s, "\ufeff") {
		return nil, Errorf(KindInvalid, "", "the body starts with a byte order mark")
	}
	p.space()
	p.spaced = false
	root, err := p.node(nil)
	if err == nil {
		err = p.value(root)
	}
	if err != nil {
		return nil, err
	}
	spaced := p.spaced
	p.space()
	p.spaced = spaced
	if p.i < len(p.b) {
		return nil, p.syntax(nil, p.i, "data after the end of the resource")
	}
	return root, nil
}

// chunk is the largest number of nodes allocated at once.
const chunk = 2048

func (p *parser) node(parent *Node) (*Node, *Error) {
	if len(p.slab) == 0 {
		// A value more needs a comma, or is the first of its object or array: an upper bound that is near the truth.
		next := p.s[p.i:min(len(p.s), p.i+chunk*16)]
		n := 1 + strings.Count(next, ",") + strings.Count(next, "{") + strings.Count(next, "[")
		p.slab = make([]Node, min(n, chunk))
	}
	if p.nodes++; p.nodes > p.max.Nodes {
		return nil, Errorf(KindTooLong, "", "the body has more than %d values", p.max.Nodes)
	}
	n := &p.slab[0]
	p.slab = p.slab[1:]
	n.Parent = parent
	return n, nil
}

func (p *parser) space() {
	for p.i < len(p.b) && p.b[p.i] <= ' ' {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
			p.spaced = true
		default:
			return
		}
	}
}

// value reads the value at p.i, where no white space is, into n.
func (p *parser) value(n *Node) *Error {
	n.Start = p.i
	if p.i == len(p.b) {
		return p.syntax(n, p.i, "unexpected end")
	}
	var err *Error
	switch c := p.b[p.i]; c {
	case '{':
		err = p.nested(n, p.object)
	case '[':
		err = p.nested(n, p.array)
	case '"':
		n.JSON = String
		n.Text, err = p.string(n)
		if err == nil && p.shape && n.Text == "" {
			err = p.structure(n, "a string must not be empty")
		}
	case 't':
		err = p.literal(n, Bool, "true")
	case 'f':
		err = p.literal(n, Bool, "false")
	case 'n':
		if err = p.literal(n, Null, "null"); err == nil {
			n.Text = ""
			if p.shape && (n.Parent == nil || n.Parent.JSON != Array) {
				err = p.structure(n, "null is allowed only in arrays of primitives and of their extensions")
			}
		}
	default:
		if c != '-' && (c < '0' || c > '9') {
			return p.syntax(n, p.i, "a JSON value was expected")
		}
		err = p.number(n)
	}
	n.End = p.i
	return err
}

func (p *parser) nested(n *Node, read func(*Node) *Error) *Error {
	if p.depth++; p.depth > p.max.Depth {
		return Errorf(KindTooLong, n.Path(), "nested deeper than %d levels", p.max.Depth)
	}
	err := read(n)
	p.depth--
	return err
}

// few is the number of keys up to which comparing them one by one is faster than a map. Beyond it a map keeps
// hostile objects from costing quadratic time.
const few = 24

func (p *parser) object(n *Node) *Error {
	n.JSON = Object
	p.i++
	p.space()
	if p.i < len(p.b) && p.b[p.i] == '}' {
		p.i++
		if p.shape {
			return p.structure(n, "an object must not be empty")
		}
		return nil
	}
	var last *Node
	var seen map[string]struct{}
	for count := 0; ; count++ {
		if p.i == len(p.b) || p.b[p.i] != '"' {
			return p.syntax(n, p.i, "a key in double quotes was expected")
		}
		name, err := p.string(n)
		if err != nil {
			return err
		}
		if p.shape && name == "" {
			return p.structure(n, "a key must not be empty")
		}
		duplicate := false
		if count < few {
			for c := n.First; c != nil; c = c.Next {
				duplicate = duplicate || c.Name == name
			}
		} else {
			if seen == nil {
				seen = make(map[string]struct{}, 4*few)
				for c := n.First; c != nil; c = c.Next {
					seen[c.Name] = struct{}{}
				}
			}
			_, duplicate = seen[name]
			seen[name] = struct{}{}
		}
		c, err := p.node(n)
		if err != nil {
			return err
		}
		c.Name = name
		if duplicate {
			return p.structure(c, fmt.Sprintf("the key %q is repeated", short(name)))
		}
		if last == nil {
			n.First = c
		} else {
			last.Next = c
		}
		last = c

		p.space()
		if p.i == len(p.b) || p.b[p.i] != ':' {
			return p.syntax(c, p.i, "a colon was expected")
		}
		p.i++
		p.space()
		if err := p.value(c); err != nil {
			return err
		}
		p.space()
		switch {
		case p.i < len(p.b) && p.b[p.i] == ',':
			p.i++
			p.space()
		case p.i < len(p.b) && p.b[p.i] == '}':
			p.i++
			return nil
		default:
			return p.syntax(n, p.i, "a comma or a closing brace was expected")
		}
	}
}

func (p *parser) array(n *Node) *Error {
	n.JSON = Array
	if p.shape && n.Parent != nil && n.Parent.JSON == Array {
		return p.structure(n, "an array must not be in an array")
	}
	p.i++
	p.space()
	if p.i < len(p.b) && p.b[p.i] == ']' {
		p.i++
		if p.shape {
			return p.structure(n, "an array must not be empty")
		}
		return nil
	}
	var last, null *Node // null: the first one
	var objects, primitives bool
	for index := 0; ; index++ {
		c, err := p.node(n)
		if err != nil {
			return err
		}
		c.Index = index
		if last == nil {
			n.First = c
		} else {
			last.Next = c
		}
		last = c
		if err := p.value(c); err != nil {
			return err
		}
		switch {
		case c.JSON == Object:
			objects = true
		case c.JSON != Null:
			primitives = true
		case null == nil:
			null = c
		}
		p.space()
		switch {
		case p.i < len(p.b) && p.b[p.i] == ',':
			p.i++
			p.space()
		case p.i < len(p.b) && p.b[p.i] == ']':
			p.i++
			if null == nil || !p.shape {
				return nil
			}
			if !objects && !primitives {
				return p.structure(n, "an array must not hold only null")
			}
			if extensions := strings.HasPrefix(n.Name, "_"); objects && !extensions || primitives && extensions {
				return p.structure(null, "null is allowed only in arrays of primitives and of their extensions")
			}
			return nil
		default:
			return p.syntax(n, p.i, "a comma or a closing bracket was expected")
		}
	}
}

func (p *parser) literal(n *Node, kind JSON, text string) *Error {
	if !strings.HasPrefix(p.s[p.i:], text) {
		return p.syntax(n, p.i, "a JSON value was expected")
	}
	n.JSON, n.Text = kind, text
	p.i += len(text)
	return nil
}

func (p *parser) number(n *Node) *Error {
	n.JSON = Number
	start := p.i
	if p.b[p.i] == '-' {
		p.i++
	}
	if p.i < len(p.b) && p.b[p.i] == '0' {
		p.i++
		if p.i < len(p.b) && isDigit(p.b[p.i]) {
			return p.syntax(n, start, "a number must not have leading zeros")
		}
	} else if !p.digits() {
		return p.syntax(n, start, "malformed number")
	}
	if p.i < len(p.b) && p.b[p.i] == '.' {
		p.i++
		if !p.digits() {
			return p.syntax(n, start, "malformed number")
		}
	}
	if p.i < len(p.b) && p.b[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.b) && (p.b[p.i] == '+' || p.b[p.i] == '-') {
			p.i++
		}
		if !p.digits() {
			return p.syntax(n, start, "malformed number")
		}
	}
	n.Text = p.s[start:p.i]
	return nil
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.b) && isDigit(p.b[p.i]) {
		p.i++
	}
	return p.i > start
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func (p *parser) structure(n *Node, why string) *Error {
	return &Error{Kind: KindStructure, Expression: n.Path(), Diagnostics: why}
}

func (p *parser) syntax(n *Node, at int, why string) *Error {
	at = min(at, len(p.s))
	line := 1 + strings.Count(p.s[:at], "\n")
	column := at - strings.LastIndexByte(p.s[:at], '\n')
	return Errorf(KindInvalid, n.Path(), "%s, at %d:%d", why, line, column)
}

// short is s cut to a length fit for a message.
func short(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
