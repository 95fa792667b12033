package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// pair is the oracle and the engine on one world.
type pair struct {
	t      *testing.T
	ctx    context.Context
	memory *Memory
	engine store.Store
	inside bool // some resource has contained ones
	crowd  bool // too many for the laws that ask Match again
	found  int  // questions that found something
	owned  int  // those of them that depend on own parameters

	definitions *terminology.Cache // of all worlds
}

func (d *differential) pair(ops []op) *pair {
	p := &pair{t: d.T, ctx: d.Context(), memory: NewMemory(), engine: d.open(d.T), crowd: len(ops) > 200, definitions: d.definitions}
	p.memory.Indexer.NoWords = len(ops)%4 == 0 // plans of such a store hold for one that has words too
	for _, o := range ops {
		p.inside = p.inside || o.Body["contained"] != nil
	}
	return p
}

func (p *pair) close() {
	if err := p.engine.Close(); err != nil {
		p.t.Errorf("close: %v", err)
	}
}

// fill carries out the writes of a world in both.
func (p *pair) fill(ops []op) string {
	number := map[instance]uint64{}
	var writes []store.Write
	all := ownParameters()
	for i, o := range ops {
		if o.Define != 0 {
			record := all.record
			if o.Define != defineAll {
				record = all.earlier
			}
			if err := p.define(record, o.Define == buildEarlier); err != nil {
				return fmt.Sprintf("%s: %v", o, err)
			}
			continue
		}
		at := instance{o.Type, o.ID}
		body := ""
		if o.Body != nil {
			body = string(mustJSON(o.Body))
		}
		number[at]++
		w, err := newVersion(o.Type, o.ID, number[at], firstMoment+int64(i/2)*1000, body)
		if err != nil {
			return err.Error()
		}
		writes = append(writes, w)
		if i+1 < len(ops) && ops[i+1].Joined && !slices.ContainsFunc(writes, func(w store.Write) bool {
			return w.Type == ops[i+1].Type && w.ID == ops[i+1].ID
		}) {
			continue
		}
		for _, s := range []store.Store{p.memory, p.engine} {
			if err := s.Commit(p.ctx, relying(writes...)); err != nil {
				return fmt.Sprintf("commit up to %s: %v", o, err)
			}
		}
		writes = nil
	}
	if err := p.define(all.record, true); err != nil {
		return fmt.Sprintf("build the search parameters: %v", err)
	}
	return ""
}

func (p *pair) reopen() string {
	r, ok := p.engine.(Reopener)
	if !ok {
		return ""
	}
	again, err := r.Reopen()
	if err != nil {
		return fmt.Sprintf("reopen: %v", err)
	}
	p.engine = again
	return ""
}

// ask says how the answers to q differ, and with which plan; "" if they do not.
func (p *pair) ask(q question) (why, explained string) {
	defer func() {
		if r := recover(); r != nil {
			why = fmt.Sprintf("panic: %v\n%s", r, stack())
		}
	}()
	parsed, err := q.parse()
	if err != nil {
		return fmt.Sprintf("parse: %v", err), ""
	}
	resolved, done, why := p.resolve(parsed.Where, q.Access)
	if done || why != "" {
		return why, ""
	}
	parsed.Where = resolved
	for i, b := range parsed.Branches {
		if parsed.Branches[i].Where, done, why = p.resolve(b.Where, q.Access); done || why != "" {
			return why, ""
		}
	}
	g := search.Guard(parsed, q.Access)
	lowered, err := plan.Lower(g, p.memory.Indexer)
	if err != nil {
		return fmt.Sprintf("lower: %v", err), ""
	}
	lowered = plan.ForTest(p.t).Joins(lowered, q.Few)
	explained = plan.Explain(lowered)
	want := p.memory.Search(g)
	if want.Total > 0 {
		p.found++
		if slices.ContainsFunc(branches(g), func(b search.Guarded) bool {
			return len(search.Own(b.Where())) > 0 || slices.ContainsFunc(b.Sort(), func(s search.Sort) bool { return parameters.IsOwn(s.P) })
		}) {
			p.owned++
		}
	}
	if !p.crowd {
		if why := cmp.Or(p.simplified(g), p.alone(parsed, q.Access, want)); why != "" {
			return why, explained
		}
	}
	for name, s := range map[string]store.Store{"the plan on Memory": p.memory, "the engine": p.engine} {
		snap, err := s.Snapshot(p.ctx)
		if err != nil {
			return fmt.Sprintf("%s: snapshot: %v", name, err), explained
		}
		why := p.compare(snap, lowered, want, q.Limit, func(page []plan.Row) []string {
			return p.memory.Included(parsed, q.Access, page)
		})
		if err := snap.Close(); err != nil && why == "" {
			why = fmt.Sprintf("close the snapshot: %v", err)
		}
		if why != "" {
			return name + ": " + why, explained
		}
	}
	return "", explained
}

