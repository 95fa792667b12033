package auth_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
)

func TestS1_03_AuthorizationCode(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	// One browser for all: it stays signed in.
	code := func() string {
		t.Helper()
		return a.approve(b, "practitioner", "launch/patient openid patient/*.rs offline_access")
	}
	redeem := func(code string, change ...string) answer {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier}}
		for i := 0; i < len(change); i += 2 {
			if change[i+1] == "" {
				form.Del(change[i])
			} else {
				form.Set(change[i], change[i+1])
			}
		}
		return a.token(form)
	}
	for _, c := range []struct{ name, param, value, code string }{
		{"another redirect URI", "redirect_uri", "http://127.0.0.1:4567/other", "invalid_grant"},
		{"no redirect URI", "redirect_uri", "", "invalid_grant"},
		{"another verifier", "code_verifier", random(), "invalid_grant"},
		{"no verifier", "code_verifier", "", "invalid_grant"},
		{"the challenge as verifier", "code_verifier", challenge(a.verifier), "invalid_grant"},
		{"another code", "code", random(), "invalid_grant"},
		{"no code", "code", "", "invalid_request"},
	} {
		mine := code()
		redeem(mine, c.param, c.value).refused(t, 400, c.code)
		if t.Failed() {
			t.Fatal(c.name)
		}
		// A wrong attempt does not turn the code into one that asks for less.
		redeem(mine, "code_verifier", "").refused(t, 400, "invalid_grant")
	}

	// Another client cannot redeem it.
	other := w.app("sandbox-secret")
	other.redirect, other.verifier = a.redirect, a.verifier
	other.exchange(code()).refused(t, 400, "invalid_grant")

	// A code that comes a second time is revoked with all that came of it.
	mine := code()
	answer := a.redeem(mine)
	token := str(answer, "access_token")
	if w.reads(token, "Patient/a") != 200 {
		t.Fatal("the token opens nothing")
	}
	if str(answer, "refresh_token") == "" {
		t.Errorf("no refresh token: %v", answer)
	}
	a.exchange(mine).refused(t, 400, "invalid_grant")
	if status := w.reads(token, "Patient/a"); status != 401 {
		t.Errorf("the token of a replayed code: %d", status)
	}
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")

	// A code lives for a minute.
	mine = code()
	w.wait(time.Minute)
	a.exchange(mine).refused(t, 400, "invalid_grant")
}

// Of many who redeem a code at once one gets tokens at most, and when they are revoked with the replay, they are.
func TestACodeIsRedeemedOnce(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	code := a.approve(w.browser(), "practitioner", "launch/patient patient/*.rs")
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = a.exchange(code) })
	}
	wg.Wait()
	good := 0
	for _, res := range answers {
		if res.status == 200 {
			good++
			if status := w.reads(str(res.json(t), "access_token"), "Patient/a"); status != 401 {
				t.Errorf("the token of a replayed code: %d", status)
			}
		} else {
			res.refused(t, 400, "invalid_grant")
		}
	}
	if good > 1 {
		t.Errorf("%d were given tokens", good)
	}
}

