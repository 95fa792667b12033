// Package plan is what storage engines are asked: a small physical algebra of terms and ranges. Lower makes a Plan
// from a search.Guarded and from nothing else; Run resolves the joins (chains, _has, includes) from the inside out
// against a Source and hands it flat, Bound plans; a chain or _has from a common side becomes a test of each candidate. Fields
// of Bound and Key are unexported: nobody else can make one, and their zero values select nothing. So an unguarded
// query cannot reach an engine.
//
// What engines may rely on: And and Or are flat and have two members or more, none of them All or None; terms of one
// parameter and form in a union are one Terms; the members of an And come in the order in which they are likely to
// narrow, access first; a Verify is the outermost node where that is possible, so that only what everything else
// leaves is read.
//
// Types that are visible through others (access.md "Linked types") are joined from the side of what is seen, if candidates
// are many: what a patient's search of them reads does not follow the data of other patients (storetest.Hidden), as long as a
// list of 8,192 holds what the caller sees of each type. With more, with a panel of more than 1,000 patients, and for who sees a
// whole type that is about patients, each candidate is asked.
//
// A history of types is led by the charts that the caller sees (history.go): every version is filed under the patients in whose
// charts it was, so what is deleted or has been moved is found too, and each is asked whether it is seen. Only of linked types
// all changes in its time are asked: no version of one says whose it is.
//
// A search on several types is a plan for each (types.go), joined type by type or in the order of its keys. Positions are
// cuts: a page before one and a page behind it have no row in common and leave none out, whatever others write.
//
// A plan that names own search parameters is answered only from a snapshot that holds them (Source.Params), wherever in it
// they are named: a change of them between a request and its snapshot is noticed.
//
// What never belongs here: HTTP, scopes, bytes on disk.
//
//	p, err := plan.Lower(search.Guard(q, access), indexer)
//	result, err := plan.Run(ctx, snapshot, p, plan.Window{Limit: 20})
//	p, err = plan.Lower(search.GuardRead("Patient", "123", search.Read, access), indexer)
//	row, found, err := plan.ReadOne(ctx, snapshot, p)
package plan
