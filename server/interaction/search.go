package interaction

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/conformance/subset"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store/audit"
)

// Handling is what becomes of what a search does not understand (R4 search.html#errors).
type Handling uint8

// The ways of handling.
const (
	HandlingDefault Handling = iota // what Service.Lenient says
	HandlingStrict                  // an error
	HandlingLenient                 // it is left out, and the Bundle says so
)

// searching are the options of a search: what it says without a value counts nothing (R4 search.html#errors).
func (s *Service) searching(h Handling) search.Options {
	o := s.options(h == HandlingLenient || h == HandlingDefault && s.Lenient)
	o.SkipEmpty = true
	return o
}

// SearchOptions are what a search request says outside of its parameters.
type SearchOptions struct {
	Handling Handling
}

// Search runs a search on one type (R4 search.html): a searchset Bundle with self, first, previous and next links.
// Params are those of the URL and of a POST body together, decoded.
func (s *Service) Search(ctx context.Context, c Caller, typ string, params []search.Pair, o SearchOptions) (_ Result, err error) {
	note := s.asked(ctx, "search-type", typ, "", params)
	defer answered(note, &err)
	if err := c.grant(search.Search, typ); err != nil {
		return Result{}, err
	}
	q, err := search.Parse(typ, params, s.searching(o.Handling))
	if err != nil {
		return Result{}, err
	}
	return s.search(ctx, c, typ, q, note)
}

// SearchSystem runs a search on several types: those that _type names, or all. Without _sort the types come one after
// the other, by name; with it in the order of its keys, which all of them must have. Types that the caller has no s on
// contribute nothing; KindForbidden if there is no other.
func (s *Service) SearchSystem(ctx context.Context, c Caller, params []search.Pair, o SearchOptions) (_ Result, err error) {
	note := s.asked(ctx, "search-system", "", "", params)
	defer answered(note, &err)
	return s.searchTypes(ctx, c, "", note, stored(r4.Resources()), params, s.searching(o.Handling), nil)
}

// SearchCompartment runs a search among the members of a compartment (R4 http.html#vsearch): of one type, or, with typ
// "*", of all that can be members, as SearchSystem. It does not ask whether the compartment's own resource is there.
func (s *Service) SearchCompartment(ctx context.Context, c Caller, compartment fhir.Reference, typ string, params []search.Pair, o SearchOptions) (_ Result, err error) {
	note := s.asked(ctx, "search-type", typ, "", params)
	defer answered(note, &err)
	note.In(compartment)
	path := compartment.String() + "/" + typ
	members := compartments.Types(compartment.Type)
	switch {
	case members == nil:
		return Result{}, fhir.Errorf(fhir.KindNotSupported, "", "%s has no compartment: %v have", clip(compartment.Type), compartments.Compartments())
	case !fhir.ValidID(compartment.ID):
		return Result{}, fhir.Errorf(fhir.KindInvalid, "", "%q is no id", clip(compartment.ID))
	case typ == "*":
		return s.searchTypes(ctx, c, path, note, stored(members), params, s.searching(o.Handling), &compartment)
	case !slices.Contains(members, typ):
		return Result{}, fhir.Errorf(fhir.KindNotSupported, "", "%s is not in the compartment of a %s", clip(typ), compartment.Type)
	}
	if err := c.grant(search.Search, typ); err != nil {
		return Result{}, err
	}
	q, err := search.Parse(typ, params, s.searching(o.Handling))
	if err != nil {
		return Result{}, err
	}
	return s.search(ctx, c, path, q.Within(compartment), note)
}

// stored are those of the types that can be stored.
func stored(types []string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(typ string) bool { return !r4.Searchable(typ) })
}

func (s *Service) searchTypes(ctx context.Context, c Caller, path string, note *audit.Doing, types []string, params []search.Pair, o search.Options, within *fhir.Reference) (Result, error) {
	granted := func(typ string) bool { return c.allowed(search.Search, typ) != search.None }
	if !slices.ContainsFunc(types, granted) {
		return Result{}, errNoSearch
	}
	q, err := search.ParseTypes(types, params, o)
	if err != nil {
		return Result{}, err
	}
	if !slices.ContainsFunc(q.Branches, func(b search.Branch) bool { return granted(b.Type) }) {
		return Result{}, errNoSearch
	}
	if within != nil {
		q = q.Within(*within)
	}
	return s.search(ctx, c, path, q, note)
}