// What is wrong with a request is told to the app, and to nobody but the app.
func TestAuthorizeErrors(t *testing.T) {
	w := open(t)
	b := w.browser()
	for _, c := range []struct{ name, param, value, want string }{
		{"S5-07 implicit", "response_type", "token", "unsupported_response_type"},
		{"hybrid", "response_type", "code id_token", "unsupported_response_type"},
		{"no response type", "response_type", "", "invalid_request"},
		{"response mode", "response_mode", "fragment", "invalid_request"},
		{"no state", "state", "", "invalid_request"},
		{"no aud", "aud", "", "invalid_request"},
		{"foreign aud", "aud", "https://evil.example.org/fhir", "invalid_request"},
		{"S4-15 no challenge", "code_challenge", "", "invalid_request"},
		{"S4-15 plain", "code_challenge_method", "plain", "invalid_request"},
		{"S4-15 no method", "code_challenge_method", "", "invalid_request"},
		{"challenge that is none", "code_challenge", "x", "invalid_request"},
		{"no scope", "scope", "", "invalid_scope"},
		{"S1-18 unknown type", "scope", "patient/Obervation.rs", "invalid_scope"},
		{"scope of backend services", "scope", "system/*.rs", "invalid_scope"},
		{"prompt that is none", "prompt", "sometimes", "invalid_request"},
		{"prompt none and more", "prompt", "none login", "invalid_request"},
		{"prompt none, nobody there", "prompt", "none", "login_required"},
		{"max_age that is none", "max_age", "soon", "invalid_request"},
		{"request object", "request", "eyJ", "request_not_supported"},
		{"request URI", "request_uri", "https://x.test/r", "request_uri_not_supported"},
		{"launch that is none", "launch", "x", "invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.app("sandbox-public")
			p := a.request("launch/patient patient/*.rs", c.param, c.value)
			to := b.open(w.url + "/auth/authorize?" + p.Encode())
			if !strings.HasPrefix(to, a.redirect+"?") {
				t.Fatalf("redirect %q %s", to, b.last.body)
			}
			u, _ := url.Parse(to)
			if q := u.Query(); q.Get("error") != c.want || q.Get("state") != p.Get("state") || q.Get("iss") != w.url || q.Get("error_description") == "" {
				t.Errorf("%s, want %s", to, c.want)
			}
		})
	}
	// Where it is not known who asks, nobody is redirected, and it is not said what was wrong.
	strict := open(t, func(o *auth.Options) { o.Sandbox = false })
	var pages []string
	for _, change := range [][]string{{"client_id", "nobody"}, {"client_id", ""}, {"redirect_uri", "https://evil.example.org/"}, {"redirect_uri", ""},
		{"redirect_uri", "http://127.0.0.1.evil.example.org/"}, {"redirect_uri", "http://user@127.0.0.1:4567/callback"}, {"redirect_uri", "javascript:alert(1)"}, {"redirect_uri", "http://127.0.0.1:4567/#x"}} {
		b := strict.browser()
		if to := b.open(strict.url + "/auth/authorize?" + strict.app("sandbox-public").request("patient/*.rs", change...).Encode()); to != "" || b.last.status != 400 {
			t.Errorf("%v: %q %d", change, to, b.last.status)
		}
		pages = append(pages, string(b.last.body))
	}
	for _, p := range pages {
		if p != pages[0] {
			t.Errorf("pages differ: %s\n%s", pages[0], p)
		}
	}
	p := w.app("sandbox-public").request("patient/*.rs").Encode()
	if to := b.open(w.url + "/auth/authorize?" + p + "&scope=openid"); to != "" || b.last.status != 400 {
		t.Errorf("a parameter twice: %q %d", to, b.last.status)
	}
}

