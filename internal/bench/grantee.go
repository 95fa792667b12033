package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
)

// grantee registers clients and a user, and gets what tokens begin with: the service its first one, the app a refresh
// token for each connection, by the pages that a user would click through.
func (r *Run) grantee(ctx context.Context) (*grantee, error) {
	g := &grantee{r: r, base: "http://" + r.Addr, refreshes: make([]atomic.Pointer[string], tokenClients)}
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if g.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, (&jose.SignerOptions{}).WithType("JWT")); err != nil {
		return nil, err
	}
	password := rand.Text()
	var app struct {
		Secret string `json:"client_secret"`
	}
	for _, made := range []struct {
		path string
		body map[string]any
		to   any
	}{
		{"clients", map[string]any{"client_id": service, "token_endpoint_auth_method": "private_key_jwt", "grant_types": []string{"client_credentials"}, "scope": "system/*.rs patient/*.rs",
			"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES384"}}}}, nil},
		{"clients", map[string]any{"client_id": appOf, "token_endpoint_auth_method": "client_secret_basic", "grant_types": []string{"authorization_code", "refresh_token"},
			"redirect_uris": []string{appTo}, "scope": appAsks, "autoApprove": appAsks, "introspects": true}, &app},
		{"users", map[string]any{"name": "bench", "password": password, "policy": "all"}, nil},
	} {
		if err := g.api(made.path, made.body, made.to); err != nil {
			return nil, err
		}
	}
	g.secret = app.Secret
	c := Dial(r.Addr)
	defer c.Close()
	assertion, err := g.assertion()
	if err != nil {
		return nil, err
	}
	first, err := g.post(c, "/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion_type": {bearerOf}, "client_assertion": {assertion}}, false)
	if err != nil {
		return nil, err
	}
	g.token = first.Token
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	person := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), appTo) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	for i := range g.refreshes {
		t, err := g.allow(ctx, person, c, password)
		if err != nil {
			return nil, err
		}
		g.refreshes[i].Store(&t)
	}
	return g, nil
}

// api calls the administrator's interface.
func (g *grantee) api(path string, body any, to any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	c := Dial(g.r.Addr)
	defer c.Close()
	res, err := c.Do("POST", "/api/"+path, text, "Authorization: Bearer "+g.r.Key, "Content-Type: application/json")
	if err := status(res, err, 201); err != nil {
		return fmt.Errorf("/api/%s: %w", path, err)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(res.Body, to)
}

// mint gives an access token of the service for a patient.
func (g *grantee) mint(scopes, patient string) (string, error) {
	var a granted
	err := g.api("tokens", map[string]any{"client": service, "scope": scopes, "patient": patient}, &a)
	return a.Token, err
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// allow is one launch of the app by a person: the first time they sign in, after that nobody is asked.
func (g *grantee) allow(ctx context.Context, person *http.Client, c *Client, password string) (refresh string, err error) {
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	ask := url.Values{"response_type": {"code"}, "client_id": {appOf}, "redirect_uri": {appTo}, "scope": {appAsks}, "state": {rand.Text()}, "aud": {g.base + "/fhir"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.base+"/auth/authorize?"+ask.Encode(), nil)
	if err != nil {
		return "", err
	}
	to, page, err := follow(person, req)
	if err == nil && to == "" { // the login
		form := url.Values{"name": {"bench"}, "password": {password}}
		for _, h := range hidden.FindAllSubmatch(page, -1) {
			form.Set(html.UnescapeString(string(h[1])), html.UnescapeString(string(h[2])))
		}
		form.Set("name", "bench")
		if req, err = http.NewRequestWithContext(ctx, http.MethodPost, g.base+"/auth/flow/login", strings.NewReader(form.Encode())); err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		to, page, err = follow(person, req)
	}
	if err != nil {
		return "", err
	}
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("code") == "" {
		return "", fmt.Errorf("a launch ends at %q: %.300s", to, page)
	}
	a, err := g.post(c, "/auth/token", url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")}, "redirect_uri": {appTo}, "code_verifier": {verifier}}, true)
	if err == nil && a.Refresh == "" {
		err = errors.New("no refresh token")
	}
	return a.Refresh, err
}

// follow gives where the app is reached, or the page that is shown before.
func follow(person *http.Client, req *http.Request) (to string, page []byte, err error) {
	res, err := person.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, res.Body); err != nil {
		return "", nil, err
	}
	return res.Header.Get("Location"), b.Bytes(), nil
}
