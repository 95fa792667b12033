package password

import (
	"context"
	"strings"
	"testing"
)

func TestPassword(t *testing.T) {
	ctx := context.Background()
	h := New(1)
	hash, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(ctx, "correct horse")
	if err != nil || again == hash || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%s, %s: %v", hash, again, err)
	}
	for typed, want := range map[string]bool{"correct horse": true, "Correct horse": false, "": false, "correct horse ": false} {
		if ok, err := h.Check(ctx, hash, typed); err != nil || ok != want {
			t.Errorf("%q: %v %v", typed, ok, err)
		}
	}
	if ok, err := h.Check(ctx, "", ""); err != nil || ok {
		t.Errorf("nobody's password: %v %v", ok, err)
	}
	for _, bad := range []string{"x", "$argon2id$v=19$m=1,t=1,p=1$$", "$argon2i$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
		strings.Replace(hash, "m=19456", "m=99999999", 1), strings.Replace(hash, "t=2", "t=0", 1)} {
		if ok, err := h.Check(ctx, bad, "x"); err == nil || ok {
			t.Errorf("%s: %v %v", bad, ok, err)
		}
	}
}

// Whoever waits for a slot gives up with the request.
func TestWaitingEnds(t *testing.T) {
	h := New(1)
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Check(ctx, "", "x"); err == nil {
		t.Error("it did not wait")
	}
}
