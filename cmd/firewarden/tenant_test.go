package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// tenant is an issuer as Entra is one: scopes with dots in scp, roles, fhirUser as an extension. Whoever comes to sign
// in is signed in.
type tenant struct {
	t   *testing.T
	url string
	key *ecdsa.PrivateKey

	asked  url.Values        // the last authorization request
	claims map[string]any    // of id tokens, changed
	answer func(url.Values)  // changes what the browser comes back with
	signer *ecdsa.PrivateKey // of id tokens; nil is key
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := &tenant{t: t, key: key}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	e.url = srv.URL + "/tenant/v2.0"
	mux.HandleFunc("/tenant/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":"%[2]s/keys","authorization_endpoint":"%[2]s/authorize?kind=user","token_endpoint":"%[2]s/token"}`, e.url, srv.URL)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		e.asked = r.URL.Query()
		q := url.Values{"code": {"c"}, "state": {e.asked.Get("state")}}
		if e.answer != nil {
			e.answer(q)
		}
		http.Redirect(w, r, e.asked.Get("redirect_uri")+"?"+q.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("/token", e.exchange)
	return e
}

// exchange gives an id token for a code.
func (e *tenant) exchange(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if id != "fhir" || secret != "s3cret" || r.FormValue("code") != "c" || r.FormValue("redirect_uri") != e.asked.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != e.asked.Get("code_challenge") || e.asked.Get("kind") != "user" {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	change := map[string]any{"aud": "fhir", "azp": nil, "scp": nil, "nonce": e.asked.Get("nonce"), "upn": "ann"}
	maps.Copy(change, e.claims)
	json.NewEncoder(w).Encode(map[string]string{"id_token": e.token(change), "access_token": "x", "token_type": "Bearer"})
}

// token is an access token of the tenant, changed; nil takes a claim away.
func (e *tenant) token(change map[string]any) string {
	e.t.Helper()
	claims := map[string]any{"iss": e.url, "aud": "api://fhir", "sub": "s-1", "azp": "app", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
		"scp": "user.all.read", "extension_fhirUser": "Patient/patient-001", "roles": []string{"Patient"}}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	key := e.key
	if e.signer != nil {
		key = e.signer
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		e.t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		e.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		e.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		e.t.Fatal(err)
	}
	return text
}
