package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

// published are the ids of the keys that others verify by.
func (r *running) published() (ids []string) {
	r.t.Helper()
	var set struct{ Keys []struct{ KID string } }
	if err := json.Unmarshal(r.get("/auth/jwks.json"), &set); err != nil {
		r.t.Fatal(err)
	}
	for _, k := range set.Keys {
		ids = append(ids, k.KID)
	}
	return ids
}

// TestKeysAreRotated: by the clock, and by an administrator.
func TestKeysAreRotated(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var c clock
	again := func(secret string) *running {
		return startWith(t, Main{Now: c.now}, "sandbox", "--store", dir, "--base-url", "http://127.0.0.1:8080", "--key-life", "72h", "--key-secret", secret)
	}
	const secret = "a-secret-for-signing-keys"
	r := again(secret)
	if n := len(r.published()); n != 2 {
		t.Fatalf("%d keys", n)
	}
	token := r.mint("--scope", "system/Patient.rs", "--life", "1h")
	r.stop()
	c.wait(49 * time.Hour)
	r = again(secret)
	program.Until(t, "new keys", func() bool { return len(r.published()) == 4 })
	if out := mustRun(t, "key", "list", "--server", r.url); strings.Count(out, "signs now") != 2 || strings.Count(out, "256-") != 4 {
		t.Errorf("key list:\n%s", out)
	}
	if got := r.status(token, "GET", "/fhir/Patient"); got != 401 { // its own life is over
		t.Errorf("an expired token: %d", got)
	}
	token = r.mint("--scope", "system/Patient.rs")
	if got := r.status(token, "GET", "/fhir/Patient"); got != 200 {
		t.Errorf("a token: %d", got)
	}
	before := strings.Join(r.published(), " ")
	mustRun(t, "key", "rotate", "--server", r.url)
	if got := r.status(token, "GET", "/fhir/Patient"); got != 200 || len(r.published()) != 6 {
		t.Errorf("rotated: %d, %d keys", got, len(r.published()))
	}
	mustRun(t, "key", "rotate", "--at-once", "--server", r.url)
	if got := r.status(token, "GET", "/fhir/Patient"); got != 401 {
		t.Errorf("a token of a key that was withdrawn: %d", got)
	}
	for _, id := range r.published() {
		if strings.Contains(before, id) {
			t.Errorf("%s is still published", id)
		}
	}
	r.stop()
	if code, _, errs := run(t, "sandbox", "--store", dir, "--base-url", "http://127.0.0.1:8080", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--key-secret", "another-secret-for-keys"); code == 0 || !strings.Contains(errs, "key-secret") {
		t.Errorf("another secret: %d %s", code, errs)
	}
}
