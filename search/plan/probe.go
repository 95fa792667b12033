package plan

import (
	"context"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// matches says whether a row, of whatever version, is in e, by the reference semantics; what e says of other resources
// is asked of src.
func matches(ctx context.Context, src Source, x *index.Indexer, e search.Expr, r *Row) (bool, error) {
	res, err := parsed(r)
	if err != nil {
		return false, err
	}
	return Holds(ctx, src, x, e, res)
}

// Holds says whether a resource that is at hand is in e, as the plans that are read by say it: for explanations. It finds
// no resource, and of others tells no more than that.
func Holds(ctx context.Context, src Source, x *index.Indexer, e search.Expr, res *fhir.Resource) (bool, error) {
	return (&prober{ctx: ctx, src: src, index: x}).holds(e, res)
}

// Admits says whether content, stored or not, is in the set of a GuardRead plan as far as that does not depend on its
// id being there.
func Admits(ctx context.Context, src Source, p Plan, content *fhir.Resource) (bool, error) {
	switch p.allowed {
	case search.All:
		return true, nil
	case nil, search.None:
		return false, nil
	}
	return Holds(ctx, src, p.index, p.allowed, content)
}

// prober answers what a test asks of other resources. After an error nothing is there.
type prober struct {
	ctx   context.Context
	src   Source
	index *index.Indexer
	err   error
}

func (p *prober) holds(e search.Expr, res *fhir.Resource) (bool, error) {
	ok := search.Match(search.World{Index: p.index, Probe: p}, e, res)
	return ok && p.err == nil, p.err
}

// Sees implements search.Prober.
func (p *prober) Sees(typ, id string, x search.Expr) bool {
	if p.err != nil || search.Simplify(x) == search.None {
		return false
	}
	of := Plan{typ: typ, index: p.index, allowed: search.Simplify(x)}
	r, found, err := ReadOne(p.ctx, p.src, of.at(id))
	p.err = err
	return err == nil && found && !r.Deleted
}

// Refers implements search.Prober.
func (p *prober) Refers(e search.Has, typ, id string) bool {
	if p.err != nil {
		return false
	}
	found := false
	of, err := lowering{e.Source, p.index}.exact(search.Simplify(search.And{search.Type(e.Source), e.X}))
	if err == nil {
		s := sources{test: test{joining: joining{ctx: p.ctx, src: p.src, most: mostTargets}}, back: back{typ: typ, source: e.Source, p: e.P}}
		if s.of, err = s.bind(e.Source, of); err == nil {
			found, err = s.leads(&Row{Type: typ, ID: id})
		}
	}
	p.err = err
	return err == nil && found
}
