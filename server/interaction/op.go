package interaction

import (
	"context"
	"errors"
	"fmt"

	"github.com/firewarden/firewarden/conformance/validate"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// op is one write: alone, or an entry of a Bundle. It goes through three stages. check needs no store and runs once;
// look reads what the op relies on; build makes the new version. Look and build run again when the commit finds that
// something was changed meanwhile.
type op struct {
	letter      search.Interaction // Create, Update or Delete
	typ, id     string             // with a condition the id is found by look
	fresh       string             // a new id of ours: of a create, and of an update whose condition finds nothing
	conditional bool               // where stands for the id; of a create: If-None-Exist
	where       string             // search parameters
	ifMatch     string
	ifNoneMatch string         // of an update
	res         *fhir.Resource // of a create and an update
	entry       *entry         // nil outside of Bundles

	// Of a patch: change makes the new content from that of the version before, which the caller must be able to read
	// if reads is set. Of $meta-add and $meta-delete too, which answer with the meta of what they leave.
	change func(before *fhir.Resource) (*fhir.Resource, error)
	reads  bool
	meta   bool

	twin *op // an earlier create of the same change with the same condition: both are one resource

	// Of check.
	when condition // where

	// Of check, of a patch of look.
	refs []link // in Bundles only

	// Of look.
	found *plan.Row  // what a conditional create found
	old   *plan.Row  // the version before, a tombstone or nil where there is none
	gone  []plan.Row // of a delete: what there is to delete
	made  bool       // the condition of an update found nothing: it is a create
	write bool       // there is something to write

	beside map[string]bool // Binaries that the same change writes

	// Of build.
	claims []plan.Condition // what the caller sees of what the content shows
	next   []store.Write
	result Result
}

// check refuses what needs no look into the store: decided from the access and the request alone.
func (s *Service) check(c Caller, o *op) error {
	switch {
	case o.typ == "AuditEvent" && o.letter != search.Create:
		return fhir.Errorf(fhir.KindMethod, "", "an AuditEvent is never changed or deleted")
	case o.typ == "Binary" && o.reads: // R4 binary.html: a patch would be of the content, whatever that is
		return fhir.Errorf(fhir.KindMethod, "", "a Binary is not patched: update it")
	}
	if err := o.granted(c); err != nil {
		return err
	}
	if o.conditional {
		var err error
		if o.when, err = s.condition(c, o.typ, o.where); err != nil {
			return err
		}
	} else if o.letter == search.Update && !fhir.ValidID(o.id) {
		return fhir.Errorf(fhir.KindValue, "", "%q is no id: 1 to 64 of A-Z a-z 0-9 - .", clip(o.id))
	}
	if o.ifNoneMatch != "" && o.ifNoneMatch != "*" {
		return fhir.Errorf(fhir.KindInvalid, "", "If-None-Match of an update is *: only if there is none")
	}
	if o.letter == search.Delete || o.change != nil {
		return nil
	}
	switch {
	case o.res == nil:
		return fhir.Errorf(fhir.KindRequired, "", "there is no resource")
	case o.res.Type != o.typ:
		return fhir.Errorf(fhir.KindInvalid, "resourceType", "the resource is a %s, the request is for %s", o.res.Type, o.typ)
	case o.letter == search.Create:
	case o.conditional && o.res.ID == "":
	case o.conditional && !fhir.ValidID(o.res.ID):
		return fhir.Errorf(fhir.KindValue, o.typ+".id", "%q is no id: 1 to 64 of A-Z a-z 0-9 - .", clip(o.res.ID))
	case o.conditional:
	case o.res.ID == "":
		return fhir.Errorf(fhir.KindInvalid, o.typ+".id", "the resource has no id, the request is for %q", o.id)
	case o.res.ID != o.id:
		return fhir.Errorf(fhir.KindInvalid, o.typ+".id", "the id of the resource is %q, that of the request %q", clip(o.res.ID), o.id)
	}
	return s.valid(o.res)
}

// granted refuses an op without the letters that it needs on the type. Of a conditional update they are those of the
// update, or, if it may find nothing, of a create (access.md §2).
func (o *op) granted(c Caller) error {
	err := c.grant(o.letter, o.typ)
	if err != nil && o.upserts() && c.grant(search.Create, o.typ) == nil {
		err = nil
	}
	if err == nil && o.reads {
		err = c.grant(search.Read, o.typ)
	}
	return err
}

// upserts says whether o is a conditional update, which creates where it finds nothing.
func (o *op) upserts() bool { return o.letter == search.Update && o.conditional && o.change == nil }

// valid checks content that is to be stored.
func (s *Service) valid(res *fhir.Resource) error {
	if s.Validation == ValidateStructure {
		if faults := validate.Structure(res); len(faults) > 0 {
			return faults
		}
	}
	return nil
}

// attempts is how often a write that lost a race is tried. Every loss is another write's gain.
const attempts = 100

// apply runs prepare on a snapshot and commits what it gives as one step; again, as long as what it read has changed
// in between.
func (s *Service) apply(ctx context.Context, prepare func(plan.Source) (store.Commit, error)) error {
	for range attempts {
		snap, err := s.Store.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("open snapshot: %w", err)
		}
		commit, err := prepare(snap)
		snap.Close()
		if err != nil || len(commit.Writes) == 0 {
			return err
		}
		if err := s.Store.Commit(ctx, commit); !errors.Is(err, store.ErrConflict) {
			if err == nil && defines(commit.Writes) {
				s.Parameters.Sync(ctx)
			}
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return fhir.Errorf(fhir.KindConflict, "", "other requests keep changing the same resource; try again")
}
