package keys

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/firewarden/firewarden/store/storetest"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestRing(t *testing.T) {
	ctx := context.Background()
	m := storetest.NewMemory()
	c := &clock{time.Now()}
	m.Now = c.now
	open := func() *Ring {
		r, err := Open(ctx, Options{KV: m.KV(), Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := open()
	type claims struct{ Sub string }
	tokens := map[string]string{}
	for _, alg := range []string{"RS256", "ES256"} {
		token, err := r.Sign(ctx, alg, "at+jwt", claims{"me"})
		if err != nil {
			t.Fatal(err)
		}
		tokens[alg] = token
		for name, ring := range map[string]*Ring{"the same": r, "another on the store": open()} {
			var got claims
			if _, err := ring.Verify(ctx, token, "at+jwt", &got); err != nil || got.Sub != "me" {
				t.Errorf("%s, %s: %v %v", alg, name, got, err)
			}
		}
		var got claims
		for name, bad := range map[string]string{
			"other payload":  strings.Join([]string{strings.Split(token, ".")[0], "e30", strings.Split(token, ".")[2]}, "."),
			"no signature":   strings.Join(strings.Split(token, ".")[:2], ".") + ".",
			"algorithm none": "eyJhbGciOiJub25lIn0." + strings.Split(token, ".")[1] + ".",
			"not a JWT":      "x",
			"empty":          "",
		} {
			if _, err := r.Verify(ctx, bad, "at+jwt", &got); err != ErrInvalid {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
		}
		if _, err := r.Verify(ctx, token, "JWT", &got); err != ErrInvalid {
			t.Errorf("%s: another typ: %v", alg, err)
		}
	}
	if set, err := r.Public(ctx); err != nil || len(set.Keys) != 2 || !set.Keys[0].IsPublic() || !set.Keys[1].IsPublic() {
		t.Errorf("JWK Set: %v %v", set, err)
	}

	// A new key is published a day before it signs, and the old one stays until nothing lives that it signed.
	before := r.signing(jose.ES256)
	if err := r.Rotate(ctx, false); err != nil {
		t.Fatal(err)
	}
	if set, _ := r.Public(ctx); len(set.Keys) != 4 {
		t.Errorf("%d keys are published", len(set.Keys))
	}
	if r.signing(jose.ES256) != before {
		t.Error("the new key signs at once")
	}
	c.at = c.at.Add(25 * time.Hour)
	if r.signing(jose.ES256) == before {
		t.Error("the new key does not sign")
	}
	var got claims
	if _, err := r.Verify(ctx, tokens["ES256"], "at+jwt", &got); err != nil {
		t.Errorf("an old token: %v", err)
	}
	c.at = c.at.Add(72 * time.Hour)
	if set, _ := r.Public(ctx); len(set.Keys) != 2 {
		t.Errorf("%d keys are published at the end", len(set.Keys))
	}
	if _, err := r.Verify(ctx, tokens["ES256"], "at+jwt", &got); err != ErrInvalid {
		t.Errorf("a token of a key that is gone: %v", err)
	}

	// At once, for keys in wrong hands.
	token, _ := r.Sign(ctx, "RS256", "JWT", claims{})
	if err := r.Rotate(ctx, true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(ctx, token, "JWT", &got); err != ErrInvalid {
		t.Errorf("a token of a withdrawn key: %v", err)
	}
	if _, err := r.Sign(ctx, "RS256", "JWT", claims{}); err != nil {
		t.Error(err)
	}
}

func publicSet(t *testing.T, ids ...string) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, id := range ids {
		k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: id})
	}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFetch(t *testing.T) {
	ctx := context.Background()
	var asked atomic.Int32
	set := publicSet(t, "a")
	down := false
	mux := http.NewServeMux()
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if down {
			w.WriteHeader(503)
			return
		}
		w.Write(set)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[],"x":"%s"}`, strings.Repeat("x", maxSet))
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", 302) })
	mux.HandleFunc("/once", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks", 302) })
	mux.HandleFunc("/out", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest", 302)
	})
	mux.HandleFunc("/secret", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c := &clock{time.Now()}
	f := NewFetcher(Loopback, c.now)

	get := func(id string) int {
		t.Helper()
		keys, err := f.Keys(ctx, srv.URL+"/jwks", id)
		if err != nil {
			t.Fatal(err)
		}
		return len(keys)
	}
	if get("a") != 1 || get("") != 1 || asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	// A new key is found, but nobody makes us ask all the time.
	set = publicSet(t, "a", "b")
	if get("b") != 0 || asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	c.at = c.at.Add(impatience + 1)
	if get("b") != 1 || asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
	// The client's server may be down for a while.
	down = true
	c.at = c.at.Add(fresh + 1)
	if get("b") != 1 || asked.Load() != 3 {
		t.Errorf("asked %d times", asked.Load())
	}
	down = false
	if keys, err := f.Keys(ctx, srv.URL+"/once", "a"); err != nil || len(keys) != 1 {
		t.Errorf("one redirect: %v", err)
	}
	for _, path := range []string{"/large", "/loop", "/out", "/nothing", "/secret"} {
		if keys, err := f.Keys(ctx, srv.URL+path, ""); err == nil {
			t.Errorf("%s: %v", path, keys)
		}
	}
}

func TestReach(t *testing.T) {
	ctx := context.Background()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(publicSet(t, "a")) }))
	defer srv.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { t.Error("it was called") }))
	defer secure.Close()
	public := NewFetcher(Public, nil)
	for _, url := range []string{srv.URL, secure.URL, "https://localhost:1/", "https://127.1/", "https://[::1]/", "https://10.0.0.1/",
		"https://169.254.169.254/", "https://[::ffff:127.0.0.1]/", "ftp://x/", "file:///etc/passwd", "https://user@example.org/", ""} {
		if _, err := public.Keys(ctx, url, ""); err == nil {
			t.Errorf("%s was fetched", url)
		}
	}
	if _, err := NewFetcher(Loopback, nil).Keys(ctx, srv.URL, ""); err != nil {
		t.Errorf("loopback: %v", err)
	}
	for address, open := range map[string][3]bool{ // by reach
		"8.8.8.8:443":              {true, true, true},
		"[2606:4700::1111]:443":    {true, true, true},
		"127.0.0.1:80":             {false, true, true},
		"[::1]:80":                 {false, true, true},
		"[::ffff:127.0.0.1]:80":    {false, true, true},
		"10.1.2.3:443":             {false, false, true},
		"172.16.0.1:443":           {false, false, true},
		"192.168.1.1:443":          {false, false, true},
		"100.64.1.1:443":           {false, false, true},
		"169.254.169.254:80":       {false, false, true},
		"0.0.0.0:80":               {false, false, true},
		"[fe80::1]:443":            {false, false, true},
		"[fd00::1]:443":            {false, false, true},
		"[64:ff9b::10.0.0.1]:443":  {false, false, true},
		"[2002:a00:1::]:443":       {false, false, true},
		"224.0.0.1:443":            {false, false, true},
		"255.255.255.255:443":      {false, false, true},
		"[::ffff:169.254.0.1]:443": {false, false, true},
	} {
		if _, err := netip.ParseAddrPort(address); err != nil {
			t.Fatal(err)
		}
		for reach, want := range open {
			err := NewFetcher(Reach(reach), nil).control(ctx, "tcp", address, nil)
			if (err == nil) != want {
				t.Errorf("%s by reach %d: %v", address, reach, err)
			}
		}
	}
}
