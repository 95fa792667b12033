package keys

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

// Of several servers on a store one rotates the keys when they are due; all sign with the new ones and verify what was
// signed with the old ones.
func TestMaintain(t *testing.T) {
	ctx := context.Background()
	m := storetest.NewMemory()
	c := &clock{time.Now()}
	m.Now = c.now
	var nodes [3]*Ring
	for i := range nodes {
		var err error
		if nodes[i], err = Open(ctx, Options{KV: m.KV(), Now: c.now}); err != nil {
			t.Fatal(err)
		}
	}
	const life = 10 * 24 * time.Hour
	tick := func(d time.Duration) {
		t.Helper()
		c.at = c.at.Add(d)
		for _, n := range nodes {
			if err := n.Maintain(ctx, life); err != nil {
				t.Fatal(err)
			}
		}
	}
	published := func() int {
		t.Helper()
		n := -1
		for _, node := range nodes {
			set, err := node.Public(ctx)
			if err != nil || n >= 0 && n != len(set.Keys) {
				t.Fatalf("the nodes do not agree: %d and %d keys, %v", n, len(set.Keys), err)
			}
			n = len(set.Keys)
		}
		return n
	}
	tick(8 * 24 * time.Hour)
	if n := published(); n != 2 {
		t.Errorf("before it is due: %d keys", n)
	}
	old, err := nodes[0].Sign(ctx, "ES256", "at+jwt", map[string]string{"sub": "me"})
	if err != nil {
		t.Fatal(err)
	}
	before := nodes[0].signing(jose.ES256).id
	tick(25 * time.Hour)
	if n := published(); n != 4 || nodes[1].signing(jose.ES256).id != before {
		t.Errorf("due: %d keys", n)
	}
	tick(25 * time.Hour)
	for i, n := range nodes {
		token, err := n.Sign(ctx, "ES256", "at+jwt", map[string]string{"sub": "me"})
		if err != nil || n.signing(jose.ES256).id == before {
			t.Errorf("node %d signs with the old key: %v", i, err)
		}
		var got map[string]string
		for _, text := range []string{token, old} {
			if _, err := nodes[(i+1)%3].Verify(ctx, text, "at+jwt", &got); err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		}
	}
	if list, err := nodes[0].List(ctx); err != nil || len(list) != 4 || !list[0].Signs || list[3].Signs || list[3].Ends.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	tick(48 * time.Hour)
	if n := published(); n != 2 {
		t.Errorf("at the end: %d keys", n)
	}
	for range 4 { // and so on
		tick(10 * 24 * time.Hour)
		tick(48 * time.Hour)
		if n := published(); n != 2 && n != 4 {
			t.Errorf("later: %d keys", n)
		}
	}
	if err := nodes[0].Maintain(ctx, 0); err != nil {
		t.Error(err)
	}
}

// With a secret the store holds nothing by which one could sign, and without it the keys are not read.
func TestKeysAreEncrypted(t *testing.T) {
	ctx := context.Background()
	kv := storetest.NewMemory().KV()
	if _, err := Open(ctx, Options{KV: kv}); err != nil {
		t.Fatal(err)
	}
	clear := func() (n int) {
		t.Helper()
		list, err := kv.List(ctx, bucket, "", "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range list {
			if bytes.Contains(rec.Value, []byte("pkcs8")) {
				n++
			}
		}
		return n
	}
	if clear() != 2 {
		t.Fatalf("%d keys in clear", clear())
	}
	r, err := Open(ctx, Options{KV: kv, Secret: "a secret of ours"})
	if err != nil || clear() != 0 {
		t.Fatalf("%d keys in clear: %v", clear(), err)
	}
	token, err := r.Sign(ctx, "RS256", "JWT", map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(ctx, false); err != nil || clear() != 0 {
		t.Errorf("after a rotation %d keys in clear: %v", clear(), err)
	}
	again, err := Open(ctx, Options{KV: kv, Secret: "a secret of ours"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if _, err := again.Verify(ctx, token, "JWT", &got); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{"", "another secret"} {
		if _, err := Open(ctx, Options{KV: kv, Secret: secret}); err == nil || !strings.Contains(err.Error(), "key-secret") {
			t.Errorf("%q: %v", secret, err)
		}
	}
	// A sealed key cannot stand under another id.
	list, err := kv.List(ctx, bucket, "", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(ctx, store.Record{Bucket: bucket, Key: "rs256-x", Value: list[0].Value}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, Options{KV: kv, Secret: "a secret of ours"}); !errors.Is(err, errSealed) {
		t.Errorf("moved: %v", err)
	}
}