// simplified is the law of Simplify: the same set, and nothing more to simplify.
func (p *pair) simplified(g search.Guarded) string {
	if g.Type() == "" {
		for _, t := range g.Members() {
			if why := p.simplified(t); why != "" {
				return why
			}
		}
		return ""
	}
	s := p.memory.view()
	simple := search.Simplify(g.Where())
	if again := search.Simplify(simple); again.String() != simple.String() {
		return fmt.Sprintf("simplify: %s becomes %s", simple, again)
	}
	for _, v := range s.now {
		if v.Deleted || v.Type != g.Type() {
			continue
		}
		if before, after := search.Match(s.world(), g.Where(), v.res), search.Match(s.world(), simple, v.res); before != after {
			return fmt.Sprintf("simplify: %s/%s in %s: %v, in %s: %v", v.Type, v.ID, g.Where(), before, simple, after)
		}
	}
	return ""
}

// alone is non-interference: the answer is the same where what the caller may not see is not there; and, where nothing
// is contained, it is what a caller who may see everything gets there.
func (p *pair) alone(q search.Query, a access, want Answer) string {
	if !a.uniform() {
		return ""
	}
	visible := p.memory.Visible(search.Search, a)
	callers := map[string]search.Access{"": a}
	if !p.inside {
		callers[" without a guard"] = search.Unrestricted
	} else if search.Simplify(a.Allowed(search.Search, "Patient")) != search.All {
		if strings.Contains(fmt.Sprint(q.Where, q.Branches, a), "_content") {
			return "" // it reads the texts of what is contained
		}
		// Chains look inside resources only for who may search the target's type without a constraint.
		visible = visible.emptied()
	}
	page := visible.rows(want)
	for name, caller := range callers {
		if got := visible.Search(search.Guard(q, caller)); got.String() != want.String() {
			return fmt.Sprintf("interference: on the visible world%s %s, on the whole one %s", name, got, want)
		}
		if got, want := visible.Included(q, caller, page), p.memory.Included(q, a, page); !slices.Equal(got, want) {
			return fmt.Sprintf("interference: on the visible world%s %q is included, on the whole one %q", name, got, want)
		}
	}
	return ""
}

// rows are the current rows of an answer.
func (m *Memory) rows(a Answer) []plan.Row {
	var out []plan.Row
	for _, v := range m.view().now {
		if slices.ContainsFunc(a.Groups, func(g []string) bool { return slices.Contains(g, v.Type+"/"+v.ID) }) {
			out = append(out, v.Row)
		}
	}
	return out
}

