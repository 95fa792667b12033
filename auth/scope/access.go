package scope

import (
	"github.com/firewarden/firewarden/search"
)

// Context is what a grant adds to its scopes.
type Context struct {
	Patient string // id of the patient in context; without it patient/ scopes reach nothing
	// Administrator may write the types that change how the server behaves (Subscription, SearchParameter, …), by
	// system/ scopes; nobody else may.
	Administrator bool
}

// Access is what a set of scopes allows in a context. It does not change and may be used by several goroutines.
type Access struct {
	set Set
	ctx Context
}

// Access compiles the set. Scopes stay whole: what is allowed is the union, scope by scope, of what is in its reach
// and satisfies its constraint; a scope whose reach or constraint cannot be evaluated adds nothing. user/ scopes reach
// nothing yet: there are no user policies.
func (s Set) Access(ctx Context) *Access { return &Access{s, ctx} }

var _ search.Access = (*Access)(nil)

// Allowed is the set of resources of the type that the caller may touch by i; None if no scope names the type and
// letter.
func (a *Access) Allowed(i search.Interaction, typ string) search.Expr {
	return a.union(i, typ, a.reach)
}

// Content is the set that new content of the type must be in, by i create or update: Allowed, and under patient/ no
// compartment parameter holds another Patient, so nothing can be put into another patient's record.
func (a *Access) Content(i search.Interaction, typ string) search.Expr {
	return a.union(i, typ, a.contentReach)
}

func (a *Access) union(i search.Interaction, typ string, reach func(Level, search.Interaction, string) search.Expr) search.Expr {
	var some search.Or
	for _, s := range a.set.data {
		if !s.names(i, typ) {
			continue
		}
		switch e := conjoin(reach(s.Level, i, typ), expr(s.Constraint)); e {
		case search.All:
			return search.All
		case search.None:
		default:
			some = append(some, e)
		}
	}
	switch len(some) {
	case 0:
		return search.None
	case 1:
		return some[0]
	}
	return some
}

// conjoin is And, written out only where it says something.
func conjoin(x, y search.Expr) search.Expr {
	switch {
	case x == search.None || y == search.None:
		return search.None
	case x == search.All:
		return y
	case y == search.All:
		return x
	}
	return search.And{x, y}
}
