package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// valueSets are the canonical URLs of value sets, of the world and of R4; some are never there.
var valueSets = []string{"urn:vs:1", "urn:vs:2", "urn:vs:1|1", "urn:vs:2|2", "ValueSet/s1", "ValueSet/s2", Base + "/ValueSet/s1", "urn:vs:none",
	"http://hl7.org/fhir/ValueSet/observation-status", "http://hl7.org/fhir/ValueSet/administrative-gender"}

// valueSet draws what a value set is composed of.
func (m maker) valueSet(o object) {
	o["url"], o["status"] = m.one("urn:vs:1", "urn:vs:2"), "active"
	m.set(o, "version", func() any { return m.one("1", "2") })
	m.set(o, "date", m.date)
	if m.oneIn(8) {
		o["expansion"] = object{"contains": m.some(func() any { return object{"system": "urn:a", "code": m.one("x", "y", "x|y")} })}
		return
	}
	compose := object{"include": m.some(m.part)}
	if m.oneIn(4) {
		compose["exclude"] = []any{m.part()}
	}
	o["compose"] = compose
}

// part is an include or exclude.
func (m maker) part() any {
	o := object{"system": m.one("urn:a", "urn:a", "urn:b", long)}
	switch m.IntN(8) {
	case 0, 1, 6, 7:
		o["concept"] = m.some(func() any { return object{"code": pick(m, codes)} })
	case 2, 3:
		o["filter"] = []any{object{"property": "concept", "op": m.one("is-a", "is-a", "descendent-of"), "value": m.one("x", "x", "y", "z")}}
	case 4:
		o = object{"valueSet": []any{m.one("urn:vs:1", "urn:vs:2", "urn:vs:2|2")}}
	}
	return o
}

// codeSystem draws a hierarchy.
func (m maker) codeSystem(o object) {
	o["url"], o["status"], o["content"] = m.one("urn:a", "urn:a", "urn:b"), "active", m.one("complete", "complete", "fragment")
	m.set(o, "date", m.date)
	o["concept"] = []any{object{"code": "x", "concept": []any{object{"code": m.one("y", "x|y")}, object{"code": m.one("xy", "z"), "concept": []any{object{"code": "X"}}}}},
		object{"code": "x y", "property": []any{object{"code": "child", "valueCode": m.one("y", "z")}}}}
}

// plainly is the reference semantics of plan.Resolve: the modifiers that look things up become plain values, by looking
// at every definition and every member of a hierarchy that the caller may see. ok is false for an error.
type plainly struct {
	s      *memorySnapshot
	a      access
	within []string
}

func (p *plainly) expr(e search.Expr) (out search.Expr, ok bool) {
	if e, is := e.(search.Param); is {
		return p.param(e)
	}
	ok = true
	out = search.Map(e, func(x search.Expr) search.Expr {
		y, fine := p.expr(x)
		ok = ok && fine
		return y
	})
	return out, ok
}

func (p *plainly) param(e search.Param) (search.Expr, bool) {
	mod := e.Mod
	switch {
	case mod != search.ModIn && mod != search.ModNotIn && mod != search.ModAbove && mod != search.ModBelow, e.P.Type == r4.URI:
		return e, true
	case mod == search.ModNotIn:
		e.Mod = search.ModNot
	default:
		e.Mod = search.ModNone
	}
	values := e.Any
	e.Any = nil
	for _, v := range values {
		switch {
		case e.P.Type == r4.Reference:
			for id := range p.hierarchy(mod, v.Ref) {
				e.Any = append(e.Any, search.Value{Raw: id, Ref: fhir.Reference{Type: v.Ref.Type, ID: id}})
			}
			continue
		case v.Set != nil: // R4's own: what they hold is tested where they are
			for _, c := range v.Set.Codes() {
				e.Any = append(e.Any, token(coding{c.System, c.Code}))
			}
			continue
		}
		var set codeSet
		ok := false
		switch {
		case mod == search.ModAbove || mod == search.ModBelow:
			set, ok = p.subsumption(mod, coding{v.System, v.Code})
		case v.Ref.ID != "":
			if res := p.visible("ValueSet", func(v2 *version) bool { return v2.ID == v.Ref.ID }); res != nil {
				set, ok = p.compose(res.Root.Str("url"), res)
			}
		default:
			set, ok = p.valueSet(v.Text)
		}
		if !ok {
			return nil, false
		}
		for c := range set.codes {
			e.Any = append(e.Any, token(c))
		}
		for system := range set.whole {
			e.Any = append(e.Any, search.Value{Raw: system + "|", HasSystem: true, System: system})
		}
	}
	return e, true
}

