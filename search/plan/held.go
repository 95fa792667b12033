package plan

import (
	"context"
	"slices"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// own are the search parameters beyond R4's that a plan depends on, wherever it names them. Everything that reads by a
// plan asks first whether the snapshot holds them: between the request and its snapshot a parameter may have been changed
// or deleted, and its part of the index is then another one, or half of one.
type own []*r4.SearchParameter

func (o *own) add(list ...*r4.SearchParameter) {
	for _, p := range list {
		if p != nil && parameters.IsOwn(p) && !slices.Contains(*o, p) {
			*o = append(*o, p)
		}
	}
}

// of adds those of the order and the includes of p, and of the plans in it.
func (o *own) of(p *Plan) {
	for _, k := range p.sort {
		o.add(k.P)
		for i, l := range k.Via {
			o.add(l.P)
			o.add(k.links[i].own...)
		}
	}
	for _, inc := range p.includes {
		o.add(inc.P)
		for _, typ := range inc.Params.Types() { // what there is to refer by, where P is nil
			o.add(inc.References(typ)...)
		}
		for i := range inc.of {
			o.add(inc.of[i].own...)
		}
	}
	for i := range p.members {
		o.add(p.members[i].own...)
	}
}

// held refuses a plan that src does not hold the parameters of.
func (o own) held(ctx context.Context, src Source) error {
	if len(o) == 0 {
		return nil
	}
	params, err := src.Params(ctx)
	if err != nil {
		return err
	}
	for _, p := range o {
		if !params.Holds(p) {
			return fhir.Errorf(fhir.KindUnknownParam, "http."+p.Code, "the search parameter %s of %s has been changed or deleted, or is being indexed: it cannot be used now", p.Code, p.Base)
		}
	}
	return nil
}
