package interaction

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

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
	typ, id     string             // of a create: an id of ours
	ifNoneExist string
	ifMatch     string
	res         *fhir.Resource
	entry       *entry // nil outside of Bundles

	twin *op // an earlier create of the same change with the same condition: both are one resource

	// Of check.
	when condition // ifNoneExist
	refs []link    // in Bundles only

	// Of look.
	found *plan.Row // what a conditional create found
	old   *plan.Row // the version before, a tombstone or nil where there is none
	write bool      // there is something to write

	// Of build.
	next   store.Write
	result Result
}

// check refuses what needs no look into the store: decided from the access and the request alone.
func (s *Service) check(c Caller, o *op) error {
	if o.typ == "AuditEvent" && o.letter != search.Create {
		return fhir.Errorf(fhir.KindMethod, "", "an AuditEvent is never changed or deleted")
	}
	if err := c.grant(o.letter, o.typ); err != nil {
		return err
	}
	switch {
	case o.letter == search.Delete:
		return nil
	case o.letter == search.Update && !fhir.ValidID(o.id):
		return fhir.Errorf(fhir.KindValue, "", "%q is no id: 1 to 64 of A-Z a-z 0-9 - .", clip(o.id))
	case o.res == nil:
		return fhir.Errorf(fhir.KindRequired, "", "there is no resource")
	case o.res.Type != o.typ:
		return fhir.Errorf(fhir.KindInvalid, "resourceType", "the resource is a %s, the request is for %s", o.res.Type, o.typ)
	case o.letter == search.Update && o.res.ID == "":
		return fhir.Errorf(fhir.KindInvalid, o.typ+".id", "the resource has no id, the request is for %q", o.id)
	case o.letter == search.Update && o.res.ID != o.id:
		return fhir.Errorf(fhir.KindInvalid, o.typ+".id", "the id of the resource is %q, that of the request %q", clip(o.res.ID), o.id)
	}
	if s.Validation == ValidateStructure {
		if faults := validate.Structure(o.res); len(faults) > 0 {
			return faults
		}
	}
	if o.ifNoneExist != "" {
		var err error
		if o.when, err = s.condition(c, o.typ, o.ifNoneExist); err != nil {
			return err
		}
	}
	return nil
}

// look reads what o relies on and adds it to commit.
func (s *Service) look(ctx context.Context, src plan.Source, c Caller, o *op, commit *store.Commit) error {
	o.found, o.old, o.write = nil, nil, false
	switch o.letter {
	case search.Create:
		o.write = true
		if o.ifNoneExist == "" {
			return nil
		}
		rows, claim, err := s.find(ctx, src, o.when, false)
		if err != nil {
			return err
		}
		commit.Conditions = append(commit.Conditions, claim)
		switch len(rows) {
		case 0:
			o.write = o.twin == nil
		case 1:
			o.found, o.write = &rows[0], false
		default:
			return fhir.Errorf(fhir.KindMultiple, "", "several resources match the condition %q", clip(o.ifNoneExist))
		}
		return nil
	case search.Update:
		return s.lookUpdate(ctx, src, c, o, commit)
	default:
		return s.lookDelete(ctx, src, c, o, commit)
	}
}

func (s *Service) lookUpdate(ctx context.Context, src plan.Source, c Caller, o *op, commit *store.Commit) error {
	row, found, err := s.instance(ctx, src, c, search.Update, o.typ, o.id)
	if err != nil {
		return err
	}
	live := found && !row.Deleted
	if !live && c.allowed(search.Update, o.typ) != search.All {
		return s.outOfReach(ctx, src, c, o.typ, o.id)
	}
	if err := o.matches(row, live); err != nil {
		return err
	}
	read := store.Read{Type: o.typ, ID: o.id}
	if found {
		o.old, read.Version = &row, row.Version
	}
	commit.Reads = append(commit.Reads, read)
	o.write = true
	return nil
}

func (s *Service) lookDelete(ctx context.Context, src plan.Source, c Caller, o *op, commit *store.Commit) error {
	row, found, err := s.instance(ctx, src, c, search.Delete, o.typ, o.id)
	if err != nil {
		return err
	}
	if !found || row.Deleted {
		if err := s.outOfReach(ctx, src, c, o.typ, o.id); err != errNotFound {
			return err
		}
		return nil // nothing to delete, and that is no fault
	}
	if err := o.matches(row, true); err != nil {
		return err
	}
	o.old, o.write = &row, true
	commit.Reads = append(commit.Reads, store.Read{Type: o.typ, ID: o.id, Version: row.Version})
	return nil
}

