package auth_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/scope"
)

func TestS5_03_Discovery(t *testing.T) {
	w := open(t)
	for path, same := range map[string]bool{"/fhir/.well-known/smart-configuration": true, "/.well-known/openid-configuration": false, "/.well-known/oauth-authorization-server": false} {
		res := w.call("", "GET", path, "", "Accept", "application/json", "Origin", "https://app.example.org")
		if res.status != 200 || res.header.Get("Content-Type") != "application/json" || res.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, res.status, res.header)
		}
		doc := res.json(t)
		if doc["issuer"] != w.url {
			t.Errorf("%s: issuer %v", path, doc["issuer"])
		}
		if (doc["capabilities"] != nil) != same {
			t.Errorf("%s: capabilities %v", path, doc["capabilities"])
		}
		// Every endpoint is there.
		for name, v := range doc {
			at, _ := v.(string)
			if !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
				continue
			}
			if !strings.HasPrefix(at, w.url+"/auth/") {
				t.Errorf("%s: %s is %v", path, name, v)
			}
			if got := w.call("", "GET", at, ""); got.status == 404 {
				t.Errorf("%s: %s: %d", path, name, got.status)
			}
		}
	}
	if res := w.call("", "OPTIONS", "/fhir/.well-known/smart-configuration", "", "Origin", "https://x.test", "Access-Control-Request-Method", "GET"); res.status != 204 || res.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("preflight: %d %v", res.status, res.header)
	}
}

func TestS3_11_RequiredMembers(t *testing.T) {
	w := open(t)
	doc := w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)
	for _, name := range []string{"issuer", "jwks_uri", "authorization_endpoint", "grant_types_supported", "token_endpoint", "capabilities", "code_challenge_methods_supported"} {
		if doc[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	if got := texts(doc["code_challenge_methods_supported"]); !slices.Equal(got, []string{"S256"}) {
		t.Errorf("challenge methods: %v", got)
	}
	if got := texts(doc["grant_types_supported"]); !slices.Equal(got, []string{"authorization_code", "refresh_token", "client_credentials"}) {
		t.Errorf("grant types: %v", got)
	}
}

func TestS3_12_ScopesSupported(t *testing.T) {
	w := open(t)
	doc := w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)
	offered := texts(doc["scopes_supported"])
	if doc["introspection_endpoint"] != w.url+"/auth/introspect" {
		t.Errorf("introspection: %v", doc["introspection_endpoint"])
	}
	for _, level := range []string{"patient", "user", "system"} {
		for _, what := range append(slices.Concat(guideTypes, moreTypes), guideParts...) {
			if s := level + "/" + what; !slices.Contains(offered, s) {
				t.Errorf("%s is not offered", s)
			}
		}
	}
	// Whatever is offered is understood.
	for _, s := range offered {
		if _, refused := scope.Parse(s); len(refused) > 0 {
			t.Errorf("%s: %v", s, refused)
		}
	}
}

func TestS4_20_GranularScopesAreListed(t *testing.T) {
	w := open(t)
	offered := texts(w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)["scopes_supported"])
	want, _ := scope.Parse("patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|exam")
	have, _ := scope.Parse(strings.Join(slices.DeleteFunc(offered, func(s string) bool { return !strings.Contains(s, "?") }), " "))
	var ask scope.Set // what a client asks for after looking
	for _, d := range want.Data() {
		if have.Covers(scope.Of(d)) {
			ask = ask.With(d.Text())
		}
	}
	if len(ask.Data()) != 1 {
		t.Fatalf("ask for %s", ask.Text())
	}
	if got := w.app("sandbox-public").run("patient", ask.Text())["scope"]; got != ask.Text() {
		t.Errorf("granted %v", got)
	}
}

func TestS3_01_CapabilitySets(t *testing.T) {
	w := open(t)
	have := texts(w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)["capabilities"])
	for set, capabilities := range map[string]string{
		"patient access for standalone apps":   "launch-standalone client-public client-confidential-symmetric context-standalone-patient permission-patient",
		"patient access for EHR launch":        "launch-ehr client-public client-confidential-symmetric context-ehr-patient permission-patient",
		"clinician access for standalone apps": "launch-standalone client-public client-confidential-symmetric permission-user permission-patient",
		"clinician access for EHR launch":      "launch-ehr client-public client-confidential-symmetric context-ehr-patient context-ehr-encounter permission-patient permission-user",
	} {
		for _, c := range strings.Fields(capabilities) {
			if !slices.Contains(have, c) {
				t.Errorf("%s: %s is missing", set, c)
			}
		}
	}
}

