package search

// A Guarded is a query that holds what its caller may see. Only the Guard functions make one; the zero Guarded
// finds nothing. plan.Lower takes nothing else.
type Guarded struct {
	typ      string
	where    Expr
	id       string
	allowed  Expr
	sort     []Sort
	includes []GuardedInclude
	members  []Guarded
}

// GuardedInclude is one include with the set that may be included: of each target type (forward) or of the source
// type (reverse).
type GuardedInclude struct {
	Include
	Reverse bool
	of      []Guarded
}

// Of are the sets that may be included, one for each type.
func (i GuardedInclude) Of() []Guarded { return i.of }

// Type is the resource type that g ranges over; "" for GuardHistory.
func (g Guarded) Type() string { return g.typ }

// ID is the instance of GuardRead, "" otherwise.
func (g Guarded) ID() string { return g.id }

// Where is the guarded condition, not simplified; None for the zero Guarded.
func (g Guarded) Where() Expr {
	if g.where == nil {
		return None
	}
	return g.where
}

// Allowed is what the caller may see of the type, whatever was asked.
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

// Members are the types of GuardHistory, each with its own set.
func (g Guarded) Members() []Guarded { return g.members }

// Guard puts what the caller may search into every position of q: the root, the target of each chain, the source of
// each _has, and each include.
func Guard(q Query, a Access) Guarded { return Guarded{} }

// GuardRead is one instance (read, vread, its history; the old content of a write), if it is in the set of letter i.
func GuardRead(typ, id string, i Interaction, a Access) Guarded { return Guarded{} }

// GuardCondition is the condition of a conditional write: it sees what may be searched, and has no includes or order.
func GuardCondition(q Query, a Access) Guarded { return Guarded{} }

// GuardHistory is the history of types (one: type history; all: system history), each in its own set of letter s.
func GuardHistory(types []string, a Access) Guarded { return Guarded{} }

// Unrestricted is the Access of no caller: everything. For reindex, backup, seeding and tests only; a test keeps the
// list of files that name it.
var Unrestricted Access = unrestricted{}

type unrestricted struct{}

func (unrestricted) Allowed(Interaction, string) Expr { return All }
