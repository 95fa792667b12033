package scope

import "github.com/firewarden/firewarden/search"

// Share is what one scope adds to what is allowed of a type by a letter: what is in Reach and in Where.
type Share struct {
	Scope Scope
	Names bool        // the scope is about the type, with the letter; otherwise Reach is nothing
	Reach search.Expr // of its level, before its constraint
	Where search.Expr // its constraint; nothing if that cannot be evaluated
}

// expr is the share as a set.
func (s Share) expr() search.Expr { return conjoin(s.Reach, s.Where) }

// Shares is what is allowed of a type by a letter, taken apart:
//
//	Allowed = And{User, Client, Or{what each of Scopes adds}}
type Shares struct {
	Scopes []Share     // of all scopes, in the order asked for
	User   search.Expr // what the user's policy leaves
	Client search.Expr // what the client's leaves
	// Never: the letter opens nothing, whatever the scopes say.
	Never bool
}

// Shares takes Allowed apart.
func (a *Access) Shares(i search.Interaction, typ string) Shares {
	return a.shares(i, typ, a.reach, within)
}

// ContentShares takes Content apart.
func (a *Access) ContentShares(i search.Interaction, typ string) Shares {
	return a.shares(i, typ, a.contentReach, contentWithin)
}

func (a *Access) shares(i search.Interaction, typ string, reach reacher, within bounder) Shares {
	s := Shares{User: within(a.ctx.User, i, typ), Client: within(a.ctx.Client, i, typ), Never: a.never(i)}
	for _, d := range a.set.data {
		s.Scopes = append(s.Scopes, share(d, i, typ, reach))
	}
	return s
}

// share is that of one scope.
func share(d Scope, i search.Interaction, typ string, reach reacher) Share {
	s := Share{Scope: d, Names: d.names(i, typ), Reach: search.None, Where: expr(d.Constraint)}
	if s.Names {
		s.Reach = reach(d.Level, i, typ)
	}
	return s
}

// reacher is what a level opens of a type by a letter, bounder what a policy leaves of it.
type (
	reacher func(Level, search.Interaction, string) search.Expr
	bounder func(Bound, search.Interaction, string) search.Expr
)

// Levels are those by which the access could reach anything, the narrowest first: patient/ with a patient in context,
// user/ with a user, system/ without one.
func (a *Access) Levels() (list []Level) {
	if a.ctx.Patient != "" {
		list = append(list, Patient)
	}
	if a.ctx.User != nil {
		return append(list, User)
	}
	return append(list, System)
}

// With is the access with one more scope, in the same context.
func (a *Access) With(word string) *Access {
	more := *a
	more.set = a.set.With(word)
	return &more
}
