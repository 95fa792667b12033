package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestS3_03_Introspection(t *testing.T) {
	w := open(t)
	app := w.app("sandbox-public")
	answer := app.run("practitioner", "launch/patient launch/encounter openid fhirUser offline_access patient/*.rs")
	token := str(answer, "access_token")
	ask := func(asker *app_, token string) map[string]any {
		t.Helper()
		res := asker.post("/auth/introspect", url.Values{"token": {token}})
		if res.status != 200 || res.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s", res.status, res.body)
		}
		return res.json(t)
	}
	inactive := func(what string, got map[string]any) {
		t.Helper()
		if len(got) != 1 || got["active"] != false {
			t.Errorf("%s: %v", what, got)
		}
	}
	for _, asker := range []*app_{w.app("sandbox-secret"), w.app("sandbox-key"), w.app("sandbox-backend")} {
		c := ask(asker, token)
		for name, want := range map[string]any{"active": true, "client_id": "sandbox-public", "patient": "a", "encounter": "a-e0", "fhirUser": w.fhir + "/Practitioner/p",
			"iss": w.url, "aud": w.fhir, "scope": answer["scope"], "token_type": "Bearer"} {
			if c[name] != want {
				t.Errorf("%s: %s is %v, want %v", asker.id, name, c[name], want)
			}
		}
		if c["sub"] != w.idToken(str(answer, "id_token"))["sub"] || c["exp"].(float64)-c["iat"].(float64) != 3600 {
			t.Errorf("%s: %v", asker.id, c)
		}
	}
	secret := w.app("sandbox-secret")
	if c := ask(secret, str(answer, "refresh_token")); c["active"] != true || c["client_id"] != "sandbox-public" || c["exp"] != nil {
		t.Errorf("refresh token: %v", c)
	}
	inactive("nothing", ask(secret, "x"))
	inactive("id token", ask(secret, str(answer, "id_token")))
	inactive("altered", ask(secret, token+"x"))

	// Only who may ask is told, in the same words as of a token that is not there; a client may ask about its own.
	w.api("POST", "clients", map[string]any{"client_id": "curious", "redirect_uris": []string{"https://x.test/cb"}, "scope": "patient/*.rs"})
	created := w.api("POST", "clients/curious/secret", map[string]any{})
	curious := &app_{w: w, id: "curious", secret: str(created, "client_secret"), redirect: "https://x.test/cb", verifier: random()}
	inactive("a stranger's", ask(curious, token))
	inactive("a stranger's refresh token", ask(curious, str(answer, "refresh_token")))
	if c := ask(curious, str(curious.run("patient", "patient/*.rs"), "access_token")); c["active"] != true {
		t.Errorf("its own: %v", c)
	}
	app.post("/auth/introspect", url.Values{"token": {token}}).refused(t, 401, "invalid_client")
	w.form("/auth/introspect", url.Values{"token": {token}}).refused(t, 401, "invalid_client")

	// Expired and revoked tokens are not active.
	w.wait(time.Hour)
	inactive("expired", ask(secret, token))
	answer = app.refresh(str(answer, "refresh_token")).json(t)
	token = str(answer, "access_token")
	if c := ask(secret, token); c["active"] != true {
		t.Errorf("refreshed: %v", c)
	}
	app.post("/auth/revoke", url.Values{"token": {token}})
	inactive("revoked", ask(secret, token))
	inactive("refresh token of a revoked one", ask(secret, str(answer, "refresh_token")))
}

// app_ is an app, where a variable has its name.
type app_ = app

// S4-16 is the profile of introspection (S3-03) and how permissions are described to people (S2-16).
func TestS4_16_IntrospectionOfABackendService(t *testing.T) {
	w := open(t)
	token := w.service("system/Patient.rs")
	c := w.app("sandbox-backend").post("/auth/introspect", url.Values{"token": {token}}).json(t)
	if c["active"] != true || c["scope"] != "system/Patient.rs" || c["sub"] != "sandbox-backend" || c["fhirUser"] != nil || c["patient"] != nil {
		t.Errorf("%v", c)
	}
}

func TestRevocation(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	revoke := func(by *app, token string, more ...string) answer {
		form := url.Values{"token": {token}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return by.post("/auth/revoke", form)
	}
	for _, which := range []string{"access_token", "refresh_token"} {
		answer := a.run("patient", "patient/*.rs offline_access")
		// Of another client nothing happens, and that is not told.
		if res := revoke(w.app("sandbox-secret"), str(answer, which)); res.status != 200 || len(res.body) != 0 {
			t.Errorf("%d %s", res.status, res.body)
		}
		if w.reads(str(answer, "access_token"), "Patient/a") != 200 {
			t.Error("another client has revoked the token")
		}
		if res := revoke(a, str(answer, which), "token_type_hint", "something"); res.status != 200 || res.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s", res.status, res.body)
		}
		if status := w.reads(str(answer, "access_token"), "Patient/a"); status != 401 {
			t.Errorf("%s revoked: %d", which, status)
		}
		a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")
	}
	if res := revoke(a, "nothing"); res.status != 200 {
		t.Errorf("unknown: %d", res.status)
	}
	w.form("/auth/revoke", url.Values{"token": {"x"}, "client_id": {"nobody"}}).refused(t, 401, "invalid_client")
	w.form("/auth/revoke", url.Values{"client_id": {"sandbox-public"}}).refused(t, 400, "invalid_request")
}

func TestS2_20_AccessTokenIsAJWT(t *testing.T) {
	w := open(t)
	answer := w.app("sandbox-public").run("practitioner", "launch/patient launch/encounter openid fhirUser patient/*.rs")
	parts := strings.Split(str(answer, "access_token"), ".")
	if len(parts) != 3 {
		t.Fatalf("token %v", answer["access_token"])
	}
	read := func(part string) (v map[string]any) {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || json.Unmarshal(b, &v) != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return v
	}
	header, claims := read(parts[0]), read(parts[1])
	if header["typ"] != "at+jwt" || header["kid"] == nil || header["alg"] != "ES256" {
		t.Errorf("header: %v", header)
	}
	for name, want := range map[string]any{"iss": w.url, "aud": []any{w.fhir}, "client_id": "sandbox-public", "scope": answer["scope"], "patient": "a", "encounter": "a-e0"} {
		if encode(t, claims[name]) != encode(t, want) {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if claims["exp"].(float64)-claims["iat"].(float64) != 3600 || claims["jti"] == "" || claims["sub"] == "" || claims["auth_time"] == nil {
		t.Errorf("claims: %v", claims)
	}
	// Nothing of a patient but ids.
	known := "iss sub aud client_id iat exp jti scope auth_time patient encounter"
	for name := range claims {
		if !strings.Contains(known, name) {
			t.Errorf("claim %s", name)
		}
	}
}
