package auth_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
)

func decode(t *testing.T, a answer, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
}

func (w *site) register(body any, header ...string) answer {
	w.t.Helper()
	return w.call("", "POST", "/auth/register", encode(w.t, body), append([]string{"Content-Type", "application/json"}, header...)...)
}

func TestS5_02_RegisterThenLaunch(t *testing.T) {
	w := open(t)
	for _, method := range []string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"} {
		body := map[string]any{"client_name": "New app", "redirect_uris": []string{"https://new.example.org/cb"}, "token_endpoint_auth_method": method,
			"grant_types": []string{"authorization_code", "refresh_token"}, "scope": "launch launch/patient openid offline_access patient/*.rs", "launch_uri": "https://new.example.org/launch"}
		if method == "private_key_jwt" {
			body["jwks"] = appKeys.public
		}
		res := w.register(body)
		c := res.json(t)
		if res.status != 201 || str(c, "client_id") == "" || c["client_id_issued_at"] == nil || c["client_name"] != "New app" || c["token_endpoint_auth_method"] != method || res.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %s", method, res.status, res.body)
		}
		if secret := str(c, "client_secret"); (secret != "") != strings.HasPrefix(method, "client_secret") || secret != "" && (len(secret) < 32 || c["client_secret_expires_at"] != 0.0) {
			t.Errorf("%s: secret %q", method, secret)
		}
		a := &app{w: w, id: str(c, "client_id"), secret: str(c, "client_secret"), key: method == "private_key_jwt", redirect: "https://new.example.org/cb", verifier: random()}
		launch := str(w.api("POST", "launch", map[string]any{"client": a.id, "patient": "b", "user": "practitioner"}), "launch")
		answer := a.run("practitioner", "launch openid offline_access patient/*.rs", "launch", launch)
		if answer["patient"] != "b" || str(answer, "refresh_token") == "" {
			t.Errorf("%s: %v", method, answer)
		}
	}
}

func TestRegistrationRefuses(t *testing.T) {
	w := open(t)
	good := func() map[string]any {
		return map[string]any{"redirect_uris": []string{"https://new.example.org/cb"}, "token_endpoint_auth_method": "none", "scope": "patient/*.rs"}
	}
	if res := w.register(good()); res.status != 201 {
		t.Fatalf("%d %s", res.status, res.body)
	}
	for _, c := range []struct {
		name  string
		value any
		code  string
	}{
		{"redirect_uris", []string{}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"http://new.example.org/cb"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"https://new.example.org/cb#x"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"https://u:p@new.example.org/cb"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"javascript:alert(1)"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"data:text/html,x"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"myapp:/cb"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"/cb"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"https://new.example.org/ cb"}, "invalid_redirect_uri"},
		{"redirect_uris", []string{"https://*.example.org/cb*\\"}, "invalid_redirect_uri"},
		{"redirect_uris", "https://new.example.org/cb", "invalid_client_metadata"},
		{"token_endpoint_auth_method", "client_secret_jwt", "invalid_client_metadata"},
		{"token_endpoint_auth_method", "private_key_jwt", "invalid_client_metadata"},
		{"grant_types", []string{"implicit"}, "invalid_client_metadata"},
		{"grant_types", []string{"client_credentials"}, "invalid_client_metadata"},
		{"response_types", []string{"token"}, "invalid_client_metadata"},
		{"scope", "patient/Obervation.rs", "invalid_client_metadata"},
		{"scope", "patient/Observation.rs?subject.name=x", "invalid_client_metadata"},
		{"jwks_uri", "http://new.example.org/jwks.json", "invalid_client_metadata"},
		{"jwks", map[string]any{"keys": []any{}}, "invalid_client_metadata"},
		{"logo_uri", "javascript:alert(1)", "invalid_client_metadata"},
		{"allowed_origins", []string{"https://new.example.org/path"}, "invalid_client_metadata"},
		{"id_token_signed_response_alg", "none", "invalid_client_metadata"},
		{"smart_version", "9", "invalid_client_metadata"},
	} {
		body := good()
		body[c.name] = c.value
		res := w.register(body)
		if res.status != 400 || str(res.json(t), "error") != c.code {
			t.Errorf("%s %v: %d %s, want %s", c.name, c.value, res.status, res.body, c.code)
		}
	}
	w.call("", "POST", "/auth/register", "nothing", "Content-Type", "application/json").refused(t, 400, "invalid_client_metadata")
	// What only an administrator decides a client cannot say of itself.
	body := good()
	for _, name := range []string{"introspects", "verified", "anyLoopback", "autoApprove", "client_id", "secrets"} {
		body[name] = true
	}
	body["client_id"], body["autoApprove"], body["secrets"] = "sandbox-public", "patient/*.rs", []string{"x"}
	c := w.register(body).json(t)
	if c["client_id"] == "sandbox-public" {
		t.Error("a client takes the place of another")
	}
	told := w.api("GET", "clients/"+str(c, "client_id"), nil)
	for _, name := range []string{"introspects", "verified", "anyLoopback", "autoApprove"} {
		if told[name] != nil {
			t.Errorf("it says %s of itself: %v", name, told)
		}
	}
}

