package patch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// JSON reads a JSON Patch (RFC 6902). It takes ownership of b. Errors are of kind invalid and name the place as
// patch[2].path.
func JSON(b []byte, l fhir.Limits) (Patch, error) {
	doc, err := fhir.ParseValue(b, l)
	if err != nil {
		var e *fhir.Error
		if errors.As(err, &e) && strings.HasPrefix(e.Expression, "[") {
			e.Expression = "patch" + e.Expression
		}
		return Patch{}, err
	}
	if doc.Root.JSON != fhir.Array {
		return Patch{}, fhir.Errorf(fhir.KindInvalid, "patch", "a JSON Patch is an array of operations (RFC 6902)")
	}
	var p Patch
	for n := doc.Root.First; n != nil; n = n.Next {
		if len(p.steps) == maxOperations {
			return Patch{}, fhir.Errorf(fhir.KindTooLong, "patch", "a patch has at most %d operations", maxOperations)
		}
		s, err := jsonOperation(doc, n)
		if err != nil {
			return Patch{}, err
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

// jsonStep is one operation of a JSON Patch.
type jsonStep struct {
	number     int
	op         string
	path, from pointer
	text       string     // the path as it is written
	value      []byte     // as it is written
	node       *fhir.Node // of value
}

func jsonOperation(doc *fhir.Resource, n *fhir.Node) (*jsonStep, error) {
	s := &jsonStep{number: n.Index}
	if n.JSON != fhir.Object {
		return nil, s.fail("", "an operation is an object")
	}
	s.op, s.text = n.Str("op"), n.Str("path")
	needs := map[string][2]bool{ // value, from
		"add": {true, false}, "replace": {true, false}, "test": {true, false}, "remove": {},
		"move": {false, true}, "copy": {false, true},
	}
	need, known := needs[s.op]
	if !known {
		return nil, s.fail("op", "op is one of add, remove, replace, move, copy, test")
	}
	var ok bool
	if path := n.Get("path"); path == nil || path.JSON != fhir.String {
		return nil, s.fail("path", "there is no path")
	} else if s.path, ok = parsePointer(path.Text); !ok {
		return nil, s.fail("path", "the path is no JSON Pointer, as /name/0/family (RFC 6901)")
	}
	if need[0] {
		if s.node = n.Get("value"); s.node == nil {
			return nil, s.fail("value", "there is no value")
		}
		s.value = doc.Raw(s.node)
	}
	if need[1] {
		if from := n.Get("from"); from == nil || from.JSON != fhir.String {
			return nil, s.fail("from", "there is no from")
		} else if s.from, ok = parsePointer(from.Text); !ok {
			return nil, s.fail("from", "from is no JSON Pointer, as /name/0/family (RFC 6901)")
		}
	}
	switch {
	case s.op == "move" && s.path.within(s.from):
		return nil, s.fail("path", "a value cannot be moved into itself")
	case len(s.path) == 0 && s.op == "remove", len(s.from) == 0 && s.op == "move":
		return nil, s.fail("path", "the whole resource cannot be removed")
	}
	return s, nil
}

// fail is a fault of the patch itself.
func (s *jsonStep) fail(member, why string) error { return s.error(fhir.KindInvalid, member, why) }

// misfit is an operation that the version at hand does not allow.
func (s *jsonStep) misfit(why string) error { return s.error(fhir.KindProcessing, "path", why) }

func (s *jsonStep) error(k fhir.Kind, member, why string) error {
	place := fmt.Sprintf("patch[%d]", s.number)
	if member != "" {
		place += "." + member
	}
	return fhir.Errorf(k, place, "operation %d (%s %s): %s", s.number, short(s.op), short(s.text), why)
}

const nothing = "there is nothing at this path"

func (s *jsonStep) apply(d *document) error {
	root := d.res.Root
	switch s.op {
	case "add":
		return s.add(d, s.value)
	case "copy", "move":
		from := s.from.find(root)
		if from == nil {
			return s.error(fhir.KindProcessing, "from", nothing)
		}
		value := d.raw(from)
		if s.op == "move" {
			if slices.Equal(s.from, s.path) {
				return nil
			}
			s.remove(d, from)
			if err := d.read(); err != nil {
				return err
			}
		}
		return s.add(d, value)
	}
	n := s.path.find(root)
	if n == nil {
		return s.misfit(nothing)
	}
	switch s.op {
	case "replace":
		d.replace(n, s.value)
	case "remove":
		s.remove(d, n)
	case "test":
		if !equal(n, s.node) {
			return s.error(fhir.KindProcessing, "value", "the value there is another one")
		}
	}
	return nil
}

func (s *jsonStep) add(d *document, value []byte) error {
	if len(s.path) == 0 {
		d.replace(d.res.Root, value)
		return nil
	}
	last := s.path[len(s.path)-1]
	to := s.path[:len(s.path)-1].find(d.res.Root)
	if to == nil {
		return s.misfit("there is nothing that could hold the value")
	}
	switch to.JSON {
	case fhir.Object:
		if n := to.Get(last); n != nil {
			d.replace(n, value)
			return nil
		}
		d.replace(to, object(append(d.parts(to), part{name: last, text: value})))
		return nil
	case fhir.Array:
		parts := d.parts(to)
		i, ok := index(last)
		if last == "-" {
			i, ok = len(parts), true
		}
		if !ok || i > len(parts) {
			return s.misfit("the list has no such place")
		}
		d.replace(to, array(slices.Insert(parts, i, part{text: value})))
		return nil
	}
	return s.misfit("what is there holds no other values")
}

// remove takes out a node, which is not the root.
func (s *jsonStep) remove(d *document, n *fhir.Node) {
	parts := d.parts(n.Parent)
	if n.Parent.JSON == fhir.Array {
		d.replace(n.Parent, array(slices.Delete(parts, n.Index, n.Index+1)))
		return
	}
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.name == n.Name })
	d.replace(n.Parent, object(parts))
}

// equal compares two values (RFC 6902 §4.6): numbers by what they are, members in any order.
func equal(a, b *fhir.Node) bool {
	if a.JSON != b.JSON {
		return false
	}
	switch a.JSON {
	case fhir.Number:
		x, err := fhir.ParseDecimal(a.Text)
		y, other := fhir.ParseDecimal(b.Text)
		return a.Text == b.Text || err == nil && other == nil && x.Cmp(y) == 0
	case fhir.Array:
		x, y := a.First, b.First
		for x != nil && y != nil {
			if !equal(x, y) {
				return false
			}
			x, y = x.Next, y.Next
		}
		return x == nil && y == nil
	case fhir.Object:
		members := make(map[string]*fhir.Node)
		for c := a.First; c != nil; c = c.Next {
			members[c.Name] = c
		}
		n := 0
		for c := b.First; c != nil; c = c.Next {
			if o := members[c.Name]; o == nil || !equal(o, c) {
				return false
			}
			n++
		}
		return n == len(members)
	}
	return a.Text == b.Text
}

// short cuts a client's text to what fits a message.
func short(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
