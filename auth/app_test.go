package auth_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
)

// app is a client under test.
type app struct {
	w        *site
	id       string
	secret   string // client_secret_basic
	key      bool   // private_key_jwt
	redirect string
	verifier string
}

func (w *site) app(id string) *app {
	a := &app{w: w, id: id, redirect: "http://127.0.0.1:4567/callback", verifier: random(), key: strings.HasSuffix(id, "-key") || strings.HasSuffix(id, "-backend")}
	if strings.HasSuffix(id, "-secret") {
		a.secret = id
	}
	return a
}

func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request are the parameters of an authorization request, as SMART wants them.
func (a *app) request(scopes string, change ...string) url.Values {
	p := url.Values{"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {a.redirect}, "scope": {scopes}, "state": {random()}, "aud": {a.w.fhir},
		"code_challenge": {challenge(a.verifier)}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == "" {
			p.Del(change[i])
		} else {
			p.Set(change[i], change[i+1])
		}
	}
	return p
}

// code is the code of a redirect, checked for what has to come with it.
func (a *app) code(uri string, asked url.Values) string {
	a.w.t.Helper()
	u, err := url.Parse(uri)
	if err != nil || !strings.HasPrefix(uri, a.redirect) {
		a.w.t.Fatalf("redirect %q: %v", uri, err)
	}
	q := u.Query()
	if q.Get("state") != asked.Get("state") || q.Get("iss") != a.w.url || q.Get("code") == "" || len(q["code"]) != 1 {
		a.w.t.Fatalf("redirect %s", uri)
	}
	return q.Get("code")
}

// run goes through the whole flow as a user who allows everything and chooses patient a, and gives the token answer.
func (a *app) run(user, scopes string, change ...string) map[string]any {
	a.w.t.Helper()
	return a.redeem(a.approve(a.w.browser(), user, scopes, change...))
}

// approve goes through the pages and gives the code.
func (a *app) approve(b *browser, user, scopes string, change ...string) string {
	a.w.t.Helper()
	p := a.request(scopes, change...)
	to := b.open(a.w.url + "/auth/authorize?" + p.Encode())
	for range 6 {
		if to != "" {
			return a.code(to, p)
		}
		switch title := b.title(); {
		case strings.HasPrefix(title, "Sign in"):
			to = b.signIn(user)
		case title == "Choose: Patient":
			to = b.submit("pick", "choice", "a", "action", "choose")
		case title == "Choose: Encounter":
			to = b.submit("pick", "choice", "a-e0", "action", "choose")
		case strings.HasPrefix(title, "Allow"):
			to = b.submit("consent", "action", "allow")
		default:
			a.w.t.Fatalf("%s: %s", b.at, b.last.body)
		}
	}
	a.w.t.Fatalf("pages without end: %s", b.last.body)
	return ""
}

// token calls the token endpoint, authenticated.
func (a *app) token(form url.Values) answer {
	a.w.t.Helper()
	return a.post("/auth/token", form)
}

func (a *app) post(path string, form url.Values) answer {
	a.w.t.Helper()
	var header []string
	switch {
	case a.key:
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", appKeys.assertion(a.w, a.id))
	case a.secret != "":
		header = []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.id)+":"+url.QueryEscape(a.secret)))}
	default:
		form.Set("client_id", a.id)
	}
	return a.w.form(path, form, header...)
}

func (a *app) exchange(code string) answer {
	a.w.t.Helper()
	return a.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier}})
}

// redeem gives the token answer for a code.
func (a *app) redeem(code string) map[string]any {
	a.w.t.Helper()
	res := a.exchange(code)
	if res.status != 200 {
		a.w.t.Fatalf("token endpoint: %d %s", res.status, res.body)
	}
	return res.json(a.w.t)
}

func (a *app) refresh(token string, change ...string) answer {
	a.w.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return a.token(form)
}

// text is a member of a token answer.
func str(answer map[string]any, name string) string {
	s, _ := answer[name].(string)
	return s
}
