package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/proof/model"
)

// person is who signs in, and what the app of theirs has a token for. What of the fixed world is theirs says the policy.
type person struct {
	name  string
	app   model.Token
	pages bool // goes to pages, too
	rules bool // is an administrator
}

// signedIn is a person whose app may read all that the person may, which is what pickers and pages show, too.
func signedIn(name, policy, is string) person {
	return person{name: name, app: of("user/*.rs", "", policy, is), pages: true}
}

var persons = []person{
	signedIn("a patient", "self", "Patient/A"),
	signedIn("a relative", "related", "RelatedPerson/1"),
	signedIn("a doctor", "doctor", "Practitioner/1"),
	signedIn("a member of a care team", "care-team", "Practitioner/1"),
	signedIn("a patient without a record", "self", nobody),
}

// administrator sees everything.
var administrator = person{name: "who sees everything", app: of("user/*.rs", "", "all", "Practitioner/1"), pages: true, rules: true}

// The apps of the walks.
const (
	callback = "https://app.example.org/back"
	verifier = "a-verifier-that-is-long-enough-for-everybody-0123456789"
	appID    = "app"
	secretID = "secret"
	password = "correct horse"
)

// people makes the users and the clients.
func (w *whole) people(who person) {
	w.t.Helper()
	ctx := w.t.Context()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	must(w.auth.PutPolicy(ctx, "doctor", auth.Policy{Patients: "Patient?general-practitioner={user}"}))
	must(w.auth.AddUser(ctx, auth.User{Name: "ann", Display: "Ann", FHIRUser: who.app.User, Policy: who.app.Policy, Administrator: who.rules}, password))
	meta := auth.Metadata{Name: "App", AuthMethod: "none", GrantTypes: []string{"authorization_code", "refresh_token"}, RedirectURIs: []string{callback}, LaunchURI: "https://app.example.org/launch",
		Scope: "launch launch/* openid fhirUser profile offline_access patient/*.cruds user/*.cruds"}
	must(w.auth.PutClient(ctx, auth.Client{ID: appID, Metadata: meta, Verified: true}, ""))
	meta.AuthMethod, meta.GrantTypes, meta.Scope = "client_secret_basic", append(meta.GrantTypes, "client_credentials"), meta.Scope+" system/*.rs"
	must(w.auth.PutClient(ctx, auth.Client{ID: secretID, Metadata: meta, Introspects: true, Verified: true}, "a-secret-of-the-app"))
}

// authorize begins as an app does.
func (w *walker) authorize(scope string, pairs ...string) {
	w.t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	w.get("/auth/authorize?" + query(append([]string{"response_type", "code", "client_id", appID, "redirect_uri", callback, "scope", scope, "state", "state-of-the-app", "aud", host + "/fhir",
		"code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method", "S256"}, pairs...)...))
}

// through goes through the pages of a flow to their end: it signs in, looks for words in pickers and chooses what choose
// names there, allows.
func (w *walker) through(choose []string, words ...string) {
	w.t.Helper()
	for range 6 {
		switch {
		case w.form("/auth/flow/login") != nil:
			w.submit("/auth/flow/login", "name", "ann", "password", password)
		case w.form("/auth/flow/pick") != nil:
			if request := w.hidden("/auth/flow/pick", "request"); len(words) > 0 {
				page := w.page
				for _, word := range words {
					w.get("/auth/flow?" + query("request", request, "q", word))
				}
				w.page = page
			}
			id := choose[0]
			choose = append(choose[1:], choose[0])
			if action := "choose"; id == "" {
				w.submit("/auth/flow/pick", "action", "none")
			} else {
				w.submit("/auth/flow/pick", "action", action, "choice", id)
			}
		case w.form("/auth/flow/consent") != nil:
			w.submit("/auth/flow/consent", "action", "allow")
		default:
			return
		}
	}
}

// hidden is a hidden input of a form of the page.
func (w *walker) hidden(path, name string) string {
	for n := range w.form(path).Descendants() {
		if n.Data == "input" && attr(n, "name") == name {
			return attr(n, "value")
		}
	}
	return ""
}

// redeem gives the tokens for the code that the app was called back with; none if it was called back with an error.
func (w *walker) redeem() (access, refresh string) {
	w.t.Helper()
	if w.back == nil || w.back.Query().Get("code") == "" {
		return "", ""
	}
	code := w.back.Query().Get("code")
	w.back = nil
	return tokensOf(w.post("/auth/token", "grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier, "client_id", appID))
}

func tokensOf(a answer) (access, refresh string) {
	var got struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal([]byte(a.body), &got) != nil {
		return "", ""
	}
	return got.Access, got.Refresh
}

// basic is how a client with a secret says who it is.
func basic(path string, pairs ...string) (method, at, body, name, value string) {
	return http.MethodPost, path, query(pairs...), "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(secretID+":a-secret-of-the-app"))
}

// token is one of the person's app; "" if there cannot be one of its scopes.
func (w *walker) token() string {
	m := auth.Mint{Client: secretID, Scope: w.app.String(), Patient: w.app.Patient}
	if w.app.Policy != "" {
		m.User = "ann"
	}
	token, err := w.auth.Mint(w.t.Context(), m)
	if err != nil {
		return ""
	}
	return token
}

// signIn signs the person in.
func (w *walker) signIn() {
	w.t.Helper()
	w.get("/auth/login")
	w.submit("/auth/login", "name", "ann", "password", password)
}