// A developer is told in the sandbox what has to change; a stranger elsewhere is not.
func TestHintsAreOfTheSandbox(t *testing.T) {
	for _, sandbox := range []bool{true, false} {
		w := open(t, func(o *auth.Options) { o.Sandbox = sandbox })
		a, b := w.app("sandbox-public"), w.browser()
		to, _ := url.Parse(b.open(w.url + "/auth/authorize?" + a.request("patient/*.rs", "aud", "http://x.test").Encode()))
		said := to.Query().Get("error_description") + string(w.form("/auth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"nobody"}}).body)
		if hinted := strings.Contains(said, "aud must be "+w.fhir) && strings.Contains(said, "there is no client"); hinted != sandbox {
			t.Errorf("sandbox %v: %s", sandbox, said)
		}
	}
}

func TestS4_14_AuthorizeByPost(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch/patient patient/*.rs")
	if to := b.post(w.url+"/auth/authorize", p); to != "" || !strings.HasPrefix(b.title(), "Sign in") {
		t.Fatalf("%q %s", to, b.last.body)
	}
	b.signIn("patient")
	if answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p)); answer["patient"] != "a" {
		t.Errorf("answer: %v", answer)
	}
	r, err := http.NewRequest("POST", w.url+"/auth/authorize", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if res := send(t, noRedirects, r); res.status != 400 {
		t.Errorf("JSON: %d", res.status)
	}
}

func TestS5_06_RedirectWithState(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	// The redirect URI's own query stays, the state comes back letter for letter.
	a.redirect = "http://127.0.0.1:4567/cb?keep=1%202"
	p := a.request("launch/patient patient/*.rs", "state", "a b&c=d+ü/#?%20")
	b.open(w.url + "/auth/authorize?" + p.Encode())
	to := b.signIn("patient")
	to = b.submit("consent", "action", "allow")
	if !strings.HasPrefix(to, "http://127.0.0.1:4567/cb?keep=1%202&") {
		t.Errorf("redirect %s", to)
	}
	if answer := a.redeem(a.code(to, p)); answer["patient"] != "a" {
		t.Errorf("answer: %v", answer)
	}
	// The same step of a backend service has no redirect: TestS1_04.
}

// An app of SMART 1.0 may do without PKCE; one that begins with it ends with it.
func TestSMART1WithoutPKCE(t *testing.T) {
	w := open(t)
	register := func(w *site, m auth.Metadata, secret string) *app {
		t.Helper()
		m.RedirectURIs, m.GrantTypes, m.Scope, m.SMARTVersion = []string{"https://old.example.org/cb"}, []string{"authorization_code"}, "launch/patient patient/*.read", "1.0"
		if err := w.auth.PutClient(t.Context(), auth.Client{ID: "old" + secret, Metadata: m, Verified: true}, secret); err != nil {
			t.Fatal(err)
		}
		return &app{w: w, id: "old" + secret, secret: secret, redirect: m.RedirectURIs[0]}
	}
	without := []string{"code_challenge", "", "code_challenge_method", ""}
	old := register(w, auth.Metadata{AuthMethod: "none"}, "")
	code := old.approve(w.browser(), "patient", "launch/patient patient/*.read", without...)
	res := old.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {old.redirect}})
	if res.status != 200 || res.json(t)["patient"] != "a" {
		t.Errorf("%d %s", res.status, res.body)
	}
	old.verifier = random()
	code = old.approve(w.browser(), "patient", "launch/patient patient/*.read")
	for range 2 {
		old.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {old.redirect}}).refused(t, 400, "invalid_grant")
		old.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {old.redirect}, "code_verifier": {random()}}).refused(t, 400, "invalid_grant")
	}
	// Outside of the sandbox only who can prove who it is may do so.
	real := open(t, func(o *auth.Options) { o.Sandbox = false })
	public, secret := register(real, auth.Metadata{AuthMethod: "none"}, ""), register(real, auth.Metadata{AuthMethod: "client_secret_basic"}, "-secret")
	b := real.browser()
	if got := fault(t, b.open(real.url+"/auth/authorize?"+public.request("patient/*.read", without...).Encode())); got != "invalid_request" {
		t.Errorf("public: %q", got)
	}
	if to := b.open(real.url + "/auth/authorize?" + secret.request("patient/*.read", without...).Encode()); to != "" || !strings.HasPrefix(b.title(), "Sign in") {
		t.Errorf("confidential: %q", to)
	}
}

func TestS4_22_SecurityPractices(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	code := a.approve(w.browser(), "patient", "launch/patient patient/*.rs offline_access")
	answer := a.redeem(code)
	for name, text := range map[string]string{"code": code, "launch": w.ehr(nil), "refresh token": str(answer, "refresh_token")} {
		if raw, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(raw) < 16 {
			t.Errorf("%s %q: %v", name, text, err)
		}
	}
	if answer["expires_in"].(float64) > 3600 {
		t.Errorf("an access token lives for %v s", answer["expires_in"])
	}
	if next := str(a.refresh(str(answer, "refresh_token")).json(t), "refresh_token"); next == "" || next == answer["refresh_token"] {
		t.Errorf("refresh token %q after %v", next, answer["refresh_token"])
	}
	// Redirect URIs are compared letter for letter, but for the port on this machine.
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "exact", Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, Scope: "openid",
		RedirectURIs: []string{"https://app.example.org/cb", "http://127.0.0.1:1234/cb", "org.example.app:/cb", "http://localhost:3000/cb"}}}, ""); err != nil {
		t.Fatal(err)
	}
	for uri, ok := range map[string]bool{
		"https://app.example.org/cb": true, "http://127.0.0.1:1234/cb": true, "http://127.0.0.1:9/cb": true, "org.example.app:/cb": true, "http://localhost:3000/cb": true,
		"https://app.example.org/cb/": false, "https://app.example.org/cb?x": false, "https://app.example.org/CB": false, "https://app.example.org:443/cb": false,
		"https://app.example.org/cb/../cb": false, "https://evil.example.org/cb": false, "http://app.example.org/cb": false, "https://app.example.org/cb#": false,
		"http://127.0.0.1:9/other": false, "http://127.0.0.2:1234/cb": false, "http://localhost:3001/cb": false, "http://localhost:1234/cb": false,
		"http://127.0.0.1:1234/cb?x=1": false, "org.example.app:/other": false, "org.example.evil:/cb": false, "http://x@127.0.0.1:9/cb": false,
	} {
		e := &app{w: w, id: "exact", redirect: uri, verifier: random()}
		b := w.browser()
		to := b.open(w.url + "/auth/authorize?" + e.request("openid").Encode())
		if accepted := strings.HasPrefix(b.title(), "Sign in"); to != "" || accepted != ok {
			t.Errorf("%s: accepted %v, %q", uri, accepted, to)
		}
	}
}
