package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAdministration: users, clients and tokens by commands that talk to a running server.
func TestAdministration(t *testing.T) {
	r := start(t, "sandbox")
	do := func(args ...string) string {
		t.Helper()
		return mustRun(t, append(args, "--server", r.url)...)
	}
	fails := func(want string, args ...string) {
		t.Helper()
		if code, out, errs := run(t, append(args, "--server", r.url)...); code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s%s, want %q", args, code, out, errs, want)
		}
	}

	// Users.
	out := do("user", "add", "ann", "--display", "Ann", "--fhir-user", "Practitioner/practitioner-02", "--policy", "all")
	if !regexp.MustCompile(`^password \S{20,}\n$`).MatchString(out) {
		t.Errorf("user add: %q", out)
	}
	if out := do("user", "list"); !strings.Contains(out, "Practitioner/practitioner-02") || !strings.Contains(out, "administrator") {
		t.Errorf("user list: %s", out)
	}
	var ann struct{ Name, FHIRUser, Password string }
	if err := json.Unmarshal([]byte(do("user", "show", "ann")), &ann); err != nil || ann.FHIRUser != "Practitioner/practitioner-02" || ann.Password != "" {
		t.Errorf("user show: %+v %v", ann, err)
	}
	do("user", "passwd", "ann", "--password", "correct horse")
	fails("already", "user", "add", "ann", "--password", "correct horse")
	fails("8 characters", "user", "passwd", "ann", "--password", "short")
	fails("no policy", "user", "add", "bob", "--policy", "everything", "--password", "correct horse")
	fails("none of this name", "user", "show", "nobody")
	fails("needs one name", "user", "remove")

	// Clients.
	out = do("client", "add", "--name", "An app", "--redirect-uri", "https://app.example.org/cb", "--scope", "patient/*.rs offline_access")
	made := regexp.MustCompile(`^client_id (\S+)\nclient_secret (\S{40,})\n$`).FindStringSubmatch(out)
	if made == nil {
		t.Fatalf("client add: %q", out)
	}
	if again := do("client", "passwd", made[1]); again == "client_secret "+made[2]+"\n" {
		t.Errorf("client passwd: %q", again)
	}
	if out := do("client", "add", "--id", "phone", "--public", "--redirect-uri", "org.example.phone:/cb"); out != "client_id phone\n" {
		t.Errorf("client add --public: %q", out)
	}
	do("client", "set", "phone", "--scope", "patient/Patient.r", "--redirect-uri", "https://a.example.org/cb", "--redirect-uri", "https://b.example.org/cb")
	if out := do("client", "show", "phone"); !strings.Contains(out, `"patient/Patient.r"`) || !strings.Contains(out, "b.example.org") {
		t.Errorf("client show: %s", out)
	}
	jwks := file(t, "jwks.json", `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"1"}]}`)
	do("client", "set", "sandbox-backend", "--jwks", jwks)
	do("client", "add", "--id", "nightly", "--backend", "--jwks", jwks, "--scope", "system/*.rs")
	if out := do("client", "list"); !strings.Contains(out, "nightly") || !strings.Contains(out, "private_key_jwt") {
		t.Errorf("client list: %s", out)
	}
	fails("redirect", "client", "add", "--name", "x")
	fails("no JSON", "client", "set", "nightly", "--jwks", file(t, "none.json", "nothing"))

	// Tokens.
	token := strings.TrimSpace(do("token", "mint", "--client", "sandbox-public", "--scope", "patient/Observation.rs?category=laboratory patient/Patient.rs", "--patient", "patient-001", "--life", "10m"))
	r.token = token
	if res, body := r.do("GET", "/fhir/Patient/patient-001", ""); res.StatusCode != http.StatusOK || res.Header.Get("X-Firewarden-Scope") != "Patient.r by patient/Patient.rs (in:Patient/patient-001)" {
		t.Errorf("%s %s %v", res.Status, body, res.Header)
	}
	if res, _ := r.do("GET", "/fhir/Patient/patient-002", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("another patient: %s", res.Status)
	}
	out = do("token", "explain", token)
	for _, part := range []string{"patient   patient-001", "only category laboratory", "Observation  rs   (and in:Patient/patient-001 category=laboratory)"} {
		if !strings.Contains(out, part) {
			t.Errorf("token explain does not say %q:\n%s", part, out)
		}
	}
	out = do("token", "explain", token, "Patient/patient-001", "Patient/patient-002", "Patient/nobody")
	for _, part := range []string{"r  read: yes, the server answers 200", "patient/Patient.rs matches, linked to the patient by id", "r  read: no, the server answers 404",
		"it is not in the compartment of Patient/patient-001, it has id=Patient/patient-002", "would do: system/Patient.r (the client is not registered for it)\n", "Patient/nobody does not exist"} {
		if !strings.Contains(out, part) {
			t.Errorf("token explain does not say %q:\n%s", part, out)
		}
	}
	if out := do("token", "explain", "--json", token, "Patient/nobody"); !strings.Contains(out, `"state": "absent"`) {
		t.Error(out)
	}
	fails("opens nothing", "token", "explain", "x", "Patient/nobody")
	fails("is no resource", "token", "explain", token, "Patint/nobody")
	fails("need a patient", "token", "mint", "--client", "sandbox-public", "--scope", "patient/*.rs")
	fails("not granted", "token", "mint", "--client", "sandbox-public", "--scope", "system/Patint.rs")
	fails("opens nothing", "token", "explain", "x")
	fails("--client", "token", "mint", "--scope", "system/*.rs")

	do("client", "remove", "phone")
	fails("none of this name", "client", "show", "phone")
	do("user", "remove", "ann")

	// Without a key nobody administers.
	dir := filepath.Join(t.TempDir(), "store")
	s := start(t, "serve", "--store", dir)
	if code, _, errs := run(t, "user", "list", "--server", s.url); code != 1 || !strings.Contains(errs, "administrator's key") {
		t.Errorf("without the key: %d %s", code, errs)
	}
	if out := mustRun(t, "user", "list", "--server", s.url, "--store", dir); !strings.HasPrefix(out, "NAME") {
		t.Errorf("with the key of the store: %s", out)
	}
	if code, _, errs := run(t, "user", "list", "--server", "http://127.0.0.1:1"); code != 1 || !strings.Contains(errs, "no server answers") {
		t.Errorf("no server: %d %s", code, errs)
	}
	mustRun(t, "client", "add", "--server", s.url, "--store", dir, "--id", "app", "--public", "--redirect-uri", "https://app.example/cb")
	s.token = strings.TrimSpace(mustRun(t, "token", "mint", "--server", s.url, "--store", dir, "--client", "app", "--scope", "system/*.rs"))
	if res, _ := s.do("GET", "/fhir/Patient", ""); res.StatusCode != http.StatusOK || res.Header["X-Firewarden-Scope"] != nil {
		t.Errorf("a server that is no sandbox traces scopes: %s %v", res.Status, res.Header)
	}
	if res, body := s.do("GET", "/api/why?ref=Patient/1", ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a server that is no sandbox explains a token to its holder: %s %s", res.Status, body)
	}
	if out := s.out.String(); !strings.Contains(out, s.url+"/auth/setup?token=") {
		t.Errorf("no set-up link:\n%s", out)
	}
}

