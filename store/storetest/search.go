package storetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// Answer is what a search finds, by search.Match on every current resource.
type Answer struct {
	// Groups are the matches in their order, as "Type/id"; the order says nothing inside a group, whose members are
	// sorted.
	Groups [][]string
	Total  int
}

// Search evaluates a guarded query without an index or a plan.
func (m *Memory) Search(g search.Guarded) Answer {
	s := m.view()
	types := map[string]search.Guarded{}
	for _, t := range branches(g) {
		types[t.Type()] = t
	}
	var found []*version
	for _, v := range s.now {
		if t, ok := types[v.Type]; ok && !v.Deleted && search.Match(s.world(), t.Where(), v.res) {
			found = append(found, v)
		}
	}
	order := s.comparison(types)
	slices.SortFunc(found, func(a, b *version) int { return cmp.Or(order(a, b), strings.Compare(a.ID, b.ID)) })
	a := Answer{Total: len(found)}
	for i, v := range found {
		if i == 0 || order(found[i-1], v) != 0 {
			a.Groups = append(a.Groups, nil)
		}
		last := len(a.Groups) - 1
		a.Groups[last] = append(a.Groups[last], v.Type+"/"+v.ID)
	}
	return a
}

// branches are the searches on one type that g is made of.
func branches(g search.Guarded) []search.Guarded {
	if g.Type() == "" {
		return g.Members()
	}
	return []search.Guarded{g}
}

// Included are the versions that the includes of q add to a page for a caller, sorted, none of them on the page:
// "Type/id/_history/version". They are read off q and a, not off what Guard made of them.
func (m *Memory) Included(q search.Query, a search.Access, page []plan.Row) []string {
	s := m.view()
	found := map[*version]bool{}
	from := map[*version]bool{}
	for i := range page {
		from[s.now[instance{page[i].Type, page[i].ID}]] = true
	}
	matches := maps.Clone(from)
	for iterated := false; len(from) > 0; iterated = true {
		more := map[*version]bool{}
		for v := range from {
			for _, inc := range q.Include {
				if inc.Iterate || !iterated {
					s.included(more, inc, a, v)
				}
			}
			for _, inc := range q.RevInclude {
				if inc.Iterate || !iterated {
					s.including(more, inc, a, v)
				}
			}
		}
		maps.DeleteFunc(more, func(v *version, _ bool) bool { return found[v] || matches[v] })
		maps.Copy(found, more)
		from = more
	}
	var names []string
	for v := range found {
		names = append(names, versionName(&v.Row))
	}
	slices.Sort(names)
	return names
}

func versionName(r *plan.Row) string {
	return fmt.Sprintf("%s/%s/_history/%d", r.Type, r.ID, r.Version)
}

// included adds the versions that a match refers to, if r or s reaches them and the current one.
func (s *memorySnapshot) included(found map[*version]bool, inc search.Include, a search.Access, match *version) {
	for _, value := range s.references(inc, match) {
		ref := value.Ref
		if !ref.Local() || inc.Target != "" && inc.Target != ref.Type {
			continue
		}
		allowed := search.Or{may(a, search.Read, ref.Type), may(a, search.Search, ref.Type)}
		now := s.now[instance{ref.Type, ref.ID}]
		for _, v := range s.log {
			if v.Type != ref.Type || v.ID != ref.ID || v.Deleted {
				continue
			}
			asked := v == now
			if ref.Version != "" {
				asked = ref.Version == fmt.Sprint(v.Version)
			}
			if asked && s.shows(allowed, v) {
				found[v] = true
			}
		}
	}
}

// references are the values of the parameters of an include in a resource.
func (s *memorySnapshot) references(inc search.Include, v *version) (out []index.Value) {
	if inc.Source != "" && inc.Source != v.Type {
		return nil
	}
	for _, p := range worldParams().Params(v.Type) {
		if p.Type == r4.Reference && (inc.P == nil || inc.P == p) {
			out = append(out, s.index.Values(p, v.res)...)
		}
	}
	return out
}

// including adds the resources that refer to a match, if s reaches them.
func (s *memorySnapshot) including(found map[*version]bool, inc search.Include, a search.Access, match *version) {
	if inc.Target != "" && inc.Target != match.Type {
		return
	}
	for _, v := range s.now {
		if v.Deleted || !s.sees(may(a, search.Search, v.Type), v) {
			continue
		}
		for _, value := range s.references(inc, v) {
			if r := value.Ref; r.Local() && r.Type == match.Type && r.ID == match.ID {
				found[v] = true
			}
		}
	}
}

// live is a version, or of a deletion the live version before it; nil if there was none.
func (s *memorySnapshot) live(v *version) *version {
	for _, before := range slices.Backward(s.log[:v.seq+1]) {
		if before.Type == v.Type && before.ID == v.ID && !before.Deleted {
			return before
		}
	}
	return nil
}

// sees says whether a version, or of a deletion the live version before it, is in the set.
func (s *memorySnapshot) sees(allowed search.Expr, v *version) bool {
	live := s.live(v)
	return live != nil && search.Match(s.world(), allowed, live.res)
}

// shows says whether a version is visible in a history: it and the current one are. Of a Binary that has a context now
// its links show no version of before that had none.
func (s *memorySnapshot) shows(allowed search.Expr, v *version) bool {
	current := s.now[instance{v.Type, v.ID}]
	if !s.sees(allowed, v) || !s.sees(allowed, current) {
		return false
	}
	const context = "securityContext"
	then, now := s.live(v).res, s.live(current).res
	if v.Type != "Binary" || then.Root.Get(context) != nil || now.Root.Get(context) == nil {
		return true
	}
	return search.Match(search.World{Index: s.index, Each: func(string, func(*fhir.Resource) bool) {}}, allowed, then)
}

