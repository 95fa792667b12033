package server

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
)

// The trace names the scopes of each letter that a request needs, whatever the store holds; without Options.Trace there is
// none.
func TestTrace(t *testing.T) {
	const scopes = "patient/Observation.rs?category=laboratory patient/*.cu system/Location.rs"
	set, refused := scope.Parse(scopes)
	if refused != nil {
		t.Fatal(refused)
	}
	access := set.Access(scope.Context{Patient: "a"})
	traced := open(t, func(o *Options) { o.Anonymous, o.Trace = access, true })
	silent := open(t, func(o *Options) { o.Anonymous, o.Sandbox = access, true })
	for _, c := range []struct{ method, path, header, want string }{
		{"GET", "/Observation/1", "", "Observation.r by patient/Observation.rs?category=laboratory (in:Patient/a)"},
		{"HEAD", "/Observation/1", "", "Observation.r by patient/Observation.rs?category=laboratory (in:Patient/a)"},
		{"GET", "/Observation/1/_history/1", "", "Observation.r by patient/Observation.rs?category=laboratory (in:Patient/a)"},
		{"GET", "/Observation/1/$meta", "", "Observation.r by patient/Observation.rs?category=laboratory (in:Patient/a)"},
		{"GET", "/Observation?code=x", "", "Observation.s by patient/Observation.rs?category=laboratory (in:Patient/a)"},
		{"GET", "/Patient/a/Observation", "", "Observation.s by patient/Observation.rs?category=laboratory (in:Patient/a)"},
		{"GET", "/Patient/a/*", "", "*.s by patient/Observation.rs?category=laboratory system/Location.rs"},
		{"GET", "/Patient/a/x%20y", "", ""},
		{"GET", "", "", "*.s by patient/Observation.rs?category=laboratory system/Location.rs"},
		{"GET", "/Location/1", "", "Location.r by system/Location.rs"},
		{"GET", "/Condition/1", "", "Condition.r by no scope"},
		{"DELETE", "/Condition/1", "", "Condition.d by no scope"},
		{"PUT", "/Condition/1", "", "Condition.u by patient/*.cu (in:Patient/a)"},
		{"PUT", "/Condition?code=x", "", "Condition.s by no scope; Condition.u by patient/*.cu (in:Patient/a)"},
		{"PATCH", "/Condition/1", "", "Condition.r by no scope; Condition.u by patient/*.cu (in:Patient/a)"},
		{"POST", "/Condition", "", "Condition.c by patient/*.cu (in:Patient/a)"},
		{"POST", "/Condition", "code=x", "Condition.s by no scope; Condition.c by patient/*.cu (in:Patient/a)"},
		{"POST", "/Practitioner", "", "Practitioner.c by no scope"},
		{"GET", "/Obs/1", "", ""},
		{"GET", "/metadata", "", ""},
		{"POST", "", "", ""},
	} {
		headers := []string{"Origin", "https://app.example"}
		if c.header != "" {
			headers = append(headers, "If-None-Exist", c.header)
		}
		a := traced.do(c.method, "/fhir"+c.path, "", headers...)
		if got := a.header.Get("X-Firewarden-Scope"); got != c.want || got != "" && !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "X-Firewarden-Scope") {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
		}
		b := silent.do(c.method, "/fhir"+c.path, "", headers...)
		if _, there := b.header["X-Firewarden-Scope"]; there || a.status != b.status {
			t.Errorf("%s %s: without a trace %d %v", c.method, c.path, b.status, b.header)
		}
	}
}

// However many scopes there are, the header stays short.
func TestTraceIsShort(t *testing.T) {
	var words []string
	for _, typ := range types() {
		words = append(words, "system/*.rs?_tag="+typ)
	}
	set, _ := scope.Parse(strings.Join(words, " "))
	w := open(t, func(o *Options) { o.Anonymous, o.Trace = set.Access(scope.Context{}), true })
	if got := w.do("GET", "/fhir/Patient", "").header.Get("X-Firewarden-Scope"); len(got) != maxTrace || !strings.HasSuffix(got, "...") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestTraceOfPolicies(t *testing.T) {
	set, _ := scope.Parse("user/Observation.rs")
	w := open(t, func(o *Options) {
		o.Trace, o.Anonymous = true, set.Access(scope.Context{User: scope.Policy{Letters: scope.All}, Client: scope.Policy{Letters: scope.All}})
	})
	if got := w.do("GET", "/fhir/Observation/1", "").header.Get("X-Firewarden-Scope"); got != "Observation.r by user/Observation.rs, within the user's policy, within the client's" {
		t.Error(got)
	}
}
