package scope

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Context is what a grant adds to its scopes.
type Context struct {
	Patient string // id of the patient in context; without it patient/ scopes reach nothing
	// User is what the user's policy opens; nil where there is no user (backend services). It bounds every scope, and is
	// the reach of user/ scopes, which reach nothing without a user.
	User Bound
	// Client is the most that is open to the client; nil if nobody has said.
	Client Bound
	// Administrator may write the types that change how the server behaves (Subscription, SearchParameter, …), by
	// system/ scopes; nobody else may.
	Administrator bool
	NoDelete      bool // the letter d opens nothing
	// Params are the search parameters that constraints and policies can be evaluated with, before Settle has those of a
	// snapshot; nil are R4's. Granted is their generation when the scopes were granted: a constraint by a parameter that
	// has been changed since denies.
	Params  *parameters.Set
	Granted uint64
	// Refused are the scopes of the grant that could not be read. They open nothing, and Faults tell them.
	Refused fhir.Errors
}

// Access is what a set of scopes allows in a context. It does not change and may be used by several goroutines.
type Access struct {
	set    Set // that is available
	ctx    Context
	asked  asked
	faults []error
}

// asked is what an Access was made of, if own search parameters are asked for.
type asked struct {
	open bool
	set  Set
	ctx  Context
}

// Access compiles the set. Scopes stay whole: what is allowed is the union, scope by scope, of what is in its reach
// and satisfies its constraint; a scope whose reach or constraint cannot be evaluated adds nothing.
func (s Set) Access(ctx Context) *Access {
	a := &Access{set: s, ctx: ctx, faults: s.without(ctx)}
	if !s.open() && !openRule(ctx.User) && !openRule(ctx.Client) {
		return a
	}
	a.asked = asked{true, s, ctx}
	var refused fhir.Errors
	a.set, refused = s.Available(ctx.Params, ctx.Granted)
	for _, err := range refused {
		a.faults = append(a.faults, err)
	}
	for _, b := range []*Bound{&a.ctx.User, &a.ctx.Client} {
		if err := readRule(b, ctx.Params); err != nil {
			a.faults = append(a.faults, err)
		}
	}
	return a
}

// Faults say which scopes and policies open nothing because they cannot be evaluated, and why: for the log.
func (a *Access) Faults() []error { return a.faults }

// without says what cannot be evaluated for want of a context.
func (s Set) without(ctx Context) (faults []error) {
	for _, err := range ctx.Refused {
		faults = append(faults, err)
	}
	for _, d := range s.data {
		switch {
		case d.Level == Patient && ctx.Patient == "":
			faults = append(faults, fmt.Errorf("scope %s opens nothing: no patient is in context", d.text))
		case d.Level == User && ctx.User == nil:
			faults = append(faults, fmt.Errorf("scope %s opens nothing: there is no user with a policy", d.text))
		}
	}
	for _, b := range []Bound{ctx.User, ctx.Client} {
		if u, ok := b.(Unavailable); ok {
			faults = append(faults, fmt.Errorf("the policy opens nothing: %w", cmp.Or(u.Why, errUnavailable)))
		}
	}
	return faults
}

var errUnavailable = errors.New("it cannot be evaluated")

var _ search.Access = (*Access)(nil)

// Allowed is the set of resources of the type that the caller may touch by i; None if no scope names the type and
// letter.
func (a *Access) Allowed(i search.Interaction, typ string) search.Expr {
	return a.union(i, typ, a.reach, within)
}

// Content is the set that new content of the type must be in, by i create or update: Allowed, and under patient/, or
// where the user sees some patients only, no compartment parameter holds another Patient, so nothing can be put into
// another patient's record.
func (a *Access) Content(i search.Interaction, typ string) search.Expr {
	return a.union(i, typ, a.contentReach, contentWithin)
}

// UpdateCreates says whether an update of what is not there may create it (access.md D2): by system/ alone, for an id
// that a client makes up must not tell whether it is taken.
func (a *Access) UpdateCreates(typ string) bool {
	return a.system().Allowed(search.Update, typ) == search.All
}

// Attaches is the set of new content that may have whatever Binary as an attachment: by system/ alone, and for who sees no
// Binary by its links. All other content may name only Binaries that the caller sees, for it would show them (access.md D8).
func (a *Access) Attaches(i search.Interaction, typ string) search.Expr {
	for _, sees := range []search.Interaction{search.Read, search.Search} {
		if search.LinkedIn(a.Allowed(sees, "Binary")) {
			return search.None
		}
	}
	return a.system().Content(i, typ)
}

// system is the access by the system/ scopes alone.
func (a *Access) system() *Access {
	system := *a
	system.set.data = nil
	for _, s := range a.set.data {
		if s.Level == System {
			system.set.data = append(system.set.data, s)
		}
	}
	return &system
}

// union is And{user policy, client ceiling, Or{granted scopes}}.
func (a *Access) union(i search.Interaction, typ string, reach reacher, within bounder) search.Expr {
	if a.never(i) {
		return search.None
	}
	var some search.Or
	for _, s := range a.set.data {
		e := share(s, i, typ, reach).expr()
		if e == search.All {
			some = search.Or{e}
			break
		}
		if e != search.None {
			some = append(some, e)
		}
	}
	bounds := conjoin(within(a.ctx.User, i, typ), within(a.ctx.Client, i, typ))
	switch len(some) {
	case 0:
		return search.None
	case 1:
		return conjoin(bounds, some[0])
	}
	return conjoin(bounds, some)
}

// never says whether the letter opens nothing, whatever the scopes say.
func (a *Access) never(i search.Interaction) bool { return a.ctx.NoDelete && i == search.Delete }

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
