package patch

import (
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// value reads the value of a part for an element of owner with these fields: the JSON name that it takes (of a choice:
// that of its type) and its text. "Servers SHALL return an error if the type is wrong."
func (o *operation) value(n *fhir.Node, owner string, fields []fhirpath.Field) (name string, p pair, err error) {
	if parts := n.Get("part"); parts != nil {
		if len(fields) != 1 || fields[0].Type == "" || fields[0].Type[0] >= 'a' || fields[0].Type == "Resource" {
			return "", pair{}, o.fail(n, "a value of parts is for an element of one type that has elements of its own")
		}
		p.value, err = o.anonymous(parts, fields[0].Type)
		return fields[0].JSON, p, err
	}
	if res := n.Get("resource"); res != nil {
		for _, f := range fields {
			if o.model.IsA(res.Str("resourceType"), f.Type) && o.model.IsA(f.Type, "Resource") {
				return f.JSON, pair{value: o.doc.Raw(res)}, nil
			}
		}
		return "", pair{}, o.fail(n, "no resource can stand there")
	}
	for _, typed := range o.model.Fields("Parameters.parameter", "value") {
		value, extra := n.Get(typed.JSON), n.Get("_"+typed.JSON)
		if value == nil && extra == nil {
			continue
		}
		if value != nil {
			p.value = o.doc.Raw(value)
		}
		if extra != nil {
			p.extra = o.doc.Raw(extra)
		}
		for _, f := range fields {
			if f.Type == typed.Type || len(fields) == 1 && o.fits(typed.Type, value, f.Type) {
				return f.JSON, p, nil
			}
		}
		return "", pair{}, o.fail(n, "a value of type %s cannot stand there, %s can", typed.Type, types(fields))
	}
	return "", pair{}, o.fail(n, "there is no value")
}

// fits says whether a value of one type may stand for another, which is not a choice: specialisations of one data type
// (a Quantity for a Duration), and primitives that JSON writes in the same way.
func (o *operation) fits(typ string, value *fhir.Node, want string) bool {
	if typ[0] < 'a' || want[0] < 'a' {
		return o.model.IsA(typ, want) || o.model.IsA(want, typ)
	}
	return value == nil || value.JSON == written(want)
}

// written is how JSON writes a primitive (R4 json.html#primitive).
func written(primitive string) fhir.JSON {
	switch primitive {
	case "boolean":
		return fhir.Bool
	case "integer", "decimal", "unsignedInt", "positiveInt":
		return fhir.Number
	}
	return fhir.String
}

func types(fields []fhirpath.Field) string {
	var names []string
	for i, f := range fields {
		if i == 12 {
			names = append(names, "…")
			break
		}
		names = append(names, f.Type)
	}
	return strings.Join(names, ", ")
}

// anonymous writes an object of the type from parts, each an element of it: a backbone element, or an extension, has no
// value[x] of its own in Parameters.
func (o *operation) anonymous(parts *fhir.Node, typ string) ([]byte, error) {
	var slots []slot
	var fault error
	parts.Each(func(n *fhir.Node) {
		if fault != nil {
			return
		}
		element := n.Str("name")
		fields := o.model.Fields(typ, element)
		if fields == nil {
			fault = o.fail(n, "%s has no element %q", typ, short(element))
			return
		}
		name, p, err := o.value(n, typ, fields)
		if err != nil {
			fault = err
			return
		}
		repeats := o.model.Repeats(typ, element)
		for i := range slots {
			if slots[i].name == name {
				if slots[i].items = append(slots[i].items, p); !repeats {
					fault = o.fail(n, "%s has one %s", typ, short(element))
				}
				return
			}
		}
		slots = append(slots, slot{name: name, list: repeats, items: []pair{p}})
	})
	var all []part
	for _, s := range slots {
		all = append(all, s.parts()...)
	}
	return object(all), fault
}

// typeOf is the FHIR type of an object of the resource; of the _x of a primitive it is that of the primitive.
func (o *operation) typeOf(d *document, n *fhir.Node) string {
	if n == d.res.Root {
		return o.typ
	}
	if typ := n.Str("resourceType"); typ != "" {
		return typ
	}
	at := placeOf(n)
	for _, f := range o.model.Fields(o.typeOf(d, at.owner), at.name) {
		if f.JSON == at.name {
			return f.Type
		}
	}
	return ""
}

// element is the element of a type that has the JSON name: of a choice all its fields.
func (o *operation) element(typ, name string) []fhirpath.Field {
	for i := 1; i < len(name); i++ {
		if name[i] > 'Z' {
			continue
		}
		fields := o.model.Fields(typ, name[:i])
		for _, f := range fields {
			if f.JSON == name && len(fields) > 1 {
				return fields
			}
		}
	}
	return o.model.Fields(typ, name)
}
