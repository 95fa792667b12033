package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

func TestHealth(t *testing.T) {
	var down error
	w := open(t, func(o *Options) { o.Ready = func(context.Context) error { return down } })
	check := func(path string, status int, body string) {
		t.Helper()
		a := w.do("GET", path, "")
		if a.status != status || string(a.body) != body || a.header.Get("Content-Type") != "application/json" ||
			a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s %v", path, a.status, a.body, a.header)
		}
	}
	for _, path := range []string{"/health", "/health/live", "/health/ready"} {
		check(path, 200, `{"status":"up"}`)
		if a := w.do("HEAD", path, ""); a.status != 200 || len(a.body) > 0 {
			t.Errorf("HEAD %s: %d", path, a.status)
		}
	}
	down = errors.New("disk at /secret/path is gone")
	check("/health", 503, `{"status":"down"}`)
	check("/health/ready", 503, `{"status":"down"}`)
	check("/health/live", 200, `{"status":"up"}`)
	down = nil
	w.s.stopping.Store(true)
	check("/health/ready", 503, `{"status":"stopping"}`)
	check("/health/live", 200, `{"status":"up"}`)
}

func TestMetadata(t *testing.T) {
	w := open(t, func(o *Options) { o.Now = func() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) } })
	a := w.do("GET", "/fhir/metadata", "")
	var s struct {
		ResourceType, Date, FhirVersion string
		Software                        struct{ Name, Version string }
		Implementation                  struct{ Url string }
	}
	if err := json.Unmarshal(a.body, &s); err != nil {
		t.Fatal(err)
	}
	if s.ResourceType != "CapabilityStatement" || s.Date != "2026-11-22T08:00:00Z" || s.FhirVersion != "4.0.1" ||
		s.Software.Name != "Firewarden" || s.Software.Version != "test" || s.Implementation.Url != w.url+"/fhir" {
		t.Errorf("%+v", s)
	}
	tag := a.header.Get("ETag")
	if !strings.HasPrefix(tag, `W/"`) {
		t.Errorf("ETag %q", tag)
	}
	for _, tags := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
		if b := w.do("GET", "/fhir/metadata", "", "If-None-Match", tags); b.status != 304 || len(b.body) > 0 || b.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %d", tags, b.status)
		}
	}
	if b := w.do("GET", "/fhir/metadata", "", "If-None-Match", `"x"`); b.status != 200 {
		t.Errorf("another tag: %d", b.status)
	}
	z := w.do("GET", "/fhir/metadata", "", "Accept-Encoding", "br;q=1, gzip;q=0.5")
	if z.header.Get("Content-Encoding") != "gzip" || len(z.body)*5 > len(a.body) {
		t.Errorf("%d bytes of %q", len(z.body), z.header.Get("Content-Encoding"))
	}
	r, err := gzip.NewReader(bytes.NewReader(z.body))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, a.body) {
		t.Errorf("inflates to something else: %v", err)
	}
	for _, refused := range []string{"gzip;q=0", "identity", "br"} {
		if b := w.do("GET", "/fhir/metadata", "", "Accept-Encoding", refused); b.header.Get("Content-Encoding") != "" {
			t.Errorf("Accept-Encoding %s: %s", refused, b.header.Get("Content-Encoding"))
		}
	}
	if h := w.do("HEAD", "/fhir/metadata", ""); h.status != 200 || len(h.body) > 0 || h.header.Get("ETag") != tag ||
		h.header.Get("Content-Length") != a.header.Get("Content-Length") {
		t.Errorf("HEAD: %d %v", h.status, h.header)
	}
}

func TestStartPage(t *testing.T) {
	for _, sandbox := range []bool{false, true} {
		w := open(t, func(o *Options) { o.Sandbox = sandbox })
		a := w.do("GET", "/", "", "Accept", "text/html")
		if a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" || !bytes.Contains(a.body, []byte(w.url+"/fhir")) {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
		if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("policy %q", a.header.Get("Content-Security-Policy"))
		}
		if bytes.Contains(a.body, []byte("Keep no real data here")) != sandbox {
			t.Errorf("sandbox=%v: %s", sandbox, a.body)
		}
	}
}

// wait gives a log once it holds n lines: a line is written after the answer.
func wait(t *testing.T, log *program.Output, n int) []string {
	t.Helper()
	var all []string
	program.Until(t, fmt.Sprintf("%d lines of the log", n), func() bool {
		all = strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
		return len(all) >= n
	})
	return all
}

func TestOneLineARequestWithoutPatients(t *testing.T) {
	var log program.Output
	w := open(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.NewRequestID = func() string { return "r1" }
	})
	w.do("GET", "/fhir/Patient/secret-id/_history/x?name=Secretname", "", "Accept", "secret/media")
	w.do("POST", "/fhir/Patient", `{"secret-body`, "Content-Type", "application/json", "If-None-Exist", "name=Secretname")
	w.do("GET", "/secret-path", "")
	all := wait(t, &log, 3)
	if len(all) != 3 {
		t.Errorf("%d lines for 3 requests: %v", len(all), all)
	}
	for _, want := range []string{
		"method=GET route=/fhir/{type}/{id}/_history/{version} type=\"\" status=406",
		"method=POST route=/fhir/{type} type=Patient status=400",
		"method=GET route=/* type=\"\" status=404",
	} {
		if !slices.ContainsFunc(all, func(line string) bool {
			return strings.Contains(line, want) && strings.Contains(line, "request=r1") && strings.Contains(line, "took=")
		}) {
			t.Errorf("no line has %q: %q", want, all)
		}
	}
	if joined := strings.ToLower(strings.Join(all, "\n")); strings.Contains(joined, "secret") {
		t.Errorf("the log tells: %s", joined)
	}
}

func TestPanicIsAnsweredWithoutItsText(t *testing.T) {
	var log program.Output
	w := open(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.Ready = func(context.Context) error { panic("secret state") }
	})
	for range 3 { // the connection and the server live on
		a := w.do("GET", "/health/ready", "")
		if says := a.outcome(t, 500, "exception"); says != "internal error" || bytes.Contains(a.body, []byte("secret")) {
			t.Errorf("says %s", a.body)
		}
	}
	if all := strings.Join(wait(t, &log, 6), "\n"); !strings.Contains(all, "secret state") || !strings.Contains(all, "health.go") {
		t.Errorf("the log lacks the panic or its place: %s", all)
	}
}

func TestMetrics(t *testing.T) {
	w := open(t, nil)
	w.do("GET", "/fhir/metadata", "")
	w.do("GET", "/fhir/metadata", "")
	w.do("GET", "/fhir/Nothing/secret-id", "")
	read := func() string {
		r := httptest.NewRecorder()
		w.s.Metrics().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
		return r.Body.String()
	}
	for _, want := range []string{
		`firewarden_http_requests_total{method="GET",route="/fhir/metadata",status="200"} 2`,
		`firewarden_http_requests_total{method="GET",route="/fhir/{type}/{id}",status="404"} 1`,
		`firewarden_http_request_duration_seconds_count{method="GET",route="/fhir/metadata"} 2`,
		`firewarden_http_requests_in_flight 0`,
		`go_goroutines`,
	} { // counted after the answer
		program.Until(t, want, func() bool { return strings.Contains(read(), want) })
	}
	if strings.Contains(read(), "secret") {
		t.Error("an id is a label")
	}
}
