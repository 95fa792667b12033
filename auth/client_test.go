package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/keys"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// backend asks for a token as a backend service does.
func (w *site) backend(scopes, assertion string) answer {
	w.t.Helper()
	return w.form("/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {scopes}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}})
}

// service gives a backend service's token for the scopes.
func (w *site) service(scopes string) string {
	w.t.Helper()
	res := w.backend(scopes, appKeys.assertion(w, "sandbox-backend"))
	if res.status != 200 {
		w.t.Fatalf("%s: %d %s", scopes, res.status, res.body)
	}
	return str(res.json(w.t), "access_token")
}

func TestS1_04_BackendServices(t *testing.T) {
	w := open(t)
	res := w.backend("system/Patient.rs system/Observation.r", appKeys.assertion(w, "sandbox-backend"))
	answer := res.json(t)
	if res.status != 200 || answer["token_type"] != "Bearer" || answer["expires_in"] != 300.0 || answer["scope"] != "system/Patient.rs system/Observation.r" ||
		answer["refresh_token"] != nil || answer["id_token"] != nil || answer["patient"] != nil {
		t.Errorf("%d %s", res.status, res.body)
	}
	token := str(answer, "access_token")
	if got := w.finds(token, "Patient"); len(got) != 2 {
		t.Errorf("finds %v", got)
	}
	if a, b := w.reads(token, "Observation?code=x"), w.reads(token, "Condition"); a != 403 || b != 403 {
		t.Errorf("beyond the scopes: %d, %d", a, b)
	}
	w.wait(5*time.Minute + time.Second)
	if status := w.reads(token, "Patient"); status != 401 {
		t.Errorf("after five minutes: %d", status)
	}
	// Scopes beyond the registration are not granted, and the answer says so; with none left there is no token.
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "narrow", Metadata: auth.Metadata{AuthMethod: "private_key_jwt", JWKS: appKeys.public,
		GrantTypes: []string{"client_credentials"}, Scope: "system/Patient.rs system/Observation.rs?category=laboratory"}}, ""); err != nil {
		t.Fatal(err)
	}
	ask := func(scopes string) answer_ { return answer_{w.backend(scopes, appKeys.assertion(w, "narrow")), t} }
	for scopes, want := range map[string]string{
		"system/Patient.rs":                         "system/Patient.rs",
		"system/Patient.cruds":                      "system/Patient.rs",
		"system/*.rs":                               "system/Patient.rs system/Observation.rs?category=laboratory",
		"system/Patient.r system/Condition.rs":      "system/Patient.r",
		"system/Observation.read":                   "system/Observation.rs?category=laboratory",
		"system/Patient.rs patient/*.rs user/*.rs":  "system/Patient.rs",
		"system/Patient.rs openid offline_access":   "system/Patient.rs",
		"system/Patient.rs launch launch/patient x": "system/Patient.rs",
	} {
		if got := ask(scopes).scope(); got != want {
			t.Errorf("%s: granted %q, want %q", scopes, got, want)
		}
	}
	for _, scopes := range []string{"", "system/Condition.rs", "patient/*.rs", "openid", "system/Patint.rs", "system/Patient.sr"} {
		ask(scopes).refused(t, 400, "invalid_scope")
	}
	// Who cannot prove who it is, and who is not registered for it, gets nothing.
	w.form("/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_id": {"sandbox-public"}}).refused(t, 400, "unauthorized_client")
	a := w.app("sandbox-secret")
	a.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}}).refused(t, 400, "unauthorized_client")
	w.form("/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_id": {"sandbox-backend"}}).refused(t, 401, "invalid_client")
}

// answer_ is an answer with its test.
type answer_ struct {
	answer
	t *testing.T
}

func (a answer_) scope() string {
	if a.status != 200 {
		return string(a.body)
	}
	return str(a.json(a.t), "scope")
}

func TestS4_17_WithinWhatWasApproved(t *testing.T) {
	w := open(t)
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "bulk", Metadata: auth.Metadata{AuthMethod: "private_key_jwt", JWKS: appKeys.public,
		GrantTypes: []string{"client_credentials"}, Scope: "system/Patient.rs system/Observation.rs"}}, ""); err != nil {
		t.Fatal(err)
	}
	answer := w.backend("system/Patient.rs system/Observation.rs system/Encounter.rs", appKeys.assertion(w, "bulk")).json(t)
	if answer["scope"] != "system/Patient.rs system/Observation.rs" {
		t.Errorf("granted %v", answer["scope"])
	}
	if status := w.reads(str(answer, "access_token"), "Encounter"); status != 403 {
		t.Errorf("the scope that was not approved: %d", status)
	}
}