// Every capability has a test, and nothing is claimed without one.
func TestS3_14_Capabilities(t *testing.T) {
	w := open(t)
	have := texts(w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)["capabilities"])
	for _, c := range strings.Fields("launch-ehr permission-patient permission-user permission-v2 client-public client-confidential-symmetric client-confidential-asymmetric context-ehr-patient sso-openid-connect") {
		if !slices.Contains(have, c) {
			t.Errorf("%s is missing", c)
		}
	}
	tests := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				tests[fn.Name.Name] = true
			}
		}
	}
	table, err := os.ReadFile("discovery.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`\{"([a-z0-9-]+)", "(Test[A-Za-z0-9_]+)"\}`).FindAllStringSubmatch(string(table), -1)
	if len(rows) != len(have) {
		t.Errorf("%d rows, %d capabilities", len(rows), len(have))
	}
	for _, r := range rows {
		if !tests[r[2]] {
			t.Errorf("%s is claimed for %s, which is not there", r[1], r[2])
		}
	}
}

func TestS3_20_CapabilityStatement(t *testing.T) {
	w := open(t)
	type extension struct {
		URL       string
		ValueURI  string `json:"valueUri"`
		Extension []struct {
			URL      string
			ValueURI string `json:"valueUri"`
		}
	}
	var s struct {
		Rest []struct {
			Security struct {
				Cors    bool
				Service []struct {
					Coding []struct{ System, Code string }
				}
				Extension []extension
			}
		}
	}
	decode(t, w.call("", "GET", "/fhir/metadata", ""), &s)
	sec := s.Rest[0].Security
	if !sec.Cors || len(sec.Service) != 1 || sec.Service[0].Coding[0].Code != "SMART-on-FHIR" || len(sec.Extension) != 1 ||
		sec.Extension[0].URL != "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris" {
		t.Fatalf("%+v", sec)
	}
	uris := map[string]string{}
	for _, e := range sec.Extension[0].Extension {
		uris[e.URL] = e.ValueURI
	}
	for name, path := range map[string]string{"authorize": "authorize", "token": "token", "register": "register", "manage": "manage", "introspect": "introspect", "revoke": "revoke"} {
		if uris[name] != w.url+"/auth/"+path {
			t.Errorf("%s is %s", name, uris[name])
		}
	}
}

func TestS4_23_UDAP(t *testing.T) {
	w := open(t)
	if res := w.call("", "GET", "/fhir/.well-known/udap", ""); res.status != 404 || res.json(t)["error"] != "not_supported" {
		t.Errorf("%d %s", res.status, res.body)
	}
}

// A page of a browser app reads the answers that its own client gets.
func TestCORS(t *testing.T) {
	w := open(t)
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "spa", Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code", "refresh_token"},
		RedirectURIs: []string{"https://app.example.org/cb", "http://127.0.0.1/cb"}, Origins: []string{"https://other.example.org"}, Scope: "openid patient/*.rs offline_access"}}, ""); err != nil {
		t.Fatal(err)
	}
	a := &app{w: w, id: "spa", redirect: "https://app.example.org/cb", verifier: random()}
	answer := a.run("patient", "openid patient/*.rs offline_access")
	for origin, want := range map[string]string{"https://app.example.org": "https://app.example.org", "https://other.example.org": "https://other.example.org",
		"http://127.0.0.1:4000": "http://127.0.0.1:4000", // of any port, as its redirect URI
		"http://127.0.0.2:4000": "", "https://127.0.0.1:4000": "", "https://evil.example.org": "", "http://app.example.org": "", "null": "", "http://localhost:3000": ""} {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"spa"}}
		for path, res := range map[string]answer_{
			"token":    {w.form("/auth/token", form, "Origin", origin), t},
			"revoke":   {w.form("/auth/revoke", url.Values{"token": {"x"}, "client_id": {"spa"}}, "Origin", origin), t},
			"userinfo": {w.call(str(answer, "access_token"), "GET", "/auth/userinfo", "", "Origin", origin), t},
		} {
			if got := res.header.Get("Access-Control-Allow-Origin"); got != want || !strings.Contains(res.header.Get("Vary"), "Origin") {
				t.Errorf("%s from %s: %q", path, origin, got)
			}
			if res.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s lets cookies in", path)
			}
		}
	}
	// The sandbox's own clients are anywhere on this machine.
	res := w.form("/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"sandbox-public"}}, "Origin", "http://localhost:3000")
	if got := res.header.Get("Access-Control-Allow-Origin"); got != "http://localhost:3000" {
		t.Errorf("sandbox: %q", got)
	}
	pre := w.call("", "OPTIONS", "/auth/token", "", "Origin", "https://app.example.org", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	if pre.status != 204 || pre.header.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(pre.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %d %v", pre.status, pre.header)
	}
	// Pages are for nobody's script.
	for _, page := range []string{"/auth/login", "/auth/authorize?" + a.request("openid").Encode(), "/auth/manage", "/auth/logout"} {
		for _, method := range []string{"GET", "OPTIONS"} {
			if res := w.call("", method, page, "", "Origin", "https://app.example.org"); res.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %v", method, page, res.header)
			}
		}
	}
}
