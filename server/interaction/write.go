package interaction

import (
	"context"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// CreateOptions are the conditions of a create.
type CreateOptions struct {
	IfNoneExist string // search parameters as in a URL, without "?": identifier=http://x|1; "" is unconditional
}

// Create stores a new resource under an id of the server's (R4 http.html#create); an id in the body is ignored. typ
// is the type that the request names. With IfNoneExist: no match creates, one match is Result OK with the row found
// and nothing written, several are KindMultiple. Of several requests with one condition that race, one creates.
// References are stored as they are; only Bundles resolve conditional ones.
func (s *Service) Create(ctx context.Context, c Caller, typ string, res *fhir.Resource, o CreateOptions) (Result, error) {
	return s.run(ctx, c, &op{letter: search.Create, typ: typ, id: s.newID(), res: res, ifNoneExist: o.IfNoneExist})
}

// WriteOptions are the conditions of an update or a delete.
type WriteOptions struct {
	IfMatch string // entity tag of the version to replace: W/"3"; "" is any; KindPrecondition if it is another
}

// Update stores a new version (R4 http.html#update). The body's id must be id. An instance that does not exist is
// created only under unconstrained system access (Result Created), otherwise KindNotFound; a deleted one comes back
// in the same way. Every update makes a version, also one that changes nothing: so the version that a client gets is
// its own. Tags, security labels and profiles that the body omits stay.
func (s *Service) Update(ctx context.Context, c Caller, typ, id string, res *fhir.Resource, o WriteOptions) (Result, error) {
	return s.run(ctx, c, &op{letter: search.Update, typ: typ, id: id, res: res, ifMatch: o.IfMatch})
}

// Delete makes a tombstone (R4 http.html#delete): Result NoContent, with the tombstone's Row. Where there is nothing
// to delete, or nothing visible, it is NoContent without a Row.
func (s *Service) Delete(ctx context.Context, c Caller, typ, id string, o WriteOptions) (Result, error) {
	return s.run(ctx, c, &op{letter: search.Delete, typ: typ, id: id, ifMatch: o.IfMatch})
}

// run does one write.
func (s *Service) run(ctx context.Context, c Caller, o *op) (Result, error) {
	x := change{Service: s, caller: c, ops: []*op{o}}
	if err := x.run(ctx); err != nil {
		return Result{}, err
	}
	return o.result, nil
}