type coding struct{ system, code string }

func token(c coding) search.Value {
	return search.Value{Raw: c.system + "|" + c.code, HasSystem: true, System: c.system, Code: c.code}
}

type codeSet struct {
	codes map[coding]bool
	whole map[string]bool
}

func newCodeSet() codeSet { return codeSet{map[coding]bool{}, map[string]bool{}} }

func (s codeSet) has(c coding) bool { return s.codes[c] || s.whole[c.system] }

// visible is the latest definition that the caller may read and that passes; nil if there is none.
func (p *plainly) visible(typ string, pass func(*version) bool) *fhir.Resource {
	var found []*version
	for _, v := range p.s.now {
		seen := search.Or{may(p.a, search.Read, typ), may(p.a, search.Search, typ)}
		if v.Type == typ && !v.Deleted && pass(v) && search.Match(p.s.world(), seen, v.res) {
			found = append(found, v)
		}
	}
	when := func(v *version) int64 {
		for _, d := range p.s.index.Values(param(typ, "date"), v.res) {
			return d.Time.Low
		}
		return fhir.MinTime // those without a date come last
	}
	slices.SortFunc(found, func(a, b *version) int {
		return cmp.Or(cmp.Compare(when(b), when(a)), strings.Compare(a.ID, b.ID))
	})
	if len(found) == 0 {
		return nil
	}
	return found[0].res
}

func (p *plainly) canonical(typ, canonical string) *fhir.Resource {
	url, number, versioned := strings.Cut(canonical, "|")
	return p.visible(typ, func(v *version) bool {
		return v.res.Root.Str("url") == url && (!versioned || v.res.Root.Str("version") == number)
	})
}

func (p *plainly) valueSet(canonical string) (codeSet, bool) {
	res := p.canonical("ValueSet", canonical)
	if res == nil {
		return codeSet{}, false
	}
	return p.compose(canonical, res)
}

func (p *plainly) compose(name string, res *fhir.Resource) (codeSet, bool) {
	out := newCodeSet()
	if compose := res.Root.Get("compose"); compose == nil {
		res.Root.Get("expansion").Get("contains").Each(func(n *fhir.Node) { out.codes[coding{n.Str("system"), n.Str("code")}] = true })
		return out, true
	}
	if slices.Contains(p.within, name) {
		return out, false
	}
	inner := plainly{p.s, p.a, append(slices.Clone(p.within), name)}
	ok := true
	res.Root.Get("compose").Get("include").Each(func(n *fhir.Node) {
		part, fine := inner.part(n)
		if ok = ok && fine; ok {
			maps.Copy(out.codes, part.codes)
			maps.Copy(out.whole, part.whole)
		}
	})
	res.Root.Get("compose").Get("exclude").Each(func(n *fhir.Node) {
		part, fine := inner.part(n)
		for system := range part.whole {
			delete(out.whole, system)
		}
		for c := range part.codes {
			fine = fine && !out.whole[c.system]
		}
		maps.DeleteFunc(out.codes, func(c coding, _ bool) bool { return part.has(c) })
		ok = ok && fine
	})
	return out, ok
}

func (p *plainly) part(n *fhir.Node) (codeSet, bool) {
	out := newCodeSet()
	if nested := n.Get("valueSet"); nested != nil {
		return p.valueSet(nested.First.Text)
	}
	system := n.Str("system")
	known := p.codes(system)
	filter := n.Get("filter")
	switch {
	case n.Get("concept") != nil:
		n.Get("concept").Each(func(c *fhir.Node) { out.codes[coding{system, c.Str("code")}] = true })
	case filter != nil:
		root := filter.First.Str("value")
		if _, ok := known.below[root]; !ok {
			return out, false
		}
		for code := range known.below[root] {
			if code != root || filter.First.Str("op") == "is-a" {
				out.codes[coding{system, code}] = true
			}
		}
	case known.complete:
		for code := range known.below {
			out.codes[coding{system, code}] = true
		}
	default:
		out.whole[system] = true
	}
	return out, true
}

// known is a code system: for each code all codes below it, itself among them.
type known struct {
	complete bool
	below    map[string]map[string]bool
}

