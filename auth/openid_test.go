package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/firewarden/firewarden/auth"
)

// idToken verifies an id token as a client does: by the published keys.
func (w *site) idToken(token string, algorithms ...jose.SignatureAlgorithm) map[string]any {
	w.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.call("", "GET", "/auth/jwks.json", "").body, &set); err != nil {
		w.t.Fatal(err)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() {
			w.t.Fatal("a private key is published")
		}
	}
	if len(algorithms) == 0 {
		algorithms = []jose.SignatureAlgorithm{jose.RS256}
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		w.t.Fatalf("id token %q: %v", token, err)
	}
	var claims map[string]any
	if err := parsed.Claims(set, &claims); err != nil {
		w.t.Fatalf("id token %q: %v", token, err)
	}
	return claims
}

func TestS1_07_OpenIDFHIRUser(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	for user, resource := range map[string]string{"practitioner": "Practitioner/p", "patient": "Patient/a", "relatedperson": "RelatedPerson/r"} {
		nonce := random()
		scopes := "openid fhirUser user/Practitioner.rs user/RelatedPerson.rs user/Patient.rs"
		answer := a.run(user, scopes, "nonce", nonce)
		c := w.idToken(str(answer, "id_token"))
		sum := sha256.Sum256([]byte(str(answer, "access_token")))
		for name, want := range map[string]any{"iss": w.url, "aud": "sandbox-public", "nonce": nonce, "fhirUser": w.fhir + "/" + resource,
			"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16])} {
			if c[name] != want {
				t.Errorf("%s: %s is %v, want %v", user, name, c[name], want)
			}
		}
		if c["sub"] == "" || c["sub"] == user || c["name"] != nil || c["profile"] != nil {
			t.Errorf("%s: %v", user, c)
		}
		if life := c["exp"].(float64) - c["iat"].(float64); life != 3600 || c["auth_time"].(float64) > c["iat"].(float64) {
			t.Errorf("%s: %v", user, c)
		}
		// The link can be read with the token, as SMART asks.
		if status := w.call(str(answer, "access_token"), "GET", str(c, "fhirUser"), "").status; status != 200 {
			t.Errorf("%s reads the own resource: %d", user, status)
		}
	}
	// Without openid there is no id token, without fhirUser no link.
	if answer := a.run("patient", "fhirUser patient/*.rs"); answer["id_token"] != nil {
		t.Errorf("without openid: %v", answer)
	}
	if c := w.idToken(str(a.run("patient", "openid patient/*.rs"), "id_token")); c["fhirUser"] != nil {
		t.Errorf("without fhirUser: %v", c)
	}
}

func TestS1_08_OpenIDProfile(t *testing.T) {
	w := open(t)
	c := w.idToken(str(w.app("sandbox-public").run("practitioner", "openid profile"), "id_token"))
	if c["profile"] != w.fhir+"/Practitioner/p" || c["fhirUser"] != c["profile"] || c["name"] != "Demo practitioner" || c["preferred_username"] != "practitioner" {
		t.Errorf("%v", c)
	}
}

// What another server documents as openid profile: the same link in the id token, also after a refresh.
func TestS2_01_ProfileAfterRefresh(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	answer := a.run("practitioner", "openid profile offline_access")
	first := w.idToken(str(answer, "id_token"))
	w.wait(time.Minute)
	res := a.refresh(str(answer, "refresh_token")).json(t)
	again := w.idToken(str(res, "id_token"))
	sum := sha256.Sum256([]byte(str(res, "access_token")))
	if again["profile"] != first["profile"] || again["sub"] != first["sub"] || again["auth_time"] != first["auth_time"] || again["iat"] == first["iat"] ||
		again["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		t.Errorf("%v, then %v", first, again)
	}
}

// The subject is the same at every client, and another one for another user.
func TestS4_13_Principal(t *testing.T) {
	w := open(t)
	subject := func(app, user string) any {
		t.Helper()
		return w.idToken(str(w.app(app).run(user, "openid"), "id_token"))["sub"]
	}
	if a, b := subject("sandbox-public", "patient"), subject("sandbox-secret", "patient"); a != b || a == "" {
		t.Errorf("%v, %v", a, b)
	}
	if a, b := subject("sandbox-public", "patient"), subject("sandbox-public", "practitioner"); a == b {
		t.Errorf("%v twice", a)
	}
}

func TestIDTokenByES256(t *testing.T) {
	w := open(t)
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "es", Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, Scope: "openid",
		RedirectURIs: []string{"https://app.example.org/cb"}, IDTokenAlg: "ES256"}}, ""); err != nil {
		t.Fatal(err)
	}
	a := &app{w: w, id: "es", redirect: "https://app.example.org/cb", verifier: random()}
	if c := w.idToken(str(a.run("patient", "openid"), "id_token"), jose.ES256); c["aud"] != "es" {
		t.Errorf("%v", c)
	}
}

