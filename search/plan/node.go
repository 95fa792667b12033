package plan

import (
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// A Node denotes a set of current resources of the plan's type.
type Node interface{ node() }

type (
	// All is every current resource of the type.
	All struct{}
	// None is the empty set.
	None struct{}
	// Term is the resources that have the term.
	Term index.Term
	// Terms is the resources that have one of the terms (sorted, distinct, all of them of one Num and Form).
	Terms []index.Term
	// Prefix is the resources that have a term of Num and Form whose Text begins with Text.
	Prefix index.Term
	// Range is the resources of which one and the same index.Range of Num and Unit has its Low in Low and its High in
	// High.
	Range struct {
		Num  uint16
		Unit string
		Low  Span
		High Span
	}
	// And is the intersection, access terms first; never empty.
	And []Node
	// Or is the union; never empty.
	Or []Node
	// Not is the complement within the type.
	Not struct{ X Node }
	// Verify is the members of X that By keeps: what terms and ranges cannot say exactly. By gets rows with their Body;
	// with Bare it needs Type and ID only, and an engine may leave out the rest. Lead, if there is one, says the same of
	// the local references that P takes in a row: an engine that knows them without a body may ask it instead. And what
	// has one of Pairs, if there are any, is all of the Verify, for an engine that keeps pairs.
	Verify struct {
		X    Node
		By   func(*Row) (bool, error)
		Bare bool
		P    *r4.SearchParameter
		Lead func([]fhir.Reference) (bool, error)

		Pairs []Pair
	}
	// Pair is the resources of which one and the same index.Pair of a composite has the term and a range in one of Any.
	Pair struct {
		Num uint16 // the composite's
		Of  index.Term
		Any []Range // of one Unit; their Num is of no account
	}
)

// Span is an interval of keys; an empty Key is no bound.
type Span struct {
	Min, Max         index.Key
	MinOpen, MaxOpen bool // the end itself is excluded
}

func (All) node()    {}
func (None) node()   {}
func (Term) node()   {}
func (Terms) node()  {}
func (Prefix) node() {}
func (Range) node()  {}
func (And) node()    {}
func (Or) node()     {}
func (Not) node()    {}
func (Verify) node() {}

// TermsOf are the terms of a Term or Terms; nil of any other node.
func TermsOf(n Node) []index.Term {
	switch n := n.(type) {
	case Term:
		return []index.Term{index.Term(n)}
	case Terms:
		return n
	}
	return nil
}

// Parts are the nodes that a node is made of; nil of one that is made of none.
func Parts(n Node) []Node {
	switch n := n.(type) {
	case And:
		return n
	case Or:
		return n
	case Not:
		return []Node{n.X}
	case Verify:
		return []Node{n.X}
	case ref:
		return []Node{n.of}
	case back:
		return []Node{n.of}
	}
	return nil
}
