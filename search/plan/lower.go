package plan

import (
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// A Plan is a guarded query in physical form. Only Lower makes one; the zero Plan finds nothing.
type Plan struct{}

// Type is the resource type that p ranges over; "" for a history of several types.
func (p Plan) Type() string { return "" }

// Lower turns a guarded query into a plan. x extracts the values for what terms and ranges cannot say; it must be the
// Indexer that the store indexes with; nil is the zero Indexer.
func Lower(g search.Guarded, x *index.Indexer) (Plan, error) {
	return Plan{}, fhir.Errorf(fhir.KindException, "", "not implemented")
}

// Explain prints the simplified expression and the nodes of p.
func Explain(p Plan) string { return "" }
