package mongo

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
	"github.com/firewarden/firewarden/store/storetest"
)

func testURI(t testing.TB) string { return mongotest.URI(t) }

// databases are those that tests have made, to be emptied and used again, and dropped at the end.
var databases struct {
	sync.Mutex
	made int
	free []string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if uri := os.Getenv(mongotest.EnvURI); uri != "" && databases.made > 0 {
		ctx := context.Background()
		client, err := mongo.Connect(options.Client().ApplyURI(uri))
		if err == nil {
			for i := range databases.made {
				client.Database(databaseName(i)).Drop(ctx)
			}
			client.Disconnect(ctx)
		}
	}
	os.Exit(code)
}

func databaseName(i int) string { return fmt.Sprintf("firewarden-test-%d-%d", os.Getpid(), i) }

// testDatabase is a database of the test's own; it may have what an earlier test has left.
func testDatabase(t testing.TB) string {
	databases.Lock()
	defer databases.Unlock()
	name := ""
	if n := len(databases.free); n > 0 {
		name, databases.free = databases.free[n-1], databases.free[:n-1]
	} else {
		name = databaseName(databases.made)
		databases.made++
	}
	t.Cleanup(func() {
		databases.Lock()
		defer databases.Unlock()
		databases.free = append(databases.free, name)
	})
	return name
}

func testOptions(t testing.TB, name string) Options {
	return Options{URI: testURI(t), Database: name, Mode: "test", Patience: time.Minute, Indexer: &index.Indexer{Base: storetest.Base}}
}

// openTest is an empty store.
func openTest(t testing.TB) *Store { return openMonitored(t, nil) }

func openMonitored(t testing.TB, m *event.CommandMonitor) *Store {
	name := testDatabase(t)
	mongotest.Wipe(t, testURI(t), name)
	o := testOptions(t, name)
	o.monitor = m
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openSet opens a store at a URI.
func openSet(t *testing.T, uri string, patience time.Duration) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URI: uri, Mode: "test", Patience: patience, Indexer: &index.Indexer{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// reopener is a store that storetest can close and open again.
type reopener struct {
	*Store
	o Options
}

func (r reopener) Reopen() (store.Store, error) {
	if err := r.Close(); err != nil {
		return nil, err
	}
	s, err := Open(context.Background(), r.o)
	return reopener{s, r.o}, err
}

// suite runs a part of storetest on stores in MongoDB, and checks that what they do can be done in a sharded cluster.
func suite(t *testing.T, run func(t *testing.T, open func(*testing.T) store.Store)) {
	testURI(t)
	var d dispatch
	monitor := d.monitor()
	run(t, func(t *testing.T) store.Store {
		s := openMonitored(t, monitor)
		o := testOptions(t, s.db.Name())
		o.monitor = monitor
		return reopener{s, o}
	})
	d.check(t)
}

func TestStore(t *testing.T) { suite(t, storetest.Run) }

func TestParameters(t *testing.T) {
	suite(t, func(t *testing.T, open func(*testing.T) store.Store) { storetest.RunParameters(t, open, nil) })
}

func TestDifferential(t *testing.T) { suite(t, storetest.Differential) }