func (p *plainly) codes(system string) known {
	res := p.canonical("CodeSystem", system)
	if res == nil {
		return known{}
	}
	k := known{res.Root.Str("content") == "complete", map[string]map[string]bool{}}
	var walk func(n *fhir.Node, above []string)
	var extra [][2]string
	walk = func(n *fhir.Node, above []string) {
		n.Get("concept").Each(func(c *fhir.Node) {
			code := c.Str("code")
			if k.below[code] == nil {
				k.below[code] = map[string]bool{code: true}
			}
			for _, a := range above {
				k.below[a][code] = true
			}
			if prop := c.Get("property"); prop != nil {
				extra = append(extra, [2]string{code, prop.First.Str("valueCode")})
			}
			walk(c, append(slices.Clip(above), code))
		})
	}
	walk(res.Root, nil)
	for range extra { // the children that a property names
		for _, e := range extra {
			for _, set := range k.below {
				if set[e[0]] {
					maps.Copy(set, k.below[e[1]])
				}
			}
		}
	}
	return k
}

func (p *plainly) subsumption(mod search.Modifier, c coding) (codeSet, bool) {
	out := newCodeSet()
	k := p.codes(c.system)
	if k.below == nil {
		return out, false
	}
	out.codes[c] = true
	for code, below := range k.below {
		if mod == search.ModAbove && below[c.code] || mod == search.ModBelow && k.below[c.code][code] {
			out.codes[coding{c.system, code}] = true
		}
	}
	return out, true
}

// hierarchy are the ids of a resource and of those above or below it.
func (p *plainly) hierarchy(mod search.Modifier, of fhir.Reference) map[string]bool {
	ids := map[string]bool{of.ID: true}
	for before := 0; before != len(ids); {
		before = len(ids)
		for _, v := range p.s.now {
			if v.Type != of.Type || v.Deleted || !search.Match(p.s.world(), may(p.a, search.Search, v.Type), v.res) {
				continue
			}
			for _, whole := range p.s.world().References(search.PartOf(v.Type), v.res) {
				switch {
				case !whole.Local() || whole.Type != v.Type:
				case mod == search.ModBelow && ids[whole.ID]:
					ids[v.ID] = true
				case mod == search.ModAbove && ids[v.ID]:
					ids[whole.ID] = true
				}
			}
		}
	}
	return ids
}

// resolve is a condition without what must be looked up; done says that the answer to it is an error, as it must be.
// Memory, the engine and what the caller may see alone all say the same, which is what plainly says.
func (p *pair) resolve(where search.Expr, a access) (resolved search.Expr, done bool, why string) {
	if !search.Open(where) {
		return where, false, ""
	}
	s := p.memory.view()
	plain, ok := (&plainly{s: s, a: a}).expr(where)
	for _, st := range []interface{ plan.Source }{p.memory.view(), p.memory.Visible(search.Search, a).view(), nil} {
		if st == nil {
			snap, err := p.engine.Snapshot(p.ctx)
			if err != nil {
				return nil, false, fmt.Sprintf("snapshot: %v", err)
			}
			defer snap.Close()
			st = snap
		} else if !a.uniform() && len(st.(*memorySnapshot).log) < len(s.log) {
			continue
		}
		q, err := plan.Resolve(p.ctx, st, search.Query{Where: where}, a, p.memory.Indexer, p.definitions)
		x := q.Where
		if ok != (err == nil) {
			return nil, false, fmt.Sprintf("resolve %s: %v (%v), want %v", where, x, err, plain)
		}
		if err != nil {
			if fhir.KindOf(err) != fhir.KindValue {
				return nil, false, fmt.Sprintf("resolve %s: %v", where, err)
			}
			continue
		}
		for _, v := range s.now {
			if v.Deleted {
				continue
			}
			if got, want := search.Match(s.world(), x, v.res), search.Match(s.world(), plain, v.res); got != want {
				return nil, false, fmt.Sprintf("resolve %s: %s/%s in %s: %v, in %s: %v", where, v.Type, v.ID, x, got, plain, want)
			}
		}
		resolved = x
	}
	return resolved, !ok, ""
}

// isCoded says whether the values of a token parameter are codes of code systems.
func isCoded(p *r4.SearchParameter) bool {
	return slices.ContainsFunc(p.Elements, func(typ string) bool {
		return typ == "CodeableConcept" || typ == "Coding" || typ == "code"
	})
}

// lookup draws a value of :in, :not-in, :above or :below; v is what it may find.
func (m maker) lookup(modifier string, v index.Value) string {
	if modifier == "in" || modifier == "not-in" {
		if s := m.live("ValueSet"); s != nil && !m.oneIn(4) {
			return m.one(s.res.Root.Str("url"), "ValueSet/"+s.ID)
		}
		return pick(m, valueSets)
	}
	if v.System == "" || v.Code == "" || m.oneIn(3) {
		v.System, v.Code = m.one("urn:a", "urn:a", "urn:b"), m.one("x", "x", "y", "z", "x y")
	}
	return escape(v.System) + "|" + escape(v.Code)
}
