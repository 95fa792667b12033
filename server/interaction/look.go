package interaction

import (
	"context"
	"fmt"
	"strconv"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// The answers of conditions that find something else than one resource.
var (
	errNoMatch = fhir.Errorf(fhir.KindNotFound, "", "no resource matches the condition")
	errOwnID   = fhir.Errorf(fhir.KindNotFound, "", "no resource matches the condition, and by this access the server gives the id of a new one: leave it out")
	errTaken   = fhir.Errorf(fhir.KindConflict, "", "no resource matches the condition, and another resource has the id of this one")
)

func (o *op) several() error {
	return fhir.Errorf(fhir.KindMultiple, "", "several resources match the condition %q", clip(o.where))
}

// look reads what o relies on and adds it to commit.
func (s *Service) look(ctx context.Context, src plan.Source, c Caller, o *op, commit *store.Commit) error {
	o.found, o.old, o.gone, o.made, o.write = nil, nil, nil, false, false
	var rows []plan.Row
	if o.conditional {
		limit := 2
		if o.letter == search.Delete && s.ConditionalDelete == DeleteMultiple {
			limit = s.limits().Deletes + 1
		}
		var claim plan.Condition
		var err error
		if rows, claim, err = s.find(ctx, src, c, o.when, limit, o.letter != search.Create); err != nil {
			return err
		}
		commit.Conditions = append(commit.Conditions, claim)
	}
	switch {
	case o.letter == search.Delete:
		return s.lookDelete(ctx, src, c, o, rows, commit)
	case len(rows) > 1:
		return o.several()
	case o.letter == search.Create:
		o.id = o.fresh
		if len(rows) == 1 {
			o.found = &rows[0]
		}
		o.write = o.found == nil && o.twin == nil
		return nil
	case o.conditional && len(rows) == 0:
		return s.lookNothing(ctx, src, c, o, commit)
	case o.conditional:
		o.id = rows[0].ID
		if o.change == nil && o.res.ID != "" && o.res.ID != o.id {
			return fhir.Errorf(fhir.KindInvalid, o.typ+".id", "the id of the resource is %q, that of the match %q", o.res.ID, o.id)
		}
	}
	return s.lookUpdate(ctx, src, c, o, commit)
}

// lookNothing is an update or a patch whose condition finds nothing (R4 http.html#cond-update): an update creates, with
// an id of ours, or with the client's where the access lets clients choose ids (access.md D2).
func (s *Service) lookNothing(ctx context.Context, src plan.Source, c Caller, o *op, commit *store.Commit) error {
	if o.change != nil {
		return errNoMatch
	}
	if err := c.grant(search.Create, o.typ); err != nil {
		return err
	}
	if err := o.matches(plan.Row{}, false); err != nil {
		return err
	}
	o.id, o.made, o.write = o.fresh, true, true
	if o.res.ID == "" {
		return nil
	}
	if !c.updateCreates(o.typ) {
		return errOwnID
	}
	o.id = o.res.ID
	row, found, err := s.instance(ctx, src, c, search.Update, o.typ, o.id)
	switch {
	case err != nil:
		return err
	case found && !row.Deleted:
		return errTaken
	}
	o.relies(row, found, commit)
	return nil
}

// relies makes row the version before, if there is one.
func (o *op) relies(row plan.Row, found bool, commit *store.Commit) {
	read := store.Read{Type: o.typ, ID: o.id}
	if found {
		o.old, read.Version = &row, row.Version
	}
	commit.Reads = append(commit.Reads, read)
	o.write = true
}

func (s *Service) lookUpdate(ctx context.Context, src plan.Source, c Caller, o *op, commit *store.Commit) error {
	row, found, err := s.instance(ctx, src, c, search.Update, o.typ, o.id)
	if err != nil {
		return err
	}
	live := found && !row.Deleted
	if !live && (o.conditional || o.change != nil || !c.updateCreates(o.typ)) {
		return s.outOfReach(ctx, src, c, o)
	}
	if o.reads {
		if _, found, err = s.instance(ctx, src, c, search.Read, o.typ, o.id); err != nil {
			return err
		} else if !found {
			return o.unread()
		}
	}
	if err := o.matches(row, live); err != nil {
		return err
	}
	if o.change != nil {
		if err := s.changed(o, row); err != nil {
			return err
		}
	}
	o.relies(row, found, commit)
	return nil
}

// outOfReach is the error of a write to an instance that its letter does not show: forbidden if it is visible, by r or
// because the condition found it; otherwise the same as if it were absent.
func (s *Service) outOfReach(ctx context.Context, src plan.Source, c Caller, o *op) error {
	if o.conditional {
		return errReach
	}
	if c.allowed(search.Read, o.typ) == search.None {
		return errNotFound
	}
	row, found, err := s.instance(ctx, src, c, search.Read, o.typ, o.id)
	switch {
	case err != nil:
		return err
	case found && !row.Deleted:
		return errReach
	}
	return errNotFound
}

// unread is the error of a patch of what the caller may update and not read.
func (o *op) unread() error {
	if o.conditional {
		return errReach
	}
	return errNotFound
}

// changed makes the new content from the version before. The server's own copy is changed, so nothing is omitted: what
// a patch takes out of meta does not stay, as it does in an update.
func (s *Service) changed(o *op, row plan.Row) error {
	before, err := fhir.Parse(row.Body, unlimited)
	if err != nil {
		return fmt.Errorf("parse stored %s/%s: %s", o.typ, o.id, err.Error()) // not the client's fault
	}
	if o.res, err = o.change(before); err != nil {
		return err
	}
	switch {
	case o.res.Type != o.typ:
		return fhir.Errorf(fhir.KindInvalid, "resourceType", "a patch cannot change the type of the resource")
	case o.res.ID != o.id:
		return fhir.Errorf(fhir.KindInvalid, o.typ+".id", "a patch cannot change the id of the resource")
	}
	if o.entry != nil {
		o.refs = added(before, o.res)
	}
	if o.reads { // labels were checked themselves; faults of the rest would tell its content to who may not read it
		return s.valid(o.res)
	}
	return nil
}

func (s *Service) lookDelete(ctx context.Context, src plan.Source, c Caller, o *op, rows []plan.Row, commit *store.Commit) error {
	ids := []string{o.id}
	if o.conditional {
		ids = ids[:0]
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
	}
	switch {
	case len(ids) > 1 && (s.ConditionalDelete != DeleteMultiple || o.ifMatch != ""):
		return o.several()
	case len(ids) > s.limits().Deletes:
		return fhir.Errorf(fhir.KindTooCostly, "", "more than %d resources match the condition %q: narrow it", s.limits().Deletes, clip(o.where))
	}
	for _, id := range ids {
		row, found, err := s.instance(ctx, src, c, search.Delete, o.typ, id)
		if err != nil {
			return err
		}
		if !found || row.Deleted {
			if err := s.outOfReach(ctx, src, c, o); err != errNotFound {
				return err
			}
			continue // nothing to delete, and that is no fault
		}
		if err := o.matches(row, true); err != nil {
			return err
		}
		o.gone, o.write = append(o.gone, row), true
		commit.Reads = append(commit.Reads, store.Read{Type: o.typ, ID: id, Version: row.Version})
	}
	return nil
}

// matches checks If-Match and If-None-Match against the current version.
func (o *op) matches(row plan.Row, live bool) error {
	if o.ifNoneMatch != "" && live {
		return fhir.Errorf(fhir.KindPrecondition, "", "If-None-Match asks that there be none, but there is version %d", row.Version)
	}
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
