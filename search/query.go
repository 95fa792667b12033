package search

import (
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/subset"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Pair is one parameter of a request in its order, already percent-decoded: repeated parameters all count.
type Pair struct{ Name, Value string }

// Query is a parsed search on one type, or on several. It says what was asked, not what may be seen.
type Query struct {
	Type     string // "" of a search on several types
	Where    Expr
	Sort     []Sort   // empty: the default order, main date descending, missing last
	Branches []Branch // of a search on several types: each with its own Where and Sort, sorted by type

	Count      int    // page size; -1 if not given
	Max        int    // matches on all pages together, -1 if that is not bounded
	Page       string // the cursor of a page link, still sealed
	Total      Total
	CountOnly  bool          // _summary=count or _count=0
	Subset     subset.Subset // what of the matches is answered
	Explain    Explain
	Contained  bool // what is found inside of matches is answered instead of them
	Include    []Include
	RevInclude []Include
	Self       []Pair        // what was understood, for the self link
	Ignored    []*fhir.Error // what was left out: with lenient handling, or because it has no effect
}

// Branch is the part of a search on several types that is on one of them.
type Branch struct {
	Type  string
	Where Expr
	Sort  []Sort // the same codes, in each type
}

// Within is q among the members of a compartment: /Patient/123/Observation?…, /Patient/123/*
func (q Query) Within(compartment fhir.Reference) Query {
	in := In{compartment}
	if q.Type != "" {
		q.Where = And{in, q.Where}
		return q
	}
	q.Branches = slices.Clone(q.Branches)
	for i := range q.Branches {
		q.Branches[i].Where = And{in, q.Branches[i].Where}
	}
	return q
}

// Sort is one key of _sort: a parameter of the type or, at the end of a chain, of another type. Then the key is that of
// the resources that the chain leads to, and of several the one that comes first.
type Sort struct {
	Via  []Link
	P    *r4.SearchParameter
	Desc bool
}

// Link is one step of a chained key: to what P refers to of type Target.
type Link struct {
	P      *r4.SearchParameter
	Target string
	of     Guarded
}

// Of is what the caller may see of the target; the zero Guarded in a query that nobody has guarded.
func (l Link) Of() Guarded { return l.of }

// Total is _total.
type Total uint8

// The values of _total.
const (
	TotalNone Total = iota
	TotalEstimate
	TotalAccurate
)

// Explain is _explain: how the answer was found.
type Explain uint8

// The values of _explain.
const (
	ExplainNot    Explain = iota // false
	ExplainBundle                // true: in an entry beside the matches
	ExplainJSON                  // json: instead of them
	ExplainText                  // text: instead of them
)
