package proof

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/server"
)

// appScopes are what the app asks for.
const appScopes = "launch/patient launch/encounter openid fhirUser offline_access patient/*.rs user/Observation.rs"

// choosing: an app asks for a patient and an encounter. The user looks for words, tries ids that are not on the page, and
// goes back to what is.
func choosing(w *walker) {
	words := []string{"ab", "abc", "bc", "A", "B", "nil", "1", "3", "2", "1980-01-01", "1990-01-01", "zzz", "2020", "2021"}
	for _, ids := range [][]string{{"B", "3"}, {"nil", "3"}, {"A", "3"}, {"A", "nil"}, {"C", ""}, {"A", "2"}} {
		w.authorize(appScopes)
		w.through(ids, words...)
		words = nil
		if token, _ := w.redeem(); token != "" {
			w.with(token, "GET", "/fhir/Patient", "")
		}
	}
	w.authorize(appScopes, "prompt", "none")
	w.authorize("launch/location patient/*.rs")
	w.through([]string{"A", "1"}, "ab", "zzz")
	w.ask("POST", "/auth/authorize", query("response_type", "code", "client_id", appID, "redirect_uri", callback, "scope", appScopes, "state", "x", "aud", "https://elsewhere.example.org"))
}

// launched: an EHR launches the app with patients of whom the user may not hear; the user looks at what was granted, and
// takes it back.
func launched(w *walker) {
	for _, patient := range []string{"A", "B", "nil"} {
		a := w.with(adminKey, "POST", "/api/launch", text(object{"client": appID, "user": "ann", "patient": patient, "encounter": "3", "intent": "order"}))
		var got struct{ Launch string }
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Launch == "" {
			w.t.Fatalf("%s", a)
		}
		w.authorize("launch openid offline_access patient/*.rs", "launch", got.Launch)
		w.through(nil)
		access, refresh := w.redeem()
		for _, path := range []string{"/fhir/Patient/" + patient, "/fhir/Observation", "/auth/userinfo"} {
			w.with(access, "GET", path, "")
		}
		w.ask(basic("/auth/introspect", "token", access))
		w.post("/auth/token", "grant_type", "refresh_token", "refresh_token", refresh, "client_id", appID)
	}
	w.get("/auth/manage")
	if w.form("/auth/manage") != nil {
		w.submit("/auth/manage")
	}
}

// signing in and out, and what is beside that: users are not of the record.
func signingIn(w *walker) {
	w.leave()
	for _, path := range []string{"/auth/flow?request=x", "/auth/manage", "/auth/setup?token=x", "/auth/outside/none", "/auth/outside/none/back?state=x", "/auth/authorize?client_id=nobody", "/auth/logout", "/auth/login"} {
		w.get(path)
	}
	w.submit("/auth/login", "name", "ann", "password", "wrong")
	w.submit("/auth/login", "name", "nobody", "password", "wrong")
	w.submit("/auth/login", "name", "ann", "password", password)
	for _, path := range []string{"/auth/flow/login", "/auth/flow/pick", "/auth/flow/consent", "/auth/manage", "/auth/login", "/auth/logout", "/auth/setup", "/auth/apps/new"} {
		w.post(path, "request", "x")
	}
	w.get("/auth/apps/new?preset=backend")
	if w.form("/auth/apps/new") != nil { // of a sandbox
		w.submit("/auth/apps/new", "client_name", "Mine", "redirect_uris", callback)
	}
	w.get("/auth/logout")
	w.submit("/auth/logout")
}

// programs: clients and tokens, which name resources and do not read them.
func programs(w *walker) {
	for _, path := range []string{"/fhir/.well-known/smart-configuration", "/fhir/.well-known/udap", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/auth/jwks.json", "/auth/style.json"} {
		w.get(path)
		w.ask("OPTIONS", path, "", "Origin", "https://app.example.org")
	}
	w.with("x", "GET", "/auth/userinfo", "")
	w.ask(basic("/auth/token", "grant_type", "client_credentials", "scope", "system/*.rs"))
	w.ask(basic("/auth/token", "grant_type", "client_credentials", "scope", "patient/*.rs"))
	w.post("/auth/token", "grant_type", "authorization_code", "code", "x", "client_id", appID)
	w.post("/auth/introspect", "token", "x")
	w.post("/auth/revoke", "token", "x", "client_id", appID)
	sent := text(object{"client_name": "New", "redirect_uris": []string{callback}, "token_endpoint_auth_method": "none", "scope": "patient/*.rs"})
	w.ask("POST", "/auth/register", sent)
	initial, err := w.auth.InitialToken(w.t.Context(), "administrator", 1)
	if err != nil {
		w.t.Fatal(err)
	}
	var c struct {
		ID    string `json:"client_id"`
		Token string `json:"registration_access_token"`
	}
	if a := w.with(initial, "POST", "/auth/register", sent); json.Unmarshal([]byte(a.body), &c) != nil || c.Token == "" {
		w.t.Fatalf("%s", a)
	}
	at := "/auth/register/" + c.ID
	w.with(c.Token, "GET", at, "")
	w.with(c.Token, "PUT", at, strings.Replace(sent, "{", `{"client_id":"`+c.ID+`",`, 1))
	w.with("x", "GET", at, "")
	w.with(c.Token, "DELETE", at, "")
}

