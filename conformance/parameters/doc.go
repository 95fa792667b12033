// Package parameters holds the search parameters that a server has beyond R4's: what its own SearchParameter resources
// define (R4 searchparameter.html). Read checks such a resource, Record is what is kept of all of them, Set is what
// parsing and indexing look parameters up in.
//
// A parameter is live when all resources are indexed by it; until then it is building, and searches that name it are
// refused. Each change of what is indexed is a generation, and each indexed resource says of which generation its entries
// are, so the index can be brought from one to the next while it is used.
//
// What relies on a parameter, a scope that was granted by it, notes the generation in which it did: a parameter that began
// later is another one (Since), and nobody meant it.
//
// What never belongs here: storage, the work of indexing, HTTP.
//
//	d, err := parameters.Read(res)                  // a SearchParameter, checked
//	next, changed := record.Next([]parameters.Definition{d})
//	set := next.Set()
//	set.Lookup("Patient", "race")                   // nil: it is building
//	set = next.Done(next.Generation).Set()
//	set.Lookup("Patient", "race")                   // the parameter; a nil Set has R4's
package parameters
