package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/store/storetest"
)

// TestChannelsAreComplete asks the server what it has, by the tables that its handlers come from: each route, parameter,
// modifier, comparison, header and kind of patch needs a row, and a row needs what it names. What has no channel because
// the server does not have it must not be there.
func TestChannelsAreComplete(t *testing.T) {
	s := newSite(t)
	if err := s.fill(storetest.NewMemory(), fixed); err != nil {
		t.Fatal(err)
	}
	if err := s.as(unrestricted); err != nil {
		t.Fatal(err)
	}
	visited := map[string]bool{}
	for _, ch := range channels {
		for _, r := range ch.rows {
			answered := false
			for i, q := range expanded([]Request{r}) {
				for _, at := range visits(q) {
					visited[at] = true
				}
				all, err := s.ask(i, q)
				if err != nil {
					t.Fatal(err)
				}
				answered = answered || all[0].status != http.StatusBadRequest && all[0].status != http.StatusMethodNotAllowed && !strings.Contains(all[0].body, `"not-supported"`)
			}
			if !answered && !strings.Contains(ch.name, "errors") && ch.why == "" && !slices.ContainsFunc(refusedRows, func(part string) bool { return strings.Contains(r.String(), part) }) {
				t.Errorf("%s: a row is of nothing that the server has: %s", ch.name, r)
			}
		}
	}
	all := seenBy(unrestricted)
	for _, list := range walk(t, "memory", fixed, true, administrator, all) {
		for _, one := range list {
			for _, at := range visits(one.asked) {
				visited[at] = true
			}
		}
	}
	for _, at := range s.has(t) {
		if !visited[at] {
			t.Errorf("no row of any channel goes through %q: give it some, in internal/proof/channels_table_test.go", at)
		}
	}
	probes := 0
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		for _, r := range absent[name] {
			probes++
			a, err := s.send(expanded([]Request{r})[0])
			if err != nil {
				t.Fatal(err)
			}
			if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotAcceptable && a.status != http.StatusBadRequest {
				t.Errorf("%s is there: %s answers %d. Take it off the list of what is absent and give it rows", name, r, a.status)
			}
		}
	}
	for what, place := range elsewhere {
		file, test, _ := strings.Cut(place, " ")
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil || !strings.Contains(string(text), "\nfunc "+test+"(") {
			t.Errorf("%s: there is no %s", what, place)
		}
	}
	t.Logf("channels: %d with rows, %d absent (tried by %d requests), %d with a test of their own; %d routes, parameters, modifiers, headers and kinds of content are gone through", len(channels), len(absent), probes, len(elsewhere), len(visited))
}

// refusedRows are parts of rows that are refused, which is what is tried of them.
var refusedRows = []string{"_explain=", "_page=nothing", "nothing=1", "PUT /AuditEvent", "DELETE /AuditEvent"}