// Visible is the store restricted to what a caller may see with letter i: a version is there if it and the current one
// are allowed, with the number and the date that it has.
func (m *Memory) Visible(i search.Interaction, a search.Access) *Memory {
	s := m.view()
	out := NewMemory()
	for _, v := range s.log {
		if !s.shows(may(a, i, v.Type), v) {
			continue
		}
		kept := *v
		kept.seq = len(out.log)
		out.log = append(out.log, &kept)
		out.now[instance{v.Type, v.ID}] = &kept
	}
	return out
}

// emptied is the store whose contained resources hold nothing but type and id.
func (m *Memory) emptied() *Memory {
	out := NewMemory()
	for _, v := range m.view().log {
		kept := *v
		if !v.Deleted && v.res.Root.Get("contained") != nil {
			body := clone(object{"resource": json.RawMessage(v.Body)})["resource"].(object)
			for _, inner := range body["contained"].([]any) {
				maps.DeleteFunc(inner.(object), func(name string, _ any) bool { return name != "resourceType" && name != "id" })
			}
			w, err := newVersion(v.Type, v.ID, v.Version, v.LastUpdated, string(mustJSON(body)))
			if err != nil {
				panic(err)
			}
			kept.res = w.Resource
		}
		out.log = append(out.log, &kept)
		out.now[instance{v.Type, v.ID}] = &kept
	}
	return out
}

func (m *Memory) view() *memorySnapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot()
}

// world is the snapshot as Match looks at it.
func (s *memorySnapshot) world() search.World {
	return search.World{Index: s.index, Each: func(typ string, f func(*fhir.Resource) bool) {
		for _, v := range s.now {
			if v.Type == typ && !v.Deleted && !f(v.res) {
				return
			}
		}
	}}
}

// comparison is the order of a search on the values of resources: its keys, then the type; without keys the type, then the main
// date, latest first.
func (s *memorySnapshot) comparison(types map[string]search.Guarded) func(a, b *version) int {
	start := func(v *version) int64 {
		latest := int64(fhir.MinTime)
		for _, d := range s.index.Values(r4.Lookup(v.Type, r4.MainDate(v.Type)), v.res) {
			latest = max(latest, d.Time.Low)
		}
		return latest
	}
	return func(a, b *version) int {
		keys, others := types[a.Type].Sort(), types[b.Type].Sort()
		for i, k := range keys {
			x, y := s.first(a, k), s.first(b, others[i])
			if x == nil || y == nil {
				if c := last(x == nil, y == nil); c != 0 {
					return c
				}
				continue
			}
			if c := compareValues(k.P, *x, *y); c != 0 && k.Desc {
				return -c
			} else if c != 0 {
				return c
			}
		}
		if c := strings.Compare(a.Type, b.Type); c != 0 || len(keys) > 0 {
			return c
		}
		return cmp.Compare(start(b), start(a))
	}
}

// first is the value that comes first in the order asked for, nil if there is none.
func (s *memorySnapshot) first(v *version, k search.Sort) (best *index.Value) {
	for _, x := range s.sortValues(v, k.Via, k.P) {
		if k.P.Type == r4.Token && x.Code == "" || k.P.Type == r4.Reference && x.Ref == (fhir.Reference{}) {
			continue // a text, a system or an identifier alone has no place in the order
		}
		if best == nil || compareValues(k.P, x, *best) < 0 != k.Desc {
			best = &x
		}
	}
	return best
}

// sortValues are the values of a key of an order: those of the resource, or of what a chain of references that the
// caller may search leads to.
func (s *memorySnapshot) sortValues(v *version, via []search.Link, p *r4.SearchParameter) (out []index.Value) {
	if len(via) == 0 {
		return s.index.Values(p, v.res)
	}
	for _, x := range s.index.Values(via[0].P, v.res) {
		to := s.now[instance{x.Ref.Type, x.Ref.ID}]
		if x.Ref.Local() && x.Ref.Type == via[0].Target && to != nil && !to.Deleted && s.sees(via[0].Of().Allowed(), to) {
			out = append(out, s.sortValues(to, via[1:], p)...)
		}
	}
	return out
}

// compareValues orders two values of one parameter. Ranges go by where they begin.
func compareValues(p *r4.SearchParameter, a, b index.Value) int {
	switch p.Type {
	case r4.Date:
		return cmp.Compare(a.Time.Low, b.Time.Low)
	case r4.Number, r4.Quantity:
		if a.LowOpen || b.LowOpen {
			return last(b.LowOpen, a.LowOpen)
		}
		return a.Low.Rat().Cmp(b.Low.Rat())
	case r4.String:
		return strings.Compare(fhir.Fold(a.Text), fhir.Fold(b.Text))
	case r4.Token:
		x, y := a.Code, b.Code
		if !p.CaseSensitive {
			x, y = fhir.Fold(x), fhir.Fold(y)
		}
		return strings.Compare(x, y)
	case r4.Reference:
		return strings.Compare(a.Ref.String(), b.Ref.String())
	case r4.URI:
		return strings.Compare(a.Text, b.Text)
	}
	return 0
}

// Difference says how a list of rows departs from the answer; "" if it does not.
func (a Answer) Difference(rows []plan.Row) string {
	var got []string
	for _, r := range rows {
		got = append(got, r.Type+"/"+r.ID)
	}
	rest := got
	for _, group := range a.Groups {
		n := min(len(group), len(rest))
		if !slices.Equal(slices.Sorted(slices.Values(rest[:n])), group) {
			return fmt.Sprintf("got %v, want %v", got, a.Groups)
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return fmt.Sprintf("got %v, want %v", got, a.Groups)
	}
	return ""
}
