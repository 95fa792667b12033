package auth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/store/audit"
)

// event is what a test reads of an AuditEvent.
type event struct {
	ID      string
	Subtype []struct{ Code string }
	Outcome string
	Agent   []struct {
		AltID string
		Who   struct{ Identifier struct{ Value string } }
	}
	Entity []struct {
		Query []byte
		What  struct{ Reference string }
	}
	raw string
}

// query is what was asked, decoded.
func (e *event) query() string {
	for _, x := range e.Entity {
		if x.Query != nil {
			return string(x.Query)
		}
	}
	return ""
}

// logged gives the events that were not there before.
func (w *site) logged(seen map[string]bool) (list []event) {
	w.t.Helper()
	if err := w.log.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	var b struct {
		Entry []struct{ Resource json.RawMessage }
	}
	a := w.call(adminKey, "GET", "/fhir/AuditEvent?_count=1000", "")
	if err := json.Unmarshal(a.body, &b); err != nil || a.status != http.StatusOK {
		w.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	for _, x := range b.Entry {
		e := event{raw: string(x.Resource)}
		if err := json.Unmarshal(x.Resource, &e); err != nil {
			w.t.Fatal(err)
		}
		e.raw += " " + e.query()
		if !seen[e.ID] {
			seen[e.ID] = true
			list = append(list, e)
		}
	}
	return list
}

// quiet are the rows that leave nothing in the log, and why.
var quiet = map[string]string{
	"GET /fhir/.well-known/smart-configuration":   "everybody may know it",
	"GET /.well-known/openid-configuration":       "everybody may know it",
	"GET /.well-known/oauth-authorization-server": "everybody may know it",
	"GET /fhir/.well-known/udap":                  "says that it is not there",
	"GET /auth/jwks.json":                         "public keys",
	"GET /auth/style.json":                        "colours",
	"GET /auth/authorize":                         "begins a request that nobody has answered yet",
	"POST /auth/authorize":                        "begins a request that nobody has answered yet",
	"POST /auth/flow/pick":                        "chooses among what was shown, which the log has as a search; what comes of it is consent",
	"GET /auth/login":                             "an empty form",
	"GET /auth/apps/new":                          "an empty form",
	"GET /auth/setup":                             "an empty form",
}

// pages are what the server shows beside those of the authorization server: they note what they look at as searches and
// reads, and what everybody may see is nothing.
var pages = map[string]bool{"/": true, "/docs": true, "/openapi.json": true, "/assets/{name}": true, "/health": true, "/health/live": true, "/health/ready": true,
	"/why": true, "/audit": true, "/audit/{id}": true}

const secretWord = "correct-horse-Staple"

// noted are requests of each row that is in the log: what is prepared first, and then the request itself.
var noted = map[string]func(w *site) func(){
	"POST /auth/token": byApp(func(a *app) { a.token(url.Values{"grant_type": {"authorization_code"}, "code": {secretWord}}) }),
	"POST /auth/introspect": ofToken(func(w *site, token string) {
		w.app("sandbox-secret").post("/auth/introspect", url.Values{"token": {token}})
	}),
	"POST /auth/revoke": ofToken(func(w *site, token string) {
		w.app("sandbox-public").post("/auth/revoke", url.Values{"token": {token}})
	}),
	"GET /auth/userinfo":  ofToken(func(w *site, token string) { w.call(token, "GET", "/auth/userinfo", "") }),
	"POST /auth/userinfo": ofToken(func(w *site, token string) { w.call(token, "POST", "/auth/userinfo", "") }),
	"POST /auth/register": func(w *site) func() {
		return func() { w.register(ownClient) }
	},
	"GET /auth/register/{client}":    byItself("GET", ""),
	"PUT /auth/register/{client}":    byItself("PUT", "{}"),
	"DELETE /auth/register/{client}": byItself("DELETE", ""),

	"GET /auth/flow": func(w *site) func() {
		w.api("PUT", "clients/sandbox-public", map[string]any{"redirect_uris": []string{"http://127.0.0.1/"}, "token_endpoint_auth_method": "none", "scope": "openid", "autoApprove": "openid"})
		b := w.browser()
		b.open(w.url + "/auth/login")
		b.signIn("practitioner")
		return func() { b.open(w.url + "/auth/authorize?" + w.app("sandbox-public").request("openid").Encode()) }
	},
	"POST /auth/flow/login":   atPage("", func(b *browser) { b.signIn("practitioner") }),
	"POST /auth/flow/consent": atPage("practitioner", func(b *browser) { b.submit("consent", "action", "deny") }),
	"POST /auth/login": func(w *site) func() {
		b := w.browser()
		b.open(w.url + "/auth/login")
		return func() { b.submit("login", "name", "practitioner", "password", secretWord) }
	},
	"GET /auth/outside/{issuer}": func(w *site) func() { return func() { w.browser().open(w.url + "/auth/outside/away") } },
	"GET /auth/outside/{issuer}/back": func(w *site) func() {
		return func() { w.browser().open(w.url + "/auth/outside/away/back?state=" + secretWord) }
	},
	"GET /auth/logout": func(w *site) func() {
		b := w.browser()
		a := w.app("sandbox-public")
		id := str(a.redeem(a.approve(b, "practitioner", "openid fhirUser")), "id_token")
		return func() { b.open(w.url + "/auth/logout?id_token_hint=" + id) }
	},
	"POST /auth/logout": signedIn("/auth/logout", func(b *browser) { b.submit("logout") }),
	"GET /auth/manage":  signedIn("/auth/login", func(b *browser) { b.open(b.w.url + "/auth/manage") }),
	"POST /auth/manage": func(w *site) func() {
		b := w.browser()
		a := w.app("sandbox-secret")
		a.redeem(a.approve(b, "practitioner", "openid offline_access"))
		b.open(w.url + "/auth/manage")
		return func() { b.submit("") }
	},
	"POST /auth/apps/new": signedIn("/auth/apps/new", func(b *browser) {
		b.submit("register", "client_name", "x", "redirect_uris", "https://x.example.org/cb")
	}),
	"POST /auth/setup": func(w *site) func() {
		w.api("PUT", "users/admin", map[string]any{"disabled": true})
		link, err := w.auth.SetupLink(w.t.Context())
		if err != nil || link == "" {
			w.t.Fatalf("%q %v", link, err)
		}
		b := w.browser()
		b.open(link)
		return func() { b.submit("setup", "name", "ada", "password", secretWord, "again", secretWord) }
	},

	"POST /api/launch":               asked(`{"client":"sandbox-public","patient":"a"}`),
	"GET /api/clients":               asked(""),
	"POST /api/clients":              asked(`{"client_id":"x","redirect_uris":["https://x.example.org/"],"scope":"openid"}`),
	"GET /api/clients/{id}":          asked("", "{id}", "sandbox-public"),
	"PUT /api/clients/{id}":          asked(`{"redirect_uris":["https://x.example.org/"],"client_secret":"`+secretWord+`"}`, "{id}", "y"),
	"DELETE /api/clients/{id}":       asked("", "{id}", "sandbox-key"),
	"POST /api/clients/{id}/secret":  asked("", "{id}", "sandbox-secret"),
	"GET /api/users":                 asked(""),
	"POST /api/users":                asked(`{"name":"ann","password":"` + secretWord + `","policy":"all"}`),
	"GET /api/users/{name}":          asked("", "{name}", "practitioner"),
	"PUT /api/users/{name}":          asked(`{"policy":"readonly"}`, "{name}", "practitioner"),
	"DELETE /api/users/{name}":       asked("", "{name}", "relatedperson"),
	"PUT /api/users/{name}/password": asked(`{"password":"`+secretWord+`"}`, "{name}", "patient"),
	"GET /api/policies":              asked(""),
	"GET /api/policies/{name}":       asked("", "{name}", "all"),
	"PUT /api/policies/{name}":       asked(`{"patients":"none"}`, "{name}", "mine"),
	"DELETE /api/policies/{name}":    asked("", "{name}", "mine"),
	"GET /api/grants":                asked("", "grants", "grants?user=practitioner"),
	"DELETE /api/grants/{id}":        asked("", "{id}", "none"),
	"POST /api/tokens":               asked(`{"client":"sandbox-public","scope":"patient/*.rs","patient":"a"}`),
	"POST /api/tokens/explain":       asked(`{"token":"` + secretWord + `"}`),
	"GET /api/keys":                  asked(""),
	"POST /api/keys/rotate":          asked(`{}`),
	"POST /api/registration-tokens":  asked(`{"clients":1}`),
	"GET /api/searchparameters":      asked(""),
	"GET /api/why":                   asked("", "why", "why?ref=Patient/a&token="+secretWord),
	"POST /api/why":                  asked(`{"token":"` + secretWord + `","ref":["Patient/a"]}`),
	"GET /api/audit":                 asked(""),
	"GET /api/audit/verify":          asked(""),
}

var ownClient = map[string]any{"redirect_uris": []string{"https://new.example.org/cb"}, "token_endpoint_auth_method": "client_secret_basic", "scope": "patient/*.rs"}

func byApp(do func(*app)) func(*site) func() {
	return func(w *site) func() { return func() { do(w.app("sandbox-public")) } }
}

func ofToken(do func(w *site, token string)) func(*site) func() {
	return func(w *site) func() {
		token := str(w.app("sandbox-public").run("practitioner", "openid patient/*.rs"), "access_token")
		return func() { do(w, token) }
	}
}

// byItself is a request of a client about itself.
func byItself(method, body string) func(*site) func() {
	return func(w *site) func() {
		c := w.register(ownClient).json(w.t)
		return func() {
			w.call(str(c, "registration_access_token"), method, "/auth/register/"+str(c, "client_id"), body, "Content-Type", "application/json")
		}
	}
}

// atPage is a form of a flow, at its first page, or at that of consent for who has signed in.
func atPage(user string, do func(*browser)) func(*site) func() {
	return func(w *site) func() {
		b := w.browser()
		b.open(w.url + "/auth/authorize?" + w.app("sandbox-secret").request("openid fhirUser").Encode())
		if user != "" {
			b.signIn(user)
		}
		return func() { do(b) }
	}
}

func signedIn(at string, do func(*browser)) func(*site) func() {
	return func(w *site) func() {
		b := w.browser()
		b.open(w.url + "/auth/login")
		b.signIn("admin")
		b.open(w.url + at)
		return func() { do(b) }
	}
}

// asked is a request of the administrator to the path of its row, in which something is replaced.
func asked(body string, replaced ...string) func(*site) func() {
	return func(w *site) func() {
		method, path, _ := strings.Cut(w.row, " ")
		path = strings.NewReplacer(replaced...).Replace(path)
		return func() { w.call(adminKey, method, path, body, "Content-Type", "application/json") }
	}
}

// TestEveryRouteIsInTheLog: each row of the tables of routes that changes something or tells what not everybody may know
// leaves an event of its kind, done or refused; and no event has anything that is secret.
func TestEveryRouteIsInTheLog(t *testing.T) {
	w := open(t, func(o *auth.Options) {
		o.Issuers = []issuer.Config{{Issuer: "http://127.0.0.1:1", ID: "away", Login: &issuer.Login{ClientID: "x"}}}
	})
	seen := map[string]bool{}
	w.logged(seen)
	rows := map[string]bool{}
	for _, r := range server.Routes() {
		if strings.HasPrefix(r.Path, "/fhir") && !strings.Contains(r.Path, ".well-known") || r.Missing || pages[r.Path] {
			continue // each interaction and operation is in the log: TestAuditOfEveryWay
		}
		_, subtype := audit.Codes(r.Kind)
		w.row = r.Method + " " + r.Path
		if rows[w.row] {
			continue
		}
		rows[w.row] = true
		try := noted[w.row]
		switch {
		case r.Kind == "" && quiet[w.row] == "":
			t.Errorf("%s has no kind of event, and nothing says why it needs none", w.row)
			continue
		case r.Kind == "":
			continue
		case try == nil:
			t.Errorf("%s: no request tries whether it leaves an event", w.row)
			continue
		}
		count := func(outcome string) (n int) {
			for _, e := range w.logged(seen) {
				if strings.Contains(e.raw, secretWord) {
					t.Errorf("%s: an event holds a secret: %s", w.row, e.raw)
				}
				if len(e.Subtype) == 1 && e.Subtype[0].Code == subtype && (outcome == "" || outcome == e.Outcome) {
					n++
				}
			}
			return n
		}
		do := try(w)
		w.logged(seen)
		if do(); count("") != 1 {
			t.Errorf("%s left no event of the kind %s, or several", w.row, r.Kind)
		}
		// Of a program or an administrator also what is refused: nobody asks.
		if program := strings.HasPrefix(r.Path, "/api/"); program || w.auth.Kind(r.Method, r.Path) != "" {
			path := strings.NewReplacer("{client}", "nobody", "{id}", "nobody", "{name}", "nobody").Replace(r.Path)
			if a := w.call("", r.Method, path, "x="+secretWord); a.status < 400 || count("4") != 1 {
				t.Errorf("%s was refused (%d) and left no event of the kind %s, or several", w.row, a.status, r.Kind)
			}
		}
	}
	w.call(w.mint("patient/*.rs", "", "a"), "GET", "/fhir/Observation?access_token="+secretWord+"&token="+secretWord, "", "Prefer", "handling=lenient")
	w.call("", "GET", "/fhir/Observation?access_token="+secretWord, "")
	for _, e := range w.logged(seen) {
		if strings.Contains(e.raw, secretWord) {
			t.Errorf("an event holds a secret: %s", e.raw)
		}
	}
	for row := range noted {
		if !rows[row] {
			t.Errorf("%s is no route", row)
		}
	}
	for row := range quiet {
		if !rows[row] {
			t.Errorf("%s is no route", row)
		}
	}
}
