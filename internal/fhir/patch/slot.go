package patch

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// slot is the place of an element in its parent: the members x and, of a primitive, _x (R4 json.html#primitive), each a
// value or a list. They are changed together, so that they stay parallel.
type slot struct {
	name  string // x
	list  bool
	items []pair
}

// pair is one value of an element with the id and extensions of a primitive, as they are written; nil is none.
type pair struct{ value, extra []byte }

// slot reads the element with this JSON name; owner may be nil.
func (d *document) slot(owner *fhir.Node, name string) slot {
	s := slot{name: name}
	take := func(n *fhir.Node, into func(*pair) *[]byte) {
		if n == nil {
			return
		}
		s.list = s.list || n.JSON == fhir.Array
		i := 0
		n.Each(func(c *fhir.Node) {
			if i == len(s.items) {
				s.items = append(s.items, pair{})
			}
			if c.JSON != fhir.Null {
				*into(&s.items[i]) = d.raw(c)
			}
			i++
		})
	}
	take(owner.Get(name), func(p *pair) *[]byte { return &p.value })
	take(owner.Get("_"+name), func(p *pair) *[]byte { return &p.extra })
	return s
}

// parts are the members that the slot makes: none, one or two.
func (s slot) parts() []part {
	var out []part
	add := func(name string, of func(pair) []byte) {
		some := false
		items := make([]part, len(s.items))
		for i := range s.items {
			if items[i].text = of(s.items[i]); items[i].text == nil {
				items[i].text = []byte("null")
			} else {
				some = true
			}
		}
		switch {
		case !some:
		case s.list:
			out = append(out, part{name: name, text: array(items)})
		default:
			out = append(out, part{name: name, text: items[0].text})
		}
	}
	add(s.name, func(p pair) []byte { return p.value })
	add("_"+s.name, func(p pair) []byte { return p.extra })
	return out
}

// with are the members of owner, which may be nil, with those of the slots instead of what is there under their names.
func (d *document) with(owner *fhir.Node, slots ...slot) []part {
	var fresh []part
	for _, s := range slots {
		fresh = append(fresh, s.parts()...)
	}
	var out []part
	for _, p := range d.parts(owner) {
		stays := true
		for _, s := range slots {
			stays = stays && p.name != s.name && p.name != "_"+s.name
		}
		for i, f := range fresh {
			if f.name == p.name { // keeps its place and the spelling of its key
				p.text, stays = f.text, true
				fresh = slices.Delete(fresh, i, i+1)
				break
			}
		}
		if stays {
			out = append(out, p)
		}
	}
	return append(out, fresh...)
}

// put writes slots into owner. An object that is empty then goes, and so on up: FHIR has no empty elements.
func (d *document) put(owner *fhir.Node, slots ...slot) {
	if parts := d.with(owner, slots...); len(parts) > 0 || owner.Parent == nil {
		d.replace(owner, object(parts))
		return
	}
	at := placeOf(owner)
	s := d.slot(at.owner, at.name)
	if at.extra {
		s.items[at.index].extra = nil
	} else {
		s.items[at.index].value = nil
	}
	if p := s.items[at.index]; p.value == nil && p.extra == nil {
		s.items = slices.Delete(s.items, at.index, at.index+1)
	}
	d.put(at.owner, s)
}

// place is where a value stands: in which object, in the slot of which element, as which of its items.
type place struct {
	owner *fhir.Node
	name  string
	index int
	extra bool // it is the object of a primitive's id and extensions
}

// placeOf is the place of a node that is not the root.
func placeOf(n *fhir.Node) place {
	p := place{owner: n.Parent, name: n.Name}
	if p.owner.JSON == fhir.Array {
		p = place{owner: n.Parent.Parent, name: n.Parent.Name, index: n.Index}
	}
	p.name, p.extra = strings.CutPrefix(p.name, "_")
	return p
}
