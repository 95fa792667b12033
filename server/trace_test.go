package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/search"
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
		{"PUT", "/Condition?code=x", "", "Condition.s by no scope; Condition.u by patient/*.cu (in:Patient/a); Condition.c by patient/*.cu (in:Patient/a)"},
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

// The letters that are named are those that the request needs: with them it is let in, and without one of them it is not.
// Of a Bundle they are those of its entries.
func TestTraceIsWhatIsNeeded(t *testing.T) {
	var access *scope.Access
	with := func(words string) {
		set, refused := scope.Parse(words)
		if refused != nil {
			t.Fatal(refused)
		}
		access = set.Access(scope.Context{})
	}
	with("system/*.cruds")
	w := open(t, func(o *Options) { o.Anonymous, o.Trace = &later{&access}, true })
	entry := func(method, url, resource, more string) string {
		if resource != "" {
			more += `},"resource":` + resource
		} else {
			more += "}"
		}
		return `{"request":{"method":"` + method + `","url":"` + url + `"` + more + `}`
	}
	bundle := func(kind string, entries ...string) string {
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
	}
	const patient = `{"resourceType":"Patient","id":"1"}`
	const condition = `{"resourceType":"Condition","subject":{"reference":"Patient?_id=1"}}`
	const tags = `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}`
	for _, c := range []struct{ method, path, body, header, value, want string }{
		{"PUT", "/Patient/1", patient, "", "", "Patient.u"},
		{"GET", "/Patient/1", "", "", "", "Patient.r"},
		{"POST", "/Patient", patient, "", "", "Patient.c"},
		{"POST", "/Patient", patient, "If-None-Exist", "_id=1", "Patient.s Patient.c"},
		{"PUT", "/Patient?_id=1", patient, "", "", "Patient.s Patient.u Patient.c"},
		{"PATCH", "/Patient/1", `[{"op":"add","path":"/active","value":true}]`, "Content-Type", "application/json-patch+json", "Patient.r Patient.u"},
		{"PATCH", "/Patient?_id=1", `[{"op":"add","path":"/active","value":true}]`, "Content-Type", "application/json-patch+json", "Patient.s Patient.r Patient.u"},
		{"POST", "/Patient/1/$meta-add", tags, "", "", "Patient.u"},
		{"POST", "/Patient/1/$meta", "", "", "", "Patient.r"},
		{"GET", "/Patient/$meta", "", "", "", "Patient.s"},
		{"POST", "/Patient/_search", "_id=1", "Content-Type", "application/x-www-form-urlencoded", "Patient.s"},
		{"GET", "/Patient/1/_history", "", "", "", "Patient.r"},
		{"GET", "/Patient/1/Condition", "", "", "", "Condition.s"},
		{"DELETE", "/Observation?_id=1", "", "", "", "Observation.s Observation.d"},
		{"POST", "", bundle("transaction", entry("PUT", "Patient/1", patient, ""), entry("POST", "Condition", condition, "")), "", "", "Patient.u Condition.c Patient.s"},
		{"POST", "/", bundle("transaction", entry("GET", "Patient?_id=1", "", ""), entry("POST", "Patient", patient, `,"ifNoneExist":"_id=1"`)), "", "", "Patient.s Patient.c"},
		{"POST", "", bundle("transaction", entry("DELETE", "Observation/1", "", ""), entry("PUT", "Encounter?_id=1", `{"resourceType":"Encounter"}`, "")), "", "", "Observation.d Encounter.s Encounter.u Encounter.c"},
		{"POST", "", bundle("transaction", entry("POST", "Patient/1/$meta-delete", tags, ""), entry("GET", "Patient/1/_history/1", "", "")), "", "", "Patient.u Patient.r"},
		{"POST", "", bundle("batch", entry("GET", w.url+"/fhir/Patient/1/Condition", "", ""), entry("GET", "Patient/1", "", ""), entry("GET", "Nothing/1", "", ""), entry("GET", "metadata", "", "")), "", "", "Condition.s Patient.r"},
		{"DELETE", "/Patient/1", "", "", "", "Patient.d"},
	} {
		ask := func() (string, bool) {
			headers := []string{"Content-Type", "application/fhir+json"}
			if c.header != "" {
				headers = append(headers, c.header, c.value)
			}
			a := w.do(c.method, "/fhir"+c.path, c.body, headers...)
			return a.header.Get("X-Firewarden-Scope"), a.status == 403 || strings.Contains(string(a.body), `"status":"403`) || strings.Contains(string(a.body), `"code":"forbidden"`)
		}
		scopes := func(needs string) string { return "system/" + strings.ReplaceAll(needs, " ", " system/") }
		with(scopes(c.want))
		traced, refused := ask()
		var named []string
		for part := range strings.SplitSeq(traced, "; ") {
			name, _, _ := strings.Cut(part, " by ")
			named = append(named, name)
		}
		if got := strings.Join(named, " "); got != c.want || refused {
			t.Errorf("%s %s: %q, want %q; refused with them: %v", c.method, c.path, got, c.want, refused)
		}
		for i := range named {
			fewer := strings.Join(slices.Delete(slices.Clone(named), i, i+1), " ")
			if strings.HasSuffix(named[i], ".u") && strings.Contains(fewer, strings.TrimSuffix(named[i], "u")+"c") || strings.HasSuffix(named[i], ".c") && strings.Contains(fewer, strings.TrimSuffix(named[i], "c")+"u") {
				continue // an update by a search needs one of them, and which depends on what it finds
			}
			with(scopes(strings.TrimSpace("Slot.rs " + fewer)))
			if traced, refused := ask(); !refused || !strings.Contains(traced, named[i]+" by no scope") {
				t.Errorf("%s %s without %s: refused %v, traced %q", c.method, c.path, named[i], refused, traced)
			}
		}
	}
}

// later is the access of the moment.
type later struct{ of **scope.Access }

func (l *later) Allowed(i search.Interaction, typ string) search.Expr { return (*l.of).Allowed(i, typ) }
func (l *later) Content(i search.Interaction, typ string) search.Expr { return (*l.of).Content(i, typ) }
func (l *later) UpdateCreates(typ string) bool                        { return (*l.of).UpdateCreates(typ) }
func (l *later) Shares(i search.Interaction, typ string) scope.Shares { return (*l.of).Shares(i, typ) }

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
