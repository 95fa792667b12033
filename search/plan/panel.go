package plan

import (
	"context"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// MaxPanel is the number of Patients that the rule of a policy may find; beyond it the access is too-costly.
const MaxPanel = 10_000

// Ruled is an Access that depends on the snapshot: on the Patients that the rules of its policies find, and on the own
// search parameters that its constraints name. Before Settle it says which types and letters are granted, and nothing is
// in reach by a rule.
type Ruled interface {
	search.Access
	Settled() bool // it depends on no snapshot
	Settle(params func() (*parameters.Set, error), find func(search.Query) (search.Panel, error)) (search.Access, error)
}

// Settle is the access as it is on this snapshot, which is that of the request: what a rule reads counts with the next
// request, and a constraint by a search parameter that the snapshot does not hold denies. It is a itself if that
// depends on no snapshot.
func Settle(ctx context.Context, src Source, a search.Access, x *index.Indexer) (search.Access, error) {
	r, ok := a.(Ruled)
	if !ok || r.Settled() {
		return a, nil
	}
	params := func() (*parameters.Set, error) { return src.Params(ctx) }
	return r.Settle(params, func(q search.Query) (search.Panel, error) {
		p, err := Lower(search.GuardCondition(q, policyAuthority{}), x)
		if err != nil {
			return search.Panel{}, err
		}
		found, err := Run(ctx, src, p, Window{Limit: MaxPanel + 1, Bare: true})
		if err != nil {
			return search.Panel{}, err
		}
		if len(found.Rows) > MaxPanel {
			return search.Panel{}, tooCostly("the user's policy finds more than %d patients", MaxPanel)
		}
		ids := make([]string, len(found.Rows))
		for i := range found.Rows {
			ids[i] = found.Rows[i].ID
		}
		return search.NewPanel(ids), nil
	})
}

// policyAuthority is the access under which the rules of policies are answered: they may search everything, and nothing
// of what they find but the ids of Patients leaves Settle.
type policyAuthority struct{}

// Allowed implements search.Access.
func (policyAuthority) Allowed(i search.Interaction, _ string) search.Expr {
	return search.Const(i == search.Search)
}
