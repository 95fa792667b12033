package interaction

import (
	"context"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// The answers to what is out of reach are constants: they must not differ between what is hidden and what is absent.
var (
	errNotFound = fhir.Errorf(fhir.KindNotFound, "", "there is no resource of this type and id")
	errGone     = fhir.Errorf(fhir.KindDeleted, "", "the resource was deleted")
	errReach    = fhir.Errorf(fhir.KindForbidden, "", "this resource is not in reach of the access for this interaction")
	errNoSearch = fhir.Errorf(fhir.KindForbidden, "", "the access has no scope with the letter s")
	errAttached = fhir.Errorf(fhir.KindForbidden, "", "the content has a Binary as an attachment that is not in reach of the access: write both in one transaction, or give the Binary a securityContext")
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

// searchable are the types that the caller has s on.
func (c Caller) searchable() (types []string) {
	for _, typ := range r4.Resources() {
		if r4.Searchable(typ) && c.allowed(search.Search, typ) != search.None {
			types = append(types, typ)
		}
	}
	return types
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

// attaches is the set of new content that may have any Binary as an attachment; everything, if the access does not say
// otherwise.
func (c Caller) attaches(i search.Interaction, typ string) search.Expr {
	if a, ok := c.Access.(interface {
		Attaches(search.Interaction, string) search.Expr
	}); ok {
		return a.Attaches(i, typ)
	}
	return search.All
}

// updateCreates says whether an update of what is not there may create it: with access to all of the type, if the
// access does not say otherwise.
func (c Caller) updateCreates(typ string) bool {
	if a, ok := c.Access.(interface{ UpdateCreates(string) bool }); ok {
		return a.UpdateCreates(typ)
	}
	return c.allowed(search.Update, typ) == search.All
}

// settle is the caller with the access as it is on src.
func (s *Service) settle(ctx context.Context, src plan.Source, c Caller) (Caller, error) {
	var err error
	r, ok := c.Access.(plan.Ruled)
	ok = ok && !r.Settled()
	if c.Access, err = plan.Settle(ctx, src, c.Access, s.Indexer); ok && err == nil && c.Settled != nil {
		c.Settled(c.Access)
	}
	return c, err
}

// open is a snapshot, which the caller closes, and the caller with the access as it is on it.
func (s *Service) open(ctx context.Context, c Caller) (store.Snapshot, Caller, error) {
	snap, err := s.Store.Snapshot(ctx)
	if err != nil {
		return nil, c, err
	}
	if c, err = s.settle(ctx, snap, c); err != nil {
		snap.Close()
		return nil, c, err
	}
	return snap, c, nil
}

// settled is settle for a request of several snapshots: the access is that of its beginning.
func (s *Service) settled(ctx context.Context, c Caller) (Caller, error) {
	if r, ok := c.Access.(plan.Ruled); !ok || r.Settled() {
		return c, nil
	}
	snap, c, err := s.open(ctx, c)
	if err == nil {
		snap.Close()
	}
	return c, err
}

// in says whether the resource is in the set.
func (s *Service) in(e search.Expr, res *fhir.Resource) bool {
	return search.Match(search.World{Index: s.Indexer}, e, res)
}

// readable says whether the caller has r on a resource as it is written. What makes it visible is what was there before.
func (s *Service) readable(ctx context.Context, src plan.Source, c Caller, res *fhir.Resource) (bool, error) {
	p, err := plan.Lower(search.GuardRead(res.Type, res.ID, search.Read, c.Access), s.Indexer)
	if err != nil {
		return false, err
	}
	return plan.Admits(ctx, src, p, res)
}

// instance gives the current version of an instance as the letter shows it; found is false for hidden and absent.
func (s *Service) instance(ctx context.Context, src plan.Source, c Caller, i search.Interaction, typ, id string) (plan.Row, bool, error) {
	p, err := plan.Lower(search.GuardRead(typ, id, i, c.Access), s.Indexer)
	if err != nil {
		return plan.Row{}, false, err
	}
	return plan.ReadOne(ctx, src, p)
}

// clip shortens what a client wrote before it is repeated in a message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
