package interaction

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/patch"
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
	return s.run(ctx, c, &op{letter: search.Create, typ: typ, res: res, where: o.IfNoneExist, conditional: o.IfNoneExist != ""}, WriteOptions{})
}

// WriteOptions are the conditions of an update, a patch or a delete.
type WriteOptions struct {
	IfMatch     string // entity tag of the version to replace: W/"3"; "" is any; KindPrecondition if it is another
	IfNoneMatch string // of an update: * is only if there is no such resource (RFC 9110 §13.1.2), otherwise KindPrecondition
}

// Update stores a new version (R4 http.html#update). The body's id must be id. An instance that does not exist is
// created only under unconstrained system access (Result Created), otherwise KindNotFound; a deleted one comes back
// in the same way. Every update makes a version, also one that changes nothing: so the version that a client gets is
// its own. Tags, security labels and profiles that the body omits stay.
func (s *Service) Update(ctx context.Context, c Caller, typ, id string, res *fhir.Resource, o WriteOptions) (Result, error) {
	return s.run(ctx, c, &op{letter: search.Update, typ: typ, id: id, res: res}, o)
}

// UpdateWhere updates the one resource that the search parameters find (R4 http.html#cond-update), as in a URL, without
// "?"; the body's id, if there is one, must be that of the match. No match creates, by the letter c: under an id of the
// server's, or under the body's, for which KindNotFound and KindConflict are refusals. Several are KindMultiple. Of
// several requests with one condition that race, one creates, the others update it.
func (s *Service) UpdateWhere(ctx context.Context, c Caller, typ, where string, res *fhir.Resource, o WriteOptions) (Result, error) {
	return s.run(ctx, c, &op{letter: search.Update, typ: typ, where: where, conditional: true, res: res}, o)
}

// Patch changes the current version (R4 http.html#patch). The result is stored as an update is, but tags, security
// labels and profiles that the patch removes are gone. The version before must be visible by r, too: what a patch says
// of it (a test that fails) would tell its content.
func (s *Service) Patch(ctx context.Context, c Caller, typ, id string, p patch.Patch, o WriteOptions) (Result, error) {
	w := &op{letter: search.Update, typ: typ, id: id}
	w.patch(p, s.Limits.Parse)
	return s.run(ctx, c, w, o)
}

// PatchWhere patches the one resource that the search parameters find: none is KindNotFound, several are KindMultiple.
func (s *Service) PatchWhere(ctx context.Context, c Caller, typ, where string, p patch.Patch, o WriteOptions) (Result, error) {
	w := &op{letter: search.Update, typ: typ, where: where, conditional: true}
	w.patch(p, s.Limits.Parse)
	return s.run(ctx, c, w, o)
}

// Delete makes a tombstone (R4 http.html#delete): Result NoContent, with the tombstone's Row. Where there is nothing
// to delete, or nothing visible, it is NoContent without a Row.
func (s *Service) Delete(ctx context.Context, c Caller, typ, id string, o WriteOptions) (Result, error) {
	return s.run(ctx, c, &op{letter: search.Delete, typ: typ, id: id}, o)
}

// DeleteWhere deletes what the search parameters find (R4 http.html, conditional delete). Several are KindMultiple, or,
// with Service.ConditionalDelete, all are deleted in one step: Result.Count says how many.
func (s *Service) DeleteWhere(ctx context.Context, c Caller, typ, where string, o WriteOptions) (Result, error) {
	return s.run(ctx, c, &op{letter: search.Delete, typ: typ, where: where, conditional: true}, o)
}

// patch makes the op that of a PATCH.
func (o *op) patch(p patch.Patch, l fhir.Limits) {
	o.res, o.reads = nil, true
	o.change = func(before *fhir.Resource) (*fhir.Resource, error) {
		after, err := p.Apply(before, l)
		if err != nil {
			return nil, err
		}
		return narrated(before, after, l)
	}
}

// ReadPatch reads the patch that a resource holds: Parameters are a FHIRPath Patch (R4 fhirpatch.html) for resources of
// the type, a Binary of type application/json-patch+json is a JSON Patch, as in Bundles.
func (s *Service) ReadPatch(typ string, res *fhir.Resource) (patch.Patch, error) {
	if res == nil {
		return patch.Patch{}, fhir.Errorf(fhir.KindRequired, "", "there is no patch")
	}
	if err := s.valid(res); err != nil {
		return patch.Patch{}, err
	}
	if res.Type != "Binary" {
		return patch.FHIRPath(res, typ, r4.Model{})
	}
	if media, _, _ := strings.Cut(res.Root.Str("contentType"), ";"); !strings.EqualFold(strings.TrimSpace(media), JSONPatch) {
		return patch.Patch{}, fhir.Errorf(fhir.KindMediaType, "Binary.contentType", "the Binary of a patch has the contentType %s", JSONPatch)
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(res.Root.Str("data")), ""))
	if err != nil {
		return patch.Patch{}, fhir.Errorf(fhir.KindValue, "Binary.data", "the data is not base64")
	}
	return patch.JSON(b, s.Limits.Parse)
}

// JSONPatch is the media type of JSON Patch.
const JSONPatch = "application/json-patch+json"

// run does one write.
func (s *Service) run(ctx context.Context, c Caller, o *op, w WriteOptions) (Result, error) {
	o.ifMatch, o.ifNoneMatch = w.IfMatch, w.IfNoneMatch
	s.number(o)
	x := change{Service: s, caller: c, ops: []*op{o}}
	if err := x.run(ctx); err != nil {
		return Result{}, err
	}
	return o.result, nil
}

// number gives an op that may create a new id.
func (s *Service) number(o *op) {
	if o.letter == search.Create || o.upserts() {
		o.fresh = s.newID()
	}
}
