package plan

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// Limits of one Run. Over them a query is too-costly, or, for includes, has a warning.
const (
	MaxJoin    = 10_000 // resources on the inner side of a chain
	MaxInclude = 1_000  // included resources of a page
)

// Result is a page of a search.
type Result struct {
	Page                   // matches; Total is -1 if it was neither asked for nor known for free
	Included []Row         // search.mode include; none of them is a match, none appears twice
	Warnings []*fhir.Error // search.mode outcome: what is not complete
}

// Run answers a search: it resolves chains and _has from the inside out, selects, and adds the includes. The order is
// that of w, or, if it has none, that of the query.
func Run(ctx context.Context, src Source, p Plan, w Window) (Result, error) {
	page, err := p.selected(ctx, src, w)
	if err != nil {
		return Result{}, err
	}
	if !w.Total {
		page.Total = -1
		if w.After == nil && page.Next == nil && w.Limit > 0 {
			page.Total = len(page.Rows)
		}
	}
	r := Result{Page: page}
	if len(p.includes) > 0 && len(page.Rows) > 0 {
		in := including{ctx: ctx, src: src, p: p, r: &r}
		err = in.run()
	}
	return r, err
}

// selected is the page of matches.
func (p *Plan) selected(ctx context.Context, src Source, w Window) (Page, error) {
	if p.members != nil && !p.history {
		return p.selectTypes(ctx, src, w)
	}
	b, err := bind(ctx, src, p.typ, p.node)
	if err != nil {
		return Page{}, err
	}
	if w.Sort == nil {
		w.Sort = p.order()
	}
	return src.Select(ctx, b, w)
}

// Count is the number of matches.
func Count(ctx context.Context, src Source, p Plan) (int, error) {
	r, err := Run(ctx, src, p, Window{Total: true})
	return r.Total, err
}

// bind makes a Bound of a node: it answers the joins in it.
func bind(ctx context.Context, src Source, typ string, n Node) (Bound, error) {
	n, err := resolve(ctx, src, n)
	if err != nil || n == nil {
		n = None{}
	}
	return Bound{typ: typ, node: n}, err
}

// resolve replaces joins by what they find, from the inside out.
func resolve(ctx context.Context, src Source, n Node) (Node, error) {
	switch n := n.(type) {
	case And:
		return resolveAll(ctx, src, n, and)
	case Or:
		return resolveAll(ctx, src, n, or)
	case Not:
		x, err := resolve(ctx, src, n.X)
		if err != nil {
			return nil, err
		}
		return not(x), nil
	case Verify:
		x, err := resolve(ctx, src, n.X)
		if err != nil {
			return nil, err
		}
		return n.over(x), nil
	case probed:
		return n.resolve(ctx, src)
	case ref:
		return n.resolve(ctx, src)
	case back:
		return n.resolve(ctx, src)
	}
	return n, nil
}

func resolveAll(ctx context.Context, src Source, list []Node, join func([]Node) Node) (Node, error) {
	if !slices.ContainsFunc(list, joins) {
		return join(list), nil
	}
	out := make([]Node, len(list))
	for i, n := range list {
		var err error
		if out[i], err = resolve(ctx, src, n); err != nil {
			return nil, err
		}
	}
	return join(out), nil
}

// joins says whether a ref, back or probed is in n.
func joins(n Node) bool {
	switch n := n.(type) {
	case And:
		return slices.ContainsFunc(n, joins)
	case Or:
		return slices.ContainsFunc(n, joins)
	case Not:
		return joins(n.X)
	case Verify:
		return joins(n.X)
	case ref, back, probed:
		return true
	}
	return false
}

// resolve: the targets first, then everything that refers to one of them.
func (n ref) resolve(ctx context.Context, src Source) (Node, error) {
	b, err := bind(ctx, src, n.target, n.of)
	if err != nil {
		return nil, err
	}
	if _, none := b.node.(None); none {
		return None{}, nil
	}
	page, err := src.Select(ctx, b, Window{Limit: MaxJoin + 1, Bare: !named(n.p, n.target)})
	if err != nil {
		return nil, err
	}
	if len(page.Rows) > MaxJoin {
		return nil, tooCostly("the chain by %s finds more than %d resources of type %s", n.p.Code, MaxJoin, n.target)
	}
	return references(n.p, page.Rows)
}

// named says whether p may name resources of the type by canonicals: then references needs their bodies.
func named(p *r4.SearchParameter, typ string) bool {
	return index.Canonical(p) && index.CanonicalType(typ)
}

// references is what refers to one of the rows by p.
func references(p *r4.SearchParameter, rows []Row) (Node, error) {
	list := make([]index.Term, len(rows))
	for i := range rows {
		list[i] = index.Term{Num: p.Num, Form: index.FormReference, Text: rows[i].Type + "/" + rows[i].ID}
	}
	for i := range rows {
		if !named(p, rows[i].Type) {
			continue
		}
		res, err := parsed(&rows[i])
		if err != nil {
			return nil, err
		}
		for _, text := range index.Canonicals(res) {
			list = append(list, index.Term{Num: p.Num, Form: index.FormReference, Text: text})
		}
	}
	return terms(list), nil
}

// parsed is the tree of a stored version.
func parsed(r *Row) (*fhir.Resource, error) {
	res, err := fhir.Parse(r.Body, fhir.Limits{Depth: math.MaxInt, Bytes: math.MaxInt, Nodes: math.MaxInt})
	if err != nil {
		return nil, fmt.Errorf("parse the stored %s/%s version %d: %w", r.Type, r.ID, r.Version, err)
	}
	return res, nil
}

func tooCostly(format string, args ...any) error {
	err := fhir.Errorf(fhir.KindTooCostly, "", format, args...)
	err.Diagnostics += "; add a condition that narrows it"
	return err
}
