package ui_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
)

// token is one of an app that sees the laboratory results of a.
func (w *site) labToken() string {
	w.t.Helper()
	token, err := w.auth.Mint(w.t.Context(), auth.Mint{Client: "sandbox-public", Scope: "patient/Observation.rs?category=laboratory", Patient: "a"})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// Administrators name whatever access they like; in a sandbox the holder of a token asks about that one; nobody else
// learns what there is.
func TestWhoMayAskWhy(t *testing.T) {
	sandbox := open(t, nil, nil)
	serving := open(t, nil, func(o *auth.Options) { o.Sandbox = false })
	ask := func(token string, more map[string]any) string {
		q := map[string]any{"ref": []string{"Observation/vital"}}
		for name, v := range more {
			q[name] = v
		}
		if token != "" {
			q["token"] = token
		}
		b, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	minted := map[string]any{"client": "sandbox-public", "scope": "patient/*.rs", "patient": "a"}
	refused := `"letter":"r","interaction":"read","allowed":false,"answer":"404"`
	for _, c := range []struct {
		name   string
		w      *site
		key    string
		method string
		query  string
		body   string
		status int
		says   string
	}{
		{"administrator, of a token", sandbox, adminKey, "POST", "", ask(sandbox.labToken(), nil), 200, refused},
		{"administrator, of a token, no sandbox", serving, adminKey, "POST", "", ask(serving.labToken(), nil), 200, refused},
		{"administrator, of scopes", serving, adminKey, "POST", "", ask("", minted), 200, `"allowed":true,"answer":"200"`},
		{"administrator, of scopes in the address", serving, adminKey, "GET", "?ref=Observation/vital&client=sandbox-public&patient=b&scope=patient/*.rs", "", 200, refused},
		{"administrator, of nobody", serving, adminKey, "POST", "", ask("", nil), 400, "whose access"},
		{"administrator, of a bad token", serving, adminKey, "POST", "", ask("x", nil), 404, "opens nothing"},
		{"administrator, of no client", serving, adminKey, "POST", "", ask("", map[string]any{"client": "nobody", "scope": "system/*.rs"}), 404, "none of this name"},
		{"administrator, of bad scopes", serving, adminKey, "POST", "", ask("", map[string]any{"client": "sandbox-public", "scope": "patient/Obs.rs", "patient": "a"}), 400, "no resource type"},
		{"administrator, of no resource", serving, adminKey, "POST", "", `{"client":"sandbox-public","scope":"system/*.rs"}`, 400, "ref is needed"},
		{"administrator, of no type", serving, adminKey, "GET", "?ref=Obs/1&client=sandbox-public&scope=system/*.rs", "", 400, "no resource"},
		{"administrator, of what is absent", serving, adminKey, "GET", "?ref=Observation/none&client=sandbox-public&scope=system/*.rs", "", 200, `"state":"absent"`},
		{"administrator, a token in the address", serving, adminKey, "GET", "?ref=Observation/vital&token=x", "", 400, "sent by POST"},
		{"administrator, no JSON", serving, adminKey, "POST", "", "{", 400, "JSON object"},
		{"administrator, another method", serving, adminKey, "DELETE", "", "", 405, "GET, HEAD, POST"},
		{"developer", sandbox, sandbox.labToken(), "GET", "?ref=Observation/vital", "", 200, refused},
		{"administrator, whether the client is registered for what would do", serving, adminKey, "GET", "?ref=Observation/vital&client=sandbox-public&patient=a&scope=patient/Condition.rs", "", 200, `"registered":true`},
		{"administrator, a client that is not", serving, adminKey, "GET", "?ref=Observation/vital&client=sandbox-backend&patient=a&scope=patient/Condition.rs", "", 200, `"registered":false`},
		{"developer, of what is absent", sandbox, sandbox.labToken(), "GET", "?ref=Observation/none&ref=Observation/lab", "", 200, `"state":"absent"`},
		{"developer, of another access", sandbox, sandbox.labToken(), "GET", "?ref=Observation/vital&client=sandbox-public&scope=system/*.rs", "", 403, "explains itself"},
		{"developer, of another token", sandbox, sandbox.labToken(), "POST", "", ask(sandbox.labToken(), nil), 403, "explains itself"},
		{"developer, no sandbox", serving, serving.labToken(), "GET", "?ref=Observation/vital", "", 401, "login"},
		{"developer, no sandbox, absent", serving, serving.labToken(), "GET", "?ref=Observation/none", "", 401, "login"},
		{"a bad token", sandbox, "x", "GET", "?ref=Observation/vital", "", 401, "login"},
		{"no token", sandbox, "", "GET", "?ref=Observation/vital", "", 401, "login"},
	} {
		status, text := c.w.call(c.key, c.method, "/api/why"+c.query, c.body)
		if status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
}

// A grant is named by its id, and by the jti of a token of it.
func TestWhyOfAGrant(t *testing.T) {
	w := open(t, nil, nil)
	status, text := w.call(adminKey, "POST", "/api/tokens/explain", `{"token":"`+w.labToken()+`"}`)
	var e struct {
		Claims  struct{ JTI string }
		Nothing []string
	}
	if status != 200 || json.Unmarshal([]byte(text), &e) != nil || e.Claims.JTI == "" || len(e.Nothing) < 100 {
		t.Fatal(status, text)
	}
	grant, _, _ := strings.Cut(e.Claims.JTI, ".")
	for _, id := range []string{grant, e.Claims.JTI} {
		if status, text := w.call(adminKey, "GET", "/api/why?ref=Observation/lab&grant="+url.QueryEscape(id), ""); status != 200 || !strings.Contains(text, `"link":"subject"`) {
			t.Errorf("%s: %d %s", id, status, text)
		}
	}
	if status, text := w.call(adminKey, "GET", "/api/why?ref=Observation/lab&grant=none", ""); status != 404 {
		t.Errorf("no grant: %d %s", status, text)
	}
}

// The page asks and answers, for who pastes a token and for administrators.
func TestWhyPage(t *testing.T) {
	w := open(t, nil, nil)
	b := w.browser()
	b.visit("GET", w.url+"/why", nil)
	b.write("Resource", "Observation/vital Observation/none")
	b.press("Ask why")
	if !strings.Contains(b.text, "A token is needed") {
		t.Error(b.text)
	}
	b.write("Access token", w.labToken())
	b.press("Ask why")
	for _, want := range []string{"it is not in category=laboratory", "patient/Observation.r?category=", "It does not exist", `value="Observation/vital Observation/none"`} {
		if !strings.Contains(b.text, want) {
			t.Errorf("the page lacks %q: %s", want, b.text)
		}
	}
	if strings.Contains(b.text, "Patient in context") {
		t.Error("a developer is offered more than the token")
	}
	b.visit("POST", w.url+"/why", url.Values{"ref": {"Observation/vital"}, "token": {w.labToken()}})
	if !strings.Contains(b.text, "not valid any more") {
		t.Error("a form of another page is answered")
	}

	serving := open(t, nil, func(o *auth.Options) { o.Sandbox = false })
	b = serving.browser()
	b.visit("GET", serving.url+"/why", nil)
	b.write("User name", "admin")
	b.write("Password", "sandbox")
	b.press("Sign in")
	b.write("Resource", "Observation/vital")
	b.write("Client (optional)", "sandbox-public")
	b.write("Scopes (optional)", "patient/Observation.r")
	b.write("Patient in context (optional)", "b")
	b.press("Ask why")
	if !strings.Contains(b.text, "it is not in the compartment of Patient/b, it has subject=Patient/a") || !strings.Contains(b.text, "for which the client is not registered") {
		t.Error(b.text)
	}
	b = serving.browser()
	b.visit("GET", serving.url+"/why", nil)
	b.write("User name", "practitioner")
	b.write("Password", "sandbox")
	b.press("Sign in")
	if !strings.Contains(b.text, "only administrators") {
		t.Error(b.text)
	}
}
