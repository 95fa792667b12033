package validate

import (
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// maxFaults bounds the faults of one resource that are reported.
const maxFaults = 20

// Structure checks a resource and everything in it, the entries of a Bundle too. It returns the faults in document
// order, at most 20; none if the resource is well-formed R4.
func Structure(res *fhir.Resource) fhir.Errors { return check(res, false) }

// Frame checks a Bundle but not the resources of its entries, for callers that check each entry on its own. For other
// types it is Structure.
func Frame(res *fhir.Resource) fhir.Errors { return check(res, true) }

func check(res *fhir.Resource, frame bool) fhir.Errors {
	w := walk{res: res, frame: frame && res.Type == "Bundle"}
	w.resource(res.Root, false)
	return w.faults
}

// walk is one pass over a resource.
type walk struct {
	res    *fhir.Resource
	frame  bool // leave Bundle.entry.resource alone
	faults fhir.Errors

	ids map[string]*fhir.Node // the contained resources that "#id" names here
}

// fault notes what is wrong at n.
func (w *walk) fault(k fhir.Kind, n *fhir.Node, format string, args ...any) {
	w.faultAt(k, w.res.Path(n), format, args...)
}

func (w *walk) faultAt(k fhir.Kind, place, format string, args ...any) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, fhir.Errorf(k, place, format, args...))
	}
}

// resource checks a resource: the root, one in a Bundle or Parameters, or a contained one.
func (w *walk) resource(n *fhir.Node, contained bool) {
	typ := n.Get("resourceType")
	if typ == nil || typ.JSON != fhir.String {
		w.faultAt(fhir.KindRequired, w.res.Path(n)+".resourceType", "a resource must have a resourceType")
		return
	}
	if !r4.IsResource(typ.Text) {
		w.fault(fhir.KindStructure, typ, "%q is no resource type of R4", short(typ.Text))
		return
	}
	if !contained {
		defer func(outer map[string]*fhir.Node) { w.ids = outer }(w.ids)
		w.ids = nil
		w.contained(n.Get("contained"))
	} else if nested := n.Get("contained"); nested != nil {
		w.fault(fhir.KindInvariant, nested, "a contained resource must not contain others (dom-2)")
	}
	w.object(n, r4.TypeOf(typ.Text))
}

// contained notes the ids of a list of contained resources; the resources are checked as elements.
func (w *walk) contained(list *fhir.Node) {
	if list == nil || list.JSON != fhir.Array {
		return
	}
	w.ids = make(map[string]*fhir.Node, 4)
	for c := list.First; c != nil && len(w.faults) < maxFaults; c = c.Next {
		id := c.Str("id")
		switch {
		case id == "":
			w.faultAt(fhir.KindRequired, w.res.Path(c)+".id", "a contained resource must have an id")
		case w.ids[id] != nil:
			w.fault(fhir.KindInvariant, c.Get("id"), "the id %q is that of another contained resource", short(id))
		default:
			w.ids[id] = c
		}
	}
}

// object checks the members of an object of type t.
func (w *walk) object(n *fhir.Node, t *r4.Type) {
	var seen uint64
	var variant [r4.MaxElements]uint8 // of a choice that was seen: its place in Types
	for c := n.First; c != nil && len(w.faults) < maxFaults; c = c.Next {
		name, extra := strings.CutPrefix(c.Name, "_")
		i, ref := t.Index(name)
		if i < 0 {
			if name != "resourceType" || extra || t.Kind != r4.KindResource {
				w.unknown(c, t, name)
			}
			continue
		}
		el := &t.Elements[i]
		if seen>>i&1 == 1 && int(variant[i]) != ref {
			w.fault(fhir.KindStructure, c, "%s[x] has two values, one of %s is permitted", el.Name, choices(el))
		}
		seen |= 1 << i
		variant[i] = uint8(ref)
		if extra {
			w.sibling(c, n, el, &el.Types[ref])
		} else {
			w.member(c, n, t, el, &el.Types[ref])
		}
	}
	if missing := t.Required() &^ seen; missing != 0 {
		w.required(n, t, missing)
	}
	w.rules(n, t, seen)
}

func (w *walk) required(n *fhir.Node, t *r4.Type, missing uint64) {
	for i := range t.Elements {
		if missing>>i&1 == 1 {
			el := &t.Elements[i]
			name := el.Name
			if el.Choice {
				name += "[x]"
			}
			w.faultAt(fhir.KindRequired, w.res.Path(n)+"."+el.Name, "%s must have %s", t.Name, name)
		}
	}
}