// search answers a query.
func (s *Service) search(ctx context.Context, c Caller, path string, q search.Query, note *audit.Doing) (Result, error) {
	begun := time.Now()
	if q.Explain != search.ExplainNot && !c.Explain {
		return Result{}, fhir.Errorf(fhir.KindForbidden, "http._explain", "_explain is for administrators and for a sandbox")
	}
	l := s.list("searchset", path, c, q.Self)
	if err := l.open(q.Page); err != nil {
		return Result{}, err
	}
	w := l.window(plan.Window{Limit: s.count(q.Count), Total: q.Total != search.TotalNone}, false)
	// All types are all that is stored. Who asks for the events of the audit log, too, says so: they are more than all else.
	w.Stored = q.Type == "" && !slices.ContainsFunc(q.Self, func(p search.Pair) bool { return p.Name == "_type" })
	// To whom nothing is hidden the page may tell how far it has looked.
	w.Part = q.Type == "AuditEvent" && !w.Total && c.allowed(search.Search, q.Type) == search.All
	if q.CountOnly {
		w.Limit, w.Total = 0, true
	} else if q.Max >= 0 && !l.from.back {
		w.Limit = min(w.Limit, max(q.Max-l.from.seen, 0))
	}
	snap, c, err := s.open(ctx, c)
	if err != nil {
		return Result{}, err
	}
	defer snap.Close()
	if q, err = plan.Resolve(ctx, snap, q, c.Access, s.Indexer, s.Definitions); err != nil {
		return Result{}, err
	}
	g := search.Guard(q, c.Access)
	p, err := plan.Lower(g, s.Indexer)
	if err != nil {
		return Result{}, err
	}
	var src plan.Source = snap
	meter := &plan.Meter{Source: snap}
	if q.Explain != search.ExplainNot {
		src = meter
	}
	r, err := plan.Run(ctx, src, p, w)
	if err != nil {
		return Result{}, err
	}
	note.Saw(r.Rows)
	note.Saw(r.Included)
	l.total = r.Total
	if q.Contained {
		l.total, l.parts = -1, g.Contained
	}
	if !q.CountOnly {
		l.turn(&r.Page)
	}
	if q.Max >= 0 && l.next != nil && l.next.seen >= q.Max {
		l.next = nil
	}
	out := Result{Warnings: append(append(fhir.Errors(nil), q.Ignored...), r.Warnings...)}
	if q.Explain != search.ExplainNot {
		out.Explanation = explain(q, g, p, meter, &r, time.Since(begun))
		out.Explanation.form = q.Explain
	}
	out.Bundle, err = l.searchset(&r, q.Subset, out)
	return out, err
}

// searchset writes the Bundle of a search.
func (l *list) searchset(r *plan.Result, part subset.Subset, out Result) ([]byte, error) {
	b, err := l.begin(size(r.Rows) + size(r.Included))
	if err != nil {
		return nil, err
	}
	if l.parts != nil {
		b, err = l.contained(b, r.Rows, part)
	} else {
		b, err = l.resources(b, r.Rows, "match", part)
	}
	if err != nil {
		return nil, err
	}
	if b, err = l.resources(b, r.Included, "include", part.OfIncluded()); err != nil {
		return nil, err
	}
	if len(out.Warnings) > 0 {
		b = l.outcome(b, "warning", out.Warnings)
	}
	if out.Explanation != nil {
		b = l.outcome(b, "information", out.Explanation.issues())
	}
	return l.end(b), nil
}

// outcome writes an entry that says something of the search itself.
func (l *list) outcome(b []byte, severity string, es fhir.Errors) []byte {
	b = appendOutcome(append(l.entry(b), `"resource":`...), severity, es)
	return append(b, `,"search":{"mode":"outcome"}}`...)
}

// count is the size of a page for what _count asked, -1 if it did not.
func (s *Service) count(asked int) int {
	l := s.limits()
	if asked < 0 {
		return l.Page
	}
	return min(asked, l.MaxPage)
}

// resources writes entries of a search result: the stored bytes, as they are, or a part of them.
func (l *list) resources(b []byte, rows []plan.Row, mode string, part subset.Subset) (_ []byte, err error) {
	for _, row := range rows {
		b = l.entry(b)
		b = append(l.appendInstance(append(b, `"fullUrl":"`...), row), `","resource":`...)
		if b, err = part.Append(b, row.Body); err != nil {
			return nil, err
		}
		b = append(append(append(b, `,"search":{"mode":"`...), mode...), `"}}`...)
	}
	return b, nil
}

// contained writes, of matches, themselves and what is inside of them, each if it was found (R4 search.html#contained).
func (l *list) contained(b []byte, rows []plan.Row, part subset.Subset) ([]byte, error) {
	for _, row := range rows {
		res, err := fhir.Parse(row.Body, unlimited)
		if err != nil {
			return nil, fmt.Errorf("parse stored %s/%s: %w", row.Type, row.ID, err)
		}
		itself, inside := l.parts(search.World{Index: l.Indexer}, res)
		if itself {
			if b, err = l.resources(b, []plan.Row{row}, "match", part); err != nil {
				return nil, err
			}
		}
		for _, r := range inside {
			b = appendString(append(l.entry(b), `"fullUrl":`...), string(l.appendInstance(nil, row))+"#"+r.ID)
			if b, err = part.Append(append(b, `,"resource":`...), r.Bytes); err != nil {
				return nil, err
			}
			b = append(b, `,"search":{"mode":"match"}}`...)
		}
	}
	return b, nil
}

func size(rows []plan.Row) int {
	n := 0
	for i := range rows {
		n += len(rows[i].Body) + 200
	}
	return n
}
