package search

import "slices"

// A Guarded is a query that holds what its caller may see. Only the Guard functions make one; the zero Guarded
// finds nothing. plan.Lower takes nothing else: without that a query could reach the store that nobody has guarded.
type Guarded struct {
	typ      string
	where    Expr
	id       string
	allowed  Expr
	sort     []Sort
	includes []GuardedInclude
	members  []Guarded
	history  bool
}

// GuardedInclude is one include with the sets that may be included: of each target type (forward), or of the source
// type (reverse).
type GuardedInclude struct {
	Include
	Reverse bool
	of      []Guarded
}

// Of are the sets that may be included, one for each type; a type of which nothing may be seen is left out.
func (i GuardedInclude) Of() []Guarded { return i.of }

// Type is the resource type that g ranges over; "" for several.
func (g Guarded) Type() string { return g.typ }

// ID is the instance of GuardRead, "" otherwise.
func (g Guarded) ID() string { return g.id }

// Where is the guarded condition, not simplified; None for the zero Guarded.
func (g Guarded) Where() Expr {
	switch {
	case g.id != "":
		return And{Type(g.typ), ID(g.id), g.Allowed()}
	case g.where == nil:
		return None
	}
	return g.where
}

// Allowed is what the caller may see of the type, whatever was asked; None for the zero Guarded.
func (g Guarded) Allowed() Expr {
	if g.allowed == nil {
		return None
	}
	return g.allowed
}

// Sort is the order asked for.
func (g Guarded) Sort() []Sort { return g.sort }

// Includes are the guarded includes.
func (g Guarded) Includes() []GuardedInclude { return g.includes }

// Members are the types of GuardHistory or of a search on several types, sorted, each with its own set.
func (g Guarded) Members() []Guarded { return g.members }

// History says whether g is of GuardHistory.
func (g Guarded) History() bool { return g.history }

// Guard puts what the caller may see into every position of q where it ranges over resources (access.md §5): s at the
// root, on the target of each chain, also of a key of _sort, and on the source of each _has and _revinclude; r or s on
// the target of an _include. A type of several that the caller has no s on contributes nothing.
func Guard(q Query, a Access) Guarded {
	var g Guarded
	var types []string
	if q.Type != "" {
		types = []string{q.Type}
		g = guardBranch(Branch{q.Type, q.Where, q.Sort}, a)
	} else {
		g.members = make([]Guarded, len(q.Branches))
		for i, b := range q.Branches {
			g.members[i] = guardBranch(b, a)
			types = append(types, b.Type)
		}
	}
	for _, inc := range q.Include {
		g.includes = append(g.includes, guardInclude(inc, types, a))
	}
	for _, inc := range q.RevInclude {
		g.includes = append(g.includes, guardRevInclude(inc, a))
	}
	return g
}

func guardBranch(b Branch, a Access) Guarded {
	g := GuardCondition(Query{Type: b.Type, Where: b.Where}, a)
	g.sort = slices.Clone(b.Sort)
	for i := range g.sort {
		via := slices.Clone(g.sort[i].Via)
		for j, l := range via { // what stands for predicate on a chain's target stands for order by it
			via[j].of = Guarded{typ: l.Target, allowed: allowed(a, Search, l.Target)}
		}
		g.sort[i].Via = via
	}
	return g
}

// guardInclude: r or s on each type that the references of inc may name.
func guardInclude(inc Include, searched []string, a Access) GuardedInclude {
	i := GuardedInclude{Include: inc}
	if inc.Iterate {
		searched = inc.sources()
	}
	for _, t := range inc.targets(searched) {
		i.add(t, seen(a, t))
	}
	return i
}

// guardRevInclude: s on each type that refers to what is there.
func guardRevInclude(inc Include, a Access) GuardedInclude {
	i := GuardedInclude{Include: inc, Reverse: true}
	for _, t := range inc.sources() {
		i.add(t, allowed(a, Search, t))
	}
	return i
}

func (i *GuardedInclude) add(typ string, may Expr) {
	if Simplify(may) != None {
		i.of = append(i.of, Guarded{typ: typ, where: And{Type(typ), may}, allowed: may})
	}
}

// GuardRead is one instance (read, vread, its history; the old content of a write), if it is in the set of letter i.
func GuardRead(typ, id string, i Interaction, a Access) Guarded {
	return Guarded{typ: typ, id: id, allowed: allowed(a, i, typ)}
}

// GuardCondition is the condition of a conditional write: it sees what may be searched, and has no includes or order.
func GuardCondition(q Query, a Access) Guarded {
	may := allowed(a, Search, q.Type)
	where := q.Where
	if where == nil {
		where = None
	}
	return Guarded{typ: q.Type, where: And{Type(q.Type), guard(where, a), may}, allowed: may}
}

// GuardSeen is what a request looks at beside what it asks for, by r or s: a definition that a modifier reads, a Binary
// that new content shows.
func GuardSeen(typ string, where Expr, a Access) Guarded {
	may := seen(a, typ)
	return Guarded{typ: typ, where: And{Type(typ), where, may}, allowed: may}
}

// GuardHistory is the history of types (one: type history; all: system history), each in its own set of letter s.
func GuardHistory(types []string, a Access) Guarded {
	g := Guarded{history: true}
	for _, t := range slices.Compact(slices.Sorted(slices.Values(types))) {
		may := allowed(a, Search, t)
		g.members = append(g.members, Guarded{typ: t, where: And{Type(t), may}, allowed: may})
	}
	return g
}

// guard puts the set of letter s into every chain and _has of e.
func guard(e Expr, a Access) Expr {
	switch e := Map(e, func(x Expr) Expr { return guard(x, a) }).(type) {
	case Chain:
		may := allowed(a, Search, e.Target)
		e.X = And{e.X, may}
		e.Contained = e.Contained && Simplify(may) == All
		return e
	case Contains:
		if Simplify(allowed(a, Search, e.Type)) != All {
			return None
		}
		return e
	case Has:
		e.X = And{e.X, allowed(a, Search, e.Source)}
		return e
	default:
		return e
	}
}

// seen is what the caller may read or find.
func seen(a Access, typ string) Expr { return Or{allowed(a, Read, typ), allowed(a, Search, typ)} }

// allowed is the set of a, None if a gives none.
func allowed(a Access, i Interaction, typ string) Expr { return allowedBelow(anyHeight, a, i, typ) }

// allowedBelow is allowed without what is linked at that height or above.
func allowedBelow(below int, a Access, i Interaction, typ string) Expr {
	if a == nil {
		return None
	}
	if x := a.Allowed(i, typ); x != nil {
		if height(typ) == 0 {
			return x
		}
		return link(x, typ, below, a)
	}
	return None
}

// Unrestricted is the Access of no caller: everything. For reindex, backup, seeding and tests only; a test keeps the
// list of files that name it.
const Unrestricted unrestricted = 0

type unrestricted uint8

// Allowed is everything.
func (unrestricted) Allowed(Interaction, string) Expr { return All }
