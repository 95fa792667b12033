package interaction

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// Pairs reads the parameters of a URL (without "?"), percent-encoding and "+" for a blank resolved; order and
// repetition are kept. The error is of KindInvalid.
func Pairs(query string) ([]search.Pair, error) {
	var pairs []search.Pair
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, fhir.Errorf(fhir.KindInvalid, "", "the percent-encoding of %q is broken", clip(part))
		}
		pairs = append(pairs, search.Pair{Name: name, Value: value})
	}
	return pairs, nil
}

// condition is a search that a write depends on (If-None-Exist, a conditional update, patch or delete, a conditional
// reference). It sees what the caller may search and nothing else.
type condition struct{ query search.Query }

// condition reads the condition of a request from its parameters.
func (s *Service) condition(c Caller, typ, query string) (condition, error) {
	if err := c.grant(search.Search, typ); err != nil {
		return condition{}, err
	}
	pairs, err := Pairs(strings.TrimPrefix(query, "?"))
	if err != nil {
		return condition{}, err
	}
	q, err := search.Parse(typ, pairs, s.options(false))
	if err != nil {
		return condition{}, err
	}
	if q.Type == "" {
		return condition{}, fhir.Errorf(fhir.KindUnknownParam, "http._contained", "a condition is on the resource itself, not on what contains one")
	}
	if q.Where == search.All {
		return condition{}, fhir.Errorf(fhir.KindInvalid, "", "the condition %q names no search parameter", clip(query))
	}
	return condition{q}, nil
}

// find gives the matches, limit at most, and the claim that they still are the matches when the write is committed (of
// two or more: that there are several). With bare the rows have type and id only.
func (s *Service) find(ctx context.Context, src plan.Source, c Caller, when condition, limit int, bare bool) ([]plan.Row, plan.Condition, error) {
	q, err := plan.Resolve(ctx, src, when.query, c.Access, s.Indexer, s.Definitions)
	if err != nil {
		return nil, plan.Condition{}, err
	}
	p, err := plan.Lower(search.GuardCondition(q, c.Access), s.Indexer)
	if err != nil {
		return nil, plan.Condition{}, err
	}
	r, err := plan.Run(ctx, src, p, plan.Window{Limit: limit, Bare: bare})
	if err != nil {
		return nil, plan.Condition{}, err
	}
	ids := make([]string, len(r.Rows))
	for i := range r.Rows {
		ids[i] = r.Rows[i].ID
	}
	return r.Rows, plan.NewCondition(p, ids), nil
}