// visits are what a request goes through.
func visits(r Request) (out []string) {
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	path, query, _ := strings.Cut(r.Path, "?")
	at := "/fhir" + path
	if page, beside := strings.CutPrefix(path, ".."); beside {
		at = page
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, route := range server.Routes() {
		if (route.Method == method || route.Method == "") && goesBy(at, route.Path) {
			add("route %s %s", route.Method, route.Path)
			break
		}
	}
	if strings.HasSuffix(path, "/_search") {
		query = r.Body
	}
	if r.Header["If-None-Exist"] != "" {
		query = r.Header["If-None-Exist"]
	}
	typ := ofType(path)
	if parts := strings.Split(strings.Trim(path, "/"), "/"); len(parts) == 3 && r4.IsResource(parts[2]) { // of a compartment
		typ = parts[2]
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		code, modifier, _ := strings.Cut(name, ":")
		sp := r4.Lookup(typ, code)
		switch {
		case code == "":
		case strings.Contains(name, "."):
			add("a chain")
		case slices.Contains(search.ResultParams(), code):
			add("result %s", strings.TrimSuffix(code+":"+modifier, ":"))
			if code == "_summary" || code == "_total" || code == "_containedType" {
				add("result %s=%s", code, value)
			}
		case sp != nil:
			if modifier != "" && r4.IsResource(modifier) {
				modifier = "[type]"
			}
			add("parameter of kind %d, modifier %q", sp.Type, modifier)
			for _, prefix := range search.Prefixes(sp) {
				if strings.HasPrefix(value, prefix) {
					add("parameter of kind %d, comparison %s", sp.Type, prefix)
				}
			}
		}
		add("search by %s", code)
	}
	for name, value := range r.Header {
		add("header %s", name)
		if name == "Prefer" {
			add("Prefer: %s", value)
		}
		if name == "Content-Type" && r.Method == http.MethodPatch {
			add("a patch as %s", value)
		}
	}
	var bundle struct {
		ResourceType, Type string
		Entry              []struct {
			Request map[string]string
		}
	}
	if json.Unmarshal([]byte(r.Body), &bundle) == nil && bundle.ResourceType == "Bundle" {
		for _, e := range bundle.Entry {
			for name, value := range e.Request {
				if name == "method" {
					add("an entry of a %s: %s", bundle.Type, value)
				} else if name != "url" {
					add("an entry with %s", name)
				}
			}
		}
	}
	return out
}

// goesBy says whether a path is one of a route.
func goesBy(path, route string) bool {
	have, want := strings.Split(path, "/"), strings.Split(route, "/")
	for i, part := range want {
		if part == "*" {
			return true
		}
		if i >= len(have) {
			return false
		}
		before, _, variable := strings.Cut(part, "{")
		if !variable && have[i] != part || variable && (!strings.HasPrefix(have[i], before) || len(have[i]) == len(before)) {
			return false
		}
	}
	return len(have) == len(want)
}

// has is all that a server has, as the tables say from which it answers; those of a Bundle and of Prefer are R4's.
func (s *site) has(t *testing.T) (out []string) {
	add := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	for _, r := range server.Routes() {
		if !r.Missing {
			add("route %s %s", r.Method, r.Path)
		}
	}
	for _, name := range search.ResultParams() {
		add("result %s", name)
	}
	for _, value := range []string{"_include:iterate", "_revinclude:iterate", "_summary=true", "_summary=text", "_summary=data", "_summary=count", "_summary=false", "_total=none", "_total=estimate", "_total=accurate",
		"_containedType=container", "_containedType=contained"} {
		add("result %s", value)
	}
	var claims struct {
		Rest []struct{ SearchParam []struct{ Name string } }
	}
	a, err := s.send(row("GET", "/metadata", ""))
	if err == nil {
		err = json.Unmarshal([]byte(a.body), &claims)
	}
	if err != nil || len(claims.Rest) == 0 || len(claims.Rest[0].SearchParam) < 20 {
		t.Fatal("the CapabilityStatement cannot be read: ", err)
	}
	for _, p := range claims.Rest[0].SearchParam {
		add("search by %s", p.Name)
	}
	add("a chain")
	for _, typ := range r4.Resources() {
		for _, p := range r4.Params(typ) {
			if p.Expression == "" && p.Code != "near" && !strings.HasPrefix(p.Code, "_") {
				continue
			}
			if p.Expression != "" {
				add("parameter of kind %d, modifier %q", p.Type, "")
			}
			for _, modifier := range search.Modifiers(p) {
				add("parameter of kind %d, modifier %q", p.Type, modifier)
			}
			for _, prefix := range search.Prefixes(p) {
				add("parameter of kind %d, comparison %s", p.Type, prefix)
			}
			if p.Type == r4.Reference {
				add("parameter of kind %d, modifier %q", p.Type, "[type]")
			}
		}
	}
	a, err = s.send(row("OPTIONS", "/Observation/1", "", "Origin", "https://app.example", "Access-Control-Request-Method", "PUT"))
	if err != nil {
		t.Fatal(err)
	}
	headers := listed(a.header, "Access-Control-Allow-Headers")
	// What says who asks, what for is logged, and how bytes are written says nothing about resources.
	headers = slices.DeleteFunc(headers, func(name string) bool {
		return slices.Contains([]string{"Accept", "Authorization", "Content-Encoding", "Content-Type", "X-Request-Id"}, name)
	})
	for _, name := range headers {
		add("header %s", name)
	}
	if len(headers) < 5 {
		t.Errorf("headers %q", a.header)
	}
	a, err = s.send(row("PATCH", "/Observation/1", "x", "Content-Type", "text/plain"))
	if err != nil {
		t.Fatal(err)
	}
	patches := listed(a.header, "Accept-Patch")
	for _, media := range patches {
		add("a patch as %s", media)
	}
	if len(patches) < 2 {
		t.Errorf("patches %q", a.header)
	}
	for _, value := range []string{"return=minimal", "return=representation", "return=OperationOutcome", "handling=strict", "handling=lenient"} {
		add("Prefer: %s", value)
	}
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		add("an entry of a batch: %s", method)
		add("an entry of a transaction: %s", method)
	}
	for _, condition := range []string{"ifNoneExist", "ifMatch", "ifNoneMatch"} {
		add("an entry with %s", condition)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// listed are the items of a header.
func listed(header, name string) []string {
	_, rest, ok := strings.Cut(header, name+": ")
	if !ok {
		return nil
	}
	line, _, _ := strings.Cut(rest, "\r\n")
	return strings.Split(line, ", ")
}
