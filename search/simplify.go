package search

import (
	"slices"

	"github.com/firewarden/firewarden/compartments"
)

// Simplify denotes the same set as e, in no more nodes. Simplify(Simplify(e)) == Simplify(e): it rewrites until nothing
// changes, and every law takes nodes away or turns In into ID.
func Simplify(e Expr) Expr {
	for {
		next := simplify(e, "")
		if equal(next, e) {
			return next
		}
		e = next
	}
}

// simplify rewrites e once, from the leaves up. typ is the type of all resources at hand, "" if that is not known.
func simplify(e Expr, typ string) Expr {
	switch e := e.(type) {
	case nil:
		return None
	case And:
		return simplifyAnd(e, typ)
	case Or:
		return simplifyOr(e, typ)
	case Not:
		return simplifyNot(e, typ)
	case Chain: // Chain(…, None) = None
		if e.X = simplify(e.X, e.Target); e.X == None {
			return None
		}
		return e
	case Has: // Has(…, None) = None
		if e.X = simplify(e.X, e.Source); e.X == None {
			return None
		}
		return e
	case Contains: // Contains(…, None) = None
		if e.X = simplify(e.X, e.Type); e.X == None {
			return None
		}
		return e
	case Type: // type is single-valued
		if typ != "" {
			return Const(string(e) == typ)
		}
		return e
	case Param: // no value, no resource
		if len(e.Any) == 0 {
			return Const(e.Mod.Negative())
		}
		return e
	case In:
		return simplifyIn(e, typ)
	case InAny:
		return simplifyInAny(e, typ)
	}
	return e
}

// simplifyIn: a type outside a compartment has no members; of the compartment's own type only the one itself is.
func simplifyIn(e In, typ string) Expr {
	switch {
	case typ == "":
		return e
	case typ == e.Compartment.Type:
		return ID(e.Compartment.ID)
	case compartments.Params(e.Compartment.Type, typ) == nil:
		return None
	}
	return e
}

// simplifyNot: Not(Not(x)) = x, Not(All) = None, Not(None) = All.
func simplifyNot(e Not, typ string) Expr {
	if e.X == nil {
		return None
	}
	switch x := simplify(e.X, typ).(type) {
	case Const:
		return !x
	case Not:
		return x.X
	default:
		return Not{x}
	}
}

// simplifyAnd: All is left out, None takes all; nested ones are flattened; what stands twice stands once; what a member
// says is true in all others.
func simplifyAnd(e And, typ string) Expr {
	members := flatten(make([]Expr, 0, len(e)+4), e)
	inner := typ
	if inner == "" {
		for _, x := range members {
			if t, ok := x.(Type); ok {
				inner = string(t)
			}
		}
	}
	out := make(And, 0, len(members)+4)
	for _, x := range members {
		if t, ok := x.(Type); ok && typ == "" {
			if string(t) != inner {
				return None
			}
		} else {
			x = simplify(x, inner)
		}
		list, ok := x.(And)
		if !ok {
			list = And{x}
		}
		for _, x := range list {
			if x == None {
				return None
			}
			if x != All && !contains(out, x) {
				out = append(out, x)
			}
		}
	}
	assumeFacts(out, true, inner)
	return single(out, All)
}

// assumeFacts takes every simple member of a list as known to hold, or not to, in all other members, in place.
func assumeFacts(list []Expr, holds bool, typ string) {
	var open []int // members that a fact can decide
	for i, x := range list {
		switch x.(type) {
		case And, Or, Not, In, InAny, ID:
			open = append(open, i)
		}
	}
	for i, fact := range list {
		if !simple(fact) {
			continue
		}
		for _, j := range open {
			if i != j {
				list[j] = assume(list[j], fact, holds, typ)
			}
		}
	}
}

// simplifyOr: None is left out, All takes all; nested ones are flattened; what stands twice stands once; what a member
// says is false in all others.
func simplifyOr(e Or, typ string) Expr {
	var out Or
	for _, x := range e {
		x = simplify(x, typ)
		list, ok := x.(Or)
		if !ok {
			list = Or{x}
		}
		for _, x := range list {
			if x == All {
				return All
			}
			if x != None && !contains(out, x) {
				out = append(out, x)
			}
		}
	}
	assumeFacts(out, false, typ)
	return single(factor(out), None)
}

// factor: Or{And{x,a}, And{x,b}} = And{x, Or{a,b}}, so that what bounds the caller's reach stands before the rest.
func factor(e Or) Or {
	if len(e) < 2 {
		return e
	}
	members := func(x Expr) And {
		list, _ := x.(And) // a single condition has been a fact: no other member repeats it
		return list
	}
	var common And
	for _, x := range members(e[0]) {
		if simple(x) && !slices.ContainsFunc(e[1:], func(y Expr) bool { return !contains(members(y), x) }) {
			common = append(common, x)
		}
	}
	if common == nil {
		return e
	}
	rest := make(Or, len(e))
	for i, x := range e {
		list := slices.DeleteFunc(members(x), func(y Expr) bool { return contains(common, y) })
		rest[i] = single(list, All)
	}
	return Or{append(common, rest)}
}

