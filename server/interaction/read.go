package interaction

import (
	"context"
	"slices"
	"strconv"

	"github.com/firewarden/firewarden/conformance/subset"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// Read gives the current version (R4 http.html#read). KindNotFound: it does not exist or the caller may not see it,
// in the same bytes; KindDeleted: it was deleted and its last version was visible; KindForbidden: no scope names the
// type with r. Of params only _summary and _elements count: what is answered of the resource.
func (s *Service) Read(ctx context.Context, c Caller, typ, id string, params ...search.Pair) (Result, error) {
	return s.read(ctx, c, "read", typ, id, params, plan.ReadOne)
}

// VRead gives one version (R4 http.html#vread), if that version and the current one are visible. KindDeleted where
// the version is a deletion. Params are those of Read.
func (s *Service) VRead(ctx context.Context, c Caller, typ, id, version string, params ...search.Pair) (Result, error) {
	return s.read(ctx, c, "vread", typ, id, params, func(ctx context.Context, src plan.Source, p plan.Plan) (plan.Row, bool, error) {
		n, err := strconv.ParseUint(version, 10, 64)
		if err != nil || version[0] == '0' || version[0] == '+' {
			return plan.Row{}, false, nil // no such version
		}
		return plan.Version(ctx, src, p, n)
	})
}

func (s *Service) read(ctx context.Context, c Caller, code, typ, id string, params []search.Pair,
	get func(context.Context, plan.Source, plan.Plan) (plan.Row, bool, error)) (out Result, err error) {
	note := s.asked(ctx, code, typ, id, params)
	defer answered(note, &err)
	if err := c.grant(search.Read, typ); err != nil {
		return Result{}, err
	}
	part, err := readPart(typ, params)
	if err != nil {
		return Result{}, err
	}
	snap, c, err := s.open(ctx, c)
	if err != nil {
		return Result{}, err
	}
	defer snap.Close()
	p, err := plan.Lower(search.GuardRead(typ, id, search.Read, c.Access), s.Indexer)
	if err != nil {
		return Result{}, err
	}
	row, found, err := get(ctx, snap, p)
	switch {
	case err != nil:
		return Result{}, err
	case !found:
		return Result{}, errNotFound
	case row.Deleted:
		return Result{}, errGone
	}
	note.Saw([]plan.Row{row})
	if !part.Whole() {
		if row.Body, err = part.Append(nil, row.Body); err != nil {
			return Result{}, err
		}
	}
	return Result{Row: row, Readable: true}, nil
}

// readPart is what a read is to answer of the resource.
func readPart(typ string, params []search.Pair) (subset.Subset, error) {
	if len(params) == 0 {
		return subset.Subset{}, nil
	}
	if slices.Contains(params, search.Pair{Name: "_summary", Value: "count"}) {
		return subset.Subset{}, fhir.Errorf(fhir.KindValue, "http._summary", "a read has no _summary=count")
	}
	return search.ParseSubset([]string{typ}, params)
}