// unknown says what is wrong with a key that t does not have.
func (w *walk) unknown(c *fhir.Node, t *r4.Type, name string) {
	underscore := strings.TrimSuffix(c.Name, name)
	if near := t.Near(name); near != "" {
		w.fault(fhir.KindStructure, c, "%q is spelled %q", short(c.Name), underscore+near)
		return
	}
	for i := range t.Elements {
		el := &t.Elements[i]
		if el.Choice && strings.HasPrefix(name, el.Name) {
			w.fault(fhir.KindStructure, c, "%s has no element %q: %s[x] is one of %s", t.Name, short(c.Name), el.Name, choices(el))
			return
		}
	}
	w.fault(fhir.KindStructure, c, "%s has no element %q", t.Name, short(c.Name))
}

// choices are the JSON names of a choice, not more than a few.
func choices(el *r4.Element) string {
	var b strings.Builder
	for i := range el.Types {
		if i == 12 {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(el.JSON(&el.Types[i]))
	}
	return b.String()
}

// member checks the value or values of an element.
func (w *walk) member(c, parent *fhir.Node, t *r4.Type, el *r4.Element, ref *r4.TypeRef) {
	if el.Max == 1 {
		if c.JSON == fhir.Array {
			w.fault(fhir.KindStructure, c, "%s must not be an array", c.Name)
			return
		}
		w.value(c, c, t, el, ref)
		return
	}
	if c.JSON != fhir.Array {
		w.fault(fhir.KindStructure, c, "%s must be an array", c.Name)
		return
	}
	count := 0
	for item := c.First; item != nil; item = item.Next {
		count++
		if item.JSON != fhir.Null {
			w.value(item, c, t, el, ref)
		}
	}
	w.holes(c, parent)
	if el.Max > 0 && count > el.Max {
		w.fault(fhir.KindStructure, c, "%s has %d values, at most %d are permitted", c.Name, count, el.Max)
	}
}

// holes checks the nulls in an array of primitives: an extension must stand in the place of each.
func (w *walk) holes(c, parent *fhir.Node) {
	var other *fhir.Node // the item of the extensions at the place of the next null
	found := false
	for item := c.First; item != nil; item = item.Next {
		if item.JSON != fhir.Null {
			continue
		}
		if !found {
			found = true
			if s := parent.Get("_" + c.Name); s != nil && s.JSON == fhir.Array {
				other = s.First
			}
		}
		for other != nil && other.Index < item.Index {
			other = other.Next
		}
		if other == nil || other.JSON == fhir.Null {
			w.fault(fhir.KindStructure, item, "null needs an object at its place in _%s", c.Name)
		}
	}
}

// sibling checks the ids and extensions of a primitive, the key with the underscore.
func (w *walk) sibling(c, parent *fhir.Node, el *r4.Element, ref *r4.TypeRef) {
	t := ref.Type()
	if t.Kind != r4.KindPrimitive {
		w.fault(fhir.KindStructure, c, "%s is no primitive: its extensions belong inside it", el.Name)
		return
	}
	if el.Max == 1 {
		if c.JSON != fhir.Object {
			w.fault(fhir.KindStructure, c, "%s must be an object", c.Name)
			return
		}
		w.object(c, t)
		return
	}
	if c.JSON != fhir.Array {
		w.fault(fhir.KindStructure, c, "%s must be an array", c.Name)
		return
	}
	values := parent.Get(c.Name[1:])
	if values != nil && values.JSON != fhir.Array {
		values = nil // a fault of its own
	}
	if values != nil && length(values) != length(c) {
		w.fault(fhir.KindStructure, c, "%s and %s must have the same number of items", c.Name, values.Name)
	}
	for item := c.First; item != nil; item = item.Next {
		switch item.JSON {
		case fhir.Object:
			w.object(item, t)
		case fhir.Null:
			if values == nil {
				w.fault(fhir.KindStructure, item, "null needs a value at its place in %s", c.Name[1:])
			}
		default:
			w.fault(fhir.KindStructure, item, "an item of %s must be an object or null", c.Name)
		}
	}
}

func length(list *fhir.Node) (n int) {
	for c := list.First; c != nil; c = c.Next {
		n++
	}
	return n
}

// value checks one value of an element; c is the node that carries its name.
func (w *walk) value(n, c *fhir.Node, parent *r4.Type, el *r4.Element, ref *r4.TypeRef) {
	t := ref.Type()
	if t.Kind == r4.KindPrimitive {
		if why := primitive(t.Name, n); why != "" {
			w.primitiveFault(n, why)
		} else if el.Required != "" {
			w.code(n, el)
		}
		return
	}
	if n.JSON != fhir.Object {
		w.fault(fhir.KindStructure, n, "%s must be an object", c.Name)
		return
	}
	if t.Kind == r4.KindResource {
		if !w.frame || parent.Name != "Bundle.entry" {
			w.resource(n, el.Name == "contained")
		}
		return
	}
	w.object(n, t)
	switch t.Name {
	case "Reference":
		w.reference(n, ref.Targets)
	case "CodeableConcept", "Coding":
		if el.Required != "" {
			w.concept(n, t, el)
		}
	}
}

// short cuts a client's text to what fits a message.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
