package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	r := start(t, "sandbox")
	at := strings.TrimPrefix(r.url, "http://")
	if out := mustRun(t, "health", "--listen", at); out != "ready\n" {
		t.Errorf("of a server that is ready: %q", out)
	}
	r.stop()
	if code, _, said := run(t, "health", "--listen", at); code != failed || !strings.Contains(said, "no server answers") {
		t.Errorf("of no server: %d %q", code, said)
	}
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health/ready" {
			t.Errorf("asks for %s", r.URL)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer down.Close()
	if code, _, said := run(t, "health", "--listen", down.Listener.Addr().String()); code != failed || !strings.Contains(said, "503") {
		t.Errorf("of a server whose store does not answer: %d %q", code, said)
	}
	if code, _, said := run(t, "health", "--listen", "here"); code != wrong || !strings.Contains(said, "--listen") {
		t.Errorf("of no address: %d %q", code, said)
	}
}

func TestReach(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8080", "0.0.0.0:8080": "127.0.0.1:8080", ":8080": "127.0.0.1:8080", "[::]:8080": "127.0.0.1:8080",
		"10.1.2.3:80": "10.1.2.3:80", "[::1]:80": "[::1]:80", "server:80": "server:80",
	} {
		if got := reach(listen); got != want {
			t.Errorf("%s is reached by %s, not %s", listen, got, want)
		}
	}
}