// A token is bound to what its client is registered for, as it is now.
func TestANarrowerRegistrationCountsAtOnce(t *testing.T) {
	w := open(t)
	c := auth.Client{ID: "x", Metadata: auth.Metadata{AuthMethod: "private_key_jwt", JWKS: appKeys.public, GrantTypes: []string{"client_credentials"}, Scope: "system/*.rs"}}
	put := func(scopes string) {
		t.Helper()
		c.Scope = scopes
		if err := w.auth.PutClient(t.Context(), c, ""); err != nil {
			t.Fatal(err)
		}
	}
	put("system/*.rs")
	token := str(w.backend("system/*.rs", appKeys.assertion(w, "x")).json(t), "access_token")
	if w.reads(token, "Patient") != 200 || w.reads(token, "Observation") != 200 {
		t.Fatal("the token opens nothing")
	}
	put("system/Patient.rs")
	if a, b := w.reads(token, "Patient"), w.reads(token, "Observation"); a != 200 || b != 403 {
		t.Errorf("%d, %d", a, b)
	}
	if err := w.auth.RemoveClient(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if status := w.reads(token, "Patient"); status != 401 {
		t.Errorf("the token of a client that is gone: %d", status)
	}
}

func TestS1_05_SymmetricClientAuthentication(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-secret"), w.browser()
	basic := func(id, secret string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
	}
	form := func(change ...string) url.Values {
		f := url.Values{"grant_type": {"authorization_code"}, "code": {a.approve(b, "practitioner", "launch/patient patient/*.rs")}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier}}
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	for name, res := range map[string]answer{
		"client_secret_basic":   w.form("/auth/token", form(), basic("sandbox-secret", "sandbox-secret")...),
		"basic, with client_id": w.form("/auth/token", form("client_id", "sandbox-secret"), basic("sandbox-secret", "sandbox-secret")...),
		"basic, encoded":        w.form("/auth/token", form(), basic("sandbox%2Dsecret", "sandbox%2dsecret")...),
		"client_secret_post":    w.form("/auth/token", form("client_id", "sandbox-secret", "client_secret", "sandbox-secret")),
	} {
		if res.status != 200 || str(res.json(t), "access_token") == "" {
			t.Errorf("%s: %d %s", name, res.status, res.body)
		}
	}
	// Wrong ones are answered alike, whether or not there is such a client.
	strict := open(t, func(o *auth.Options) { o.Sandbox = false })
	f := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}
	with := func(change ...string) url.Values {
		g := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}
		for i := 0; i < len(change); i += 2 {
			g.Set(change[i], change[i+1])
		}
		return g
	}
	var first answer
	for i, res := range []answer{
		strict.form("/auth/token", f, basic("sandbox-secret", "wrong")...),
		strict.form("/auth/token", f, basic("nobody", "wrong")...),
		strict.form("/auth/token", f, basic("sandbox-public", "wrong")...),
		strict.form("/auth/token", f, basic("sandbox-key", "wrong")...),
		strict.form("/auth/token", f, basic("sandbox-secret", "")...),
	} {
		res.refused(t, 401, "invalid_client")
		if got := res.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic") {
			t.Errorf("WWW-Authenticate %q", got)
		}
		if i == 0 {
			first = res
		} else if string(res.body) != string(first.body) {
			t.Errorf("%s differs from %s", res.body, first.body)
		}
	}
	for _, g := range []url.Values{with("client_id", "sandbox-secret", "client_secret", "wrong"), with("client_id", "sandbox-secret"), with("client_id", "nobody"), with("client_id", ""), with()} {
		res := strict.form("/auth/token", g)
		res.refused(t, 401, "invalid_client")
		if string(res.body) != string(first.body) {
			t.Errorf("%v: %s differs from %s", g, res.body, first.body)
		}
	}
	w.form("/auth/token", with("client_id", "sandbox-secret", "client_secret", "sandbox-secret"), basic("sandbox-secret", "sandbox-secret")...).refused(t, 400, "invalid_request")
	w.form("/auth/token", with("client_id", "sandbox-public"), basic("sandbox-secret", "sandbox-secret")...).refused(t, 400, "invalid_request")
	w.form("/auth/token", f, "Authorization", "Bearer x").refused(t, 401, "invalid_client")
}

