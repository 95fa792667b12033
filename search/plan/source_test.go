package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// log is a plan.Source over a list of versions, oldest first; a body of "" is a deletion.
type log struct {
	rows    []plan.Row
	selects int   // calls of Select
	lists   []int // limits of the lists for joins: of Targets, and of Select for ids of several
}

// put writes the next version of an instance.
func (l *log) put(typ, id, rest string) {
	r := plan.Row{Type: typ, ID: id, Version: 1, LastUpdated: int64(len(l.rows) + 1), Deleted: rest == ""}
	for i := range l.rows {
		if l.rows[i].Type == typ && l.rows[i].ID == id {
			r.Version++
		}
	}
	if !r.Deleted {
		r.Body = fmt.Appendf(nil, `{"resourceType":%q,"id":%q%s}`, typ, id, rest)
	}
	l.rows = append(l.rows, r)
}

// delete writes a tombstone.
func (l *log) delete(typ, id string) { l.put(typ, id, "") }

func (l *log) Read(_ context.Context, k plan.Key) (plan.Row, bool, error) {
	for _, r := range slices.Backward(l.rows) {
		if r.Type == k.Type() && r.ID == k.ID() {
			return r, true, nil
		}
	}
	return plan.Row{}, false, nil
}

func (l *log) Params(context.Context) (*parameters.Set, error) { return nil, nil }

func (l *log) Version(_ context.Context, k plan.Key, version uint64) (plan.Row, bool, error) {
	for _, r := range l.rows {
		if r.Type == k.Type() && r.ID == k.ID() && r.Version == version {
			return r, true, nil
		}
	}
	return plan.Row{}, false, nil
}

func (l *log) Versions(_ context.Context, k plan.Key, w plan.Window) (plan.Page, error) {
	return l.page(w, func(r *plan.Row) (bool, error) { return r.Type == k.Type() && r.ID == k.ID(), nil })
}

func (l *log) Changes(_ context.Context, c plan.Changes, w plan.Window) (plan.Page, error) {
	return l.page(w, func(r *plan.Row) (bool, error) {
		asked := slices.ContainsFunc(c.Parts(), func(p plan.ChangesPart) bool { return slices.Contains(p.Types, r.Type) })
		if !asked || r.LastUpdated < c.Since() {
			return false, nil
		}
		return c.Keep(l, r)
	})
}

// Select gives the newest first.
func (l *log) Select(_ context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	l.selects++
	if w.Bare && w.Limit > 1 {
		l.lists = append(l.lists, w.Limit)
	}
	return l.page(w, func(r *plan.Row) (bool, error) {
		now, _, _ := l.Read(nil, plan.ForTest(noTest{}).Key(r.Type, r.ID))
		if now.Version != r.Version || r.Deleted || r.Type != b.Type() {
			return false, nil
		}
		e := new(index.Indexer).Entries(parsed(r))
		return plan.Contains(b.Node(), &e, r)
	})
}

func (l *log) Targets(_ context.Context, b plan.Bound, p *r4.SearchParameter, max int) ([]fhir.Reference, bool, error) {
	l.lists = append(l.lists, max)
	page, err := l.Select(context.Background(), b, plan.Window{Limit: 1 << 30})
	var refs []fhir.Reference
	for i := range page.Rows {
		for _, r := range (search.World{}).References(p, parsed(&page.Rows[i])) {
			if r.Version = ""; r.Local() && !slices.Contains(refs, r) {
				refs = append(refs, r)
			}
		}
	}
	return refs[:min(len(refs), max)], len(refs) > max, err
}

// page cuts the rows that keep wants, newest first; a position is a place in the log.
func (l *log) page(w plan.Window, keep func(*plan.Row) (bool, error)) (plan.Page, error) {
	p := plan.Page{Total: -1}
	before := len(l.rows)
	if w.After != nil {
		before, _ = strconv.Atoi(string(w.After))
	}
	total, last := 0, 0
	for i, r := range slices.Backward(l.rows) {
		ok, err := keep(&r)
		if err != nil {
			return p, err
		}
		if !ok {
			continue
		}
		total++
		switch {
		case i >= before:
		case len(p.Rows) < w.Limit:
			p.Rows = append(p.Rows, r)
			last = i
		case p.Next == nil && w.Limit > 0:
			p.Next = strconv.AppendInt(nil, int64(last), 10)
		}
	}
	if w.Total {
		p.Total = total
	}
	return p, nil
}

func parsed(r *plan.Row) *fhir.Resource {
	res, err := fhir.Parse(slices.Clone(r.Body), fhir.Limits{})
	if err != nil {
		panic(err)
	}
	return res
}

// noTest stands for the test where a Source has none at hand.
type noTest struct{}

func (noTest) Helper()               {}
func (noTest) Fatalf(string, ...any) {}

// sets is an Access: a search for each type, "" for everything; a type that is not there has no scope.
type sets map[string]string

func (s sets) Allowed(_ search.Interaction, typ string) search.Expr {
	query, ok := s[typ]
	if !ok {
		return search.None
	}
	return where(typ, query).Where
}

// pairs are those of name=value&… without escapes.
func pairs(query string) (list []search.Pair) {
	for query != "" {
		pair, rest, _ := strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		list = append(list, search.Pair{Name: name, Value: value})
		query = rest
	}
	return list
}

// where parses a query of pairs.
func where(typ, query string) search.Query {
	q, err := search.Parse(typ, pairs(query), search.Options{})
	if err != nil {
		panic(err)
	}
	return q
}

func lowered(t testing.TB, g search.Guarded) plan.Plan {
	t.Helper()
	p, err := plan.Lower(g, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// names are the rows as Type/id/version; a deletion has a † behind it.
func names(rows []plan.Row) []string {
	out := []string{}
	for _, r := range rows {
		s := fmt.Sprintf("%s/%s/%d", r.Type, r.ID, r.Version)
		if r.Deleted {
			s += "†"
		}
		out = append(out, s)
	}
	return out
}

// many finds everything of a type, fast.
type many struct{ *log }

func (m many) Select(_ context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	var p plan.Page
	for _, r := range m.rows {
		if r.Type == b.Type() && len(p.Rows) < w.Limit {
			p.Rows = append(p.Rows, r)
		}
	}
	return p, nil
}
