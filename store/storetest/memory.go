package storetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Base is the own base URL of the stores under test.
const Base = "https://firewarden.test/fhir"

// Memory is the oracle: a log of versions, read from the front to the back for every question. Its plan.Source
// evaluates nodes on the index entries of each resource; Search evaluates a guarded query by search.Match.
type Memory struct {
	Indexer *index.Indexer
	Now     func() time.Time // when records of KV expire

	mu     sync.Mutex
	params *parameters.Set
	log    []*version
	now    map[instance]*version
	docs   int
	kv     memoryKV
}

// NewMemory is an empty store with Base as its own base URL.
func NewMemory() *Memory {
	m := &Memory{Indexer: &index.Indexer{Base: Base}, Now: time.Now, now: map[instance]*version{}}
	m.kv.now = func() time.Time { return m.Now() }
	return m
}

type instance struct{ typ, id string }

// version is one version of a resource. It never changes.
type version struct {
	plan.Row
	res     *fhir.Resource // nil for a tombstone
	entries index.Entries
	doc     int // counts instances: the stable order
	seq     int // place in the log
}

// Commit implements store.Store.
func (m *Memory) Commit(ctx context.Context, c store.Commit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	read := map[instance]bool{}
	for _, r := range c.Reads {
		at := instance{r.Type, r.ID}
		if m.current(at) != r.Version {
			return fmt.Errorf("%s/%s is at version %d, not %d: %w", r.Type, r.ID, m.current(at), r.Version, store.ErrConflict)
		}
		read[at] = true
	}
	for _, cond := range c.Conditions {
		ok, err := cond.Holds(ctx, m.snapshot())
		if err != nil {
			return fmt.Errorf("evaluate a condition: %w", err)
		}
		if !ok {
			return fmt.Errorf("a condition: %w", store.ErrConflict)
		}
	}
	seen := map[instance]bool{}
	for _, w := range c.Writes {
		at := instance{w.Type, w.ID}
		switch {
		case seen[at]:
			return fmt.Errorf("two writes of %s/%s in one commit", w.Type, w.ID)
		case !read[at] && !w.Fresh:
			return fmt.Errorf("a write of %s/%s that has not read its version before", w.Type, w.ID)
		case w.Version != m.current(at)+1:
			return fmt.Errorf("version %d of %s/%s after version %d", w.Version, w.Type, w.ID, m.current(at))
		case w.Deleted != (w.Resource == nil):
			return fmt.Errorf("%s/%s: a tombstone has no resource, any other version has one", w.Type, w.ID)
		}
		seen[at] = true
	}
	if _, err := m.kv.apply(c.Records); err != nil {
		return err
	}
	for _, w := range c.Writes {
		m.apply(w)
	}
	return nil
}

// current is the version number of an instance, 0 if there never was one.
func (m *Memory) current(at instance) uint64 {
	if v := m.now[at]; v != nil {
		return v.Version
	}
	return 0
}

func (m *Memory) apply(w store.Write) {
	v := &version{Row: w.Row, res: w.Resource, seq: len(m.log)}
	if old := m.now[instance{w.Type, w.ID}]; old != nil {
		v.doc = old.doc
	} else {
		v.doc = m.docs
		m.docs++
	}
	if v.res != nil {
		v.entries = m.Indexer.Entries(v.res)
	}
	m.log = append(m.log, v)
	m.now[instance{w.Type, w.ID}] = v
}

// Use implements store.Extender.
func (m *Memory) Use(params *parameters.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Indexer, m.params = m.Indexer.With(params), params
}

// Extend implements store.Extender, all at once.
func (m *Memory) Extend(_ context.Context, progress func(done, of int)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, v := range m.now {
		if v.res != nil {
			next := *v // those that have a snapshot keep theirs
			next.entries = m.Indexer.Entries(v.res)
			m.now[at], m.log[v.seq] = &next, &next
		}
	}
	if progress != nil {
		progress(len(m.now), len(m.now))
	}
	return nil
}

// Snapshot implements store.Store.
func (m *Memory) Snapshot(context.Context) (store.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot(), nil
}

func (m *Memory) snapshot() *memorySnapshot {
	return &memorySnapshot{index: m.Indexer, params: m.params, log: slices.Clone(m.log), now: maps.Clone(m.now)}
}

// KV implements store.Store.
func (m *Memory) KV() store.KV { return &m.kv }

// Close implements store.Store.
func (m *Memory) Close() error { return nil }

// Reopen implements Reopener: nothing is lost because nothing was put away.
func (m *Memory) Reopen() (store.Store, error) { return m, nil }

// memorySnapshot is a copy of the log and of what is current.
type memorySnapshot struct {
	index  *index.Indexer
	params *parameters.Set
	log    []*version
	now    map[instance]*version
}

