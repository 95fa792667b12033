package plan

import (
	"fmt"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// A Plan is a guarded query in physical form. Only Lower makes one; the zero Plan finds nothing.
type Plan struct {
	typ      string
	where    search.Expr // guarded and simplified
	node     Node        // nil is None
	key      Key         // of GuardRead
	allowed  search.Expr // what a version must be in to be seen; simplified, nil is None
	index    *index.Indexer
	sort     []sortKey
	includes []include
	members  []Plan // of GuardHistory, or of a search on several types, by type
	own      own
	history  bool
	few      int  // what the first try of a join lists; 0 is fewTargets
	found    bool // joining.found
}

// include is an _include or _revinclude with the plans of what may be included, one for each type.
type include struct {
	search.Include
	reverse bool
	of      []Plan
}

// Type is the resource type that p ranges over; "" for several.
func (p Plan) Type() string { return p.typ }

// Where is the guarded, simplified expression: what logs show.
func (p Plan) Where() search.Expr {
	switch {
	case p.key != Key{}:
		return search.And{search.Type(p.key.typ), search.ID(p.key.id), p.allowed}
	case p.where == nil:
		return search.None
	}
	return p.where
}

// Members are the plans of a search on several types, or of a history, by type.
func (p Plan) Members() []Plan { return p.members }

// Lower turns a guarded query into a plan. x extracts the values for what terms and ranges cannot say; it must be the
// Indexer that the store indexes with; nil is the zero Indexer. An empty And is refused: it is a mistake that some
// would read as everything.
func Lower(g search.Guarded, x *index.Indexer) (Plan, error) {
	if x == nil {
		x = &index.Indexer{}
	}
	p := Plan{typ: g.Type(), index: x}
	if members := g.Members(); members != nil {
		p.history = g.History()
		for _, m := range members {
			mp, err := Lower(m, x)
			if err != nil {
				return Plan{}, err
			}
			p.members = append(p.members, mp)
		}
		err := p.lowerIncludes(g)
		p.own.of(&p)
		return p, err
	}
	allowed := g.Allowed()
	if err := check(allowed); err != nil {
		return Plan{}, err
	}
	p.allowed = search.Simplify(allowed)
	p.own.add(search.Own(p.allowed)...)
	if g.ID() != "" {
		p.key = Key{p.typ, g.ID()}
		return p, nil
	}
	where := g.Where()
	if err := check(where); err != nil {
		return Plan{}, err
	}
	p.where = search.Simplify(where)
	p.own.add(search.Own(p.where)...)
	l := lowering{typ: p.typ, index: x}
	var err error
	if p.node, err = l.exact(p.where); err != nil {
		return Plan{}, err
	}
	for _, k := range g.Sort() {
		key := sortKey{Sort: k}
		for _, l := range k.Via {
			key.links = append(key.links, readable(l.Of(), x))
		}
		p.sort = append(p.sort, key)
	}
	err = p.lowerIncludes(g)
	p.own.of(&p)
	return p, err
}

func (p *Plan) lowerIncludes(g search.Guarded) error {
	for _, i := range g.Includes() {
		inc := include{Include: i.Include, reverse: i.Reverse}
		for _, of := range i.Of() {
			if !i.Reverse && !index.CanonicalType(of.Type()) { // read by key
				inc.of = append(inc.of, readable(of, p.index))
				continue
			}
			op, err := Lower(of, p.index)
			if err != nil {
				return err
			}
			inc.of = append(inc.of, op)
		}
		p.includes = append(p.includes, inc)
	}
	return nil
}

// readable is the plan of instances that references name; the key is still missing.
func readable(g search.Guarded, x *index.Indexer) Plan {
	p := Plan{typ: g.Type(), index: x, allowed: search.Simplify(g.Allowed())}
	p.own.add(search.Own(p.allowed)...)
	return p
}

// at is p for one instance.
func (p Plan) at(id string) Plan {
	p.key = Key{p.typ, id}
	return p
}

// check refuses an empty And, a nil where an expression should be, and what is open: Resolve comes before.
func check(e search.Expr) error {
	switch e := e.(type) {
	case nil:
		return fmt.Errorf("lower a query: an expression is missing")
	case search.And:
		if len(e) == 0 {
			return fmt.Errorf("lower a query: an empty and")
		}
	case search.Param:
		if search.Open(e) {
			return fmt.Errorf("lower a query: %s is open", e)
		}
	}
	for _, x := range search.Parts(e) {
		if err := check(x); err != nil {
			return err
		}
	}
	return nil
}

// lowering writes expressions on one type as nodes.
type lowering struct {
	typ   string
	index *index.Indexer
}

// exact is the node of e itself.
func (l lowering) exact(e search.Expr) (Node, error) {
	n, rest, err := l.near(e)
	if err != nil || rest == nil {
		return n, err
	}
	return verify(n, keep(l.index, rest)), nil
}

// near is a node and what remains to be tested: e is those members of the node that are in rest too; a nil rest is
// everything. A rest joins nothing.
func (l lowering) near(e search.Expr) (n Node, rest search.Expr, err error) {
	switch e := e.(type) {
	case search.Const:
		if e {
			return All{}, nil, nil
		}
		return None{}, nil, nil
	case search.And:
		return l.and(e)
	case search.Or:
		return l.or(e)
	case search.Not:
		n, err := l.exact(e.X)
		return not(n), nil, err
	case search.Type:
		if string(e) == l.typ {
			return All{}, nil, nil
		}
		return None{}, nil, nil
	case search.ID:
		return Term(idTerm(string(e))), nil, nil
	case search.Param:
		return l.param(e)
	case search.Missing:
		return missing(e.P.Num, e.Is), nil, nil
	case search.In:
		return Term{Num: index.NumIn, Form: index.FormIn, Text: e.Compartment.String()}, nil, nil
	case search.InAny:
		if len(e.Panel.IDs()) > maxPanelTerms {
			return All{}, e, nil
		}
		return inAny(e.Panel), nil, nil
	case search.Sole:
		return Term{Num: index.NumIn, Form: index.FormIn, Text: e.Compartment.String()}, e, nil
	case search.Shared:
		return Term(index.SharedTerm(e.P)), nil, nil
	case search.Every:
		return every{e: e, typ: l.typ, index: l.index}, nil, nil
	case search.Only:
		if e.OrNone {
			return All{}, e, nil
		}
		return Term{Num: index.NumOnly, Form: index.FormOnly, Text: e.Compartment.String()}, nil, nil
	case search.Contains:
		if search.Joins(e.X) {
			return nil, nil, fmt.Errorf("lower a query: %s looks at other resources", e)
		}
		return Term{Num: index.NumContained, Form: index.FormCode, Text: e.Type}, e, nil
	case search.Chain:
		n, err := l.chain(e)
		return n, nil, err
	case search.Has:
		of, err := lowering{e.Source, l.index}.exact(e.X)
		return back{typ: l.typ, source: e.Source, p: e.P, of: of}, nil, err
	}
	return nil, nil, fmt.Errorf("lower a query: no node for %T", e)
}

// maxPanelTerms is the size of a panel from which on each candidate is tested instead.
const maxPanelTerms = 1000

// inAny is what is in the compartment of one of the Patients.
func inAny(panel search.Panel) Node {
	list := make([]index.Term, len(panel.IDs()))
	for i, id := range panel.IDs() {
		list[i] = index.Term{Num: index.NumIn, Form: index.FormIn, Text: "Patient/" + id}
	}
	return terms(list)
}

// and: what remains to be tested of the members is tested of what all nodes leave.
func (l lowering) and(e search.And) (Node, search.Expr, error) {
	var nodes, singles []Node
	var rest search.And
members:
	for _, x := range e {
		n, r, err := l.near(x)
		if err != nil {
			return nil, nil, err
		}
		if r != nil {
			rest = append(rest, r)
		}
		if single(x) && ranges(n) != nil {
			for i := range singles {
				if both, ok := merge(singles[i], n); ok {
					singles[i] = both
					continue members
				}
			}
			singles = append(singles, n)
			continue
		}
		nodes = append(nodes, n)
	}
	nodes = append(nodes, singles...)
	if rest == nil {
		return and(nodes), nil, nil
	}
	return and(nodes), rest, nil
}

func (l lowering) or(e search.Or) (Node, search.Expr, error) {
	var nodes, exact []Node
	var rest search.Expr
	for _, x := range e {
		n, r, err := l.near(x)
		if err != nil {
			return nil, nil, err
		}
		nodes = append(nodes, n)
		if r != nil {
			rest = e
			n = verify(n, keep(l.index, r))
		}
		exact = append(exact, n)
	}
	if rest != nil && search.Joins(e) {
		return or(exact), nil, nil
	}
	return or(nodes), rest, nil
}

// chain: what refers to a member of X, and, where contained targets count, what has one inside. Those are found by
// their references "#id".
func (l lowering) chain(e search.Chain) (Node, error) {
	of, err := lowering{e.Target, l.index}.exact(e.X)
	if err != nil {
		return nil, err
	}
	var n Node = ref{p: e.P, target: e.Target, of: of, index: l.index}
	if _, none := of.(None); none {
		n = None{}
	}
	if !e.Contained || search.Joins(e.X) {
		return n, nil
	}
	inside := Prefix{Num: e.P.Num, Form: index.FormReference, Text: "#"}
	return or([]Node{n, verify(inside, keep(l.index, e))}), nil
}

// keep tests a row with the reference semantics.
func keep(x *index.Indexer, e search.Expr) func(*Row) (bool, error) {
	w := search.World{Index: x}
	return func(r *Row) (bool, error) {
		res, err := parsed(r)
		return err == nil && search.Match(w, e, res), err
	}
}

func idTerm(id string) index.Term {
	return index.Term{Num: r4.Lookup("", "_id").Num, Form: index.FormCode, Text: id}
}

func missing(num uint16, is bool) Node {
	n := Term{Num: num, Form: index.FormPresent}
	if is {
		return Not{n}
	}
	return n
}
