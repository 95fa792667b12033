package patch

import (
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// Model is what a FHIRPath Patch must know of FHIR's types (r4.Model).
type Model interface {
	fhirpath.Model
	// Repeats says whether the element of a type, by its name without [x] or its JSON name, may have several values.
	Repeats(typ, name string) bool
}

// FHIRPath reads a FHIRPath Patch (R4 fhirpatch.html) for resources of a type. Errors are of kind invalid and name the
// place in params. Beyond the letter of the page:
//
//   - a value may be a resource, to add to contained;
//   - a primitive may be given as another primitive that JSON writes in the same way (a string for xhtml), but for a
//     choice, where the type decides;
//   - the path of insert and move is that of one parent, a dot and the name of the list, which may still be empty.
func FHIRPath(params *fhir.Resource, typ string, m Model) (Patch, error) {
	if params.Type != "Parameters" {
		return Patch{}, fhir.Errorf(fhir.KindInvalid, "resourceType", "a FHIRPath Patch is a Parameters resource, this is a %s", params.Type)
	}
	var p Patch
	var fault error
	params.Root.Get("parameter").Each(func(n *fhir.Node) {
		if fault != nil {
			return
		}
		if len(p.steps) == maxOperations {
			fault = fhir.Errorf(fhir.KindTooLong, params.Path(n), "a patch has at most %d operations", maxOperations)
			return
		}
		o := &operation{doc: params, typ: typ, model: m, node: n}
		if fault = o.read(); fault == nil {
			p.steps = append(p.steps, o)
		}
	})
	if fault != nil {
		return Patch{}, fault
	}
	return p, nil
}

// operation is one operation of a FHIRPath Patch.
type operation struct {
	doc   *fhir.Resource
	typ   string
	model Model
	node  *fhir.Node            // the parameter
	parts map[string]*fhir.Node // of the parameter, by name

	kind     string
	path     string         // as it is written
	choose   *fhirpath.Expr // what the path selects; of insert and move: the parent
	list     string         // of insert and move: the name of the list; of add: that of the element
	from, to int            // of insert (to) and move
}

// needed are the parts of each operation, beside type and path.
var needed = map[string][]string{
	"add": {"name", "value"}, "insert": {"index", "value"}, "delete": nil, "replace": {"value"}, "move": {"source", "destination"},
}

func (o *operation) read() error {
	if o.node.Str("name") != "operation" {
		return o.fail(o.node, "a parameter of a FHIRPath Patch has the name operation")
	}
	o.parts = make(map[string]*fhir.Node, 4)
	var fault error
	o.node.Get("part").Each(func(n *fhir.Node) {
		name := n.Str("name")
		if o.parts[name] != nil && fault == nil {
			fault = o.fail(n, "the part %q is repeated", short(name))
		}
		o.parts[name] = n
	})
	if fault != nil {
		return fault
	}
	var err error
	if o.kind, err = o.text("type"); err != nil {
		return err
	}
	needs, known := needed[o.kind]
	if !known {
		return o.fail(o.parts["type"], "the type of an operation is add, insert, delete, replace or move")
	}
	if o.path, err = o.text("path"); err != nil {
		return err
	}
	for _, name := range needs {
		if o.parts[name] == nil {
			return o.fail(o.node, "%s needs the part %s", o.kind, name)
		}
	}
	for name, n := range o.parts {
		if name != "type" && name != "path" && !slices.Contains(needs, name) {
			return o.fail(n, "%s has no part %q", o.kind, short(name))
		}
	}
	path := o.path
	switch o.kind {
	case "add":
		if o.list, err = o.text("name"); err != nil {
			return err
		}
	case "insert", "move":
		if path, o.list, err = o.listPath(); err != nil {
			return err
		}
		if o.kind == "insert" {
			o.to, err = o.number("index")
		} else if o.from, err = o.number("source"); err == nil {
			o.to, err = o.number("destination")
		}
		if err != nil {
			return err
		}
	}
	if o.choose, err = fhirpath.Compile(path, o.typ, o.model); err != nil {
		return o.fail(o.parts["path"], "%s", diagnostics(err))
	}
	if types := o.choose.Types(); types != nil && len(types) == 0 {
		return o.fail(o.parts["path"], "the path %q selects nothing of a %s", short(o.path), o.typ)
	}
	return nil
}

// listPath cuts a path into that of the parent and the name of a list.
func (o *operation) listPath() (parent, list string, err error) {
	parent, list = "$this", o.path
	if i := strings.LastIndexByte(o.path, '.'); i >= 0 {
		parent, list = o.path[:i], o.path[i+1:]
	}
	for i, c := range []byte(list) {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || i > 0 && c >= '0' && c <= '9' {
			continue
		}
		list = ""
		break
	}
	if list == "" {
		return "", "", o.fail(o.parts["path"], "the path of %s ends with the name of a list, as in Patient.identifier", o.kind)
	}
	return parent, list, nil
}

// text is the value of a part that is a code or a string.
func (o *operation) text(name string) (string, error) {
	n := o.parts[name]
	if n == nil {
		return "", o.fail(o.node, "an operation needs the part %s", name)
	}
	for _, key := range []string{"valueString", "valueCode"} {
		if s := n.Str(key); s != "" {
			return s, nil
		}
	}
	return "", o.fail(n, "the part %s is a valueString or a valueCode", name)
}

// number is the value of a part that is an integer from 0.
func (o *operation) number(name string) (int, error) {
	n := o.parts[name]
	if v := n.Get("valueInteger"); v != nil && v.JSON == fhir.Number {
		if i, err := strconv.Atoi(v.Text); err == nil && i >= 0 {
			return i, nil
		}
	}
	return 0, o.fail(n, "the part %s is a valueInteger from 0", name)
}

// fail is a fault of the patch itself.
func (o *operation) fail(n *fhir.Node, format string, args ...any) error {
	return fhir.Errorf(fhir.KindInvalid, o.doc.Path(n), format, args...)
}

// misfit is an operation that the version at hand does not allow.
func (o *operation) misfit(part, why string) error {
	return fhir.Errorf(fhir.KindProcessing, o.doc.Path(o.parts[part]), "%s %s: %s", o.kind, short(o.path), why)
}

func diagnostics(err error) string {
	if e, ok := err.(*fhir.Error); ok {
		return e.Diagnostics
	}
	return err.Error()
}

func (o *operation) apply(d *document) error {
	items, err := o.find(d)
	if err != nil {
		return err
	}
	switch {
	case len(items) == 0 && o.kind == "delete":
		return nil
	case len(items) == 0:
		return o.misfit("path", "the path selects nothing")
	case len(items) > 1:
		return o.misfit("path", "the path selects several elements")
	}
	it := items[0]
	if o.kind == "delete" || o.kind == "replace" {
		if it.Node == d.res.Root {
			return o.fail(o.parts["path"], "%s changes an element, not the whole resource", o.kind)
		}
		return o.change(d, it)
	}
	return o.fill(d, it)
}

// find evaluates the path; each element counts once.
func (o *operation) find(d *document) ([]fhirpath.Item, error) {
	found, err := o.choose.Eval(nil, fhirpath.Item{Node: d.res.Root, Type: o.typ}, &fhirpath.Env{Steps: d.steps})
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.KindOf(err), Expression: o.doc.Path(o.parts["path"]), Diagnostics: diagnostics(err)}
	}
	var items []fhirpath.Item
	for _, it := range found {
		if it.Node == nil && it.Ext == nil {
			return nil, o.fail(o.parts["path"], "the path selects what is no element of the resource")
		}
		if !slices.ContainsFunc(items, func(have fhirpath.Item) bool { return have.Node == it.Node && have.Ext == it.Ext }) {
			items = append(items, it)
		}
	}
	return items, nil
}