// compare reads all pages of a plan and says how they differ from the answer.
func (p *pair) compare(src plan.Source, lowered plan.Plan, want Answer, limit int, included func([]plan.Row) []string) string {
	var rows []plan.Row
	for w := (plan.Window{Limit: limit, Total: true}); ; {
		r, err := plan.Run(p.ctx, src, lowered, w)
		if err != nil {
			return fmt.Sprintf("run: %v", err)
		}
		if r.Total != want.Total {
			return fmt.Sprintf("total %d, want %d: %s", r.Total, want.Total, want)
		}
		if len(r.Rows) > limit || r.Next != nil && len(r.Rows) < limit || len(r.Warnings) > 0 {
			return fmt.Sprintf("%d rows on a page of %d, more: %v, %v", len(r.Rows), limit, r.Next != nil, r.Warnings)
		}
		if got, want := versionNames(r.Included), included(r.Rows); !slices.Equal(got, want) {
			return fmt.Sprintf("the page %q includes %q, want %q", versionNames(r.Rows), got, want)
		}
		if why := p.whole(slices.Concat(r.Rows, r.Included)); why != "" {
			return why
		}
		rows = append(rows, r.Rows...)
		if w.After = r.Next; r.Next == nil {
			break
		}
		if len(rows) > want.Total {
			return fmt.Sprintf("paging goes on: %q", versionNames(rows))
		}
	}
	if why := want.Difference(rows); why != "" {
		return why
	}
	if why := p.backwards(src, lowered, rows, limit); why != "" {
		return why
	}
	if n, err := plan.Count(p.ctx, src, lowered); err != nil || n != want.Total {
		return fmt.Sprintf("count %d (%v), want %d", n, err, want.Total)
	}
	if lowered.Type() == "" {
		return "" // conditions are on one type
	}
	return p.condition(src, lowered, rows)
}

// backwards reads all pages from the end: the rows, in the opposite order.
func (p *pair) backwards(src plan.Source, lowered plan.Plan, want []plan.Row, limit int) string {
	var rows []plan.Row
	for w := (plan.Window{Limit: limit, Back: true}); ; {
		r, err := plan.Run(p.ctx, src, lowered, w)
		if err != nil {
			return fmt.Sprintf("run backwards: %v", err)
		}
		rows = append(rows, r.Rows...)
		if w.After = r.Next; r.Next == nil || len(rows) > len(want) {
			break
		}
	}
	slices.Reverse(rows)
	if !slices.EqualFunc(rows, want, sameRow) {
		return fmt.Sprintf("backwards %q, want %q", ids(rows), ids(want))
	}
	return ""
}

// whole says which of the rows is not the version that was written.
func (p *pair) whole(rows []plan.Row) string {
	s := p.memory.view()
	for _, r := range rows {
		if !slices.ContainsFunc(s.log, func(v *version) bool { return sameRow(r, v.Row) }) {
			return fmt.Sprintf("nobody wrote %+v", r)
		}
	}
	return ""
}

func sameRow(a, b plan.Row) bool {
	return a.Type == b.Type && a.ID == b.ID && a.Version == b.Version && a.LastUpdated == b.LastUpdated &&
		a.Deleted == b.Deleted && a.Method == b.Method && string(a.Body) == string(b.Body)
}

// condition: the claim of what was found holds, another one does not.
func (p *pair) condition(src plan.Source, lowered plan.Plan, rows []plan.Row) string {
	claims := []struct {
		ids  []string
		want bool
	}{
		{ids(rows), true}, {nil, len(rows) == 0}, {[]string{"nobody"}, false}, {[]string{"a", "b"}, len(rows) > 1},
	}
	for _, c := range claims {
		if got, err := plan.NewCondition(lowered, c.ids).Holds(p.ctx, src); err != nil || got != c.want {
			return fmt.Sprintf("the condition that %q is found: %v (%v), want %v: %q", c.ids, got, err, c.want, versionNames(rows))
		}
	}
	return ""
}

// versionNames are sorted.
func versionNames(rows []plan.Row) []string {
	var out []string
	for i := range rows {
		out = append(out, versionName(&rows[i]))
	}
	slices.Sort(out)
	return out
}

func (a Answer) String() string { return fmt.Sprintf("%d in %v", a.Total, a.Groups) }
