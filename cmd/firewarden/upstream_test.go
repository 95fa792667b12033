package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

// follow opens the link of the page that leads to a path.
func (p *person) follow(path string) string {
	p.t.Helper()
	link := regexp.MustCompile(`href="([^"]*` + regexp.QuoteMeta(path) + `[^"]*)"`).FindStringSubmatch(p.page)
	if link == nil {
		p.t.Fatalf("%s has no link to %s: %s", p.at, path, p.page)
	}
	return p.open(html.UnescapeString(link[1]))
}

// TestS2_19_SignInByAnOutsideServer: people sign in at another Firewarden, and allow an app and get a token here.
func TestS2_19_SignInByAnOutsideServer(t *testing.T) {
	a := spawn(t, program.FreePort(t), "sandbox")
	mustRun(t, "user", "add", "ann", "--display", "Ann Shaw", "--fhir-user", "Patient/patient-001", "--policy", "all", "--password", "correct horse", "--server", a.url)
	var c clock
	b := trusting(t, &c, `
  - issuer: `+a.url+`
    id: a
    name: Clinic A
    fhirBases: [`+a.url+`/fhir]
    policy: self
    login: {client_id: sandbox-secret, client_secret: sandbox-secret, user: preferred_username, users: create}
`)
	p := b.person()
	to := p.open(b.ask("openid fhirUser launch/patient patient/*.rs user/*.rs"))
	if to != "" || !strings.Contains(p.page, "Sign in with <strong>Clinic A</strong>") {
		t.Fatalf("%s: %s", to, p.page)
	}
	p.follow("/auth/outside/a")
	if !strings.HasPrefix(p.at, a.url) {
		t.Fatalf("not at the issuer: %s", p.at)
	}
	p.submit("login", "name", "ann", "password", "correct horse")
	p.submit("consent", "action", "allow")
	if !strings.HasPrefix(p.at, b.url) || !strings.Contains(p.page, "Ann Shaw") {
		t.Fatalf("at %s: %s", p.at, p.page)
	}
	_, answer := b.redeem(p.code(p.submit("consent", "action", "allow")))
	token := str(answer, "access_token")
	if answer["patient"] != "patient-001" {
		t.Errorf("token answer: %v", answer)
	}
	for path, want := range map[string]int{"Patient/patient-001": 200, "Patient/patient-002": 404} {
		if got := b.status(token, "GET", "/fhir/"+path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if out := mustRun(t, "user", "show", "ann", "--server", b.url); !strings.Contains(out, `"from": "`+a.url) || !strings.Contains(out, "Patient/patient-001") {
		t.Errorf("the user: %s", out)
	}
	// The user has no password here, an empty one neither.
	for _, password := range []string{"correct horse", "x", ""} {
		if page := b.signIn(t, "ann", password); !strings.Contains(page, "is wrong") {
			t.Errorf("password %q lets in: %s", password, page)
		}
	}
	// For our own pages, too; and who has a name that is taken here is not who has it here.
	p = b.person()
	p.open(b.url + "/auth/manage")
	p.follow("/auth/outside/a")
	p.submit("login", "name", "ann", "password", "correct horse")
	p.submit("consent", "action", "allow")
	if p.at != b.url+"/auth/manage" || !strings.Contains(p.page, "Ann Shaw") {
		t.Errorf("at %s", p.at)
	}
	p = b.person()
	p.open(b.url + "/auth/login?next=/auth/manage")
	p.follow("/auth/outside/a")
	p.submit("login", "name", "admin", "password", "sandbox")
	p.submit("consent", "action", "allow")
	if !strings.Contains(p.page, "Clinic A knows you, and this server does not") {
		t.Errorf("a name that is taken: at %s: %s", p.at, p.page)
	}
	// A user who is removed there and comes again is another one.
	mustRun(t, "user", "remove", "ann", "--server", a.url)
	mustRun(t, "user", "add", "ann", "--fhir-user", "Patient/patient-002", "--password", "correct horse", "--server", a.url)
	p = b.person()
	p.open(b.url + "/auth/login")
	p.follow("/auth/outside/a")
	p.submit("login", "name", "ann", "password", "correct horse")
	p.submit("consent", "action", "allow")
	if !strings.Contains(p.page, "this server does not") {
		t.Errorf("another user of the name: at %s: %s", p.at, p.page)
	}
	// An issuer that cannot be reached leaves people at our login page.
	b = trusting(t, &c, "  - {issuer: 'http://127.0.0.1:1', id: a, login: {client_id: x}}\n")
	p = b.person()
	p.open(b.ask("openid"))
	if p.follow("/auth/outside/a"); !strings.Contains(p.page, `id="login"`) || !strings.Contains(p.page, "cannot be reached now") {
		t.Errorf("the issuer is down: at %s: %s", p.at, p.page)
	}
}

// TestS2_19_WhoIsWhoHere: who an issuer's user is here is as the configuration has it, and never an administrator by
// name.
func TestS2_19_WhoIsWhoHere(t *testing.T) {
	e := newTenant(t)
	var c clock
	entry := func(users string) string {
		return `
  - issuer: ` + e.url + `
    id: entra
    roles: [{role: Clinician, policy: readonly}, {role: Patient, policy: self}]
    login: {client_id: fhir, client_secret: s3cret, user: upn, users: ` + users + `}
`
	}
	come := func(r *running, claims map[string]any) (page string) {
		t.Helper()
		e.claims = claims
		p := r.person()
		p.open(r.url + "/auth/login?next=/auth/manage")
		p.follow("/auth/outside/entra")
		return p.page
	}
	in := func(page string) bool { return strings.Contains(page, "Signed in as") }

	r := trusting(t, &c, entry("linked"))
	mustRun(t, "user", "add", "ann", "--policy", "all", "--server", r.url)
	if page := come(r, nil); in(page) || !strings.Contains(page, "this server does not") {
		t.Errorf("linked, and there is no link: %s", page)
	}
	mustRun(t, "user", "set", "ann", "--link", e.url+"=s-1", "--server", r.url)
	if page := come(r, map[string]any{"upn": "whatever"}); !in(page) {
		t.Errorf("linked: %s", page)
	}
	if code, _, errs := run(t, "user", "set", "practitioner", "--link", e.url+"=s-1", "--server", r.url); code == 0 || !strings.Contains(errs, "has this link") {
		t.Errorf("a link of two users: %d %s", code, errs)
	}
	mustRun(t, "user", "set", "ann", "--disabled", "--server", r.url)
	if page := come(r, nil); in(page) {
		t.Error("a user who is disabled signs in")
	}

	r = trusting(t, &c, entry("match"))
	for _, tt := range []struct {
		upn, sub string
		want     bool
	}{{"practitioner", "s-2", true}, {"whatever", "s-2", true}, {"practitioner", "s-3", false}, {"admin", "s-4", false}, {"nobody", "s-5", false}} {
		if got := in(come(r, map[string]any{"upn": tt.upn, "sub": tt.sub})); got != tt.want {
			t.Errorf("match %s %s: %v", tt.upn, tt.sub, got)
		}
	}

	r = trusting(t, &c, entry("create"))
	for _, tt := range []struct {
		roles      []string
		fhir, want string
	}{
		{[]string{"Clinician"}, "Practitioner/practitioner-01", `"policy": "readonly"`},
		{[]string{"Patient"}, "Patient/patient-002", `"fhirUser": "Patient/patient-002"`}, // with the next sign-in
	} {
		if !in(come(r, map[string]any{"roles": tt.roles, "extension_fhirUser": tt.fhir})) {
			t.Error("a new user does not sign in")
		}
		if out := mustRun(t, "user", "show", "ann", "--server", r.url); !strings.Contains(out, tt.want) || strings.Contains(out, `"administrator"`) {
			t.Errorf("%v: %s", tt, out)
		}
	}
	// Who is declared under a name that an issuer has made is not whom the issuer means.
	if res, body := r.do("PUT", "/api/users/ann", `{"policy":"all","administrator":true}`); res.StatusCode != 200 {
		t.Fatalf("%s %s", res.Status, body)
	}
	if in(come(r, nil)) {
		t.Error("an issuer's user signs in as one that was declared")
	}
	if res, body := r.do("PUT", "/api/users/ann", `{"from":"`+e.url+`","links":[{"issuer":"`+e.url+`","subject":"s-1"}]}`); res.StatusCode != 200 {
		t.Fatalf("%s %s", res.Status, body)
	}
	come(r, map[string]any{"roles": nil})
	if out := mustRun(t, "user", "show", "ann", "--server", r.url); strings.Contains(out, `"policy"`) {
		t.Errorf("the role is gone, the policy is not: %s", out)
	}
}

// TestS2_19_WhatIsMadeUpIsRefused: nobody signs in by an answer that the issuer has not given, to this browser, once.
func TestS2_19_WhatIsMadeUpIsRefused(t *testing.T) {
	e := newTenant(t)
	var c clock
	r := trusting(t, &c, "  - {issuer: "+e.url+", id: entra, login: {client_id: fhir, client_secret: s3cret, user: upn, users: create}}\n")
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	come := func() *person {
		p := r.person()
		p.open(r.url + "/auth/login?next=/auth/manage")
		p.follow("/auth/outside/entra")
		return p
	}
	signed := func(p *person) bool { return strings.Contains(p.page, "Signed in as") }
	for name, claims := range map[string]map[string]any{
		"another nonce":     {"nonce": "x"},
		"no nonce":          {"nonce": nil},
		"another audience":  {"aud": "other"},
		"several, no party": {"aud": []string{"fhir", "other"}},
		"another party":     {"aud": []string{"fhir", "other"}, "azp": "other"},
		"another issuer":    {"iss": "https://evil.example"},
		"expired":           {"exp": time.Now().Add(-time.Hour).Unix()},
		"nobody":            {"sub": nil},
		"no name":           {"upn": nil},
		"a name of its own": {"upn": "a\nb"},
	} {
		e.claims = claims
		if p := come(); signed(p) {
			t.Errorf("%s: signed in", name)
		}
	}
	e.claims = nil
	for name, answer := range map[string]func(url.Values){
		"another issuer": func(q url.Values) { q.Set("iss", "https://evil.example") },
		"another state":  func(q url.Values) { q.Set("state", "x") },
		"no state":       func(q url.Values) { q.Del("state") },
		"another code":   func(q url.Values) { q.Set("code", "x") },
		"an error":       func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") },
		"twice a code":   func(q url.Values) { q.Add("code", "c") },
	} {
		e.answer = answer
		if p := come(); signed(p) {
			t.Errorf("%s: signed in", name)
		}
	}
	e.answer = nil
	e.signer = other
	if p := come(); signed(p) {
		t.Error("signed by another key: signed in")
	}
	e.signer = nil
	// The browser that comes back has to be the one that went, and comes once.
	var back string
	e.answer = func(q url.Values) { back = e.asked.Get("redirect_uri") + "?" + q.Encode(); q.Set("state", "x") }
	mine := come()
	e.answer = nil
	if p := r.person(); p.open(back) != "" || signed(p) || !strings.Contains(p.page, "in another browser") {
		t.Errorf("another browser: %s", p.page)
	}
	if mine.open(back); signed(mine) {
		t.Error("the state was good for another try")
	}
	p := come()
	if !signed(p) {
		t.Fatalf("at %s: %s", p.at, p.page)
	}
	if e.asked.Get("code_challenge_method") != "S256" || e.asked.Get("nonce") == "" || e.asked.Get("redirect_uri") != r.url+"/auth/outside/entra/back" {
		t.Errorf("the request: %v", e.asked)
	}
	if p.open(r.url + "/auth/outside/other"); !strings.Contains(p.page, "obody signs in by this") {
		t.Errorf("an issuer that is none: %s", p.page)
	}
	// An app that wants the person to prove anew has the issuer asked so.
	c.wait(5 * time.Second)
	p.open(r.ask("openid", "prompt", "login"))
	if p.follow("/auth/outside/entra"); e.asked.Get("prompt") != "login" {
		t.Errorf("prompt: %v", e.asked)
	}
}