// change deletes or replaces an element.
func (o *operation) change(d *document, it fhirpath.Item) error {
	n := it.Node
	if n == nil {
		n = it.Ext
	}
	at := placeOf(n)
	s := d.slot(at.owner, at.name)
	if o.kind == "delete" {
		s.items = slices.Delete(s.items, at.index, at.index+1)
		d.put(at.owner, s)
		return nil
	}
	owner := o.typeOf(d, at.owner)
	name, p, err := o.value(o.parts["value"], owner, o.element(owner, at.name))
	if err != nil {
		return err
	}
	if name == s.name {
		s.items[at.index] = p
		d.put(at.owner, s)
		return nil
	}
	d.put(at.owner, slot{name: s.name}, slot{name: name, items: []pair{p}}) // another type of the choice
	return nil
}

// fill does add, insert and move: they change an element of the item.
func (o *operation) fill(d *document, it fhirpath.Item) error {
	object := it.Node
	if object != nil && object.JSON != fhir.Object {
		object = it.Ext // of a primitive: its extensions
		if object == nil {
			at := placeOf(it.Node)
			if extra := at.owner.Get("_" + at.name); extra != nil { // not every item brings it along
				object = item(extra, at.index)
			}
		}
	} else if object == nil {
		object = it.Ext
	}
	s, err := o.filled(d, it.Type, object)
	if err != nil {
		return err
	}
	if object != nil {
		d.put(object, s)
		return nil
	}
	at := placeOf(it.Node)
	primitive := d.slot(at.owner, at.name)
	primitive.items[at.index].extra = write('{', s.parts(), '}')
	d.put(at.owner, primitive)
	return nil
}

