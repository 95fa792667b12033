package browser

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
)

// app is a web app on an origin of its own: /launch begins with fhirclient's authorize, / goes on with its ready.
type app struct {
	s      *server
	url    string         // origin
	config map[string]any // of authorize
}

// launchPage authorizes with the parameters that the address brings.
const launchPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>App: launch</title></head><body><h1>Launching</h1>
<button>Launch</button><script src="/fhir-client.js"></script><script>
const config = JSON.parse(new URL(location).searchParams.get("config"));
FHIR.oauth2.authorize(config).catch(e => { document.querySelector("h1").innerText = "Failed: " + e.message; });
</script></body></html>`

// indexPage is where the server sends the browser back to.
const indexPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>App</title></head><body><h1>Waiting</h1>
<button>Go on</button><script src="/fhir-client.js"></script><script>
const say = words => { document.querySelector("h1").innerText = words; };
FHIR.oauth2.ready().then(c => { window.client = c; say("Ready"); }).catch(e => say("Failed: " + e.message));
</script></body></html>`

// app starts a web app of a client of the server.
func (s *server) app(client string) *app {
	s.t.Helper()
	folder := os.Getenv("FIREWARDEN_FHIRCLIENT")
	if folder == "" {
		s.t.Skip("SKIPPED: FIREWARDEN_FHIRCLIENT names no folder with the npm package fhirclient")
	}
	script, err := os.ReadFile(filepath.Join(folder, "build", "fhir-client.js"))
	if err != nil {
		s.t.Fatal(err)
	}
	mux := http.NewServeMux()
	for path, body := range map[string]string{"/launch": launchPage, "/{$}": indexPage, "/bye": "<!doctype html><title>App: bye</title><h1>Good bye</h1><button>Again</button>"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, body)
		})
	}
	mux.HandleFunc("/fhir-client.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(script)
	})
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	origin := httptest.NewServer(mux)
	s.t.Cleanup(origin.Close)
	return &app{s: s, url: origin.URL, config: map[string]any{"clientId": client, "redirectUri": origin.URL + "/"}}
}

// with adds a parameter of fhirclient's authorize.
func (a *app) with(name string, value any) *app {
	a.config[name] = value
	return a
}

// launch is the address that begins a standalone launch.
func (a *app) launch(scopes string) string {
	return a.address(scopes, a.s.fhir)
}

// launched is the address that an EHR opens: it asks for a launch, in for what the app is to be launched with.
func (a *app) launched(scopes string, in map[string]any) string {
	a.s.t.Helper()
	in["client"], in["app"] = a.config["clientId"], a.address(scopes, "")
	at, _ := a.s.api("POST", "launch", in)["url"].(string)
	if u, err := url.Parse(at); err != nil || u.Query().Get("iss") != a.s.fhir || len(u.Query().Get("launch")) < 20 {
		a.s.t.Fatalf("launch URL %q", at)
	}
	return at
}

func (a *app) address(scopes, iss string) string {
	c := map[string]any{"scope": scopes}
	for k, v := range a.config {
		c[k] = v
	}
	if iss != "" {
		c["iss"] = iss
	}
	text, err := json.Marshal(c)
	if err != nil {
		a.s.t.Fatal(err)
	}
	return a.url + "/launch?" + url.Values{"config": {string(text)}}.Encode()
}

// session is what fhirclient has been given.
type session struct {
	Scope       string
	Patient     string
	Encounter   string
	Intent      string
	Token       string `json:"access_token"`
	Type        string `json:"token_type"`
	Refresh     string `json:"refresh_token"`
	IDToken     string `json:"id_token"`
	Seconds     int    `json:"expires_in"`
	NeedsBanner *bool  `json:"need_patient_banner"`
	FHIRUser    string // of the id token, as fhirclient reads it
}

// ready waits until the app has its tokens.
func (b *tab) ready() session {
	b.t.Helper()
	b.heading("Ready")
	s := ask[session](b, "({...client.state.tokenResponse, FHIRUser: client.getIdToken()?.fhirUser ?? ''})")
	if s.Token == "" || s.Type != "Bearer" || s.Seconds < 60 {
		b.t.Errorf("the app got %+v", s)
	}
	return s
}

// refreshes lets the app refresh, and checks that the tokens are others and the rest is the same.
func (b *tab) refreshes(before session) session {
	b.t.Helper()
	s := ask[session](b, "client.refresh().then(() => client.state.tokenResponse)")
	if s.Token == "" || s.Token == before.Token || s.Refresh == "" || s.Refresh == before.Refresh || s.Patient != before.Patient || s.Scope != before.Scope {
		b.t.Errorf("after a refresh: %+v, before: %+v", s, before)
	}
	return s
}

// signIn signs in as the practitioner of the sandbox.
func (b *tab) signIn() {
	b.t.Helper()
	b.heading("Sign in")
	b.press(practitioner)
}

// pickFirst chooses the first patient of the page.
func (b *tab) pickFirst() {
	b.t.Helper()
	b.heading("Choose a patient")
	b.click("document.querySelector('input[type=radio]').labels[0]")
	b.press("Continue")
}

// found are the ids that the app's search finds.
func (b *tab) found(query string) []string {
	b.t.Helper()
	return ask[[]string](b, "client.request("+quote(query)+").then(s => (s.entry ?? []).map(e => e.resource.id))")
}

// refused says why a promise of the app was not kept. The browser finds fault with the status of the answer.
func (b *tab) refused(promise string, status int) string {
	b.t.Helper()
	b.expect(fmt.Sprintf("status of %d", status))
	why := b.text("(" + promise + ").then(() => '', e => e.message)")
	if why == "" {
		b.t.Errorf("%s is not refused", promise)
	}
	return why
}