func TestWhoMayRegister(t *testing.T) {
	body := map[string]any{"redirect_uris": []string{"https://new.example.org/cb"}, "token_endpoint_auth_method": "none", "scope": "patient/*.rs"}
	w := open(t, func(o *auth.Options) { o.Sandbox = false })
	w.register(body).refused(t, 401, "invalid_token")
	w.register(body, "Authorization", "Bearer x").refused(t, 401, "invalid_token")
	token := "Bearer " + str(w.api("POST", "registration-tokens", map[string]any{"clients": 1}), "token")
	if res := w.register(body, "Authorization", token); res.status != 201 {
		t.Errorf("%d %s", res.status, res.body)
	}
	w.register(body, "Authorization", token).refused(t, 401, "invalid_token")

	w = open(t, func(o *auth.Options) { o.Sandbox, o.Registration = false, auth.RegisterByApproval })
	c := w.register(body).json(t)
	a := &app{w: w, id: str(c, "client_id"), redirect: "https://new.example.org/cb", verifier: random()}
	b := w.browser()
	if b.open(w.url + "/auth/authorize?" + a.request("patient/*.rs").Encode()); b.last.status != 400 {
		t.Errorf("before approval: %d", b.last.status)
	}
	delete(body, "pending")
	w.api("PUT", "clients/"+a.id, body)
	if answer := a.run("patient", "patient/*.rs"); answer["patient"] != "a" {
		t.Errorf("after approval: %v", answer)
	}
}

