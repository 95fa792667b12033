package interaction

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// HistoryInstance gives the versions of one instance, newest first (R4 http.html#history), as a history Bundle. It
// knows _count, _since and the _page of its own links. KindNotFound as in Read; a deleted instance has a history.
func (s *Service) HistoryInstance(ctx context.Context, c Caller, typ, id string, params []search.Pair) (Result, error) {
	if err := c.grant(search.Read, typ); err != nil {
		return Result{}, err
	}
	p, err := plan.Lower(search.GuardRead(typ, id, search.Read, c.Access), s.Indexer)
	if err != nil {
		return Result{}, err
	}
	return s.history(ctx, c, typ+"/"+id+"/_history", params, func(src plan.Source, h past, w plan.Window) (plan.Page, error) {
		page, found, err := plan.Versions(ctx, src, p, w)
		if err == nil && !found {
			err = errNotFound
		}
		return h.cut(page), err
	})
}

// HistoryType gives the versions of all instances of a type, newest first. It needs s.
func (s *Service) HistoryType(ctx context.Context, c Caller, typ string, params []search.Pair) (Result, error) {
	if err := c.grant(search.Search, typ); err != nil {
		return Result{}, err
	}
	return s.historyOf(ctx, c, typ+"/_history", []string{typ}, params)
}

// HistorySystem gives the versions of all types that the caller has s on, newest first; KindForbidden if there is none.
func (s *Service) HistorySystem(ctx context.Context, c Caller, params []search.Pair) (Result, error) {
	types := c.searchable()
	if types == nil {
		return Result{}, errNoSearch
	}
	return s.historyOf(ctx, c, "_history", types, params)
}

func (s *Service) historyOf(ctx context.Context, c Caller, path string, types []string, params []search.Pair) (Result, error) {
	p, err := plan.Lower(search.GuardHistory(types, c.Access), s.Indexer)
	if err != nil {
		return Result{}, err
	}
	return s.history(ctx, c, path, params, func(src plan.Source, h past, w plan.Window) (plan.Page, error) {
		return plan.History(ctx, src, p, h.since, w)
	})
}

// past are the parameters of a history.
type past struct {
	count int
	since int64 // microseconds, inclusive; 0 is the beginning
	page  string
	self  []search.Pair
}

func (s *Service) history(ctx context.Context, c Caller, path string, params []search.Pair,
	get func(plan.Source, past, plan.Window) (plan.Page, error)) (Result, error) {
	h, err := s.past(params)
	if err != nil {
		return Result{}, err
	}
	l := s.list("history", path, c, h.self)
	w := plan.Window{Limit: h.count}
	if h.count == 0 {
		w.Total = true
	}
	if w.After, err = l.open(h.page); err != nil {
		return Result{}, err
	}
	snap, err := s.Store.Snapshot(ctx)
	if err != nil {
		return Result{}, err
	}
	defer snap.Close()
	page, err := get(snap, h, w)
	if err != nil {
		return Result{}, err
	}
	l.next, l.total = page.Next, page.Total
	if h.count == 0 {
		l.next = nil
	} else if h.page == "" && page.Next == nil {
		l.total = len(page.Rows)
	}
	b, err := l.begin(size(page.Rows) + 200*len(page.Rows))
	if err != nil {
		return Result{}, err
	}
	return Result{Bundle: l.end(l.versions(b, page.Rows))}, nil
}

// past reads the parameters of a history. What every request may have (_format, _pretty) is left to the outside.
func (s *Service) past(params []search.Pair) (h past, err error) {
	h.count = s.count(-1)
	for _, p := range params {
		switch p.Name {
		case "_format", "_pretty":
			continue
		case "_page":
			h.page = p.Value
			continue
		case "_count":
			n, err := strconv.Atoi(p.Value)
			if err != nil || n < 0 {
				return h, fhir.Errorf(fhir.KindInvalid, "http._count", "_count is a whole number from 0")
			}
			h.count = s.count(n)
		case "_since":
			at, err := fhir.ParseDateTime(p.Value, nil)
			if err != nil {
				return h, fhir.Errorf(fhir.KindInvalid, "http._since", "_since is an instant, as 2026-11-22T08:00:00Z")
			}
			h.since = at.Low
		default:
			return h, fhir.Errorf(fhir.KindUnknownParam, "http."+clip(p.Name), "a history has no parameter %q, only _count and _since", clip(p.Name))
		}
		h.self = append(h.self, p)
	}
	return h, nil
}

// cut leaves out the versions before since: what comes after the first such one is older still.
func (h past) cut(page plan.Page) plan.Page {
	if h.since != 0 {
		page.Total = -1 // counts the older ones, too
	}
	for i, row := range page.Rows {
		if row.LastUpdated < h.since {
			page.Rows, page.Next = page.Rows[:i], nil
			break
		}
	}
	return page
}

// versions writes the entries of a history (R4 bundle.html#history).
func (l *list) versions(b []byte, rows []plan.Row) []byte {
	for _, row := range rows {
		b = l.entry(b)
		b = append(l.appendInstance(append(b, `"fullUrl":"`...), row), '"')
		if !row.Deleted {
			b = append(append(b, `,"resource":`...), row.Body...)
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
	return b
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
