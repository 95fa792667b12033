package fhir

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
	Start int    // the value's bytes are Resource.Bytes[Start:End]
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
