package interaction

import (
	"context"
	"net/http"
	"time"

	"github.com/firewarden/firewarden/conformance/subset"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store/audit"
)

// HistoryInstance gives the versions of one instance, newest first (R4 http.html#history), as a history Bundle. It
// knows _count, _since, _at, _sort, _summary, _elements and the _page of its own links. KindNotFound as in Read; a
// deleted instance has a history.
func (s *Service) HistoryInstance(ctx context.Context, c Caller, typ, id string, params []search.Pair) (_ Result, err error) {
	note := s.asked(ctx, "history-instance", typ, id, params)
	defer answered(note, &err)
	if err := c.grant(search.Read, typ); err != nil {
		return Result{}, err
	}
	return s.history(ctx, c, note, typ+"/"+id+"/_history", []string{typ}, params, func(src plan.Source, a search.Access, t plan.Times, w plan.Window) (plan.Page, error) {
		p, err := plan.Lower(search.GuardRead(typ, id, search.Read, a), s.Indexer)
		if err != nil {
			return plan.Page{}, err
		}
		page, found, err := plan.Versions(ctx, src, p, t, w)
		if err == nil && !found {
			err = errNotFound
		}
		return page, err
	})
}

// HistoryType gives the versions of all instances of a type, newest first. It needs s.
func (s *Service) HistoryType(ctx context.Context, c Caller, typ string, params []search.Pair) (_ Result, err error) {
	note := s.asked(ctx, "history-type", typ, "", params)
	defer answered(note, &err)
	if err := c.grant(search.Search, typ); err != nil {
		return Result{}, err
	}
	return s.historyOf(ctx, c, note, typ+"/_history", []string{typ}, params)
}

// HistorySystem gives the versions of all types that the caller has s on, newest first; KindForbidden if there is none.
func (s *Service) HistorySystem(ctx context.Context, c Caller, params []search.Pair) (_ Result, err error) {
	note := s.asked(ctx, "history-system", "", "", params)
	defer answered(note, &err)
	types := c.searchable()
	if types == nil {
		return Result{}, errNoSearch
	}
	return s.historyOf(ctx, c, note, "_history", types, params)
}

func (s *Service) historyOf(ctx context.Context, c Caller, note *audit.Doing, path string, types []string, params []search.Pair) (Result, error) {
	return s.history(ctx, c, note, path, types, params, func(src plan.Source, a search.Access, t plan.Times, w plan.Window) (plan.Page, error) {
		p, err := plan.Lower(search.GuardHistory(types, a), s.Indexer)
		if err != nil {
			return plan.Page{}, err
		}
		return plan.History(ctx, src, p, t, w)
	})
}

func (s *Service) history(ctx context.Context, c Caller, note *audit.Doing, path string, types []string, params []search.Pair,
	get func(plan.Source, search.Access, plan.Times, plan.Window) (plan.Page, error)) (Result, error) {
	h, err := s.past(types, params)
	if err != nil {
		return Result{}, err
	}
	l := s.list("history", path, c, h.self)
	if err := l.open(h.page); err != nil {
		return Result{}, err
	}
	snap, c, err := s.open(ctx, c)
	if err != nil {
		return Result{}, err
	}
	defer snap.Close()
	page, err := get(snap, c.Access, h.Times, l.window(plan.Window{Limit: h.count, Total: h.count == 0}, h.ascending))
	if err != nil {
		return Result{}, err
	}
	note.Saw(page.Rows)
	if l.total = page.Total; h.count > 0 {
		l.turn(&page)
		if h.page == "" && page.Next == nil {
			l.total = len(page.Rows)
		}
	}
	b, err := l.begin(size(page.Rows) + 200*len(page.Rows))
	if err != nil {
		return Result{}, err
	}
	if b, err = l.versions(b, page.Rows, h.part); err != nil {
		return Result{}, err
	}
	return Result{Bundle: l.end(b)}, nil
}

// versions writes the entries of a history (R4 bundle.html#history).
func (l *list) versions(b []byte, rows []plan.Row, part subset.Subset) (_ []byte, err error) {
	for _, row := range rows {
		b = l.entry(b)
		b = append(l.appendInstance(append(b, `"fullUrl":"`...), row), '"')
		if !row.Deleted {
			if b, err = part.Append(append(b, `,"resource":`...), row.Body); err != nil {
				return nil, err
			}
		}
		b = append(append(append(b, `,"request":{"method":"`...), row.Method...), `","url":"`...)
		b = append(b, row.Type...)
		if row.Method != "POST" {
			b = append(append(b, '/'), row.ID...)
		}
		b = append(b, `"},`...)
		b = appendStatus(b, pastStatus(row))
		b = appendString(append(b, `,"etag":`...), ETag(row.Version))
		b = append(b, `,"lastModified":"`...)
		b = append(fhir.AppendInstant(b, time.UnixMicro(row.LastUpdated)), `"}}`...)
	}
	return b, nil
}

// pastStatus is the status that the interaction had which made the version.
func pastStatus(row plan.Row) int {
	switch {
	case row.Deleted:
		return http.StatusNoContent
	case row.Version == 1:
		return http.StatusCreated
	}
	return http.StatusOK
}
