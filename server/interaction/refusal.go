package interaction

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// Refusal is why the interaction of a letter would not be let through to the instance at hand, with the content that it
// has: the error of the answer, or nil. To read it, to find it by a search, to update it to what it is, to delete it, to
// create one like it. What decides are the functions that answer. The caller's access is settled on src; an error of
// KindException is the server's own.
func (s *Service) Refusal(ctx context.Context, src plan.Source, c Caller, i search.Interaction, in Instance) error {
	row := in.Row
	if err := c.grant(i, row.Type); err != nil {
		return err
	}
	o := &op{letter: i, typ: row.Type, id: row.ID}
	if i != search.Create {
		now, found, err := s.instance(ctx, src, c, i, row.Type, row.ID)
		switch {
		case err != nil:
			return err
		case found && now.Deleted:
			return errGone
		case !found && (i == search.Read || i == search.Search):
			return errNotFound
		case !found:
			return s.outOfReach(ctx, src, c, o)
		}
		o.old = &now
	}
	if i != search.Create && i != search.Update {
		return nil
	}
	next, err := s.Written(i, in)
	switch {
	case err != nil:
		return err
	case !s.in(c.content(i, row.Type), next):
		return errContent
	}
	return s.attachable(ctx, src, c, o, i, next)
}

// Written is the content as it would be written now: by a create under another id, by an update as the next version.
func (s *Service) Written(i search.Interaction, in Instance) (*fhir.Resource, error) {
	o := &op{letter: i, typ: in.Row.Type, id: in.Row.ID}
	old := &in.Row
	if i == search.Create {
		o.id, old = s.newID(), nil
	}
	row := o.version(old, s.now())
	body := in.Content.Stamp(fhir.Stamp{ID: row.ID, VersionID: strconv.FormatUint(row.Version, 10), LastUpdated: time.UnixMicro(row.LastUpdated)})
	next, err := fhir.Parse(body, unlimited)
	if err != nil {
		return nil, fmt.Errorf("parse stamped %s/%s: %s", row.Type, row.ID, err.Error())
	}
	return next, nil
}

// Instance is an instance for an explanation, whoever may see it.
type Instance struct {
	Row     plan.Row       // the current version
	Content *fhir.Resource // of the current version; of a deleted one, of the last that was none
}

// Instance gives what is to be explained; found is false if there is none of that type and id. Who asks has been let in
// to know.
func (s *Service) Instance(ctx context.Context, src plan.Source, typ, id string) (in Instance, found bool, err error) {
	p, err := plan.Lower(search.GuardRead(typ, id, search.Read, explaining{}), s.Indexer)
	if err != nil {
		return in, false, err
	}
	if in.Row, found, err = plan.ReadOne(ctx, src, p); err != nil || !found {
		return in, false, err
	}
	live := in.Row
	for live.Deleted {
		if live, found, err = plan.Version(ctx, src, p, live.Version-1); err != nil || !found {
			return in, false, err
		}
	}
	if in.Content, err = fhir.Parse(live.Body, unlimited); err != nil {
		return in, false, fmt.Errorf("parse stored %s/%s: %s", typ, id, err.Error())
	}
	return in, true, nil
}

// explaining is the access under which explanations look at what they explain, by the letter r.
type explaining struct{}

// Allowed implements search.Access.
func (explaining) Allowed(i search.Interaction, _ string) search.Expr {
	return search.Const(i == search.Read)
}
