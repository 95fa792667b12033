package search

import (
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Options are what Parse needs to know beyond the request. The zero value works.
type Options struct {
	Lenient   bool           // Prefer: handling=lenient: what is not understood goes to Query.Ignored
	Base      string         // our own FHIR base: references that spell it are local
	Zone      *time.Location // zone of times without an offset; nil is UTC
	Now       time.Time      // what ap measures the distance of a date from
	MaxCount  int            // largest page; 0 is 1000
	MaxValues int            // values and nodes of one query; 0 is 2000
}

// Parse reads a search on one type from its parameters. Errors are *fhir.Error with the place "http.<name>".
func Parse(typ string, pairs []Pair, o Options) (Query, error) {
	return Query{}, fhir.Errorf(fhir.KindException, "", "not implemented")
}