// A client reads, changes and removes its own registration (RFC 7592).
func TestS3_13_RegisterListWithdrawRevoke(t *testing.T) {
	w := open(t)
	doc := w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)
	for name, want := range map[string]string{"token_endpoint_auth_methods_supported": "client_secret_basic private_key_jwt", "response_types_supported": "code"} {
		for _, one := range strings.Fields(want) {
			if !slices.Contains(texts(doc[name]), one) {
				t.Errorf("%s: %v", name, doc[name])
			}
		}
	}
	for name, path := range map[string]string{"registration_endpoint": "register", "management_endpoint": "manage", "revocation_endpoint": "revoke"} {
		if doc[name] != w.url+"/auth/"+path {
			t.Errorf("%s is %v", name, doc[name])
		}
	}
	body := map[string]any{"client_name": "Mine", "redirect_uris": []string{"https://new.example.org/cb"}, "grant_types": []string{"authorization_code", "refresh_token"}, "scope": "patient/*.rs offline_access"}
	c := w.register(body).json(t)
	at, token := str(c, "registration_client_uri"), str(c, "registration_access_token")
	a := &app{w: w, id: str(c, "client_id"), secret: str(c, "client_secret"), redirect: "https://new.example.org/cb", verifier: random()}
	answer := a.run("patient", "patient/*.rs offline_access")

	res := w.call(token, "GET", at, "")
	if got := res.json(t); res.status != 200 || got["client_name"] != "Mine" || got["client_secret"] != nil {
		t.Errorf("read: %d %s", res.status, res.body)
	}
	for _, bad := range []string{"", "x", adminKey, str(answer, "access_token")} {
		w.call(bad, "GET", at, "").refused(t, 401, "invalid_token")
	}
	w.call(token, "GET", "/auth/register/sandbox-public", "").refused(t, 401, "invalid_token")
	body["client_id"], body["client_name"], body["scope"] = a.id, "Renamed", "patient/Patient.rs offline_access"
	res = w.call(token, "PUT", at, encode(t, body), "Content-Type", "application/json")
	changed := res.json(t)
	if res.status != 200 || changed["client_name"] != "Renamed" || str(changed, "registration_access_token") == token {
		t.Fatalf("change: %d %s", res.status, res.body)
	}
	w.call(token, "GET", at, "").refused(t, 401, "invalid_token")
	token = str(changed, "registration_access_token")
	if x, y := w.reads(str(answer, "access_token"), "Patient/a"), w.reads(str(answer, "access_token"), "Observation"); x != 200 || y != 403 {
		t.Errorf("a narrower registration: %d, %d", x, y)
	}
	body["client_id"] = "sandbox-public"
	w.call(token, "PUT", at, encode(t, body), "Content-Type", "application/json").refused(t, 400, "invalid_client_metadata")

	// The management page lists and withdraws.
	b := w.browser()
	b.open(w.url + "/auth/manage")
	b.signIn("patient")
	if page := text(b.page); !strings.Contains(page, "Renamed") || !strings.Contains(page, "Amya Shaw") || !strings.Contains(page, "works while you are away") {
		t.Fatalf("manage: %s", page)
	}
	b.submit("")
	if page := text(b.page); strings.Contains(page, "Renamed") || !strings.Contains(page, "It is withdrawn.") {
		t.Errorf("withdrawn: %s", page)
	}
	if status := w.reads(str(answer, "access_token"), "Patient/a"); status != 401 {
		t.Errorf("withdrawn: %d", status)
	}
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")

	answer = a.run("patient", "patient/*.rs offline_access")
	if res := w.call(token, "DELETE", at, ""); res.status != 204 {
		t.Errorf("remove: %d %s", res.status, res.body)
	}
	if status := w.reads(str(answer, "access_token"), "Patient/a"); status != 401 {
		t.Errorf("of a client that is gone: %d", status)
	}
	w.call(token, "GET", at, "").refused(t, 401, "invalid_token")
	a.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}).refused(t, 401, "invalid_client")
}

// People register apps on a page.
func TestRegisterByPage(t *testing.T) {
	w := open(t)
	b := w.browser()
	b.open(w.url + "/auth/apps/new?preset=postman")
	b.signIn("practitioner")
	b.open(w.url + "/auth/apps/new?preset=postman")
	if _, form := b.form("register"); form.Get("client_name") != "Postman" || form.Get("redirect_uris") != "https://oauth.pstmn.io/v1/callback" {
		t.Fatalf("preset: %v", form)
	}
	b.submit("register", "redirect_uris", "http://x.test/cb")
	if b.title() != "Register an app" || !strings.Contains(text(b.page), "http is for this machine only") {
		t.Errorf("%s", b.last.body)
	}
	b.submit("register", "redirect_uris", "https://x.test/cb http://localhost:3000/cb", "client_name", "Page app")
	id := find(b.page, byID("client"))
	secret := find(b.page, byID("secret"))
	if id == nil || secret == nil || b.title() != "Page app is registered" {
		t.Fatalf("%s", b.last.body)
	}
	a := &app{w: w, id: text(id), secret: text(secret), redirect: "https://x.test/cb", verifier: random()}
	if answer := a.run("patient", "launch/patient openid offline_access patient/*.cruds"); answer["patient"] != "a" || answer["refresh_token"] == nil {
		t.Errorf("%v", answer)
	}
	real := open(t, func(o *auth.Options) { o.Sandbox = false })
	c := real.browser()
	c.open(real.url + "/auth/apps/new")
	c.signIn("practitioner")
	c.open(real.url + "/auth/apps/new")
	if c.last.status != 403 {
		t.Errorf("a practitioner registers apps: %d", c.last.status)
	}
	c.signOut()
	c.open(real.url + "/auth/apps/new")
	c.signIn("admin")
	if c.title() != "Register an app" {
		t.Errorf("an administrator: %s", c.last.body)
	}
}
