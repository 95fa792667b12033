// Package plan is what storage engines are asked: a small physical algebra of terms and ranges. Lower makes a Plan
// from a search.Guarded and from nothing else; Run resolves the joins (chains, _has, includes) from the inside out
// against a Source and hands it flat, Bound plans. Fields of Bound and Key are unexported: nobody else can make one,
// and their zero values select nothing. So an unguarded query cannot reach an engine.
//
// What never belongs here: HTTP, scopes, bytes on disk.
//
//	p, err := plan.Lower(search.Guard(q, access))
//	page, err := plan.Run(ctx, snapshot, p, plan.Window{Limit: 20})
package plan
