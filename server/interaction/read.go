package interaction

import (
	"context"

	"github.com/firewarden/firewarden/internal/fhir"
)

var errUnfinished = fhir.Errorf(fhir.KindException, "", "not built yet")

// Read gives the current version (R4 http.html#read). KindNotFound: it does not exist or the caller may not see it,
// in the same bytes; KindDeleted: it was deleted and its last version was visible; KindForbidden: no scope names the
// type with r.
func (s *Service) Read(ctx context.Context, c Caller, typ, id string) (Result, error) {
	return Result{}, errUnfinished
}

// VRead gives one version (R4 http.html#vread), if that version and the current one are visible. KindDeleted where
// the version is a deletion.
func (s *Service) VRead(ctx context.Context, c Caller, typ, id, version string) (Result, error) {
	return Result{}, errUnfinished
}
