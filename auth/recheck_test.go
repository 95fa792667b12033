package auth_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/plain"
)

// TestRecheck: what a server revokes is dead there at once, and within Options.Recheck on another server of the store.
func TestRecheck(t *testing.T) {
	ctx := t.Context()
	w := open(t, func(o *auth.Options) { o.Recheck = 400 * time.Millisecond })
	other, err := auth.New(ctx, auth.Options{Base: w.url, Store: w.store, Indexer: w.store.Indexer, Pages: plain.Pages{}, Sandbox: true, Now: w.now,
		Recheck: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	accepts := func(s *auth.Server, token string) bool {
		t.Helper()
		_, err := s.Bearer(ctx, token)
		if err != nil && !errors.Is(err, auth.ErrToken) {
			t.Error(err)
		}
		return err == nil
	}
	token := w.service("system/Patient.rs")
	for range 2 {
		if !accepts(w.auth, token) || !accepts(other, token) {
			t.Fatal("a token is not accepted")
		}
	}
	res := w.form("/auth/revoke", url.Values{"client_assertion_type": {assertionType}, "client_assertion": {appKeys.assertion(w, "sandbox-backend")}, "token": {token}})
	if res.status != 200 {
		t.Fatalf("revoke: %d %s", res.status, res.body)
	}
	if accepts(w.auth, token) {
		t.Error("it is accepted where it was revoked")
	}
	if !accepts(other, token) {
		t.Error("the records are read for each request: this test tests nothing")
	}
	w.wait(10 * time.Second)
	if accepts(other, token) {
		t.Error("it is accepted on the other server")
	}
}
