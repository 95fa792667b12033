package fhirpath

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// step goes from an item to the items of one of its elements.
type step struct {
	name string
	alts []alt    // by the type of the item; without any the type is looked up when evaluating
	keep []filter // what the items found must satisfy
}

type alt struct {
	from   string
	fields []Field
}

// filter is a simple condition on an item: where(key='text'), extension('text'), where(resolve() is typ).
type filter struct {
	key, text string
	typ       string
	model     Model
}

func (f *filter) same(o *filter) bool { return f.key == o.key && f.text == o.text && f.typ == o.typ }

// holds tests an item; resource is the resource that contains it.
func (f *filter) holds(it Item, resource *fhir.Node) bool {
	if f.typ != "" {
		typ := referenced(it, resource).Type
		return typ != "" && f.model.IsA(typ, f.typ)
	}
	c := it.Node.Get(f.key)
	if c == nil {
		return false
	}
	if c.JSON == fhir.Array {
		c = c.First
		if c.Next != nil {
			return false
		}
	}
	return c.Text == f.text
}

// referenced is the item that resolve gives for a reference, without fetching: a contained resource, or an item that
// has only a type. Its Type is "" if nothing is known.
func referenced(it Item, resource *fhir.Node) Item {
	text, ok := it.Value()
	if !ok {
		text = it.Node.Str("reference")
	}
	if text == "#" {
		return Root(resource)
	}
	if strings.HasPrefix(text, "#") {
		for c := range items(resource.Get("contained")) {
			if c.Str("id") == text[1:] {
				return Root(c)
			}
		}
		return Item{}
	}
	typ := fhir.ParseReference(text, "").Type
	if typ == "" {
		typ = it.Node.Str("type")
	}
	return Item{Type: typ}
}

// items are the members of an array, or the node itself.
func items(n *fhir.Node) func(func(*fhir.Node) bool) {
	return func(yield func(*fhir.Node) bool) {
		if n == nil {
			return
		}
		if n.JSON != fhir.Array {
			yield(n)
			return
		}
		for c := n.First; c != nil && yield(c); c = c.Next {
		}
	}
}

// fields are the members that the step reads of an item of the type.
func (s *step) fields(typ string, m Model) []Field {
	for i := range s.alts {
		if s.alts[i].from == typ {
			return s.alts[i].fields
		}
	}
	return m.Fields(typ, s.name)
}