// A client that fails again and again has to wait, and so does whoever guesses from its address.
func TestGuessingSecretsIsSlow(t *testing.T) {
	w := open(t)
	f := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {"sandbox-secret"}, "client_secret": {"wrong"}}
	slow := false
	for range 150 {
		if res := w.form("/auth/token", f); res.status == 429 {
			slow = true
			res.refused(t, 429, "temporarily_unavailable")
			if res.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
	}
	if !slow {
		t.Error("150 wrong secrets are no reason to wait")
	}
	w.wait(15 * time.Minute)
	f.Set("client_secret", "sandbox-secret")
	w.form("/auth/token", f).refused(t, 400, "invalid_grant")
}

func TestS1_06_AsymmetricClientAuthentication(t *testing.T) {
	w := open(t)
	const scopes = "system/Patient.rs"
	good := func(t *testing.T, alg jose.SignatureAlgorithm, kid string, change map[string]any) {
		t.Helper()
		claims := claimsOf(w, "sandbox-backend")
		for k, v := range change {
			if v == nil {
				delete(claims, k)
			} else {
				claims[k] = v
			}
		}
		if res := w.backend(scopes, appKeys.sign(w, alg, kid, claims, nil)); res.status != 200 {
			t.Errorf("%d %s", res.status, res.body)
		}
	}
	for _, alg := range []jose.SignatureAlgorithm{jose.RS384, jose.ES384, jose.RS256, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		t.Run(string(alg), func(t *testing.T) {
			kid := "rsa"
			if alg == jose.ES384 {
				kid = "ec"
			}
			good(t, alg, kid, nil)
		})
	}
	t.Run("without kid", func(t *testing.T) { good(t, jose.ES384, "", nil) })
	t.Run("several audiences", func(t *testing.T) {
		good(t, jose.RS384, "rsa", map[string]any{"aud": []string{"https://x.test", w.url + "/auth/token"}})
	})
	t.Run("without iat", func(t *testing.T) { good(t, jose.RS384, "rsa", map[string]any{"iat": nil}) })

	now := w.now()
	for name, change := range map[string]map[string]any{
		"expired":           {"exp": now.Add(-time.Minute).Unix()},
		"without exp":       {"exp": nil},
		"ten hours ahead":   {"exp": now.Add(10 * time.Hour).Unix()},
		"six minutes ahead": {"exp": now.Add(6 * time.Minute).Unix()},
		"not yet":           {"nbf": now.Add(2 * time.Minute).Unix()},
		"issued tomorrow":   {"iat": now.Add(24 * time.Hour).Unix()},
		"without jti":       {"jti": nil},
		"foreign aud":       {"aud": "https://evil.example.org/token"},
		"aud of FHIR":       {"aud": w.fhir},
		"without aud":       {"aud": nil},
		"foreign iss":       {"iss": "sandbox-key"},
		"without sub":       {"sub": nil},
		"unknown client":    {"iss": "nobody", "sub": "nobody"},
		"public client":     {"iss": "sandbox-public", "sub": "sandbox-public"},
	} {
		claims := claimsOf(w, "sandbox-backend")
		for k, v := range change {
			if v == nil {
				delete(claims, k)
			} else {
				claims[k] = v
			}
		}
		res := w.backend(scopes, appKeys.sign(w, jose.RS384, "rsa", claims, nil))
		if res.status != 401 || str(res.json(t), "error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, res.status, res.body)
		}
	}
	stranger := newPair()
	published := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		t.Error("the keys of a jku are fetched")
		rw.Write(stranger.public)
	}))
	defer published.Close()
	// A client with keys of its own may name others; they are not looked at.
	if res := w.backend(scopes, appKeys.sign(w, jose.RS384, "rsa", claimsOf(w, "sandbox-backend"), map[jose.HeaderKey]any{"jku": published.URL})); res.status != 200 {
		t.Errorf("jku: %d %s", res.status, res.body)
	}
	token := appKeys.assertion(w, "sandbox-backend")
	parts := strings.Split(token, ".")
	for name, assertion := range map[string]string{
		"key of a stranger":   stranger.sign(w, jose.RS384, "rsa", claimsOf(w, "sandbox-backend"), nil),
		"unknown kid":         appKeys.sign(w, jose.RS384, "other", claimsOf(w, "sandbox-backend"), nil),
		"key of another kind": appKeys.sign(w, jose.RS384, "ec", claimsOf(w, "sandbox-backend"), nil),
		"keys of a jku":       stranger.sign(w, jose.RS384, "rsa", claimsOf(w, "sandbox-backend"), map[jose.HeaderKey]any{"jku": published.URL}),
		"altered":             token + "x",
		"none":                base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"cut":                 parts[0] + "." + parts[1],
		"nothing":             "",
		"words":               "a.b.c",
	} {
		res := w.backend(scopes, assertion)
		if res.status != 401 || str(res.json(t), "error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, res.status, res.body)
		}
	}
	// An assertion counts once, also if it comes many times at once.
	assertion := appKeys.assertion(w, "sandbox-backend")
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = w.backend(scopes, assertion) })
	}
	wg.Wait()
	if n := len(slices.DeleteFunc(answers, func(a answer) bool { return a.status != 200 })); n != 1 {
		t.Errorf("the same assertion was taken %d times", n)
	}
	// The same jti of another client is another one.
	claims := claimsOf(w, "sandbox-backend")
	if res := w.backend(scopes, appKeys.sign(w, jose.ES384, "ec", claims, nil)); res.status != 200 {
		t.Errorf("%d %s", res.status, res.body)
	}
	claims["iss"], claims["sub"] = "sandbox-key", "sandbox-key"
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_assertion_type": {assertionType}, "client_assertion": {appKeys.sign(w, jose.ES384, "ec", claims, nil)}}
	w.form("/auth/token", form).refused(t, 400, "invalid_grant")
	form.Set("client_assertion_type", "x")
	w.form("/auth/token", form).refused(t, 401, "invalid_client")
	form.Set("client_assertion_type", assertionType)
	form.Set("client_id", "sandbox-backend")
	form.Set("client_assertion", appKeys.assertion(w, "sandbox-key"))
	w.form("/auth/token", form).refused(t, 401, "invalid_client")
	// An app of people proves itself by its key, too.
	if answer := w.app("sandbox-key").run("patient", "launch/patient patient/*.rs"); answer["patient"] != "a" {
		t.Errorf("%v", answer)
	}
}

