package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Environment of Differential: how long it goes on, instead of its short default, and the one seed to try again.
const (
	envTime = "FIREWARDEN_DIFFERENTIAL" // 4m
	envSeed = "FIREWARDEN_SEED"
)

// Amounts of the short default.
const (
	shortWorlds    = 70
	worldQuestions = 40
	crowdQuestions = 12
	crowdEvery     = 50 // of so many worlds one is a crowd
)

// parseOptions are those of every question. The clock stands still: ap measures from it.
var parseOptions = search.Options{Base: Base, Now: time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)}

// Differential asks random questions of random worlds with random access, and compares four answers to each:
//
//	search.Match on every resource           the reference
//	the plan on Memory                       what Lower and Run make of the question
//	the plan on the engine                   what the engine makes of the plan
//	search.Match on what the caller may see  non-interference (access.md §1)
//
// A failure prints its seed and the smallest world and question that were found to show it.
func Differential(t *testing.T, open func(t *testing.T) store.Store) {
	seed, worlds := uint64(1), shortWorlds
	var until time.Time
	if text := os.Getenv(envTime); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%s: %v", envTime, err)
		}
		seed, until = rand.Uint64()>>16, time.Now().Add(d)
	}
	if text := os.Getenv(envSeed); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
		seed, worlds, until = n, 1, time.Time{}
	}
	asked := 0
	for i := 0; i < worlds || time.Now().Before(until); i++ {
		d := differential{T: t, open: open}
		if f := d.world(seed + uint64(i)); f != nil {
			f = d.shrink(f)
			t.Fatalf("%s=%d\n%s", envSeed, seed+uint64(i), f)
		}
		asked += d.asked
	}
	t.Logf("%d questions from seed %d", asked, seed)
}

type differential struct {
	*testing.T
	open  func(*testing.T) store.Store
	asked int
}

// failure is a world and what went wrong in it.
type failure struct {
	ops  []op
	q    *question // nil: reads and histories by a failed, or, if that is zero, a write
	a    access
	why  string
	plan string
}

func (f *failure) String() string {
	var b strings.Builder
	b.WriteString(f.why + "\n")
	if f.q != nil {
		fmt.Fprintf(&b, "\n%s\n%s", f.q, f.plan)
	} else {
		fmt.Fprintf(&b, "\n%s\n", f.a)
	}
	b.WriteString("\nthe world:\n")
	for _, o := range f.ops {
		fmt.Fprintf(&b, "%s\n", o)
	}
	return b.String()
}

// world makes one world and asks its questions.
func (d *differential) world(seed uint64) (f *failure) {
	defer func() {
		if r := recover(); r != nil {
			f = &failure{why: fmt.Sprintf("panic: %v\n%s", r, stack())}
		}
	}()
	m := maker{Rand: rand.New(rand.NewPCG(seed, 0)), crowd: seed%crowdEvery == 0}
	ops := m.world()
	p := d.pair(ops)
	defer p.close()
	if why := p.fill(ops); why != "" {
		return &failure{ops: ops, why: why}
	}
	if m.oneIn(10) {
		if why := p.reopen(); why != "" {
			return &failure{ops: ops, why: why}
		}
	}
	m.seen = p.memory.view()
	questions := worldQuestions
	if m.crowd {
		questions = crowdQuestions
	}
	for range questions {
		q := m.question()
		d.asked++
		if why, plan := p.ask(q); why != "" {
			return &failure{ops: ops, q: &q, why: why, plan: plan}
		}
	}
	for range 3 {
		m.whose = pick(m, instances["Patient"])
		a := m.access()
		d.asked++
		if why := p.histories(a); why != "" {
			return &failure{ops: ops, a: a, why: why}
		}
	}
	return nil
}

// try is what a failure comes to in a smaller form; nil if it is none.
func (d *differential) try(f *failure) *failure {
	p := d.pair(f.ops)
	defer p.close()
	again := *f
	again.why = p.fill(f.ops)
	switch {
	case again.why != "" && (f.q != nil || f.a.search != nil):
		return nil // what is left is no world, or shows another fault
	case f.q != nil:
		again.why, again.plan = p.ask(*f.q)
	case f.a.search != nil:
		again.why = p.histories(f.a)
	}
	if again.why == "" {
		return nil
	}
	return &again
}

// pair is the oracle and the engine on one world.
type pair struct {
	t      *testing.T
	ctx    context.Context
	memory *Memory
	engine store.Store
	inside bool // some resource has contained ones
	crowd  bool // too many for the laws that ask Match again
}

func (d *differential) pair(ops []op) *pair {
	p := &pair{t: d.T, ctx: d.Context(), memory: NewMemory(), engine: d.open(d.T), crowd: len(ops) > 200}
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
	for i, o := range ops {
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
	parsed, err := search.Parse(q.Type, q.Pairs, parseOptions)
	if err != nil {
		return fmt.Sprintf("parse: %v", err), ""
	}
	g := search.Guard(parsed, q.Access)
	lowered, err := plan.Lower(g, p.memory.Indexer)
	if err != nil {
		return fmt.Sprintf("lower: %v", err), ""
	}
	explained = plan.Explain(lowered)
	want := p.memory.Search(g)
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
	if n, err := plan.Count(p.ctx, src, lowered); err != nil || n != want.Total {
		return fmt.Sprintf("count %d (%v), want %d", n, err, want.Total)
	}
	return p.condition(src, lowered, rows)
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
