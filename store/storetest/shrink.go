package storetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/firewarden/firewarden/search"
)

// maxTries bounds how often a smaller world is tried.
const maxTries = 2000

// shrink takes away what a failure does not need: writes, parameters, restrictions, elements.
func (d *differential) shrink(f *failure) *failure {
	tries := 0
	smaller := func(g failure) bool {
		if tries++; tries > maxTries {
			return false
		}
		if h := d.try(&g); h != nil {
			*f = *h
			return true
		}
		return false
	}
	for before := -1; before != f.size() && tries <= maxTries; {
		before = f.size()
		for n := len(f.ops) / 2; n > 0; n /= 2 { // runs of writes, then each
			for i := len(f.ops) - n; i >= 0; i -= n {
				g := *f
				g.ops = slices.Concat(f.ops[:i], f.ops[i+n:])
				smaller(g)
			}
		}
		if f.q != nil {
			f.shrinkQuestion(smaller)
		} else if f.a.search != nil {
			f.a.shrink(func(a access) bool { g := *f; g.a = a; return smaller(g) })
		}
		for i := range f.ops {
			f.shrinkBody(i, smaller)
		}
	}
	return f
}

// size is what shrinking makes smaller.
func (f *failure) size() int {
	n := 0
	for _, o := range f.ops {
		n += len(o.String())
	}
	if f.q != nil {
		return n + len(f.q.String())
	}
	return n + len(f.a.String())
}

func (f *failure) shrinkQuestion(smaller func(failure) bool) {
	with := func(change func(*question)) bool {
		g, q := *f, *f.q
		q.Pairs = slices.Clone(q.Pairs)
		change(&q)
		g.q = &q
		return smaller(g)
	}
	for i := len(f.q.Pairs) - 1; i >= 0; i-- {
		with(func(q *question) { q.Pairs = slices.Delete(q.Pairs, i, i+1) })
	}
	if f.q.Limit != 1000 {
		with(func(q *question) { q.Limit = 1000 })
	}
	if !f.q.Access.all && !with(func(q *question) { q.Access = access{all: true} }) {
		f.q.Access.shrink(func(a access) bool { return with(func(q *question) { q.Access = a }) })
	}
}

// shrink opens what is restricted, type by type.
func (a access) shrink(smaller func(access) bool) {
	for _, typ := range sortedTypes() {
		for _, open := range []search.Expr{search.All, search.None} {
			if now := a.search[typ]; now == search.All || now == open && a.read[typ] == open {
				break
			}
			b := access{search: maps.Clone(a.search), read: maps.Clone(a.read)}
			b.search[typ], b.read[typ] = open, open
			if smaller(b) {
				a = b
			}
		}
	}
}

// shrinkBody takes elements and list items away from one resource.
func (f *failure) shrinkBody(i int, smaller func(failure) bool) {
	for n := 0; ; n++ {
		if i >= len(f.ops) || f.ops[i].Body == nil {
			return
		}
		body := clone(f.ops[i].Body)
		if left := n; !remove(body, &left) {
			return
		}
		g := *f
		g.ops = slices.Clone(f.ops)
		g.ops[i].Body = body
		if smaller(g) {
			n = -1 // the places have moved
		}
	}
}

// remove takes away the n-th member or item, counted from the outside in; false if there are not that many.
func remove(v any, n *int) bool {
	switch v := v.(type) {
	case object:
		names := slices.Collect(maps.Keys(v))
		slices.Sort(names)
		for _, name := range names {
			if name == "resourceType" {
				continue
			}
			if *n == 0 {
				delete(v, name)
				return true
			}
			*n--
		}
		for _, name := range names {
			if list, ok := v[name].([]any); ok && len(list) > 1 {
				for i := range list {
					if *n == 0 {
						v[name] = slices.Delete(list, i, i+1)
						return true
					}
					*n--
				}
			}
			if remove(v[name], n) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if remove(item, n) {
				return true
			}
		}
	}
	return false
}

// clone is a deep copy.
func clone(o object) object {
	var out object
	d := json.NewDecoder(bytes.NewReader(mustJSON(o)))
	d.UseNumber() // the precision of a decimal counts
	if err := d.Decode(&out); err != nil {
		panic(err)
	}
	return out
}