func (s *memorySnapshot) Close() error { return nil }

// Params implements plan.Source.
func (s *memorySnapshot) Params(context.Context) (*parameters.Set, error) { return s.params, nil }

// Read implements plan.Source.
func (s *memorySnapshot) Read(_ context.Context, k plan.Key) (plan.Row, bool, error) {
	if v := s.now[instance{k.Type(), k.ID()}]; v != nil {
		return v.Row, true, nil
	}
	return plan.Row{}, false, nil
}

// Version implements plan.Source.
func (s *memorySnapshot) Version(_ context.Context, k plan.Key, number uint64) (plan.Row, bool, error) {
	for _, v := range s.log {
		if v.Type == k.Type() && v.ID == k.ID() && v.Version == number {
			return v.Row, true, nil
		}
	}
	return plan.Row{}, false, nil
}

// Versions implements plan.Source.
func (s *memorySnapshot) Versions(_ context.Context, k plan.Key, w plan.Window) (plan.Page, error) {
	var found []*version
	for _, v := range slices.Backward(s.log) {
		if v.Type == k.Type() && v.ID == k.ID() {
			found = append(found, v)
		}
	}
	return cut(found, w, func(v *version) position { return position{Doc: int(v.Version)} },
		func(a, b position) int { return cmp.Compare(b.Doc, a.Doc) })
}

// Changes implements plan.Source.
func (s *memorySnapshot) Changes(_ context.Context, c plan.Changes, w plan.Window) (plan.Page, error) {
	var found []*version
	for _, v := range s.log {
		filed := func(p plan.ChangesPart) bool { return slices.Contains(p.Types, v.Type) && s.filed(v, p.Patients) }
		if v.LastUpdated < c.Since() || c.Until() != 0 && v.LastUpdated >= c.Until() || !slices.ContainsFunc(c.Parts(), filed) {
			continue
		}
		ok, err := c.Keep(s, &v.Row)
		if err != nil {
			return plan.Page{}, err
		}
		if ok {
			found = append(found, v)
		}
	}
	at := func(v *version) position { return position{Order: v.LastUpdated, Doc: v.seq + wide} }
	newest := func(a, b position) int {
		return cmp.Or(cmp.Compare(b.Order, a.Order), cmp.Compare(b.Doc, a.Doc))
	}
	slices.SortFunc(found, func(a, b *version) int { return newest(at(a), at(b)) })
	return cut(found, w, at, newest)
}

// filed says whether a version is filed under one of the patients; nil are all, and nobody.
func (s *memorySnapshot) filed(v *version, patients []string) bool {
	if patients == nil {
		return true
	}
	for _, before := range slices.Backward(s.log[:v.seq+1]) {
		if before.Type == v.Type && before.ID == v.ID && before.res != nil {
			return slices.ContainsFunc(before.entries.Charts(v.Type), func(id string) bool { return slices.Contains(patients, id) })
		}
	}
	return false
}

// Select implements plan.Source.
func (s *memorySnapshot) Select(ctx context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	found, err := s.members(b)
	if err != nil {
		return plan.Page{}, err
	}
	o := order{w.Sort, s.index}
	places := map[*version]position{}
	for _, v := range found {
		if places[v], err = o.position(ctx, s, v); err != nil {
			return plan.Page{}, err
		}
	}
	at := func(v *version) position { return places[v] }
	slices.SortFunc(found, func(a, b *version) int { return o.compare(at(a), at(b)) })
	return cut(found, w, at, o.compare)
}

// Targets implements plan.Source.
func (s *memorySnapshot) Targets(_ context.Context, b plan.Bound, p *r4.SearchParameter, max int) ([]fhir.Reference, bool, error) {
	found, err := s.members(b)
	if err != nil {
		return nil, false, err
	}
	seen := map[string]fhir.Reference{}
	for _, v := range found {
		for _, t := range v.entries.Terms {
			if t.Num == p.Num && t.Form == index.FormReference {
				if ref := fhir.ParseReference(t.Text, Base); ref.Local() {
					seen[ref.String()] = ref
				}
			}
		}
	}
	var refs []fhir.Reference
	for _, text := range slices.Sorted(maps.Keys(seen)) {
		if len(refs) == max {
			return refs, true, nil
		}
		refs = append(refs, seen[text])
	}
	return refs, false, nil
}

// members are the current resources of b, in no order.
func (s *memorySnapshot) members(b plan.Bound) ([]*version, error) {
	var found []*version
	for _, v := range s.now {
		if v.Deleted || v.Type != b.Type() {
			continue
		}
		ok, err := plan.Contains(b.Node(), &v.entries, &v.Row)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, v)
		}
	}
	return found, nil
}