// TestDeclared: users and clients of the configuration are there at every start.
func TestDeclared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	conf := func(scope string) string {
		return file(t, "firewarden.yaml", `
users:
  - {name: ann, display: Ann, fhirUser: Practitioner/1, policy: all, password: correct horse, administrator: true}
clients:
  - client_id: app
    client_name: An app
    client_secret: a-secret-of-mine
    redirect_uris: [https://app.example.org/cb]
    grant_types: [authorization_code, refresh_token]
    scopes: [openid, `+scope+`]
    introspects: true
`)
	}
	for _, scope := range []string{"patient/*.rs", "patient/Patient.rs"} {
		r := start(t, "serve", "--store", dir, "--config", conf(scope))
		if out := r.out.String(); strings.Contains(out, "/auth/setup") {
			t.Errorf("there is an administrator:\n%s", out)
		}
		if out := mustRun(t, "client", "show", "app", "--server", r.url, "--store", dir); !strings.Contains(out, `"openid `+scope+`"`) {
			t.Errorf("client: %s", out)
		}
		if out := mustRun(t, "user", "list", "--server", r.url, "--store", dir); !strings.Contains(out, "Practitioner/1") {
			t.Errorf("users: %s", out)
		}
		r.stop()
	}
	for bad, want := range map[string]string{
		"users:\n  - {name: ann, pasword: x}\n":                       "pasword",
		"users:\n  - {name: ann, policy: everything}\n":               "entry 1",
		"clients:\n  - {client_id: x}\n":                              "entry 1",
		"clients:\n  - {client_id: x, redirect_uris: [https://x/]}\n": "needs a secret",
	} {
		if code, _, errs := run(t, "serve", "--store", filepath.Join(t.TempDir(), "s"), "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--config", file(t, "bad.yaml", bad)); code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%q: %d %s", bad, code, errs)
		}
	}
}