// Keys by URL: fetched when they are needed, again when a key is new.
func TestS1_06_KeysByURL(t *testing.T) {
	w := open(t)
	set := appKeys.public
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		asked++
		rw.Write(set)
	}))
	defer srv.Close()
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "by-url", Metadata: auth.Metadata{AuthMethod: "private_key_jwt", JWKSURI: srv.URL + "/jwks.json",
		GrantTypes: []string{"client_credentials"}, Scope: "system/*.rs"}}, ""); err != nil {
		t.Fatal(err)
	}
	try := func(p *pair, header map[jose.HeaderKey]any) int {
		t.Helper()
		return w.backend("system/*.rs", p.sign(w, jose.ES384, "ec", claimsOf(w, "by-url"), header)).status
	}
	if a, b := try(appKeys, nil), try(appKeys, nil); a != 200 || b != 200 || asked != 1 {
		t.Errorf("%d, %d, asked %d times", a, b, asked)
	}
	// jku may repeat what is registered and name nothing else.
	if a, b := try(appKeys, map[jose.HeaderKey]any{"jku": srv.URL + "/jwks.json"}), try(appKeys, map[jose.HeaderKey]any{"jku": srv.URL + "/other.json"}); a != 200 || b != 401 {
		t.Errorf("jku: %d, %d", a, b)
	}
	var renamed map[string][]map[string]any
	fresh := newPair()
	if err := json.Unmarshal(fresh.public, &renamed); err != nil {
		t.Fatal(err)
	}
	renamed["keys"][1]["kid"] = "new"
	set = json.RawMessage(encode(t, renamed))
	assertion := func() string { return fresh.sign(w, jose.ES384, "new", claimsOf(w, "by-url"), nil) }
	if status := w.backend("system/*.rs", assertion()).status; status != 401 {
		t.Errorf("just fetched: %d", status)
	}
	w.wait(time.Minute)
	if status := w.backend("system/*.rs", assertion()).status; status != 200 {
		t.Errorf("a new key: %d", status)
	}
	// Outside of the sandbox nobody makes us call this machine.
	real := open(t, func(o *auth.Options) { o.Sandbox, o.Reach = false, keys.Public })
	if err := real.auth.PutClient(t.Context(), auth.Client{ID: "x", Metadata: auth.Metadata{AuthMethod: "private_key_jwt", JWKSURI: srv.URL, GrantTypes: []string{"client_credentials"}}}, ""); err == nil {
		t.Error("a jwks_uri on this machine is accepted")
	}
}