// item is the one at an index of a list, or the value itself; nil for null.
func item(n *fhir.Node, index int) *fhir.Node {
	var out *fhir.Node
	i := 0
	n.Each(func(c *fhir.Node) {
		if i == index && c.JSON == fhir.Object {
			out = c
		}
		i++
	})
	return out
}

// filled is the slot of the list (of add: the element) in object, an item of the type, as the operation leaves it.
func (o *operation) filled(d *document, typ string, object *fhir.Node) (slot, error) {
	name := o.list
	fields := o.model.Fields(typ, name)
	if fields == nil {
		where := o.parts["path"]
		if o.kind == "add" {
			where = o.parts["name"]
		}
		return slot{}, o.fail(where, "%s has no element %q", typ, short(name))
	}
	repeats := o.model.Repeats(typ, name)
	if o.kind != "add" && !repeats {
		return slot{}, o.fail(o.parts["path"], "%s.%s is no list", typ, short(name))
	}
	if o.kind == "move" {
		s := d.slot(object, name)
		if o.from >= len(s.items) {
			return slot{}, o.misfit("source", "the list has no such place")
		}
		if o.to >= len(s.items) {
			return slot{}, o.misfit("destination", "the list has no such place")
		}
		p := s.items[o.from]
		s.items = slices.Insert(slices.Delete(s.items, o.from, o.from+1), o.to, p)
		return s, nil
	}
	to, p, err := o.value(o.parts["value"], typ, fields)
	if err != nil {
		return slot{}, err
	}
	s := d.slot(object, to)
	switch {
	case repeats && o.kind == "add":
		s.items = append(s.items, p)
	case repeats && o.to > len(s.items):
		return slot{}, o.misfit("index", "the list has no such place")
	case repeats:
		s.items = slices.Insert(s.items, o.to, p)
	default:
		if e := o.element(typ, to); slices.ContainsFunc(e, func(f fhirpath.Field) bool {
			return object.Get(f.JSON) != nil || object.Get("_"+f.JSON) != nil
		}) {
			return slot{}, o.misfit("name", "the element exists already: replace it")
		}
		s.items = []pair{p}
	}
	s.list = repeats
	return s, nil
}
