package patch

import (
	"bytes"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Patch is what a patch document asks for: operations that are done one after the other. It does not change and may be
// applied by several goroutines. The zero Patch changes nothing.
type Patch struct{ steps []step }

// step is one operation.
type step interface{ apply(d *document) error }

// Bounds of a patch: each operation reads the resource again, so together they cost operations times size.
const (
	maxOperations = 1000
	maxWork       = 64 << 20  // bytes of JSON that are read between the operations
	maxSteps      = 5_000_000 // of evaluating paths, all operations together
)

// Apply gives the resource as the patch leaves it, in bytes of its own. An error leaves nothing half done: no result.
// It is that of an operation, or, of kind structure, what FHIR JSON does not allow of any resource.
func (p Patch) Apply(res *fhir.Resource, l fhir.Limits) (*fhir.Resource, error) {
	if len(p.steps) == 0 {
		return res, nil
	}
	d := document{res: res, limits: l, steps: maxSteps / len(p.steps)}
	for _, s := range p.steps {
		if err := d.read(); err != nil {
			return nil, err
		}
		if err := s.apply(&d); err != nil {
			return nil, err
		}
	}
	if d.next == nil {
		return res, nil
	}
	return fhir.Parse(d.next, l)
}

// document is a JSON text under change: an operation finds its place in the tree and replaces the text of one value.
type document struct {
	res    *fhir.Resource // the tree
	next   []byte         // the text after the last change; nil if there was none
	stale  bool           // next is not read yet
	limits fhir.Limits
	work   int
	steps  int // of the evaluation of one path
}

// read brings the tree up to date. It has no rules of FHIR: the text may break them between two operations.
func (d *document) read() error {
	if !d.stale {
		return nil
	}
	if d.work += len(d.next); d.work > maxWork {
		return fhir.Errorf(fhir.KindTooCostly, "", "the patch has too many operations for a resource of %d bytes", len(d.next))
	}
	res, err := fhir.ParseValue(d.next, d.limits)
	if err != nil {
		return err
	}
	d.res, d.stale = res, false
	return nil
}

// raw is the text of a node.
func (d *document) raw(n *fhir.Node) []byte { return d.res.Raw(n) }

// replace puts text in the place of a node.
func (d *document) replace(n *fhir.Node, text []byte) {
	root := d.res.Root
	all := d.raw(root)
	d.next, d.stale = make([]byte, 0, len(all)+len(text)), true
	d.next = append(d.next, all[:n.Start-root.Start]...)
	d.next = append(d.next, text...)
	d.next = append(d.next, all[n.End-root.Start:]...)
}

// part is a member of an object or an item of an array, as it is written.
type part struct {
	name string // of a member
	key  []byte // of a member: its name as it is written, with the quotes; nil is: write name
	text []byte // the value
}

// parts are the members or items of a node; none for nil.
func (d *document) parts(n *fhir.Node) []part {
	if n == nil {
		return nil
	}
	var out []part
	at := n.Start + 1
	for c := n.First; c != nil; c = c.Next {
		p := part{name: c.Name, text: d.raw(c)}
		if n.JSON == fhir.Object {
			root := d.res.Root
			between := d.raw(root)[at-root.Start : c.Start-root.Start] // comma, blanks, key, colon
			p.key = between[bytes.IndexByte(between, '"') : bytes.LastIndexByte(between, '"')+1]
		}
		out = append(out, p)
		at = c.End
	}
	return out
}

// object writes members, array items.
func object(parts []part) []byte { return write('{', parts, '}') }
func array(parts []part) []byte  { return write('[', parts, ']') }

func write(open byte, parts []part, end byte) []byte {
	size := 2
	for _, p := range parts {
		size += len(p.key) + len(p.name) + len(p.text) + 4
	}
	b := append(make([]byte, 0, size), open)
	for i, p := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case p.key != nil:
			b = append(append(b, p.key...), ':')
		case open == '{':
			b = append(quote(b, p.name), ':')
		}
		b = append(b, p.text...)
	}
	return append(b, end)
}

// quote appends a JSON string.
func quote(b []byte, s string) []byte {
	n := fhir.Node{JSON: fhir.String, Text: s}
	return n.AppendJSON(b)
}