func TestS3_02_BackendServicesOfTheGuide(t *testing.T) {
	w := open(t)
	doc := w.call("", "GET", "/fhir/.well-known/smart-configuration", "").json(t)
	if !slices.Contains(texts(doc["capabilities"]), "client-confidential-asymmetric") {
		t.Errorf("capabilities: %v", doc["capabilities"])
	}
	var system []string
	for _, s := range texts(doc["scopes_supported"]) {
		if strings.HasPrefix(s, "system/") && strings.HasSuffix(s, ".rs") {
			system = append(system, s)
		}
	}
	want := strings.Join(system, " ")
	if len(system) < 26 {
		t.Errorf("system scopes: %v", system)
	}
	if got := (answer_{w.backend(want, appKeys.assertion(w, "sandbox-backend")), t}).scope(); got != want {
		t.Errorf("granted %q", got)
	}
}

// texts are the strings of a JSON array.
func texts(v any) (list []string) {
	items, _ := v.([]any)
	for _, i := range items {
		s, _ := i.(string)
		list = append(list, s)
	}
	return list
}

func TestTokenEndpointErrors(t *testing.T) {
	w := open(t)
	w.form("/auth/token", url.Values{"client_id": {"sandbox-public"}}).refused(t, 400, "invalid_request")
	for _, grant := range []string{"password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "authorization_code refresh_token"} {
		w.form("/auth/token", url.Values{"grant_type": {grant}, "client_id": {"sandbox-public"}}).refused(t, 400, "unsupported_grant_type")
	}
	w.call("", "POST", "/auth/token", `{"grant_type":"x"}`, "Content-Type", "application/json").refused(t, 400, "invalid_request")
	w.form("/auth/token", url.Values{"grant_type": {"refresh_token", "refresh_token"}, "client_id": {"sandbox-public"}}).refused(t, 400, "invalid_request")
	w.form("/auth/token", url.Values{"grant_type": {strings.Repeat("x", 300<<10)}}).refused(t, 400, "invalid_request")
	for grant, needs := range map[string]string{"authorization_code": "code", "refresh_token": "refresh_token"} {
		for _, form := range []url.Values{{"grant_type": {grant}, "client_id": {"sandbox-public"}}, {"grant_type": {grant}, "client_id": {"sandbox-public"}, needs: {""}}} {
			a := w.form("/auth/token", form)
			a.refused(t, 400, "invalid_request")
			if got := str(a.json(t), "error_description"); got != needs+" is missing" {
				t.Errorf("%v: %s", form, got)
			}
		}
	}
	w.noRefresh().refresh("x").refused(t, 400, "unauthorized_client")
	// Whoever has tried by Authorization is told which way there is (RFC 6749 §5.2).
	for header, want := range map[string]string{"Basic !!!": `Basic realm="firewarden"`, "Basic c2FuZGJveC1zZWNyZXQ6eA==": `Basic realm="firewarden"`, "Bearer x": `Basic realm="firewarden"`, "": ""} {
		a := w.call("", "POST", "/auth/token", "grant_type=refresh_token&refresh_token=x", "Content-Type", "application/x-www-form-urlencoded", "Authorization", header)
		a.refused(t, 401, "invalid_client")
		if got := a.header.Get("WWW-Authenticate"); got != want {
			t.Errorf("Authorization %q: WWW-Authenticate %q, want %q", header, got, want)
		}
	}
	if a := w.call("", "GET", "/auth/token", ""); a.status != 405 {
		t.Errorf("GET: %d %s", a.status, a.body)
	}
	if a := w.call("", "GET", "/auth/nothing", ""); a.status != 404 {
		t.Errorf("no such path: %d", a.status)
	}
}