// matches checks If-Match against the current version.
func (o *op) matches(row plan.Row, live bool) error {
	if o.ifMatch == "" {
		return nil
	}
	version, ok := parseETag(o.ifMatch)
	switch {
	case !ok:
		return fhir.Errorf(fhir.KindInvalid, "", "If-Match must be the entity tag of one version, as W/\"3\"")
	case !live:
		return fhir.Errorf(fhir.KindPrecondition, "", "If-Match names a version, but there is no current one")
	case version != row.Version:
		return fhir.Errorf(fhir.KindPrecondition, "", "If-Match names version %d, the current one is %d", version, row.Version)
	}
	return nil
}

// parseETag reads W/"3", and "3" as some clients write it.
func parseETag(tag string) (version uint64, ok bool) {
	if len(tag) > 2 && (tag[:2] == "W/" || tag[:2] == "w/") {
		tag = tag[2:]
	}
	if len(tag) >= 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		tag = tag[1 : len(tag)-1]
	}
	version, err := strconv.ParseUint(tag, 10, 64)
	return version, err == nil
}

// build makes the new version and checks that the caller may leave it so.
func (s *Service) build(c Caller, o *op, at time.Time, edits []fhir.Edit) error {
	o.result = Result{}
	if !o.write {
		return s.unwritten(c, o)
	}
	row := plan.Row{Type: o.typ, ID: o.id, Version: 1, LastUpdated: at.UnixMicro(), Method: "POST"}
	if o.old != nil {
		row.Version = o.old.Version + 1
		row.LastUpdated = max(row.LastUpdated, o.old.LastUpdated) // a clock that was set back makes no history out of order
	}
	if o.letter == search.Delete {
		row.Deleted, row.Method = true, "DELETE"
		o.next = store.Write{Row: row}
		o.result = Result{Effect: NoContent, Row: row}
		return nil
	}
	if o.letter == search.Update {
		row.Method = "PUT"
	}
	stamp := fhir.Stamp{
		ID:          row.ID,
		VersionID:   strconv.FormatUint(row.Version, 10),
		LastUpdated: time.UnixMicro(row.LastUpdated),
		Edits:       edits,
	}
	if o.old != nil && !o.old.Deleted {
		before, err := fhir.Parse(o.old.Body, unlimited)
		if err != nil {
			return fmt.Errorf("parse stored %s/%s: %s", o.typ, o.id, err.Error()) // not the client's fault
		}
		stamp.Keep = before.Root.Get("meta")
	}
	row.Body = o.res.Stamp(stamp)
	next, err := fhir.Parse(row.Body, unlimited)
	if err != nil {
		return fmt.Errorf("parse stamped %s/%s: %s", o.typ, o.id, err.Error())
	}
	if !s.in(c.content(o.letter, o.typ), next) {
		return errContent
	}
	o.next = store.Write{Row: row, Resource: next, Fresh: o.letter == search.Create}
	o.result = Result{Row: row, Readable: s.in(c.allowed(search.Read, o.typ), next)}
	if o.old == nil || o.old.Deleted {
		o.result.Effect = Created
	}
	return nil
}

// unlimited is for what was within the limits when it came in.
var unlimited = fhir.Limits{Depth: math.MaxInt, Bytes: math.MaxInt, Nodes: math.MaxInt}

// unwritten answers an op that writes nothing.
func (s *Service) unwritten(c Caller, o *op) error {
	switch {
	case o.letter == search.Delete:
		o.result = Result{Effect: NoContent}
	case o.found != nil:
		have, err := fhir.Parse(o.found.Body, unlimited)
		if err != nil {
			return fmt.Errorf("parse stored %s/%s: %s", o.typ, o.found.ID, err.Error())
		}
		o.result = Result{Row: *o.found, Readable: s.in(c.allowed(search.Read, o.typ), have)}
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
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return fhir.Errorf(fhir.KindConflict, "", "other requests keep changing the same resource; try again")
}
