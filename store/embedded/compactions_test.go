package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestCompactions: a store that was left with much to compact is opened without, and compacts it then.
func TestCompactions(t *testing.T) {
	fs := vfs.NewMem()
	open := func() (*pebble.DB, *compactions) {
		cache := pebble.NewCache(1 << 20)
		defer cache.Unref()
		c := newCompactions()
		db, err := pebble.Open("db", pebbleOptions(Options{FS: fs, Mode: "serve"}, cache, c))
		if err != nil {
			t.Fatal(err)
		}
		return db, c
	}
	const tables = 8
	db, _ := open()
	for n := range tables {
		for k := range 100 {
			if err := db.Set(fmt.Append(nil, k), fmt.Append(nil, n), pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, c := open()
	if m := db.Metrics(); m.Compact.Count != 0 || m.Levels[0].TablesCount != tables {
		t.Errorf("%d compactions have run before the store was open, %d tables of %d are left", m.Compact.Count, m.Levels[0].TablesCount, tables)
	}
	c.begin()
	for db.Metrics().Levels[0].TablesCount > 0 { // or the test takes too long
		time.Sleep(time.Millisecond)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
