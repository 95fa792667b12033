package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
)

// The start page of a sandbox tells users and clients that are there, with passwords that let them in.
func TestHomeTellsTheTruth(t *testing.T) {
	r := start(t, "sandbox")
	_, home := r.do("GET", "/", "")
	for _, want := range []string{r.url + "/fhir", "sandbox-admin", "12</strong>", "/auth/manage", "/auth/apps/new"} {
		if !strings.Contains(string(home), want) {
			t.Errorf("lacks %q", want)
		}
	}
	for _, u := range auth.DemoUsers() {
		if !strings.Contains(string(home), "<code>"+u.Name+"</code>") {
			t.Errorf("lacks the user %s", u.Name)
		}
		if page := r.signIn(t, u.Name, u.Password); !strings.Contains(page, "Your apps</h1>") || !strings.Contains(page, u.Display) {
			t.Errorf("%s cannot sign in: %s", u.Name, page)
		}
	}
	for _, c := range sandboxClients {
		res, body := r.do("GET", "/api/clients/"+c.ID, "", "Authorization", "Bearer sandbox-admin")
		if res.StatusCode != http.StatusOK || !json.Valid(body) || !strings.Contains(string(home), "<code>"+c.ID+"</code>") {
			t.Errorf("the client %s: %d %s", c.ID, res.StatusCode, body)
		}
	}
}

// signIn signs in by the page without script and gives the page behind it.
func (r *running) signIn(t *testing.T, name, password string) string {
	t.Helper()
	p := r.person()
	p.open(r.url + "/auth/manage")
	p.submit("login", "name", name, "password", password)
	return p.page
}

// A server that is no sandbox tells nobody who or what is in it.
func TestHomeOfAServer(t *testing.T) {
	r := start(t, "serve", "--store", t.TempDir(), "--anonymous", "system/*.cruds")
	r.do("POST", "/fhir/Patient", `{"resourceType":"Patient"}`, "Content-Type", "application/fhir+json")
	_, home := r.do("GET", "/", "")
	for _, secret := range []string{"What is in it", "People who", "Apps that are", "Administrator"} {
		if strings.Contains(string(home), secret) {
			t.Errorf("tells %q", secret)
		}
	}
	if !strings.Contains(string(home), "Open to everybody") {
		t.Error("is silent about what is open")
	}
}

func TestScopeTextsAreRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if texts, err := readTexts(write("good.json", `{"en": {"scopes": {"patient/Goal.read": "See your goals"}}}`)); err != nil {
		t.Error(err)
	} else if text, _ := texts.Sentence("patient/Goal.rs", "en"); text != "See your goals" {
		t.Errorf("%q", text)
	}
	for _, path := range []string{write("bad.json", `{"en": {"scopes": {"patient/Gaol.read": "x"}}}`), filepath.Join(dir, "missing.json")} {
		if _, err := readTexts(path); err == nil {
			t.Errorf("%s is accepted", path)
		}
	}
}
