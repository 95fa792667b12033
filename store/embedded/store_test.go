package embedded

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

// reopener is a store that storetest can close and open again: its file system stays.
type reopener struct {
	*Store
	fs vfs.FS
}

func (r reopener) Reopen() (store.Store, error) {
	if err := r.Close(); err != nil {
		return nil, err
	}
	s, err := Open(testOptions(r.fs))
	return reopener{s, r.fs}, err
}

func testOptions(fs vfs.FS) Options {
	return Options{Memory: true, Mode: "test", FS: fs, Indexer: &index.Indexer{Base: storetest.Base}, CacheSize: 8 << 20}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		fs := vfs.NewMem()
		s, err := Open(testOptions(fs))
		if err != nil {
			t.Fatal(err)
		}
		return reopener{s, fs}
	})
}

func TestDifferential(t *testing.T) {
	storetest.Differential(t, func(t *testing.T) store.Store {
		fs := vfs.NewMem()
		s, err := Open(testOptions(fs))
		if err != nil {
			t.Fatal(err)
		}
		return reopener{s, fs}
	})
}

// The answers are the same where what a store does with much is done with little.
func TestDifferentialSmall(t *testing.T) {
	storetest.Differential(t, func(t *testing.T) store.Store {
		s, err := Open(testOptions(vfs.NewMem()))
		if err != nil {
			t.Fatal(err)
		}
		s.limits = limits{lists: 1, list: 1, shapes: 1, patients: 3, ofPatient: 1, probes: 1, pairs: 1}
		s.shapes.most, s.totals.most = 3, 2
		return s
	})
}

func TestParameters(t *testing.T) {
	storetest.RunParameters(t, func(t *testing.T) store.Store {
		fs := vfs.NewMem()
		s, err := Open(testOptions(fs))
		if err != nil {
			t.Fatal(err)
		}
		return reopener{s, fs}
	}, func(s store.Store) []string {
		problems, err := s.(reopener).Check(t.Context(), nil)
		if err != nil {
			t.Error(err)
		}
		return problems
	})
}

func TestHidden(t *testing.T) {
	storetest.Hidden(t, func(t *testing.T) store.Store {
		s, err := Open(testOptions(vfs.NewMem()))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}, nil)
}

// holding is a snapshot of a store that holds resources.
func holding(t *testing.T, bodies ...string) *snapshot {
	t.Helper()
	s, err := Open(testOptions(vfs.NewMem()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var writes []store.Write
	for _, body := range bodies {
		res, err := fhir.Parse([]byte(body), fhir.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, store.Write{Row: plan.Row{Type: res.Type, ID: res.ID, Version: 1, LastUpdated: 1, Method: "PUT", Body: res.Bytes}, Resource: res, Fresh: true})
	}
	if err := s.Commit(t.Context(), store.Commit{Writes: writes}); err != nil {
		t.Fatal(err)
	}
	snap, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap.(*snapshot)
}

// planOf is the plan of a search by who has some access.
func planOf(t *testing.T, typ, query string, a search.Access) plan.Plan {
	t.Helper()
	var pairs []search.Pair
	for _, x := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(x, "=")
		pairs = append(pairs, search.Pair{Name: name, Value: value})
	}
	q, err := search.Parse(typ, pairs, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Lower(search.Guard(q, a), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
