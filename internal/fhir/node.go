package fhir

import (
	"strconv"
	"strings"
)

// JSON is the kind of a JSON value. Null has no kind of its own: a null is refused, except inside the parallel
// arrays of a primitive and its extensions ("given":["a",null], "_given":[null,{...}]).
type JSON uint8

// The kinds of JSON values.
const (
	Null JSON = iota
	Object
	Array
	String
	Number
	Bool
)

// A Node is one JSON value of a resource. Nodes live in a slab owned by their Resource and are read-only after
// Parse; they may be read by several goroutines.
type Node struct {
	JSON  JSON
	Index int    // position in the parent array; 0 in objects
	Name  string // key in the parent object; "" for array items and the root
	Text  string // String: unescaped; Number: as written; Bool: "true" or "false"; "" for Object, Array, Null
	Start int    // offsets of the value in the document that Parse was given: read them by Resource.Raw
	End   int

	Parent, First, Next *Node // First: first member or item; Next: next sibling
}

// Get is the member of an object, nil if there is none or n is nil or no object.
func (n *Node) Get(name string) *Node {
	if n == nil || n.JSON != Object {
		return nil
	}
	for c := n.First; c != nil; c = c.Next {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Str is the Text of the string member name, "" if it is absent or no string.
func (n *Node) Str(name string) string {
	if c := n.Get(name); c != nil && c.JSON == String {
		return c.Text
	}
	return ""
}

// Each calls f for the items of an array, or for n itself if it is no array; nothing for nil.
func (n *Node) Each(f func(*Node)) {
	if n == nil {
		return
	}
	if n.JSON != Array {
		f(n)
		return
	}
	for c := n.First; c != nil; c = c.Next {
		f(c)
	}
}

// Path is the FHIRPath location of n, from the root of the document: "Patient.name[0].given[1]",
// "Bundle.entry[3].resource.subject". A primitive's extensions (_given) are at the primitive. "" for nil.
func (n *Node) Path() string { return n.path(nil) }

// path starts at root, or at the root of the document where it is nil.
func (n *Node) path(root *Node) string {
	if n == nil {
		return ""
	}
	return string(n.appendPath(nil, root))
}

func (n *Node) appendPath(dst []byte, root *Node) []byte {
	if n.Parent == nil || n == root {
		return append(dst, n.Str("resourceType")...)
	}
	dst = n.Parent.appendPath(dst, root)
	if n.Parent.JSON == Array {
		dst = append(dst, '[')
		dst = strconv.AppendInt(dst, int64(n.Index), 10)
		return append(dst, ']')
	}
	if len(dst) > 0 {
		dst = append(dst, '.')
	}
	name := strings.TrimPrefix(n.Name, "_")
	if identifier(name) {
		return append(dst, name...)
	}
	return append(append(append(dst, '`'), short(name)...), '`')
}

// identifier says whether name can stand in FHIRPath without backquotes.
func identifier(name string) bool {
	if name == "" || len(name) > 64 || isDigit(name[0]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isDigit(c) && !isLetter(c) && c != '_' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
