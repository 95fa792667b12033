package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// person is somebody with a browser of their own.
type person struct {
	t    *testing.T
	http *http.Client
	page string // what is shown
	at   string // URL of the page
}

// app is where the apps of tests are answered.
const app = "http://127.0.0.1:4567/callback"

func (r *running) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	stop := func(to *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(to.URL.String(), app) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &person{t: r.t, http: &http.Client{Jar: jar, CheckRedirect: stop}}
}

// open goes to a URL; what it gives is where an app would be answered, "" if a page is shown.
func (p *person) open(uri string) string {
	p.t.Helper()
	return p.shown(p.http.Get(uri))
}

func (p *person) shown(res *http.Response, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.page, p.at = string(b), res.Request.URL.String()
	return res.Header.Get("Location")
}

var (
	hiddenInput = regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`)
	tickedBox   = regexp.MustCompile(`<input [^>]*type="checkbox"[^>]* name="([^"]+)" value="([^"]*)"[^>]*\bchecked\b`)
)

// submit sends a form of the page with its hidden inputs and ticked boxes, and what is given.
func (p *person) submit(id string, give ...string) string {
	p.t.Helper()
	form := regexp.MustCompile(`(?s)<form id="` + id + `"[^>]*action="([^"]+)"[^>]*>(.*?)</form>`).FindStringSubmatch(p.page)
	if form == nil {
		p.t.Fatalf("%s has no form %s: %s", p.at, id, p.page)
	}
	values := url.Values{}
	for _, kind := range []*regexp.Regexp{hiddenInput, tickedBox} {
		for _, m := range kind.FindAllStringSubmatch(form[2], -1) {
			values.Add(m[1], html.UnescapeString(m[2]))
		}
	}
	for i := 0; i < len(give); i += 2 {
		values.Set(give[i], give[i+1])
	}
	return p.shown(p.http.PostForm(html.UnescapeString(form[1]), values))
}

// verifier is the code_verifier of every app under test.
const verifier = "a-verifier-that-is-long-enough-for-the-rules-of-pkce"

// ask is the authorization request of sandbox-public, changed.
func (r *running) ask(scope string, change ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {"sandbox-public"}, "redirect_uri": {app}, "scope": {scope}, "state": {"a-state-of-the-app"},
		"aud": {r.url + "/fhir"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	return r.url + "/auth/authorize?" + q.Encode()
}

// code is what a redirect to an app holds.
func (p *person) code(uri string) string {
	p.t.Helper()
	u, err := url.Parse(uri)
	if err != nil || u.Query().Get("code") == "" {
		p.t.Fatalf("redirect %q, page %s: %s", uri, p.at, p.page)
	}
	return u.Query().Get("code")
}

// approve signs in at the page that is shown and allows all; the code is what comes of it.
func (p *person) approve(name, password string) string {
	p.t.Helper()
	to := p.submit("login", "name", name, "password", password)
	if to == "" {
		to = p.submit("consent", "action", "allow")
	}
	return p.code(to)
}

// tokens calls the token endpoint as sandbox-public.
func (r *running) tokens(form ...string) (status int, answer map[string]any) {
	r.t.Helper()
	values := url.Values{"client_id": {"sandbox-public"}}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	res, err := http.PostForm(r.url+"/auth/token", values)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, answer
}

func (r *running) redeem(code string) (int, map[string]any) {
	r.t.Helper()
	return r.tokens("grant_type", "authorization_code", "code", code, "redirect_uri", app, "code_verifier", verifier)
}

// status is that of a request with a token; "" is none.
func (r *running) status(token, method, path string) int {
	r.t.Helper()
	before := r.token
	r.token = token
	defer func() { r.token = before }()
	res, _ := r.do(method, path, "")
	return res.StatusCode
}

func str(answer map[string]any, name string) string {
	s, _ := answer[name].(string)
	return s
}
