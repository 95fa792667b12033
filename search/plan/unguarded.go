package plan

import (
	"context"
	"slices"
)

// Unguarded makes what otherwise only Run makes from a guarded plan. It is for the suite of engines (store/storetest),
// which asks for every kind of node, also in shapes that Lower never writes. Its constructor wants a running test: no
// request has one.
type Unguarded struct{}

// ForTest makes an Unguarded for a test; t is a *testing.T, *testing.B or *rapid.T.
func ForTest(t interface {
	Helper()
	Fatalf(format string, args ...any)
}) Unguarded {
	t.Helper()
	return Unguarded{}
}

// Bound is a flat plan over the type.
func (Unguarded) Bound(typ string, n Node) Bound { return Bound{typ: typ, node: n} }

// Joins is p with a first try of its joins that lists so few: answers must not depend on it.
func (Unguarded) Joins(p Plan, few int) Plan {
	p.few = few
	p.members = slices.Clone(p.members)
	for i := range p.members {
		p.members[i].few = few
	}
	return p
}

// Key names an instance.
func (Unguarded) Key(typ, id string) Key { return Key{typ: typ, id: id} }

// Changes is a plan over versions; types are sorted, a nil keep keeps all. With patients, which are sorted too, it is of what
// is filed under them.
func (Unguarded) Changes(types, patients []string, since int64, keep func(Source, *Row) (bool, error)) Changes {
	if keep == nil {
		keep = func(Source, *Row) (bool, error) { return true, nil }
	}
	c := Changes{since: since, keep: keep}
	for _, typ := range types {
		c.add(typ, patients)
	}
	return c
}

// Condition is a condition of a commit.
func (Unguarded) Condition(holds func(context.Context, Source) (bool, error)) Condition {
	return Condition{holds: holds}
}
