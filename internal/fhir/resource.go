package fhir

// Resource is a resource as its sender wrote it, parsed once. Neither Bytes nor the tree change after Parse.
//
// Offsets of nodes count from the start of the document that Parse was given. Bytes of a nested resource (Sub) are a
// slice of that document, so its nodes are found at Start-base: use Raw, not Bytes[Start:End].
type Resource struct {
	Bytes []byte
	Root  *Node
	Type  string // resourceType
	ID    string // "" if the body has none

	base   int  // offset of Bytes in the document
	spaced bool // Bytes may have insignificant white space
}

// Limits bound what Parse accepts. A zero field means that of DefaultLimits.
type Limits struct {
	Depth int // nesting of objects and arrays
	Bytes int
	Nodes int // JSON values: a node takes 88 bytes of memory and can take as few as two of the body
}

// DefaultLimits hold for request bodies.
var DefaultLimits = Limits{Depth: 100, Bytes: 64 << 20, Nodes: 8 << 20}

// Sub is the resource nested at n (Bundle.entry.resource, contained, Parameters.parameter.resource) as a resource
// of its own, without parsing again: its tree is shared, its Bytes are the slice that n spans. Nil if n is no object
// with a resourceType.
func (r *Resource) Sub(n *Node) *Resource {
	typ := n.Str("resourceType")
	if !validType(typ) {
		return nil
	}
	return &Resource{Bytes: r.Raw(n), Root: n, Type: typ, ID: n.Str("id"), base: n.Start, spaced: r.spaced}
}

// Raw are the bytes of a node of r as the sender wrote them.
func (r *Resource) Raw(n *Node) []byte {
	return r.Bytes[n.Start-r.base : n.End-r.base : n.End-r.base]
}

// Path is the FHIRPath location of a node of r, starting with r's own type also where r is nested in another
// resource; Node.Path starts at the outermost.
func (r *Resource) Path(n *Node) string { return n.path(r.Root) }
