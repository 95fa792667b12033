package browser

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAppThatRedirects: an app's server sends the browser on to pages at another address; the policy of our forms does
// not end the way there, and who has once said yes gets there without a page of ours.
func TestAppThatRedirects(t *testing.T) {
	s, b := sandbox(t), chromium(t)
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>Home</title><link rel="icon" href="data:,"><h1>Home of the app</h1><p>%v</p>`, r.URL.Query().Has("code"))
	}))
	t.Cleanup(home.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(home.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	callback := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:"+port+"/home?"+r.URL.RawQuery, http.StatusSeeOther)
	}))
	t.Cleanup(callback.Close)
	at := s.url + "/auth/authorize?response_type=code&client_id=sandbox-public&redirect_uri=" + callback.URL + "/cb&scope=launch/patient+patient/Patient.rs&state=12345678&aud=" +
		s.fhir + "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
	b.open(at)
	b.heading("Sign in to continue to")
	b.press("Demo patient")
	b.heading("Allow")
	b.choose("Do not ask me again")
	b.press("Allow")
	b.until("the app", element("h1", "Home of the app"))
	b.open(s.url + "/auth/logout")
	b.heading("Sign out")
	b.press("Sign out")
	b.heading("You are signed out")
	b.open(at)
	b.heading("Sign in to continue to")
	b.press("Demo patient") // the form of the login leads there, too
	b.until("the app", element("h1", "Home of the app"))
	b.until("a code", element("p", "true"))
}

// TestSignInByAnotherServer: a person signs in at another Firewarden, allows that, and is back here with an app.
func TestSignInByAnotherServer(t *testing.T) {
	other := sandbox(t)
	s := sandbox(t, "--config", file(t, "firewarden.yaml", `
issuers:
  - issuer: `+other.url+`
    id: other
    name: the other clinic
    fhirBases: [`+other.fhir+`]
    policy: all
    login: {client_id: sandbox-secret, client_secret: sandbox-secret, users: create}
`))
	a, b := s.app("sandbox-public"), chromium(t)
	b.open(a.launch("openid fhirUser launch/patient patient/Patient.rs"))
	b.heading("Sign in to continue to Sandbox app (public)")
	b.press("Sign in with the other clinic")
	b.heading("Sign in to continue to Sandbox app (secret)")
	b.press(practitioner)
	b.heading("Allow Sandbox app (secret)")
	b.press("Allow")
	b.pickFirst()
	b.heading("Allow Sandbox app (public)")
	b.press("Allow")
	if got := b.ready(); got.FHIRUser != s.fhir+"/Practitioner/practitioner-01" || got.Patient == "" {
		t.Errorf("the app got %+v", got)
	}
	b.open(s.url + "/auth/manage")
	b.heading("Your apps")
	b.until("who it is", element(".user", "Signed in as"))
}
