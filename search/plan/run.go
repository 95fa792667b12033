package plan

import (
	"context"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Limits of one Run. Over them a query is too-costly, or, for includes, has a warning.
const (
	MaxJoin    = 10_000 // resources on the inner side of a chain or _has
	MaxInclude = 1_000  // included resources of a page
)

// Result is a page of a search.
type Result struct {
	Page                   // matches; Total is -1 if it was neither asked for nor known for free
	Included []Row         // search.mode include; none of them is a match, none appears twice
	Warnings []*fhir.Error // search.mode outcome: what is not complete
}

// Run answers a search: it resolves chains and _has from the inside out, selects, and adds the includes. The order is
// that of w, or, if it has none, that of the query.
func Run(ctx context.Context, src Source, p Plan, w Window) (Result, error) {
	return Result{}, errTODO
}

// Count is the number of matches.
func Count(ctx context.Context, src Source, p Plan) (int, error) { return 0, errTODO }

// ReadOne gives the current version of the instance of a GuardRead plan, or, if that is Deleted, its tombstone when
// its last live version is visible. found is false if it does not exist or may not be seen: no difference.
func ReadOne(ctx context.Context, src Source, p Plan) (r Row, found bool, err error) {
	return Row{}, false, errTODO
}

// Version gives one version of the instance of a GuardRead plan, a tombstone as a Deleted row. It is found only if it
// and the current version (of a deleted resource: its last live one) are visible.
func Version(ctx context.Context, src Source, p Plan, version uint64) (r Row, found bool, err error) {
	return Row{}, false, errTODO
}

// Versions is the history of the instance of a GuardRead plan, newest first. found is false if nothing of it is
// visible.
func Versions(ctx context.Context, src Source, p Plan, w Window) (page Page, found bool, err error) {
	return Page{}, false, errTODO
}

// History is the history of the types of a GuardHistory plan since a time (microseconds, inclusive; 0 is the
// beginning), newest first.
func History(ctx context.Context, src Source, p Plan, since int64, w Window) (Page, error) {
	return Page{}, errTODO
}

// NewCondition is the claim that p finds exactly the resources with these ids; where found has two or more, that it
// finds several.
func NewCondition(p Plan, found []string) Condition { return Condition{} }

var errTODO = fhir.Errorf(fhir.KindException, "", "not implemented")
