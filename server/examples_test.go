package server

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/firewarden/firewarden/conformance/terminology"
	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/embedded"
)

// library is a server whose embedded store holds the official examples.
type library struct {
	*site
	store    store.Store
	index    *index.Indexer
	byType   map[string][]*fhir.Resource
	byName   map[string]*fhir.Resource   // "Type/id"
	byURL    map[string][]*fhir.Resource // by the canonicals that name them
	now      time.Time
	setsOf   map[string][]string // code system → value sets that name it
	cache    terminology.Cache
	official bool
}

// openLibrary loads the official examples, or the sample.
func openLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{byType: map[string][]*fhir.Resource{}, byName: map[string]*fhir.Resource{}, byURL: map[string][]*fhir.Resource{},
		now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	l.site = open(t, func(o *Options) {
		l.index = &index.Indexer{Base: o.Service.Base}
		s, err := embedded.Open(embedded.Options{Memory: true, Mode: "sandbox", Indexer: l.index, CacheSize: 256 << 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		seal, err := interaction.OpenSeal(context.Background(), s.KV(), nil)
		if err != nil {
			t.Fatal(err)
		}
		l.store = s
		o.Service = &interaction.Service{Store: s, Indexer: l.index, Base: o.Service.Base, Seal: seal, Definitions: &l.cache, Now: func() time.Time { return l.now }}
	})
	var writes []store.Write
	var all examples.All
	all, l.official = examples.Any(t)
	for _, body := range all {
		res := l.add(t, body)
		if res == nil {
			continue
		}
		writes = append(writes, store.Write{Fresh: true, Resource: res,
			Row: plan.Row{Type: res.Type, ID: res.ID, Version: 1, LastUpdated: l.now.UnixMicro(), Method: "PUT", Body: res.Bytes}})
	}
	for some := range slices.Chunk(writes, 200) {
		if err := l.store.Commit(t.Context(), store.Commit{Writes: some}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// add makes the first version of an example; nil if it is none that is stored.
func (l *library) add(t *testing.T, body []byte) *fhir.Resource {
	res, err := fhir.Parse(body, fhir.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	id := res.ID
	if !fhir.ValidID(id) {
		id = fmt.Sprintf("example-%d", len(l.byName))
	}
	if res.Type == "Parameters" || l.byName[res.Type+"/"+id] != nil {
		return nil
	}
	if res, err = fhir.Parse(res.Stamp(fhir.Stamp{ID: id, VersionID: "1", LastUpdated: l.now}), fhir.Limits{}); err != nil {
		t.Fatal(err)
	}
	l.byName[res.Type+"/"+id] = res
	l.byType[res.Type] = append(l.byType[res.Type], res)
	for _, url := range index.Canonicals(res) {
		l.byURL[url] = append(l.byURL[url], res)
	}
	return res
}

// matches are the ids of the resources of a type that search.Match finds for one parameter, sorted. A fault of the
// request is nil matches and the fault.
func (l *library) matches(t *testing.T, snap plan.Source, typ string, pair search.Pair) (ids []string, fault error) {
	t.Helper()
	q, err := search.Parse(typ, []search.Pair{pair}, search.Options{Base: l.index.Base, Now: l.now})
	if err == nil {
		q, err = plan.Resolve(t.Context(), snap, q, search.Unrestricted, l.index, &l.cache)
	}
	if err != nil {
		return nil, err
	}
	w := search.World{Index: l.index, Each: func(typ string, f func(*fhir.Resource) bool) {
		for _, res := range l.byType[typ] {
			if !f(res) {
				return
			}
		}
	}}
	for _, res := range l.byType[typ] {
		if search.Match(w, q.Where, res) {
			ids = append(ids, res.ID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
