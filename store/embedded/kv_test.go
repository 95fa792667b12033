package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/firewarden/firewarden/store"
)

// Expired records do not stay: writing sweeps them away, and no live one with them.
func TestSweep(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_000_000)
	o := testOptions(vfs.NewMem())
	o.Clock = func() time.Time { return now }
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(key string, expires time.Time) {
		t.Helper()
		if _, err := s.KV().Put(t.Context(), store.Record{Bucket: "codes", Key: key, Value: []byte(key), Expires: expires}, store.AnyVersion); err != nil {
			t.Fatal(err)
		}
	}
	put("kept", time.Time{})
	put("extended", now.Add(time.Minute))
	put("extended", now.Add(time.Hour))
	for i := range 100 {
		put(fmt.Sprint("short", i), now.Add(time.Second))
	}
	now = now.Add(2 * time.Minute)
	if r, err := s.KV().List(t.Context(), "codes", "", "", 1000); err != nil || len(r) != 2 {
		t.Errorf("%d records live: %v", len(r), err)
	}
	for range 2 * sweepEvery {
		put("short7", now.Add(time.Second))
		now = now.Add(2 * time.Second) // each is expired before the next
	}
	stored := func(kind byte) (n int) {
		if err := scan(s.db, []byte{kind}, func(_, _ []byte) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := stored(keyKV); n > 3 {
		t.Errorf("%d records are stored, two live", n)
	}
	if n := stored(keyExpiry); n > 2 {
		t.Errorf("%d expiries are stored", n)
	}
	for _, key := range []string{"kept", "extended"} {
		if r, ok, err := s.KV().Get(t.Context(), "codes", key); !ok || err != nil || string(r.Value) != key {
			t.Errorf("%s: %v %v %v", key, r, ok, err)
		}
	}
}
