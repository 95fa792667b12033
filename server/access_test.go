package server

import (
	"strings"
	"testing"
)

func TestWhoGetsIn(t *testing.T) {
	closed := open(t, func(o *Options) { o.Anonymous = nil })
	opened := open(t, nil)
	keyless := open(t, func(o *Options) { o.Anonymous, o.AdminKey = nil, "" })
	for _, c := range []struct {
		name   string
		site   *site
		header string
		in     bool
	}{
		{"no token, closed", closed, "", false},
		{"no token, open", opened, "", true},
		{"the key", closed, "Bearer " + adminKey, true},
		{"the key, scheme in lower case", closed, "bearer " + adminKey, true},
		{"the key, open", opened, "Bearer " + adminKey, true},
		{"a wrong key, closed", closed, "Bearer wrong", false},
		{"a wrong key, open", opened, "Bearer wrong", false},
		{"the beginning of the key", closed, "Bearer " + adminKey[:5], false},
		{"the key and more", closed, "Bearer " + adminKey + "x", false},
		{"the key as Basic", closed, "Basic " + adminKey, false},
		{"the key without a scheme", closed, adminKey, false},
		{"an empty token", opened, "Bearer ", false},
		{"an empty token without a key", keyless, "Bearer ", false},
		{"nothing without a key", keyless, "", false},
	} {
		for _, path := range []string{"/fhir/Nothing/1", "/fhir/nowhere/at/all/here"} {
			var header []string
			if c.header != "" {
				header = []string{"Authorization", c.header}
			}
			a := c.site.do("GET", path, "", header...)
			if c.in {
				if a.status != 404 {
					t.Errorf("%s: %d", c.name, a.status)
				}
				continue
			}
			if says := a.outcome(t, 401, "login"); says != "a valid access token is needed" {
				t.Errorf("%s: says %q", c.name, says)
			}
			if got := a.header.Get("WWW-Authenticate"); got != "Bearer" {
				t.Errorf("%s: WWW-Authenticate %q", c.name, got)
			}
		}
	}
}

func TestOpenPathsNeedNoToken(t *testing.T) {
	w := open(t, func(o *Options) { o.Anonymous = nil })
	for _, path := range []string{"/", "/health", "/health/live", "/health/ready", "/fhir/metadata"} {
		if a := w.do("GET", path, "", "Authorization", "Bearer wrong"); a.status != 200 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	w.do("GET", "/fhir/.well-known/smart-configuration", "").outcome(t, 404, "not-supported")
	for _, r := range routes(false) {
		if strings.HasPrefix(r.path, "/fhir") && !r.open && r.method != "" {
			w.do(r.method, example(r.path), "").outcome(t, 401, "login")
		}
	}
}

func TestCORS(t *testing.T) {
	w := open(t, func(o *Options) { o.Anonymous = nil })
	a := w.do("OPTIONS", "/fhir/Patient/1", "", "Origin", "https://app.example", "Access-Control-Request-Method", "PUT",
		"Access-Control-Request-Headers", "authorization,if-match")
	if a.status != 204 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":  "*",
		"Access-Control-Allow-Methods": "GET, HEAD, PUT, DELETE, PATCH, OPTIONS",
		"Access-Control-Max-Age":       "3600",
		"Vary":                         "Accept-Encoding, Origin",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", "If-None-Exist", "Prefer", "X-Request-Id"} {
		if !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), name) {
			t.Errorf("%s is not allowed", name)
		}
	}
	if a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("credentials are allowed")
	}

	for _, path := range []string{"/fhir/metadata", "/fhir/Patient/1", "/fhir/no/such/path/at/all"} {
		a = w.do("GET", path, "", "Origin", "https://app.example")
		if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" {
			t.Errorf("%s: Access-Control-Allow-Origin %q", path, got)
		}
		for _, name := range []string{"ETag", "Location", "Last-Modified", "Content-Location", "X-Request-Id"} {
			if !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s: %s is not exposed", path, name)
			}
		}
		if a = w.do("GET", path, ""); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: CORS without an origin", path)
		}
	}
	if a := w.do("GET", "/health", "", "Origin", "https://app.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("health is for pages of other origins")
	}
}

func TestRequestID(t *testing.T) {
	w := open(t, func(o *Options) { o.NewRequestID = func() string { return "ours" } })
	for _, c := range []struct{ given, want string }{
		{"", "ours"},
		{"abc-123_X.y", "abc-123_X.y"},
		{strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{strings.Repeat("a", 65), "ours"},
		{"a b", "ours"},
		{`a"b`, "ours"},
		{"é", "ours"},
	} {
		for _, path := range []string{"/fhir/metadata", "/fhir/Patient/1", "/nowhere"} {
			var header []string
			if c.given != "" {
				header = []string{"X-Request-Id", c.given}
			}
			if got := w.do("GET", path, "", header...).header.Get("X-Request-Id"); got != c.want {
				t.Errorf("%s with %q: %q, want %q", path, c.given, got, c.want)
			}
		}
	}
}
