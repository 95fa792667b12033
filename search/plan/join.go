package plan

import (
	"context"
	"errors"
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// The nodes of joins are in plans only: Run resolves them, engines never see one.
type (
	// ref is what refers by p to a resource of type target that is in of: a chain.
	ref struct {
		p      *r4.SearchParameter
		target string
		of     Node
		index  *index.Indexer
	}
	// back is the resources of type typ to which p of a resource of type source refers that is in of: _has.
	back struct {
		typ    string
		source string
		p      *r4.SearchParameter
		of     Node
	}
)

func (ref) node()  {}
func (back) node() {}

// Joins are answered from whichever side is small. What is on the inner side is listed, if it is little. Else each
// candidate of the outer side, in the order of its walk, is asked whether it leads there: a page costs a few probes for
// each of its rows, however common the other side is. Should the candidates turn out to be many, longer and longer lists
// are tried, so that neither way costs much more than the better one would have.
const (
	fewTargets  = 16    // Patients that the first try lists: much refers to each
	fewOthers   = 64    // times as many of other types
	fewSources  = 4     // times as many resources that are referred to
	asksEach    = 4     // candidates that are asked for each that was listed, before more are
	listsEach   = 3     // of other types that are listed for each candidate: its body tells what it refers to
	moreTargets = 8     // times as much with each try
	mostTargets = 8_192 // with a list of so many, candidates are asked to the end
)

// joining is one try to answer the joins of a query.
type joining struct {
	ctx  context.Context
	src  Source
	most int // resources that are listed of the inner side of a join

	again bool // it is not the first one
	found bool // candidates are few: they refer to what is at hand
}

// errAsked says that a try has asked so many candidates that a longer list is the better way.
var errAsked = errors.New("too many candidates of a join")

// joined answers the joins of a node and then asks for it, in as many tries as it takes.
func (p *Plan) joined(ctx context.Context, src Source, ask func(Bound) (Page, error)) (page Page, err error) {
	j := joining{ctx: ctx, src: src, most: p.few, found: p.found}
	if j.most == 0 {
		j.most = fewTargets
	}
	for {
		var b Bound
		if b, err = j.bind(p.typ, p.node); err == nil {
			page, err = ask(b)
		}
		if !errors.Is(err, errAsked) {
			return page, err
		}
		j.most, j.again = min(j.most*moreTargets, mostTargets), true
	}
}

// bind makes a Bound of a node: it answers the joins in it.
func (j joining) bind(typ string, n Node) (Bound, error) {
	n, err := j.resolve(n)
	if err != nil || n == nil {
		n = None{}
	}
	return Bound{typ: typ, node: n}, err
}

// resolve replaces joins by what they find, from the inside out.
func (j joining) resolve(n Node) (Node, error) {
	switch n := n.(type) {
	case And:
		return j.resolveAll(n, and)
	case Or:
		return j.resolveAll(n, or)
	case Not:
		x, err := j.resolve(n.X)
		if err != nil {
			return nil, err
		}
		return not(x), nil
	case Verify:
		x, err := j.resolve(n.X)
		if err != nil {
			return nil, err
		}
		return n.over(x), nil
	case every:
		return j.every(n)
	case ref:
		return j.ref(n)
	case back:
		return j.back(n)
	}
	return n, nil
}

func (j joining) resolveAll(list []Node, join func([]Node) Node) (Node, error) {
	if !slices.ContainsFunc(list, joins) {
		return join(list), nil
	}
	out := make([]Node, len(list))
	for i, n := range list {
		var err error
		if out[i], err = j.resolve(n); err != nil {
			return nil, err
		}
	}
	return join(out), nil
}

// joins says whether a ref, back or every is in n.
func joins(n Node) bool {
	switch n.(type) {
	case ref, back, every:
		return true
	}
	return slices.ContainsFunc(Parts(n), joins)
}

// ref: everything that refers to one of the targets, if they are few.
func (j joining) ref(n ref) (Node, error) {
	b, err := j.bind(n.target, n.of)
	if err != nil {
		return nil, err
	}
	if b.node == (None{}) {
		return None{}, nil
	}
	most, canonical := j.most, named(n.p, n.target)
	if canonical {
		most = MaxJoin
	} else if n.target != "Patient" {
		most = min(most*fewOthers, mostTargets)
	}
	page, err := j.src.Select(j.ctx, b, Window{Limit: most + 1, Bare: !canonical})
	switch {
	case err != nil:
		return nil, err
	case len(page.Rows) <= most:
		return references(n.p, page.Rows)
	case canonical:
		return nil, tooCostly("the chain by %s finds more than %d resources of type %s", n.p.Code, MaxJoin, n.target)
	}
	t := targets{test: test{joining: j, listed: most, asks: asksEach * most}, of: b, known: make(map[string]bool, len(page.Rows))}
	if n.target != "Patient" {
		t.asks = most / listsEach
	}
	for i := range page.Rows {
		t.known[page.Rows[i].ID] = true
	}
	world := search.World{Index: n.index}
	return Verify{X: All{}, P: n.p, Lead: t.lead, By: func(r *Row) (bool, error) {
		res, err := parsed(r)
		if err != nil {
			return false, err
		}
		return t.lead(world.References(n.p, res))
	}}, nil
}

// back: the sources first, then what they refer to.
func (j joining) back(n back) (Node, error) {
	b, err := j.bind(n.source, n.of)
	if err != nil {
		return nil, err
	}
	if b.node == (None{}) {
		return None{}, nil
	}
	most := min(j.most*fewSources, mostTargets)
	s := sources{test: test{joining: j, listed: most, asks: asksEach * most}, back: n, of: b}
	if named(n.p, n.typ) {
		return Verify{X: All{}, By: s.leads}, nil // their bodies say what names them; there are never many of such types
	}
	refs, more, err := j.src.Targets(j.ctx, b, n.p, most)
	if err != nil {
		return nil, err
	}
	if more {
		return Verify{X: All{}, By: s.led, Bare: true}, nil
	}
	var list []index.Term
	for _, r := range refs {
		if r.Type == n.typ {
			list = append(list, idTerm(r.ID))
		}
	}
	return terms(list), nil
}

// test counts the candidates that a try asks.
type test struct {
	joining
	listed, asked, asks int
}

// count counts one; it ends the try if a longer list would have cost less.
func (t *test) count() error {
	if t.asked++; t.asked > t.asks && t.listed < mostTargets {
		return errAsked
	}
	return nil
}

// targets tests candidates of a chain, of which of is bound.
type targets struct {
	test
	of    Bound
	known map[string]bool // whether a target that was looked at is in of
}

// lead says whether one of a candidate's references leads to a target.
func (t *targets) lead(refs []fhir.Reference) (bool, error) {
	if err := t.count(); err != nil {
		return false, err
	}
	for _, r := range refs {
		if !r.Local() || r.Type != t.of.typ {
			continue
		}
		in, ok := t.known[r.ID]
		if !ok {
			node := and([]Node{Term(idTerm(r.ID)), t.of.node})
			page, err := t.src.Select(t.ctx, Bound{typ: r.Type, node: node}, Window{Limit: 1, Bare: true})
			if err != nil {
				return false, err
			}
			if in = len(page.Rows) > 0; len(t.known) < 2*mostTargets {
				t.known[r.ID] = in
			}
		}
		if in {
			return true, nil
		}
	}
	return false, nil
}

// sources tests candidates of a _has, of which of is bound.
type sources struct {
	test
	back
	of Bound
}

// led says whether something in of refers to a candidate of which nothing but the id is known.
func (s *sources) led(r *Row) (bool, error) {
	if err := s.count(); err != nil {
		return false, err
	}
	return s.leads(&Row{Type: s.typ, ID: r.ID})
}

// leads says whether something in of refers to a candidate.
func (s *sources) leads(r *Row) (bool, error) {
	n, err := references(s.p, []Row{*r})
	if err != nil {
		return false, err
	}
	node := and([]Node{n, s.of.node})
	page, err := s.src.Select(s.ctx, Bound{typ: s.source, node: node}, Window{Limit: 1, Bare: true})
	return len(page.Rows) > 0, err
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
