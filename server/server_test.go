package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/store"
)

// everything is the access of an open test server.
type everything struct{}

func (everything) Allowed(search.Interaction, string) search.Expr { return search.All }

// site is a server on a listener of its own, and a client of it.
type site struct {
	t    testing.TB
	url  string // of the server, without a slash
	http *http.Client
	s    *Server
}

const adminKey = "correct-horse"

// open starts a server that lets everyone do everything; change may alter its options.
func open(t testing.TB, change func(*Options)) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	o := Options{
		Service:   newService(t, url+"/fhir"),
		Anonymous: everything{},
		AdminKey:  adminKey,
		Version:   "test",
		Logger:    slog.New(slog.NewTextHandler(logOf(t), nil)),
	}
	if change != nil {
		change(&o)
	}
	s := New(o)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       program.Patience,
	}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), program.Patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return &site{t: t, url: url, http: client, s: s}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// header are the headers of a request, as name, value, name, value.
func (w *site) do(method, path, body string, header ...string) answer {
	w.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, w.url+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.send(req, header...)
}

func (w *site) send(req *http.Request, header ...string) answer {
	w.t.Helper()
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := w.http.Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return answer{res.StatusCode, res.Header, b}
}

// outcome checks that a is an OperationOutcome of the status with the issue code, and returns its diagnostics.
func (a answer) outcome(t testing.TB, status int, code string) string {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %.300s", a.status, status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/fhir+json; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("an error with Cache-Control %q", got)
	}
	if _, err := fhir.Parse(a.body, fhir.DefaultLimits); err != nil {
		t.Fatalf("not strict JSON: %v in %s", err, a.body)
	}
	var o struct {
		ResourceType string
		Issue        []struct{ Severity, Code, Diagnostics string }
	}
	if err := json.Unmarshal(a.body, &o); err != nil {
		t.Fatal(err)
	}
	if o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 || o.Issue[0].Severity != "error" || o.Issue[0].Code != code {
		t.Fatalf("want an error %s: %s", code, a.body)
	}
	return o.Issue[0].Diagnostics
}

// testLog writes log lines to the test's.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimSpace(b))
	return len(b), nil
}

func logOf(t testing.TB) io.Writer {
	if testing.Verbose() {
		return testLog{t}
	}
	return io.Discard
}

// brokenStore gives no snapshot: it waits until the request's time is over, or fails at once.
type brokenStore struct {
	store.Store
	fault error // nil: wait
}

func (s brokenStore) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if s.fault == nil {
		<-ctx.Done()
		return nil, fmt.Errorf("wait for the disk: %w", ctx.Err())
	}
	return nil, s.fault
}

func TestRequestsEndInTime(t *testing.T) {
	w := open(t, func(o *Options) {
		o.Limits.Request = 20 * time.Millisecond
		o.Service.Store = brokenStore{Store: o.Service.Store}
	})
	a := w.do("GET", "/fhir/Patient/1", "")
	if says := a.outcome(t, 503, "timeout"); strings.Contains(says, "disk") || a.header.Get("Retry-After") == "" {
		t.Errorf("says %q, %v", says, a.header)
	}
}

func TestInternalFaultsStayInside(t *testing.T) {
	var log program.Output
	w := open(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.Service.Store = brokenStore{o.Service.Store, errors.New("secret path: input/output error")}
	})
	for _, c := range [][2]string{{"GET", "/fhir/Patient/1"}, {"GET", "/fhir/Patient"}, {"DELETE", "/fhir/Patient/1"}} {
		a := w.do(c[0], c[1], "")
		if says := a.outcome(t, 500, "exception"); says != "internal error" || bytes.Contains(a.body, []byte("secret")) {
			t.Errorf("%v: %s", c, a.body)
		}
	}
	for _, line := range wait(t, &log, 3) {
		if !strings.Contains(line, "level=ERROR") || !strings.Contains(line, "secret path") {
			t.Errorf("line %q", line)
		}
	}
}

func TestShutdownAnswersWhatHasBegun(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	w := open(t, func(o *Options) {
		o.Ready = func(context.Context) error { close(begun); <-release; return nil }
	})
	got := make(chan answer, 1)
	go func() { got <- w.do("GET", "/health/ready", "") }()
	<-begun
	done := make(chan error, 1)
	go func() { done <- w.s.Shutdown(context.Background()) }()
	for !w.s.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatalf("shutdown did not wait: %v", err)
	case <-time.After(150 * time.Millisecond):
	}
	close(release)
	if a := <-got; a.status != 200 {
		t.Errorf("status %d", a.status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(w.url, "http://"), time.Second); err == nil {
		t.Error("the listener still takes connections")
	}
}

func TestServeAfterShutdown(t *testing.T) {
	s := New(Options{Service: newService(t, "http://127.0.0.1/fhir")})
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(ln); err != nil {
		t.Fatal(err)
	}
}
