package interaction

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// build makes the new version and checks that the caller may leave it so.
func (s *Service) build(ctx context.Context, src plan.Source, c Caller, o *op, at time.Time, edits []fhir.Edit) error {
	o.result, o.next, o.claims = Result{}, nil, nil
	switch {
	case o.letter == search.Delete:
		o.delete(at)
		return nil
	case !o.write:
		return s.unwritten(ctx, src, c, o)
	}
	row := o.version(o.old, at)
	stamp := fhir.Stamp{
		ID:          row.ID,
		VersionID:   strconv.FormatUint(row.Version, 10),
		LastUpdated: time.UnixMicro(row.LastUpdated),
		Edits:       edits,
	}
	if o.old != nil && !o.old.Deleted && o.change == nil {
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
	letter := o.letter
	if o.made {
		letter = search.Create
	}
	if !s.in(c.content(letter, o.typ), next) {
		return errContent
	}
	if err := s.attachable(ctx, src, c, o, letter, next); err != nil {
		return err
	}
	o.next = []store.Write{{Row: row, Resource: next, Fresh: o.id == o.fresh}}
	if o.old != nil {
		o.next[0].Before = o.old.Body
	}
	readable, err := s.readable(ctx, src, c, next)
	if err != nil {
		return err
	}
	o.result = Result{Row: row, Readable: readable}
	if o.old == nil || o.old.Deleted {
		o.result.Effect = Created
	}
	if o.meta && o.result.Readable {
		o.result.Parameters = metaParameters(next)
	}
	return nil
}

// attachable refuses content that has a Binary as an attachment which the caller does not see: it would show it (access.md
// D8). What the version before had, and what the same change writes, may be there. Hidden and absent are one answer.
func (s *Service) attachable(ctx context.Context, src plan.Source, c Caller, o *op, letter search.Interaction, next *fhir.Resource) error {
	w, link := search.World{Index: s.Indexer}, index.Link(o.typ)
	refs := w.References(link, next)
	if len(refs) == 0 || o.typ == "Binary" || s.in(c.attaches(letter, o.typ), next) {
		return nil
	}
	before := map[string]bool{}
	if o.old != nil && !o.old.Deleted {
		old, err := fhir.Parse(o.old.Body, unlimited)
		if err != nil {
			return fmt.Errorf("parse stored %s/%s: %s", o.typ, o.id, err.Error())
		}
		for _, r := range w.References(link, old) {
			before[r.String()] = true
		}
	}
	for _, r := range refs {
		if !r.Local() || before[r.String()] || o.beside[r.String()] {
			continue
		}
		p, err := plan.Lower(search.GuardSeen(r.Type, search.ID(r.ID), c.Access), s.Indexer)
		if err != nil {
			return err
		}
		page, err := plan.Run(ctx, src, p, plan.Window{Limit: 1, Bare: true})
		if err != nil {
			return err
		}
		if len(page.Rows) == 0 {
			return errAttached
		}
		o.claims = append(o.claims, plan.NewCondition(p, []string{r.ID})) // until the commit
	}
	return nil
}

// version is the row of the version that comes after old.
func (o *op) version(old *plan.Row, at time.Time) plan.Row {
	row := plan.Row{Type: o.typ, ID: o.id, Version: 1, LastUpdated: at.UnixMicro()}
	if old != nil {
		row.ID, row.Version = old.ID, old.Version+1
		row.LastUpdated = max(row.LastUpdated, old.LastUpdated) // a clock that was set back makes no history out of order
	}
	switch {
	case o.letter == search.Delete:
		row.Deleted, row.Method = true, "DELETE"
	case o.reads:
		row.Method = "PATCH"
	case o.id == o.fresh:
		row.Method = "POST"
	default:
		row.Method = "PUT"
	}
	return row
}

// delete makes the tombstones.
func (o *op) delete(at time.Time) {
	o.result = Result{Effect: NoContent, Count: len(o.gone)}
	for i := range o.gone {
		row := o.version(&o.gone[i], at)
		o.next = append(o.next, store.Write{Row: row, Before: o.gone[i].Body})
		if len(o.gone) == 1 {
			o.result.Row = row
		}
	}
}

// unlimited is for what was within the limits when it came in.
var unlimited = fhir.Limits{Depth: math.MaxInt, Bytes: math.MaxInt, Nodes: math.MaxInt}

// unwritten answers a create that writes nothing.
func (s *Service) unwritten(ctx context.Context, src plan.Source, c Caller, o *op) error {
	if o.found == nil {
		return nil // its twin answers
	}
	have, err := fhir.Parse(o.found.Body, unlimited)
	if err != nil {
		return fmt.Errorf("parse stored %s/%s: %s", o.typ, o.found.ID, err.Error())
	}
	readable, err := s.readable(ctx, src, c, have)
	o.result = Result{Row: *o.found, Readable: readable}
	return err
}
