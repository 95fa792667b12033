package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// cluster are two servers, processes of their own, on one database, and what is before them: each request goes to the
// other one than the request before.
type cluster struct {
	*running // by the front
	a, b     *process
}

func startCluster(t *testing.T, args ...string) *cluster {
	database := mongotest.Database(t)
	var turn atomic.Int64
	var nodes [2]*url.URL
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(nodes[turn.Add(1)%2])
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(front.Close)
	c := &cluster{running: &running{t: t, url: front.URL, token: "sandbox-admin"}}
	args = append([]string{"sandbox", "--store", database, "--base-url", front.URL}, args...)
	c.a = spawn(t, program.FreePort(t), args...)
	c.b = spawn(t, program.FreePort(t), args...)
	for i, p := range []*process{c.a, c.b} {
		var err error
		if nodes[i], err = url.Parse(p.url); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// both are the two servers, each as the first and as the second one.
func (c *cluster) both(f func(one, other *process)) {
	f(c.a, c.b)
	f(c.b, c.a)
}

// dead waits until a token opens nothing: what one server has changed another one knows a little later.
func dead(t *testing.T, s *process, token string) {
	t.Helper()
	program.Until(t, "the end of a token", func() bool { return s.status(token, "GET", "/fhir/Patient?_count=1") == http.StatusUnauthorized })
}

// TestCluster: what one server has begun the other one goes on with, and what one has ended is at its end on both.
func TestCluster(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k", Algorithm: "ES384"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, "--sandbox-jwks", file(t, "jwks.json", string(set)))
	if text := c.a.Out.String(); !strings.Contains(text, "12 patients") {
		t.Errorf("the first one says:\n%s", text)
	}
	if text := c.b.Out.String(); strings.Contains(text, "12 patients") {
		t.Errorf("the second one seeds again:\n%s", text)
	}

	t.Run("launch", func(t *testing.T) {
		for i := range 2 { // each step once by either
			p := c.person()
			p.open(c.ask("launch/patient openid fhirUser offline_access patient/*.rs"))
			code := p.approve("patient", "sandbox")
			if i == 1 {
				c.get("/health/ready")
			}
			status, answer := c.redeem(code)
			if status != http.StatusOK {
				t.Fatalf("redeem: %d %v", status, answer)
			}
			token, patient := str(answer, "access_token"), str(answer, "patient")
			for _, s := range []*process{c.a, c.b} {
				if got := s.status(token, "GET", "/fhir/Observation?patient="+patient); got != http.StatusOK {
					t.Errorf("search: %d", got)
				}
			}
			refresh := str(answer, "refresh_token")
			c.both(func(one, other *process) {
				status, answer := one.tokens("grant_type", "refresh_token", "refresh_token", refresh)
				if refresh = str(answer, "refresh_token"); status != http.StatusOK || other.status(str(answer, "access_token"), "GET", "/fhir/Patient/"+patient) != http.StatusOK {
					t.Errorf("refresh: %d %v", status, answer)
				}
				token = str(answer, "access_token")
			})
			// The same code once more, by whichever, ends all that came of it.
			if status, answer := c.redeem(code); status != http.StatusBadRequest {
				t.Errorf("the code once more: %d %v", status, answer)
			}
			dead(t, c.a, token)
			dead(t, c.b, token)
		}
	})

	t.Run("revoke", func(t *testing.T) {
		c.both(func(one, other *process) {
			p := c.person()
			p.open(c.ask("launch/patient patient/*.rs"))
			_, answer := c.redeem(p.approve("patient", "sandbox"))
			token := str(answer, "access_token")
			for _, s := range []*process{one, other} {
				if got := s.status(token, "GET", "/fhir/Observation?_count=1"); got != http.StatusOK {
					t.Fatalf("before: %d", got)
				}
			}
			res, err := http.PostForm(one.url+"/auth/revoke", url.Values{"client_id": {"sandbox-public"}, "token": {token}})
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("revoke: %v %v", res, err)
			}
			res.Body.Close()
			if got := one.status(token, "GET", "/fhir/Observation?_count=1"); got != http.StatusUnauthorized {
				t.Errorf("where it was revoked: %d", got)
			}
			dead(t, other, token)
		})
	})

	t.Run("assertion", func(t *testing.T) {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: private, KeyID: "k"}}, (&jose.SignerOptions{}).WithType("JWT"))
		if err != nil {
			t.Fatal(err)
		}
		c.both(func(one, other *process) {
			assertion, err := jwt.Signed(signer).Claims(map[string]any{"iss": "sandbox-backend", "sub": "sandbox-backend", "aud": c.url + "/auth/token",
				"exp": time.Now().Add(4 * time.Minute).Unix(), "jti": rand.Text()}).Serialize()
			if err != nil {
				t.Fatal(err)
			}
			ask := func(s *process) (int, map[string]any) {
				return s.tokens("client_id", "sandbox-backend", "grant_type", "client_credentials", "scope", "system/Patient.rs",
					"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", assertion)
			}
			status, answer := ask(one)
			if status != http.StatusOK || other.status(str(answer, "access_token"), "GET", "/fhir/Patient?_count=1") != http.StatusOK {
				t.Errorf("by an assertion: %d %v", status, answer)
			}
			if status, answer := ask(other); status != http.StatusUnauthorized {
				t.Errorf("by the same assertion, on the other one: %d %v", status, answer)
			}
		})
	})

	t.Run("register", func(t *testing.T) {
		c.both(func(one, other *process) {
			one.token = "" // what may call the API is no initial access token
			defer func() { one.token = c.token }()
			res, body := one.do("POST", "/auth/register", `{"client_name":"an app","redirect_uris":["`+app+`"],"token_endpoint_auth_method":"none","scope":"launch/patient patient/*.rs"}`,
				"Content-Type", "application/json")
			var client struct {
				ID string `json:"client_id"`
			}
			if err := json.Unmarshal(body, &client); err != nil || res.StatusCode != http.StatusCreated {
				t.Fatalf("register: %s: %s", res.Status, body)
			}
			p := c.person()
			p.open(strings.Replace(c.ask("launch/patient patient/*.rs", "client_id", client.ID), c.url, other.url, 1))
			if code := p.approve("patient", "sandbox"); code == "" {
				t.Error("no code")
			}
		})
	})

	t.Run("keys", func(t *testing.T) {
		c.both(func(one, other *process) {
			mint := func() string {
				_, body := one.do("POST", "/api/tokens", `{"client":"sandbox-public","scope":"system/Patient.rs"}`, "Content-Type", "application/json")
				var answer map[string]any
				if err := json.Unmarshal(body, &answer); err != nil {
					t.Fatalf("%v: %s", err, body)
				}
				return str(answer, "access_token")
			}
			old := mint()
			if got := other.status(old, "GET", "/fhir/Patient?_count=1"); got != http.StatusOK {
				t.Errorf("before: %d", got)
			}
			if res, body := one.do("POST", "/api/keys/rotate", `{"atOnce":true}`, "Content-Type", "application/json"); res.StatusCode/100 != 2 {
				t.Fatalf("rotate: %s: %s", res.Status, body)
			}
			if got := other.status(mint(), "GET", "/fhir/Patient?_count=1"); got != http.StatusOK {
				t.Errorf("by a new key: %d", got)
			}
			dead(t, one, old)
			dead(t, other, old)
		})
	})

	t.Run("search parameter", func(t *testing.T) {
		define := `{"resourceType":"SearchParameter","id":"eyes","url":"http://x/eyes","name":"eyes","status":"active","description":"x","code":"eyes","base":["Patient"],"type":"token","expression":"Patient.gender"}`
		women := c.count("/fhir/Patient?gender=female")
		c.both(func(one, other *process) {
			if res, body := one.do("PUT", "/fhir/SearchParameter/eyes", define); res.StatusCode/100 != 2 {
				t.Fatalf("define: %s: %s", res.Status, body)
			}
			for _, s := range []*process{one, other} {
				program.Until(t, "the search parameter works", func() bool {
					res, _ := s.do("GET", "/fhir/Patient?eyes=female", "")
					return res.StatusCode == http.StatusOK
				})
				if got := s.count("/fhir/Patient?eyes=female"); got != women {
					t.Errorf("finds %d of %d", got, women)
				}
			}
			if res, body := other.do("DELETE", "/fhir/SearchParameter/eyes", ""); res.StatusCode/100 != 2 {
				t.Fatalf("delete: %s: %s", res.Status, body)
			}
			program.Until(t, "the search parameter is gone", func() bool {
				res, _ := one.do("GET", "/fhir/Patient?eyes=female", "")
				return res.StatusCode == http.StatusBadRequest
			})
		})
	})

	t.Run("pages", func(t *testing.T) {
		if got, _ := c.found("/fhir/Observation?_count=7&_sort=date"); len(got) != c.count("/fhir/Observation") {
			t.Errorf("pages by either hold %d", len(got))
		}
	})

	t.Run("one dies", func(t *testing.T) {
		p := c.person()
		p.open(c.ask("launch/patient offline_access patient/*.rs"))
		_, answer := c.redeem(p.approve("patient", "sandbox"))
		res, body := c.a.do("POST", "/fhir/Patient", `{"resourceType":"Patient"}`)
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("create: %s: %s", res.Status, body)
		}
		c.a.Kill()
		_, path, _ := strings.Cut(res.Header.Get("Location"), c.url)
		c.b.get(strings.Split(path, "/_history")[0])
		status, next := c.b.tokens("grant_type", "refresh_token", "refresh_token", str(answer, "refresh_token"))
		if status != http.StatusOK || c.b.status(str(next, "access_token"), "GET", fmt.Sprintf("/fhir/Patient/%s", next["patient"])) != http.StatusOK {
			t.Errorf("refresh: %d %v", status, next)
		}
	})
}
