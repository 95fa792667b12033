package interaction

import (
	"context"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// The answers to what is out of reach are constants: they must not differ between what is hidden and what is absent.
var (
	errNotFound = fhir.Errorf(fhir.KindNotFound, "", "there is no resource of this type and id")
	errGone     = fhir.Errorf(fhir.KindDeleted, "", "the resource was deleted")
	errReach    = fhir.Errorf(fhir.KindForbidden, "", "this resource is not in reach of the access for this interaction")
	errContent  = fhir.Errorf(fhir.KindForbidden, "", "the content is not in reach of the access for this interaction")
)

// grant refuses, before the store is asked, types that do not exist and types that no scope names with the letter.
func (c Caller) grant(i search.Interaction, typ string) error {
	if !r4.Searchable(typ) {
		return fhir.Errorf(fhir.KindNotSupported, "", "%q is no resource type of this server", clip(typ))
	}
	if c.allowed(i, typ) == search.None {
		return fhir.Errorf(fhir.KindForbidden, "", "the access has no scope for %s.%c", typ, "cruds"[i])
	}
	return nil
}

// allowed is what the letter opens of the type; nothing for a caller without access.
func (c Caller) allowed(i search.Interaction, typ string) search.Expr {
	if c.Access == nil {
		return search.None
	}
	if e := c.Access.Allowed(i, typ); e != nil {
		return e
	}
	return search.None
}

// content is what new content must be in.
func (c Caller) content(i search.Interaction, typ string) search.Expr {
	if a, ok := c.Access.(interface {
		Content(search.Interaction, string) search.Expr
	}); ok {
		return a.Content(i, typ)
	}
	return c.allowed(i, typ)
}

// in says whether the resource is in the set.
func (s *Service) in(e search.Expr, res *fhir.Resource) bool {
	switch e {
	case search.All:
		return true
	case search.None:
		return false
	}
	return search.Match(search.World{Index: s.Indexer}, e, res)
}

// instance gives the current version of an instance as the letter shows it; found is false for hidden and absent.
func (s *Service) instance(ctx context.Context, src plan.Source, c Caller, i search.Interaction, typ, id string) (plan.Row, bool, error) {
	p, err := plan.Lower(search.GuardRead(typ, id, i, c.Access), s.Indexer)
	if err != nil {
		return plan.Row{}, false, err
	}
	return plan.ReadOne(ctx, src, p)
}

// outOfReach is the error of a write to an instance that its letter does not show: forbidden if r shows it, otherwise
// the same as if it were absent.
func (s *Service) outOfReach(ctx context.Context, src plan.Source, c Caller, typ, id string) error {
	if c.allowed(search.Read, typ) == search.None {
		return errNotFound
	}
	row, found, err := s.instance(ctx, src, c, search.Read, typ, id)
	switch {
	case err != nil:
		return err
	case found && !row.Deleted:
		return errReach
	}
	return errNotFound
}

// clip shortens what a client wrote before it is repeated in a message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
