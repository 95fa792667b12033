package plan

import (
	"context"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// Resolve reads what modifiers of a query look at: value sets and code systems (R4's own and those of src), and the
// hierarchies of references. It reads only what the caller may: definitions with r or s, members of a hierarchy with s.
// It comes before Guard. The cache may be nil.
func Resolve(ctx context.Context, src Source, q search.Query, a search.Access, x *index.Indexer, cache *terminology.Cache) (search.Query, error) {
	if !q.Open() {
		return q, nil
	}
	if cache == nil {
		cache = &terminology.Cache{}
	}
	d := &definitions{ctx: ctx, src: src, access: a, index: x, cache: cache}
	d.expander.Source = d
	return q.Resolve(d)
}

// definitions reads what the caller may see of the definitions and hierarchies of a source.
type definitions struct {
	ctx      context.Context
	src      Source
	access   search.Access
	index    *index.Indexer
	expander terminology.Expander
	cache    *terminology.Cache
}

// Codes implements search.Resolver.
func (d *definitions) Codes(mod search.Modifier, v *search.Value) (*terminology.Set, error) {
	switch mod {
	case search.ModAbove:
		return d.expander.Above(v.System, v.Code)
	case search.ModBelow:
		return d.expander.Below(v.System, v.Code)
	}
	if v.Ref.ID == "" {
		return d.expander.ValueSet(v.Text)
	}
	set, err := d.definition("ValueSet", search.ID(v.Ref.ID))
	if err != nil {
		return nil, err
	}
	if set == nil {
		return nil, fhir.Errorf(fhir.KindValue, "", "the value set %q is not known here", v.Text)
	}
	return d.expander.Of(set)
}

// ValueSet implements terminology.Source.
func (d *definitions) ValueSet(url, version string) (*terminology.Definition, error) {
	return d.canonical("ValueSet", url, version)
}

// CodeSystem implements terminology.Source.
func (d *definitions) CodeSystem(url, version string) (*terminology.Definition, error) {
	return d.canonical("CodeSystem", url, version)
}

func (d *definitions) canonical(typ, url, version string) (*terminology.Definition, error) {
	where := search.And{search.Param{P: r4.Lookup(typ, "url"), Any: []search.Value{{Text: url}}}}
	if version != "" {
		where = append(where, search.Param{P: r4.Lookup(typ, "version"), Any: []search.Value{{Code: version}}})
	}
	return d.definition(typ, where)
}

// definition is the latest definition that the caller may read; nil if there is none.
func (d *definitions) definition(typ string, where search.Expr) (*terminology.Definition, error) {
	p, err := Lower(search.GuardSeen(typ, where, d.access), d.index)
	if err != nil {
		return nil, err
	}
	w := Window{Limit: 1, Sort: []SortKey{{P: r4.Lookup(typ, "date"), Desc: true}, {P: r4.Lookup(typ, "_id")}}}
	r, err := Run(d.ctx, d.src, p, w)
	if err != nil || len(r.Rows) == 0 {
		return nil, err
	}
	row := &r.Rows[0]
	found, err := d.cache.Read(row.Type+"/"+row.ID, row.Body)
	if err != nil {
		return nil, unreadable(row, err)
	}
	return found, nil
}

// Hierarchy implements search.Resolver. What is above one that the caller may not see is not known; what it says is
// above itself is a reference like any other.
func (d *definitions) Hierarchy(mod search.Modifier, of fhir.Reference) ([]fhir.Reference, error) {
	step := d.parts
	if mod == search.ModAbove {
		step = d.wholes
	}
	seen := map[fhir.Reference]bool{of: true}
	all := []fhir.Reference{of}
	for level := all; len(level) > 0; {
		next, err := step(search.PartOf(of.Type), level)
		if err != nil {
			return nil, err
		}
		level = nil
		for _, r := range next {
			if !seen[r] {
				seen[r] = true
				level = append(level, r)
			}
		}
		if all = append(all, level...); len(all) > MaxJoin {
			return nil, tooCostly("the hierarchy of %s has more than %d members", of, MaxJoin)
		}
	}
	return all, nil
}

// parts are the resources that refer to one of a list as what they are a part of.
func (d *definitions) parts(p *r4.SearchParameter, of []fhir.Reference) ([]fhir.Reference, error) {
	where := search.Param{P: p}
	for _, r := range of {
		where.Any = append(where.Any, search.Value{Ref: r})
	}
	return d.hierarchy(p, where, func(row *Row) ([]fhir.Reference, error) {
		return []fhir.Reference{{Type: row.Type, ID: row.ID}}, nil
	})
}

// wholes are the resources that those of a list refer to as what they are a part of.
func (d *definitions) wholes(p *r4.SearchParameter, of []fhir.Reference) ([]fhir.Reference, error) {
	var where search.Or
	for _, r := range of {
		where = append(where, search.ID(r.ID))
	}
	w := search.World{Index: d.index}
	return d.hierarchy(p, where, func(row *Row) ([]fhir.Reference, error) {
		res, err := parsed(row)
		if err != nil {
			return nil, err
		}
		var out []fhir.Reference
		for _, r := range w.References(p, res) {
			if r.Local() && r.Type == row.Type {
				out = append(out, fhir.Reference{Type: r.Type, ID: r.ID})
			}
		}
		return out, nil
	})
}

// hierarchy are the references of the visible resources of p's type that satisfy a condition.
func (d *definitions) hierarchy(p *r4.SearchParameter, where search.Expr, refs func(*Row) ([]fhir.Reference, error)) ([]fhir.Reference, error) {
	lowered, err := Lower(search.GuardCondition(search.Query{Type: p.Base, Where: where}, d.access), d.index)
	if err != nil {
		return nil, err
	}
	r, err := Run(d.ctx, d.src, lowered, Window{Limit: MaxJoin + 1})
	if err != nil {
		return nil, err
	}
	var out []fhir.Reference
	for i := range r.Rows {
		list, err := refs(&r.Rows[i])
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}
