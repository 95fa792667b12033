// Package search is the algebra of queries: a tree of sets of resources (Expr), the parser from FHIR's search syntax,
// Guard that puts authorization into the tree, Simplify, and Match, the reference semantics on one resource.
//
// What never belongs here: storage, HTTP, tokens. It imports neither auth nor store.
//
// Laws, each a property test:
//
//	Match(w, Simplify(e), r) == Match(w, e, r)
//	Simplify(Simplify(e)) == Simplify(e)
//	Eval(w, Guard(q, a)) == Eval(visible(w, a), q)
//	And{Type(a), Type(b)} = None for a ≠ b
//	And{patient=P, In{P}} = patient=P in the types where compartments.PatientImplies says so
//	Chain(…, None) = None, Has(…, None) = None
//
//	q, err := search.Parse("Observation", pairs, search.Options{})
//	g := search.Guard(q, access)        // the only way to a Guarded, which plan.Lower takes
package search