// flatten appends the members of e and of the Ands in it; an empty one is None.
func flatten(out []Expr, e And) []Expr {
	if len(e) == 0 {
		return append(out, None)
	}
	for _, x := range e {
		if inner, ok := x.(And); ok {
			out = flatten(out, inner)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// single is a list as an expression: the only member itself, empty if there is none.
func single[L And | Or](list L, empty Const) Expr {
	switch len(list) {
	case 0:
		return empty
	case 1:
		return list[0]
	}
	return any(list).(Expr)
}

// simple says whether e is a fact that other parts of an expression may repeat.
func simple(e Expr) bool {
	switch e := e.(type) {
	case And, Or:
		return false
	case Not:
		return simple(e.X)
	}
	return true
}

// assume is e where fact is known to hold, or known not to. A fact about a resource says nothing of the other ones
// that chains and _has look at. It writes in the lists of e: simplify has made them.
func assume(e, fact Expr, holds bool, typ string) Expr {
	if not, ok := fact.(Not); ok {
		return assume(e, not.X, !holds, typ)
	}
	if holds && contradicts(fact, e) {
		return None
	}
	if holds && implies(fact, e, typ) {
		return All
	}
	if equal(e, fact) {
		return Const(holds)
	}
	if any, ok := e.(InAny); ok && holds && typ == "Patient" {
		if id, ok := fact.(ID); ok {
			return Const(any.Panel.Has(string(id)))
		}
	}
	if any, ok := fact.(InAny); ok && !holds && among(e, any.Panel) {
		return None
	}
	switch e := e.(type) {
	case And:
		assumeAll(e, fact, holds, typ)
	case Or:
		assumeAll(e, fact, holds, typ)
	case Not:
		return Not{assume(e.X, fact, holds, typ)}
	}
	return e
}

func assumeAll(list []Expr, fact Expr, holds bool, typ string) {
	for i, x := range list {
		list[i] = assume(x, fact, holds, typ)
	}
}

// contradicts: an id is single-valued (as a type is, which simplify decides). Other parameters are not: an Observation can be vital-signs and
// laboratory.
func contradicts(a, b Expr) bool {
	x, ok1 := a.(ID)
	y, ok2 := b.(ID)
	return ok1 && ok2 && x != y
}

// implies is the compartment law: And{patient=P, In{P}} = patient=P where every match of the parameter makes a
// resource of that type a member. So with InAny for all Patients of the panel, and what is in the compartment of some of
// them is in InAny.
func implies(fact, e Expr, typ string) bool {
	if any, ok := e.(InAny); ok && among(fact, any.Panel) {
		return true
	}
	p, ok := fact.(Param)
	if !ok || p.Mod != ModNone {
		return false
	}
	var compartment string
	var panel Panel
	switch e := e.(type) {
	case In:
		compartment, panel = e.Compartment.Type, Panel{[]string{e.Compartment.ID}}
	case InAny:
		compartment, panel = "Patient", e.Panel
	}
	for _, v := range p.Any {
		if !v.Ref.Local() || v.Ref.Type != compartment || !panel.Has(v.Ref.ID) {
			return false
		}
	}
	return compartment == "Patient" && p.P.Code == compartments.PatientImplies(typ) ||
		slices.Contains(compartments.Params(compartment, typ), p.P.Code)
}

// among says whether e is membership of compartments of the panel only.
func among(e Expr, panel Panel) bool {
	switch e := e.(type) {
	case In:
		return e.Compartment.Type == "Patient" && panel.Has(e.Compartment.ID)
	case InAny:
		return e.Panel.within(panel)
	}
	return false
}

func contains(list []Expr, e Expr) bool {
	return slices.ContainsFunc(list, func(x Expr) bool { return equal(x, e) })
}

// equal says whether two expressions are written alike.
func equal(a, b Expr) bool {
	switch a := a.(type) {
	case And:
		b, ok := b.(And)
		return ok && slices.EqualFunc(a, b, equal)
	case Or:
		b, ok := b.(Or)
		return ok && slices.EqualFunc(a, b, equal)
	case Not:
		b, ok := b.(Not)
		return ok && equal(a.X, b.X)
	case Chain:
		b, ok := b.(Chain)
		return ok && a.P == b.P && a.Target == b.Target && a.Contained == b.Contained && equal(a.X, b.X)
	case Has:
		b, ok := b.(Has)
		return ok && a.P == b.P && a.Source == b.Source && equal(a.X, b.X)
	case Contains:
		b, ok := b.(Contains)
		return ok && a.Type == b.Type && equal(a.X, b.X)
	case Param:
		b, ok := b.(Param)
		return ok && a.P == b.P && a.Mod == b.Mod && slices.EqualFunc(a.Any, b.Any, equalValue)
	case InAny:
		b, ok := b.(InAny)
		return ok && slices.Equal(a.Panel.ids, b.Panel.ids)
	case SoleAny:
		b, ok := b.(SoleAny)
		return ok && a.P == b.P && slices.Equal(a.Panel.ids, b.Panel.ids)
	}
	return a == b // of two types they differ; those that Go cannot compare are above
}

func equalValue(a, b Value) bool {
	return a.Raw == b.Raw && a.Prefix == b.Prefix && a.HasSystem == b.HasSystem && a.System == b.System &&
		a.Code == b.Code && a.Text == b.Text && a.Ref == b.Ref && a.Time == b.Time &&
		a.Number.Cmp(b.Number) == 0 && slices.EqualFunc(a.Parts, b.Parts, equalValue)
}
