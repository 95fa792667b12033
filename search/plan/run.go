package plan

import (
	"context"
	"fmt"
	"math"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Limits of one Run. Over them a query is too-costly, or, for includes, has a warning.
const (
	MaxJoin    = 10_000 // resources that canonicals name on the inner side of a chain
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
	if err := p.own.held(ctx, src); err != nil {
		return Result{}, err
	}
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
	if w.Sort == nil {
		w.Sort = p.order()
	}
	return p.joined(ctx, src, func(b Bound) (Page, error) { return src.Select(ctx, b, w) })
}

// Count is the number of matches.
func Count(ctx context.Context, src Source, p Plan) (int, error) {
	r, err := Run(ctx, src, p, Window{Total: true})
	return r.Total, err
}

// parsed is the tree of a stored version.
func parsed(r *Row) (*fhir.Resource, error) {
	res, err := fhir.Parse(r.Body, fhir.Limits{Depth: math.MaxInt, Bytes: math.MaxInt, Nodes: math.MaxInt})
	if err != nil {
		return nil, unreadable(r, err)
	}
	return res, nil
}

// unreadable is not wrapped: what the parser says of a client's mistake is here the store's.
func unreadable(r *Row, err error) error {
	return fmt.Errorf("parse the stored %s/%s version %d: %v", r.Type, r.ID, r.Version, err)
}

func tooCostly(format string, args ...any) error {
	err := fhir.Errorf(fhir.KindTooCostly, "", format, args...)
	err.Diagnostics += "; add a condition that narrows it"
	return err
}
