package storetest

import (
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// histories compares reads and histories by a with what the visible world holds: access.md §2, "Versions".
func (p *pair) histories(a access) (why string) {
	defer func() {
		if r := recover(); r != nil {
			why = fmt.Sprintf("panic: %v\n%s", r, stack())
		}
	}()
	for name, s := range map[string]store.Store{"the plan on Memory": p.memory, "the engine": p.engine} {
		snap, err := s.Snapshot(p.ctx)
		if err != nil {
			return fmt.Sprintf("%s: snapshot: %v", name, err)
		}
		why := p.reads(snap, a)
		if why == "" {
			why = p.changes(snap, a)
		}
		if err := snap.Close(); err != nil && why == "" {
			why = fmt.Sprintf("close the snapshot: %v", err)
		}
		if why != "" {
			return name + ": " + why
		}
	}
	return ""
}

// reads compares read, vread and history of every instance.
func (p *pair) reads(src plan.Source, a access) string {
	visible := p.memory.Visible(search.Read, a).view()
	for _, typ := range sortedTypes() {
		for _, id := range instances[typ] {
			lowered, err := plan.Lower(search.GuardRead(typ, id, search.Read, a), p.memory.Indexer)
			if err != nil {
				return fmt.Sprintf("lower a read: %v", err)
			}
			if why := p.read(src, lowered, visible, instance{typ, id}); why != "" {
				return fmt.Sprintf("%s/%s: %s", typ, id, why)
			}
		}
	}
	return ""
}

func (p *pair) read(src plan.Source, lowered plan.Plan, visible *memorySnapshot, at instance) string {
	now := visible.now[at]
	r, found, err := plan.ReadOne(p.ctx, src, lowered)
	if err != nil || found != (now != nil) || found && !sameRow(r, now.Row) {
		return fmt.Sprintf("read %+v %v (%v), want %v", r, found, err, now)
	}
	var want []*version
	for number := uint64(1); number <= p.memory.current(at)+1; number++ {
		i := slices.IndexFunc(visible.log, func(v *version) bool {
			return v.Type == at.typ && v.ID == at.id && v.Version == number
		})
		r, found, err := plan.Version(p.ctx, src, lowered, number)
		if err != nil || found != (i >= 0) || found && !sameRow(r, visible.log[i].Row) {
			return fmt.Sprintf("version %d: %+v %v (%v), want %v", number, r, found, err, i >= 0)
		}
		if found {
			want = append([]*version{visible.log[i]}, want...)
		}
	}
	for _, limit := range []int{1, 2, 50} {
		var rows []plan.Row
		for w := (plan.Window{Limit: limit, Total: true}); ; {
			page, found, err := plan.Versions(p.ctx, src, lowered, plan.Times{}, w)
			if err != nil || found != (now != nil) {
				return fmt.Sprintf("versions: %v (%v), want %v", found, err, now != nil)
			}
			if !found {
				break
			}
			if page.Total != len(want) || len(page.Rows) > limit {
				return fmt.Sprintf("versions: total %d and %d rows on a page of %d, want %d", page.Total, len(page.Rows), limit, len(want))
			}
			rows = append(rows, page.Rows...)
			if w.After = page.Next; page.Next == nil {
				break
			}
		}
		if why := sameVersions(rows, want); why != "" {
			return fmt.Sprintf("versions in pages of %d: %s", limit, why)
		}
		var reversed []plan.Row
		for w := (plan.Window{Limit: limit, Back: true}); found; {
			page, _, err := plan.Versions(p.ctx, src, lowered, plan.Times{}, w)
			if err != nil {
				return fmt.Sprintf("versions backwards: %v", err)
			}
			reversed = append(reversed, page.Rows...)
			if w.After = page.Next; page.Next == nil {
				break
			}
		}
		if slices.Reverse(reversed); !slices.EqualFunc(reversed, rows, sameRow) {
			return fmt.Sprintf("versions backwards in pages of %d: %q, want %q", limit, versionNames(reversed), versionNames(rows))
		}
	}
	return ""
}

// changes compares the history of types and of the system.
func (p *pair) changes(src plan.Source, a access) string {
	visible := p.memory.Visible(search.Search, a).view()
	middle := firstMoment + int64(len(p.memory.view().log)/4)*1000
	for _, types := range append([][]string{sortedTypes()}, []string{"Observation"}, []string{"Group", "Patient"}) {
		for _, t := range []plan.Times{{}, {Since: middle}, {From: middle, To: middle + 1}, {From: middle, To: middle + 3000, Since: middle - 2000}} {
			lowered, err := plan.Lower(search.GuardHistory(types, a), p.memory.Indexer)
			if err != nil {
				return fmt.Sprintf("lower a history: %v", err)
			}
			var want []*version
			for _, v := range slices.Backward(visible.log) {
				if slices.Contains(types, v.Type) && visible.within(t, v) {
					want = append(want, v)
				}
			}
			limits := []int{1, 7, 100}
			if p.crowd {
				limits = []int{300}
			}
			for _, limit := range limits {
				var rows []plan.Row
				for w := (plan.Window{Limit: limit, Total: true}); ; {
					page, err := plan.History(p.ctx, src, lowered, t, w)
					if err != nil || page.Total != len(want) || len(page.Rows) > limit || page.Next != nil && len(page.Rows) < limit {
						return fmt.Sprintf("history of %q: total %d, %d rows on a page of %d (%v), want %d",
							types, page.Total, len(page.Rows), limit, err, len(want))
					}
					rows = append(rows, page.Rows...)
					if w.After = page.Next; page.Next == nil {
						break
					}
				}
				if why := sameVersions(rows, want); why != "" {
					return fmt.Sprintf("history of %q %+v in pages of %d: %s", types, t, limit, why)
				}
			}
		}
	}
	return ""
}

// within says whether a history for those times holds a version: s is what the caller may see.
func (s *memorySnapshot) within(t plan.Times, v *version) bool {
	if v.LastUpdated < t.Since {
		return false
	}
	if t.From == 0 && t.To == 0 {
		return true
	}
	var next *version
	for _, x := range s.log {
		if x.Type == v.Type && x.ID == v.ID && x.Version > v.Version && (next == nil || x.Version < next.Version) {
			next = x
		}
	}
	return v.LastUpdated < t.To && (next == nil || max(next.LastUpdated, v.LastUpdated+1) > t.From)
}

// sameVersions compares versions, newest first; those of one moment may come in any order.
func sameVersions(got []plan.Row, want []*version) string {
	var a, b []string
	for i := range got {
		a = append(a, fmt.Sprintf("%d %s", got[i].LastUpdated, versionName(&got[i])))
	}
	for _, v := range want {
		b = append(b, fmt.Sprintf("%d %s", v.LastUpdated, versionName(&v.Row)))
	}
	for i := 1; i < len(got); i++ {
		if got[i-1].LastUpdated < got[i].LastUpdated {
			return fmt.Sprintf("older before newer: %q", a)
		}
	}
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		return fmt.Sprintf("\n got %q\nwant %q", a, b)
	}
	return ""
}

func stack() string { return string(debug.Stack()) }