func TestUserinfo(t *testing.T) {
	w := open(t)
	answer := w.app("sandbox-public").run("practitioner", "openid fhirUser profile patient/*.rs")
	token := str(answer, "access_token")
	for _, method := range []string{"GET", "POST"} {
		res := w.call(token, method, "/auth/userinfo", "")
		c := res.json(t)
		if res.status != 200 || c["sub"] != w.idToken(str(answer, "id_token"))["sub"] || c["fhirUser"] != w.fhir+"/Practitioner/p" || c["name"] != "Demo practitioner" {
			t.Errorf("%s: %d %v", method, res.status, c)
		}
	}
	for _, bad := range []string{"", "x", str(answer, "id_token"), adminKey} {
		res := w.call(bad, "GET", "/auth/userinfo", "")
		res.refused(t, 401, "invalid_token")
		if !strings.HasPrefix(res.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("WWW-Authenticate %q", res.header.Get("WWW-Authenticate"))
		}
	}
	w.call(w.service("system/*.rs"), "GET", "/auth/userinfo", "").refused(t, 401, "invalid_token")
	w.call(str(w.app("sandbox-public").run("practitioner", "patient/*.rs"), "access_token"), "GET", "/auth/userinfo", "").refused(t, 403, "insufficient_scope")
}

func TestPrompt(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	authorize := func(change ...string) string {
		t.Helper()
		return b.open(w.url + "/auth/authorize?" + a.request("openid", change...).Encode())
	}
	authorize()
	b.signIn("patient")
	if got := fault(t, authorize("prompt", "none")); got != "consent_required" {
		t.Errorf("consent was not given: %q", got)
	}
	authorize()
	b.submit("consent", "action", "allow", "remember", "yes")
	if to := authorize("prompt", "none"); !strings.Contains(to, "code=") {
		t.Errorf("all is known: %s", to)
	}
	if to := authorize("prompt", "consent"); to != "" || !strings.HasPrefix(b.title(), "Allow") {
		t.Errorf("prompt consent: %q %q", to, b.title())
	}
	w.wait(time.Minute)
	for _, change := range [][]string{{"prompt", "login"}, {"prompt", "select_account"}, {"max_age", "30"}, {"max_age", "0"}} {
		if to := authorize(change...); to != "" || !strings.HasPrefix(b.title(), "Sign in") {
			t.Errorf("%v: %q %q", change, to, b.title())
		}
	}
	if to := authorize("max_age", "3600"); !strings.Contains(to, "code=") {
		t.Errorf("max_age of an hour: %s", to)
	}
	// Who has signed in again goes on.
	authorize("prompt", "login")
	if to := b.signIn("patient"); !strings.Contains(to, "code=") {
		t.Errorf("after signing in again: %q %s", to, b.last.body)
	}
	if _, values := b2(w, "login_hint", "patient").form("login"); values.Get("name") != "patient" {
		t.Errorf("login_hint: %v", values)
	}
}

// b2 is a new browser at the login page of a request.
func b2(w *site, change ...string) *browser {
	b := w.browser()
	b.open(w.url + "/auth/authorize?" + w.app("sandbox-public").request("openid", change...).Encode())
	return b
}

func TestLogout(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	answer := a.redeem(a.approve(b, "patient", "openid"))
	back := "http://127.0.0.1:4567/bye"
	// Without a word from the app the user is asked.
	if to := b.open(w.url + "/auth/logout"); to != "" || b.title() != "Sign out?" {
		t.Fatalf("%q %q", to, b.title())
	}
	if _, in := b.visitor(); !in {
		t.Error("signed out without an answer")
	}
	if to := b.submit("logout"); to != "" || b.title() != "You are signed out" {
		t.Errorf("%q %q", to, b.title())
	}
	if _, in := b.visitor(); in {
		t.Error("still signed in")
	}
	// An app that shows the id token of who is signed in need not ask, and is answered where it has registered.
	a.approve(b, "patient", "openid")
	q := url.Values{"id_token_hint": {str(answer, "id_token")}, "post_logout_redirect_uri": {back}, "state": {"s"}}
	if to := b.open(w.url + "/auth/logout?" + q.Encode()); to != back+"?state=s" {
		t.Errorf("%q %s", to, b.last.body)
	}
	if _, in := b.visitor(); in {
		t.Error("still signed in")
	}
	// Another user's token asks, and nobody is sent where nothing is registered.
	a.approve(b, "practitioner", "openid")
	q.Set("post_logout_redirect_uri", "https://evil.example.org/")
	if to := b.open(w.url + "/auth/logout?" + q.Encode()); to != "" || b.title() != "Sign out?" {
		t.Errorf("%q %q", to, b.title())
	}
	if to := b.submit("logout"); to != "" {
		t.Errorf("sent to %q", to)
	}
	// A form of another site signs nobody out.
	a.approve(b, "practitioner", "openid")
	b.post(w.url+"/auth/logout", url.Values{"csrf": {"x"}})
	if _, in := b.visitor(); !in {
		t.Error("a forged form has signed the user out")
	}
}
