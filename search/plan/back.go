package plan

import (
	"context"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
)

// back is the resources of type typ to which p of a resource of type source refers that is in of: _has.
//
// It is a semi-join, answered from whichever side is small. If few resources are referred to, they are listed. Else
// each candidate, in the order of the outer walk, is asked whether something in of refers to it: a page costs a few
// probes for each of its rows, whatever is behind. Should the candidates turn out to be many, longer and longer lists
// are tried, so that neither way costs much more than the better one would have.
type back struct {
	typ    string
	source string
	p      *r4.SearchParameter
	of     Node
}

// Lengths of the lists that are tried: before the first candidate, and at most.
const (
	fewTargets  = 64
	mostTargets = 10_000
)

// resolve: the sources first, then what they refer to.
func (n back) resolve(ctx context.Context, src Source) (Node, error) {
	b, err := bind(ctx, src, n.source, n.of)
	if err != nil {
		return nil, err
	}
	if b.node == (None{}) {
		return None{}, nil
	}
	j := semijoin{ctx: ctx, src: src, back: n, of: b, most: fewTargets}
	if named(n.p, n.typ) {
		return Verify{X: All{}, By: j.probe}, nil // their bodies say what names them; there are never many of such types
	}
	if all, err := j.list(); err != nil || all {
		return terms(j.terms), err
	}
	return Verify{X: All{}, By: j.holds, Bare: true}, nil
}

// semijoin tests candidates of a back, of which of is bound.
type semijoin struct {
	back
	ctx    context.Context
	src    Source
	of     Bound
	most   int             // length of the last list that was tried
	probes int             // candidates since then
	known  map[string]bool // ids of all that are referred to; nil if they are too many
	terms  []index.Term    // the same
}

// list lists what is referred to; all is false if that is more than j.most.
func (j *semijoin) list() (all bool, err error) {
	refs, more, err := j.src.Targets(j.ctx, j.of, j.p, j.most)
	if err != nil || more {
		return false, err
	}
	j.known = map[string]bool{}
	for _, r := range refs {
		if r.Type == j.typ {
			j.known[r.ID] = true
			j.terms = append(j.terms, idTerm(r.ID))
		}
	}
	return true, nil
}

// holds says whether something in of refers to a candidate.
func (j *semijoin) holds(r *Row) (bool, error) {
	if j.probes++; j.known == nil && j.probes > 2*j.most && j.most < mostTargets {
		j.probes, j.most = 0, min(8*j.most, mostTargets)
		if _, err := j.list(); err != nil {
			return false, err
		}
	}
	if j.known != nil {
		return j.known[r.ID], nil
	}
	return j.probe(&Row{Type: j.typ, ID: r.ID})
}

// probe asks whether something in of refers to a candidate.
func (j *semijoin) probe(r *Row) (bool, error) {
	n, err := references(j.p, []Row{*r})
	if err != nil {
		return false, err
	}
	node := and([]Node{n, j.of.Node()})
	page, err := j.src.Select(j.ctx, Bound{typ: j.source, node: node}, Window{Limit: 1, Bare: true})
	return len(page.Rows) > 0, err
}