// introspecting: what a token is said to be, to whom.
func introspecting(w *walker) {
	for _, patient := range []string{"A", "B", "nil"} {
		token, err := w.auth.Mint(w.t.Context(), auth.Mint{Client: secretID, Scope: "openid fhirUser patient/*.rs " + w.app.String(), User: "ann", Patient: patient})
		if err != nil {
			w.t.Fatal(err)
		}
		w.with(token, "GET", "/auth/userinfo", "")
		w.with(token, "POST", "/auth/userinfo", "")
		w.ask(basic("/auth/introspect", "token", token))
		w.ask(basic("/auth/revoke", "token", token))
		w.ask(basic("/auth/introspect", "token", token))
	}
}

// administering without being an administrator: by nobody, by an app's token, by somebody who has signed in. Every path of
// the API, as its table has it.
func administering(w *walker) {
	token := w.token()
	w.leave()
	w.signIn()
	for _, r := range server.Routes() {
		if !strings.HasPrefix(r.Path, "/api/") {
			continue
		}
		path := strings.NewReplacer("{id}", "B", "{name}", "ann").Replace(r.Path)
		body := ""
		if r.Method != http.MethodGet {
			body = "{}"
		}
		for _, a := range []answer{w.ask(r.Method, path, body), w.with("x", r.Method, path, body), w.with(token, r.Method, path, body)} {
			if a.status != http.StatusUnauthorized && !(w.sandbox && r.Path == "/api/why") {
				w.t.Errorf("%s %s: %s", r.Method, path, a)
			}
		}
	}
}

// explaining: outside of a sandbox nobody but an administrator hears why. In a sandbox the holder of a token hears of what
// the token may see nothing that depends on the rest; that of the rest it hears whether it is there is what it is for.
func explaining(w *walker) {
	token, refs := w.token(), w.shown
	if !w.sandbox {
		refs = append(slices.Clone(refs), "Observation/3", "Patient/B", "Patient/nil")
	}
	for _, ref := range refs {
		w.with(token, "GET", "/api/why?"+query("ref", ref), "")
	}
	if len(refs) > 0 {
		w.with(token, "POST", "/api/why", text(object{"ref": refs[:1]}))
	}
	w.with(token, "POST", "/api/why", text(object{"ref": []string{"Patient/B"}, "token": token}))
	w.with(token, "GET", "/api/why", "")
}

// asking is explaining on the page.
func asking(w *walker) {
	token, refs := w.token(), strings.Join(w.shown[max(len(w.shown)-5, 0):], " ")
	w.get("/why?ref=Patient/B")
	w.signIn()
	w.get("/why?ref=Patient/B")
	if w.form("/why") != nil {
		w.submit("/why", "ref", "Patient/B")
		w.submit("/why", "ref", refs, "token", token)
	} else {
		w.post("/why", "ref", "Patient/B", "token", token)
	}
}

// looking at the log, after an administrator has looked at much.
func looking(w *walker) {
	ids := w.looked()
	w.get("/audit")
	w.signIn()
	for _, q := range []string{"", "?user=ann", "?client=administrator", "?patient=A", "?patient=B", "?patient=nil", "?since=2020-01-01", "?until=2020-01-01", "?format=csv", "?format=ndjson&patient=B", "?format=xml", "?page=nothing", "?since=x"} {
		w.get("/audit" + q)
	}
	for _, q := range []string{"?interaction=read", "?interaction=read&outcome=refused", "?interaction=login", "?interaction=nothing", "?outcome=nothing", "/nothing", "/00000000000000000000000000000000"} {
		w.get("/audit" + q)
	}
	for _, id := range ids {
		w.get("/audit/" + id)
	}
}

// lookingByToken is looking at the log as FHIR has it.
func lookingByToken(w *walker) {
	ids := w.looked()
	token := w.token()
	for _, id := range ids {
		w.with(token, "GET", "/fhir/AuditEvent/"+id, "")
	}
	for _, q := range []string{"?_count=2", "?entity=Patient/A&_sort=-date&_count=3", "?entity=Patient/B", "?agent:identifier=administrator", "?_total=accurate&_summary=count", "/_history"} {
		w.with(token, "GET", "/fhir/AuditEvent"+q, "")
	}
	w.with(token, "GET", "/fhir/Patient?_has:AuditEvent:entity:action=R", "")
	w.with(token, "GET", "/fhir/Patient?_revinclude=AuditEvent:entity", "")
}

// looked: an administrator has, and sees all of it. The ids are those of what the log has of that.
func (w *walker) looked() (ids []string) {
	told := w.told
	for _, path := range []string{"/Patient/A", "/Patient/B", "/Observation/1", "/Observation/3", "/Encounter?patient=A", "/Encounter?patient=B", "/Observation/3/_history", "/Observation/nil"} {
		w.with(adminKey, "GET", "/fhir"+path, "")
	}
	a := w.with(adminKey, "GET", "/fhir/AuditEvent?agent:identifier=administrator&_count=20", "")
	for _, url := range fullURL.FindAllStringSubmatch(a.body, -1) {
		ids = append(ids, strings.TrimPrefix(url[1], "AuditEvent/"))
	}
	if w.told = told; len(ids) < 8 {
		w.t.Errorf("the log has %d events: %s", len(ids), a)
	}
	return ids
}
