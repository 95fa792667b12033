package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

// trusting starts a sandbox that trusts issuers, with a clock.
func trusting(t *testing.T, c *clock, issuers string) *running {
	t.Helper()
	return startWith(t, Main{Now: c.now}, "sandbox", "--config", file(t, "firewarden.yaml", "issuers:\n"+issuers))
}

// TestS4_02_TokensOfAnOutsideServer: another Firewarden is the authorization server; its tokens open data here by their
// scopes and their patient, validated by its keys.
func TestS4_02_TokensOfAnOutsideServer(t *testing.T) {
	a := spawn(t, program.FreePort(t), "sandbox")
	var c clock
	b := trusting(t, &c, `
  - issuer: `+a.url+`
    tokens: {validate: jwt, audience: `+a.url+`/fhir, scope: "patient/*.cruds user/*.rs"}
`)
	strict := trusting(t, &c, "  - {issuer: "+a.url+", tokens: {validate: jwt, scope: patient/*.rs}}\n") // for tokens that are meant for it
	narrow := trusting(t, &c, "  - {issuer: "+a.url+", tokens: {validate: jwt, audience: "+a.url+"/fhir, clients: [another], scope: patient/*.rs}}\n")
	none := start(t, "sandbox")

	token := a.mint("--scope", "patient/*.rs", "--patient", "patient-001")
	for s, want := range map[*running]int{b: 200, strict: 401, narrow: 401, none: 401} {
		if got := s.status(token, "GET", "/fhir/Patient/patient-001"); got != want {
			t.Errorf("%s: %d, want %d", s.url, got, want)
		}
	}
	for path, want := range map[string]int{"Patient/patient-002": 404, "Observation?_count=1": 200, "Practitioner/practitioner-01": 200, "Bundle": 403} {
		if got := b.status(token, "GET", "/fhir/"+path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if got := b.status(token, "DELETE", "/fhir/Patient/patient-001"); got != 403 {
		t.Errorf("delete: %d", got)
	}
	all, _ := (&running{t: t, url: b.url, token: token}).found("/fhir/Observation?_count=1000")
	part, _ := (&running{t: t, url: b.url, token: a.mint("--scope", "patient/Observation.rs?category=laboratory", "--patient", "patient-001")}).found("/fhir/Observation?_count=1000")
	if len(part) == 0 || len(part) >= len(all) {
		t.Errorf("a granular scope shows %d of %d", len(part), len(all))
	}
	for name, scope := range map[string][]string{
		"beyond what the configuration lets the issuer open": {"--scope", "system/*.rs"},
		"user scopes without a policy here":                  {"--scope", "user/*.rs", "--user", "practitioner"},
	} {
		if got := b.status(a.mint(scope...), "GET", "/fhir/Patient"); got != 403 {
			t.Errorf("%s: %d", name, got)
		}
	}
	own := b.mint("--scope", "patient/*.rs", "--patient", "patient-001")
	head, payload, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(payload, ".")
	for name, bad := range map[string]string{"another payload": head + ".e30." + signature, "no signature": head + "." + payload + ".",
		"algorithm none": "eyJhbGciOiJub25lIn0." + payload + ".", "the signature of another": head + "." + payload + own[strings.LastIndex(own, "."):]} {
		if got := b.status(bad, "GET", "/fhir/Patient/patient-001"); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	// It is no token of our own endpoints.
	for path, form := range map[string]url.Values{"introspect": {"client_id": {"sandbox-secret"}, "client_secret": {"sandbox-secret"}, "token": {token}}} {
		res, err := http.PostForm(b.url+"/auth/"+path, form)
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		json.NewDecoder(res.Body).Decode(&answer)
		res.Body.Close()
		if answer["active"] != false {
			t.Errorf("%s: %v", path, answer)
		}
	}
	if out := mustRun(t, "token", "explain", token, "--server", b.url); !strings.Contains(out, "in:Patient/patient-001") {
		t.Errorf("explain: %s", out)
	}
	c.wait(2 * time.Hour)
	if got := b.status(token, "GET", "/fhir/Patient/patient-001"); got != 401 {
		t.Errorf("expired: %d", got)
	}
}

// Without validation the mode cannot be switched on.
func TestS4_02_NothingIsTakenUnvalidated(t *testing.T) {
	for issuers, want := range map[string]string{
		`[{issuer: "https://a.example", tokens: {scope: patient/*.rs}}]`:                                                      "never taken unvalidated",
		`[{issuer: "https://a.example", tokens: {validate: none, scope: patient/*.rs}}]`:                                      "never taken unvalidated",
		`[{issuer: "https://a.example", tokens: {validate: introspection, scope: patient/*.rs}}]`:                             "client_id and client_secret",
		`[{issuer: "https://a.example", tokens: {validate: jwt}}]`:                                                            "scope has to say",
		`[{issuer: "https://a.example", tokens: {validate: jwt, scope: patient/Patint.rs}}]`:                                  "Patint",
		`[{issuer: "https://a.example", tokens: {validate: jwt, scope: patient/*.rs, audiences: x}}]`:                         "audiences",
		`[{issuer: "https://a.example"}]`:                                                                                     "good for nothing",
		`[{issuer: "a.example", tokens: {validate: jwt, scope: patient/*.rs}}]`:                                               "no URL",
		`[{issuer: "https://a.example", login: {client_id: x}}]`:                                                              "needs an id",
		`[{issuer: "https://a.example", id: a, login: {client_id: x, users: everybody}}]`:                                     "linked, match or create",
		`[{issuer: "https://a.example", id: a, login: {client_id: x, scope: profile}}]`:                                       "openid",
		`[{issuer: "https://a.example", roles: [{role: x}], tokens: {validate: jwt, scope: patient/*.rs}}]`:                   "a role and a policy",
		`[{issuer: "https://a.example", tokens: {validate: introspection, client_id: a, client_secret: b, scope: "openid"}}]`: "scope has to say",
	} {
		path := file(t, "firewarden.yaml", "issuers: "+issuers+"\n")
		for _, args := range [][]string{{"config", "check"}, {"serve", "--store", "memory:", "--listen", "127.0.0.1:0", "--metrics-listen", "off"}} {
			if code, _, errs := run(t, append(args, "--config", path)...); code == 0 || !strings.Contains(errs, want) {
				t.Errorf("%v %s: %d %s", args, issuers, code, errs)
			}
		}
	}
	for _, at := range []string{"http://127.0.0.1:1", "http://id.example"} { // what a server reaches by https only
		path := file(t, "firewarden.yaml", "issuers: [{issuer: '"+at+"', tokens: {validate: jwt, scope: patient/*.rs}}]\n")
		if code, _, errs := run(t, "serve", "--store", "memory:", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--config", path); code == 0 || !strings.Contains(errs, "https only") {
			t.Errorf("%s: %d %s", at, code, errs)
		}
	}
}

// TestS4_05_ClaimsOfOtherNames: roles mean policies, fhirUser has another name, and names can be configured.
func TestS4_05_ClaimsOfOtherNames(t *testing.T) {
	e := newTenant(t)
	var c clock
	r := trusting(t, &c, `
  - issuer: `+e.url+`
    roles: [{role: Clinician, policy: readonly}, {role: Patient, policy: self}, {role: Administrator, policy: all}]
    tokens: {validate: jwt, audience: "api://fhir", scope: "user/*.cruds patient/*.rs"}
`)
	patients := func(r *running, change map[string]any) int {
		t.Helper()
		r.token = e.token(change)
		res, body := r.do("GET", "/fhir/Patient?_count=100", "")
		if res.StatusCode != 200 {
			return res.StatusCode
		}
		var b struct{ Entry []any }
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatal(err)
		}
		return len(b.Entry)
	}
	for name, tt := range map[string]struct {
		change map[string]any
		want   int
	}{
		"a patient":                    {nil, 1},
		"fhirUser by its own name":     {map[string]any{"extension_fhirUser": nil, "fhirUser": r.url + "/fhir/Patient/patient-002"}, 1},
		"a clinician":                  {map[string]any{"roles": []string{"Other", "Clinician"}, "extension_fhirUser": "Practitioner/practitioner-01"}, 12},
		"one role as a string":         {map[string]any{"roles": "Clinician", "extension_fhirUser": nil}, 12},
		"no role":                      {map[string]any{"roles": nil}, 403},
		"a role that is not mapped":    {map[string]any{"roles": []string{"clinician"}}, 403},
		"a patient who is nobody":      {map[string]any{"extension_fhirUser": nil}, 403},
		"fhirUser of another server":   {map[string]any{"extension_fhirUser": "https://other.example/fhir/Patient/patient-001"}, 403},
		"another audience":             {map[string]any{"aud": "api://other"}, 401},
		"several audiences":            {map[string]any{"aud": []string{"api://other", "api://fhir"}}, 1},
		"no audience":                  {map[string]any{"aud": nil}, 401},
		"another issuer":               {map[string]any{"iss": e.url + "/"}, 401},
		"expired":                      {map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, 401},
		"without an end":               {map[string]any{"exp": nil}, 401},
		"of tomorrow":                  {map[string]any{"nbf": time.Now().Add(24 * time.Hour).Unix()}, 401},
		"an id token":                  {map[string]any{"nonce": "n"}, 401},
		"without scopes":               {map[string]any{"scp": nil}, 401},
		"scopes as a list":             {map[string]any{"scp": nil, "scope": []string{"openid", "user/Patient.rs"}}, 1},
		"scopes of something else":     {map[string]any{"scp": "Files.Read"}, 403},
		"patient scopes, no patient":   {map[string]any{"scp": "patient.all.read"}, 403},
		"patient scopes with patient":  {map[string]any{"scp": "patient.all.read", "patient": "patient-001"}, 1},
		"the patient as a reference":   {map[string]any{"scp": "patient.Patient.rs", "patient": "Patient/patient-001"}, 1},
		"another patient than oneself": {map[string]any{"scp": "patient.all.read", "patient": "patient-002"}, 0},
		"a patient that is no id":      {map[string]any{"scp": "patient.all.read", "patient": "patient 1"}, 403},
		"beyond what is configured":    {map[string]any{"scp": "system.all.read"}, 403},
	} {
		if got := patients(r, tt.change); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
	// A role that only reads refuses what the scope allows.
	clinician := e.token(map[string]any{"scp": "user/*.cruds", "roles": []string{"Clinician"}})
	if got := r.status(clinician, "DELETE", "/fhir/Patient/patient-003"); got != 403 {
		t.Errorf("a role that only reads deletes: %d", got)
	}
	// What a role means is in force with the next request.
	mustRun(t, "policy", "set", "clinic", "--patients", "all", "--server", r.url)
	other := trusting(t, &c, `
  - issuer: `+e.url+`
    claims: {scope: permissions, roles: realm_access.roles, fhirUser: [nobody, "https://claims.example/fhir"], client: cid}
    roles: [{role: doctor, policy: clinic}]
    tokens: {validate: jwt, audience: "api://fhir", scope: user/*.rs, clients: [known]}
`)
	mine := map[string]any{"permissions": "user/*.rs", "realm_access": map[string]any{"roles": []string{"doctor"}}, "https://claims.example/fhir": "Practitioner/practitioner-01", "cid": "known"}
	if got := patients(other, mine); got != 403 {
		t.Errorf("a policy that is not there: %d", got)
	}
	mustRun(t, "policy", "set", "clinic", "--patients", "Patient?general-practitioner={user}", "--server", other.url)
	if got := patients(other, mine); got == 0 || got >= 12 {
		t.Errorf("names of the configuration: %d", got)
	}
	mine["cid"] = "stranger"
	if got := patients(other, mine); got != 401 {
		t.Errorf("a client that is not named: %d", got)
	}
}

// TestS2_19_TokensByIntrospection: an outside server is asked about tokens; what it has revoked opens nothing.
func TestS2_19_TokensByIntrospection(t *testing.T) {
	a := spawn(t, program.FreePort(t), "sandbox")
	var c clock
	b := trusting(t, &c, `
  - issuer: `+a.url+`
    fhirBases: [`+a.url+`/fhir]
    policy: self
    tokens: {validate: introspection, client_id: sandbox-secret, client_secret: sandbox-secret, recheck: 0s, audience: `+a.url+`/fhir, scope: user/*.rs}
`)
	p := a.person()
	p.open(a.ask("openid fhirUser user/*.rs"))
	_, answer := a.redeem(p.approve("patient", "sandbox"))
	token := str(answer, "access_token")
	for path, want := range map[string]int{"Patient/patient-001": 200, "Patient/patient-002": 404} {
		if got := b.status(token, "GET", "/fhir/"+path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	for name, bad := range map[string]string{"opaque": "abc", "not the whole": token[:len(token)-2], "of this server's issuer": strings.Repeat("x", 5000)} {
		if got := b.status(bad, "GET", "/fhir/Patient/patient-001"); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	res, err := http.PostForm(a.url+"/auth/revoke", url.Values{"client_id": {"sandbox-public"}, "token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := b.status(token, "GET", "/fhir/Patient/patient-001"); res.StatusCode != 200 || got != 401 {
		t.Errorf("revoked (%s): %d", res.Status, got)
	}
	// An issuer that cannot be asked stands for nothing.
	fresh := a.mint("--scope", "user/*.rs", "--user", "patient")
	a.Kill()
	if got := b.status(fresh, "GET", "/fhir/Patient/patient-001"); got != 401 {
		t.Errorf("the issuer is down: %d", got)
	}
}
