package search

import (
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Pair is one parameter of a request in its order, already percent-decoded: repeated parameters all count.
type Pair struct{ Name, Value string }

// Query is a parsed search on one type. It says what was asked, not what may be seen.
type Query struct {
	Type       string
	Where      Expr
	Sort       []Sort // empty: the default order, main date descending, missing last
	Count      int    // page size; -1 if not given
	Page       string // the cursor of a page link, still sealed
	Total      Total
	CountOnly  bool // _summary=count or _count=0
	Include    []Include
	RevInclude []Include
	Self       []Pair        // what was understood, for the self link
	Ignored    []*fhir.Error // what was left out: with lenient handling, or because it has no effect
}

// Within is q among the members of a compartment: /Patient/123/Observation?…
func (q Query) Within(compartment fhir.Reference) Query {
	q.Where = And{In{compartment}, q.Where}
	return q
}

// Types are the types that are searched.
func (q *Query) Types() []string { return []string{q.Type} }

// Sort is one key of _sort.
type Sort struct {
	P    *r4.SearchParameter
	Desc bool
}

// Total is _total.
type Total uint8

// The values of _total.
const (
	TotalNone Total = iota
	TotalEstimate
	TotalAccurate
)