// walk appends what the steps select from an item.
func (r *run) walk(steps []step, it Item, dst []Item) ([]Item, error) {
	if len(steps) == 0 {
		return append(dst, it), nil
	}
	s := &steps[0]
	if it.Node == nil && it.Ext == nil {
		return dst, nil
	}
	for _, f := range s.fields(it.Type, r.model) {
		obj := it.Node
		if it.Ext != nil {
			obj = it.Ext
		}
		var val, ext *fhir.Node
		val = obj.Get(f.JSON)
		if primitive(f.Type) && obj != nil {
			ext = underscore(obj, f.JSON)
		}
		if val == nil && ext == nil {
			continue
		}
		var err error
		if dst, err = r.members(steps, f.Type, val, ext, dst); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// members goes on with each value of a member that steps[0] has reached.
func (r *run) members(steps []step, typ string, val, ext *fhir.Node, dst []Item) ([]Item, error) {
	if val != nil && val.JSON != fhir.Array || val == nil && ext.JSON != fhir.Array {
		return r.reached(steps, Item{Node: val, Ext: ext, Type: typ}, dst)
	}
	if val != nil {
		val = val.First
	}
	if ext != nil && ext.JSON == fhir.Array {
		ext = ext.First
	} else {
		ext = nil
	}
	var err error
	for (val != nil || ext != nil) && err == nil {
		it := Item{Node: val, Ext: ext, Type: typ}
		if val != nil {
			val = val.Next
			if it.Node.JSON == fhir.Null {
				it.Node = nil
			}
		}
		if ext != nil {
			ext = ext.Next
			if it.Ext.JSON == fhir.Null {
				it.Ext = nil
			}
		}
		if it.Node != nil || it.Ext != nil {
			dst, err = r.reached(steps, it, dst)
		}
	}
	return dst, err
}

func (r *run) reached(steps []step, it Item, dst []Item) ([]Item, error) {
	if it.Type == "Resource" {
		it.Type = it.Node.Str("resourceType")
	}
	for i := range steps[0].keep {
		if !steps[0].keep[i].holds(it, r.env.Resource) {
			return dst, nil
		}
	}
	if err := r.tick(len(dst)); err != nil {
		return dst, err
	}
	return r.walk(steps[1:], it, dst)
}

// underscore is the member "_"+name.
func underscore(obj *fhir.Node, name string) *fhir.Node {
	if obj.JSON != fhir.Object {
		return nil
	}
	for c := obj.First; c != nil; c = c.Next {
		if len(c.Name) == len(name)+1 && c.Name[0] == '_' && c.Name[1:] == name {
			return c
		}
	}
	return nil
}

// Path is an expression, or one clause of a union, that only follows elements, possibly through simple conditions:
// what a Set can hold.
type Path struct {
	from  string
	steps []step
}

// Last is the element that the path ends with: the type that has it and its name without [x]. Both are "" if the path
// is the item itself, or if the element depends on the item.
func (p Path) Last() (typ, name string) {
	if len(p.steps) == 0 {
		return "", ""
	}
	s := &p.steps[len(p.steps)-1]
	if len(s.alts) != 1 {
		return "", ""
	}
	return s.alts[0].from, s.name
}

// Set is a trie of paths of one type: one walk finds what all of them select.
type Set struct {
	paths int
	root  trie
}

type trie struct {
	typ    string
	emit   []int // paths that end here
	edges  []edge
	byName map[string]*trie // of edges, where they are many
	where  []branch
}

type edge struct {
	json string
	to   *trie
}

type branch struct {
	test filter
	to   *trie
}

// Add puts a path into the set; its number is the count of paths added before. All paths of a set are compiled
// against the same type.
func (s *Set) Add(p Path) int {
	s.root.typ = p.from
	s.root.add(p.steps, s.paths)
	s.paths++
	return s.paths - 1
}

func (t *trie) add(steps []step, path int) {
	if len(steps) == 0 {
		if !slices.Contains(t.emit, path) {
			t.emit = append(t.emit, path)
		}
		return
	}
	s := &steps[0]
	for _, a := range s.alts {
		if a.from != t.typ {
			continue
		}
		for _, f := range a.fields {
			next := t.edge(f)
			for _, k := range s.keep {
				next = next.branch(k)
			}
			next.add(steps[1:], path)
		}
	}
}

// many is the number of edges from which a map is faster than comparing names one by one.
const many = 5

func (t *trie) edge(f Field) *trie {
	for _, e := range t.edges {
		if e.json == f.JSON {
			return e.to
		}
	}
	to := &trie{typ: f.Type}
	t.edges = append(t.edges, edge{f.JSON, to})
	if len(t.edges) == many {
		t.byName = map[string]*trie{}
		for _, e := range t.edges {
			t.byName[e.json] = e.to
		}
	} else if len(t.edges) > many {
		t.byName[f.JSON] = to
	}
	return to
}

func (t *trie) branch(f filter) *trie {
	for i := range t.where {
		if t.where[i].test.same(&f) {
			return t.where[i].to
		}
	}
	to := &trie{typ: t.typ}
	t.where = append(t.where, branch{f, to})
	return to
}

func (t *trie) follow(name string) *trie {
	if t.byName != nil {
		return t.byName[name]
	}
	for i := range t.edges {
		if t.edges[i].json == name {
			return t.edges[i].to
		}
	}
	return nil
}

// Found takes what a Set finds, in the order of the document.
type Found interface{ Found(path int, it Item) }

// Walk finds what the paths select from an item of the set's type. Values that are null, or missing beside their
// extensions, are not found. It allocates nothing.
func (s *Set) Walk(it Item, resource *fhir.Node, out Found) {
	if it.Node != nil {
		s.root.walk(it.Node, resource, out)
	}
}

func (t *trie) walk(n, resource *fhir.Node, out Found) {
	it := Item{Node: n, Type: t.typ}
	for _, path := range t.emit {
		out.Found(path, it)
	}
	for i := range t.where {
		if b := &t.where[i]; b.test.holds(it, resource) {
			b.to.walk(n, resource, out)
		}
	}
	if len(t.edges) == 0 || n.JSON != fhir.Object {
		return
	}
	for c := n.First; c != nil; c = c.Next {
		to := t.follow(c.Name)
		if to == nil {
			continue
		}
		if c.JSON != fhir.Array {
			to.walk(c, resource, out)
			continue
		}
		for x := c.First; x != nil; x = x.Next {
			if x.JSON != fhir.Null {
				to.walk(x, resource, out)
			}
		}
	}
}
