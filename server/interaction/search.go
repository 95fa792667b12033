package interaction

import (
	"context"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// SearchOptions are what a search request says outside of its parameters.
type SearchOptions struct {
	Lenient bool // Prefer: handling=lenient: what is not understood is left out, and the Bundle says so
}

// Search runs a search on one type (R4 search.html): a searchset Bundle with self, first and next links. Params are
// those of the URL and of a POST body together, decoded.
func (s *Service) Search(ctx context.Context, c Caller, typ string, params []search.Pair, o SearchOptions) (Result, error) {
	if err := c.grant(search.Search, typ); err != nil {
		return Result{}, err
	}
	q, err := search.Parse(typ, params, s.options(o.Lenient))
	if err != nil {
		return Result{}, err
	}
	p, err := plan.Lower(search.Guard(q, c.Access), s.Indexer)
	if err != nil {
		return Result{}, err
	}
	l := s.list("searchset", typ, c, q.Self)
	w := plan.Window{Limit: s.count(q.Count), Total: q.Total != search.TotalNone}
	if q.CountOnly {
		w.Limit, w.Total = 0, true
	}
	if w.After, err = l.open(q.Page); err != nil {
		return Result{}, err
	}
	snap, err := s.Store.Snapshot(ctx)
	if err != nil {
		return Result{}, err
	}
	defer snap.Close()
	r, err := plan.Run(ctx, snap, p, w)
	if err != nil {
		return Result{}, err
	}
	l.total = r.Total
	l.next = r.Next
	if q.CountOnly {
		l.next = nil
	}
	warnings := append(append(fhir.Errors(nil), q.Ignored...), r.Warnings...)
	b, err := l.begin(size(r.Rows) + size(r.Included))
	if err != nil {
		return Result{}, err
	}
	b = l.resources(b, r.Rows, "match")
	b = l.resources(b, r.Included, "include")
	if len(warnings) > 0 {
		b = l.entry(b)
		b = appendOutcome(append(b, `"resource":`...), "warning", warnings)
		b = append(b, `,"search":{"mode":"outcome"}}`...)
	}
	return Result{Bundle: l.end(b), Warnings: warnings}, nil
}

// count is the size of a page for what _count asked, -1 if it did not.
func (s *Service) count(asked int) int {
	l := s.limits()
	if asked < 0 {
		return l.Page
	}
	return min(asked, l.MaxPage)
}

// resources writes entries of a search result: the stored bytes, as they are.
func (l *list) resources(b []byte, rows []plan.Row, mode string) []byte {
	for _, row := range rows {
		b = l.entry(b)
		b = append(l.appendInstance(append(b, `"fullUrl":"`...), row), `","resource":`...)
		b = append(append(b, row.Body...), `,"search":{"mode":"`...)
		b = append(append(b, mode...), `"}}`...)
	}
	return b
}

func size(rows []plan.Row) int {
	n := 0
	for i := range rows {
		n += len(rows[i].Body) + 200
	}
	return n
}
