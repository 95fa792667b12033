package search

import (
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// World is what Match looks at beyond the resource itself. The zero World works: chains and _has find nothing in it.
type World struct {
	Index *index.Indexer // how values are extracted; nil is the zero Indexer
	// Each calls f for the current resources of a type until f returns false; nil is an empty world.
	Each func(typ string, f func(*fhir.Resource) bool)
}

// Match says whether res is in the set e: the reference semantics (search.md), straight on the values of the
// resource, without terms or plans.
func Match(w World, e Expr, res *fhir.Resource) bool { return false }
