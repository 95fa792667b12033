// Package search is the algebra of queries: a tree of sets of resources (Expr), the parser from FHIR's search syntax,
// Guard that puts authorization into the tree, Simplify, and Match, the reference semantics on one resource.
//
// What never belongs here: storage, HTTP, tokens. It imports neither auth nor store.
//
// Laws, each a property test (laws_test.go) or a line of simplify_test.go:
//
//	Match(w, Simplify(e), r) == Match(w, e, r)
//	Simplify(Simplify(e)) == Simplify(e)
//	Eval(w, Guard(q, a)) == Eval(visible(w, a), q)
//	plan.Run(plan.Lower(g)) finds what Match(g.Where()) finds
//	And{Type(a), Type(b)} = None for a ≠ b; so for ID; not for Param: values repeat
//	And{patient=P, In{P}} = patient=P where P's compartment holds all matches of the parameter
//	InAny{} = None; And{In{P}, InAny{P, Q}} = In{P}; Or{In{P}, InAny{P, Q}} = InAny{P, Q}
//	And{x, Or{And{x, a}, b}} = And{x, Or{a, b}};  Or{x, And{x, a}} = x;  Or{And{x, a}, And{x, b}} = And{x, Or{a, b}}
//	Chain(…, None) = None, Has(…, None) = None, Contains(…, None) = None
//	Every{p} ⊆ Every{p}.Around(), which begins with what is seen (linked.go)
//	And{} and nil are None: a mistake opens nothing
//
// An Access set has no Chain or Has: what a caller sees may not depend on what others see. Linked is the exception: Guard
// writes it out as joins through what the same caller sees of other types (linked.go), never in a circle.
//
// Targets inside contained count at the last step of a chain, for callers who may search the target's type as a whole.
// So do resources that _contained asks for (Contains): a search on their type becomes one for containers of every type.
//
//	q, err := search.Parse("Observation", pairs, search.Options{})
//	q, err = search.ParseTypes(types, pairs, search.Options{})     // several types: a branch for each
//	g := search.Guard(q, access)        // the only way to a Guarded, which plan.Lower takes
//	search.Match(search.World{Index: x}, g.Where(), res)
package search
