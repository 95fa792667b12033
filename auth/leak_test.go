package auth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store"
)

// Nobody is led by us to the app of a stranger who has made it so that the request goes wrong: it is told when somebody
// has signed in, or follows the link.
func TestNoOpenRedirector(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.Sandbox = false })
	register := func(id string, verified bool) *app {
		if err := w.auth.PutClient(t.Context(), auth.Client{ID: id, Verified: verified, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"},
			RedirectURIs: []string{"https://app.example.org/cb"}, Scope: "openid"}}, ""); err != nil {
			t.Fatal(err)
		}
		return &app{w: w, id: id, redirect: "https://app.example.org/cb", verifier: random()}
	}
	stranger, known := register("stranger", false), register("known", true)
	wrong := func(a *app, more ...string) string {
		return w.url + "/auth/authorize?" + a.request("openid", append([]string{"code_challenge", ""}, more...)...).Encode()
	}
	b := w.browser()
	if got := fault(t, b.open(wrong(known))); got != "invalid_request" {
		t.Errorf("an app that is vouched for: %q", got)
	}
	if to := b.open(wrong(stranger)); to != "" || b.last.status != 400 {
		t.Errorf("an app of a stranger: %q, %d", to, b.last.status)
	}
	link := find(b.page, func(n *html.Node) bool { return n.Data == "a" && strings.HasPrefix(attr(n, "href"), stranger.redirect) })
	if link == nil || fault(t, attr(link, "href")) != "invalid_request" || !strings.Contains(text(b.page), "app.example.org") {
		t.Errorf("the person cannot decide: %s", b.last.body)
	}
	if got := fault(t, b.open(wrong(stranger, "prompt", "none"))); got != "invalid_request" {
		t.Errorf("where nobody is asked: %q", got)
	}
	b.open(w.url + "/auth/login")
	b.signIn("patient")
	if got := fault(t, b.open(wrong(stranger))); got != "invalid_request" {
		t.Errorf("to somebody who has signed in: %q", got)
	}
}

// A password goes to us and nowhere else: what follows a form is asked for anew, and no address tells where one was.
func TestRedirectsForgetTheForm(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	b.open(w.url + "/auth/authorize?" + a.request("openid").Encode())
	action, form := b.form("login")
	form.Set("name", "patient")
	form.Set("password", "sandbox")
	for range 2 { // the login, then the consent, which leads to the app
		r, err := http.NewRequest("POST", action, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res := send(t, b.http, r)
		if res.status != 303 || res.header.Get("Referrer-Policy") != "no-referrer" || res.header.Get("Cache-Control") != "no-store" || strings.Contains(res.header.Get("Location"), "sandbox") || len(res.body) != 0 {
			t.Errorf("%s: %d %v %s", action, res.status, res.header, res.body)
		}
		if to := b.open(w.url + strings.TrimPrefix(res.header.Get("Location"), w.url)); to == "" && find(b.page, byID("consent")) != nil {
			action, form = b.form("consent")
			form.Set("action", "allow")
		}
	}
}

// A token is what was signed here for this FHIR server as an access token; in the header and nowhere else.
func TestWhatOpensNothing(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-secret")
	answer := a.run("patient", "openid launch/patient offline_access patient/*.rs")
	good := str(answer, "access_token")
	parts := strings.Split(good, ".")
	change := func(i int, f func(map[string]any)) string {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		var m map[string]any
		if err != nil || json.Unmarshal(raw, &m) != nil {
			t.Fatal(err)
		}
		f(m)
		changed := slices.Clone(parts)
		changed[i] = base64.RawURLEncoding.EncodeToString([]byte(encode(t, m)))
		return strings.Join(changed, ".")
	}
	other := open(t) // with the same keys, at another address
	foreign := str(other.app("sandbox-public").run("patient", "launch/patient patient/*.rs"), "access_token")
	for name, token := range map[string]string{
		"the id token":          str(answer, "id_token"),
		"the refresh token":     str(answer, "refresh_token"),
		"of another server":     foreign,
		"wider scopes":          change(1, func(m map[string]any) { m["scope"] = "system/*.cruds" }),
		"another patient":       change(1, func(m map[string]any) { m["patient"] = "b" }),
		"another audience":      change(1, func(m map[string]any) { m["aud"] = "https://x.test" }),
		"algorithm none":        change(0, func(m map[string]any) { m["alg"] = "none" }),
		"signed with a secret":  change(0, func(m map[string]any) { m["alg"] = "HS256" }),
		"without its signature": parts[0] + "." + parts[1] + ".",
	} {
		if status := w.reads(token, "Patient/a"); status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := w.reads(good, "Patient/a"); status != 200 {
		t.Fatalf("the token: %d", status)
	}
	if res := w.call("", "GET", "/fhir/Patient/a?access_token="+good, ""); res.status != 401 {
		t.Errorf("in the address: %d", res.status)
	}
	if res := w.form("/fhir/Patient/_search", url.Values{"access_token": {good}}); res.status != 401 {
		t.Errorf("in the form: %d", res.status)
	}
	if res := w.form("/auth/userinfo?access_token="+good, url.Values{"access_token": {good}}); res.status != 401 {
		t.Errorf("at userinfo: %d", res.status)
	}
}

// Whoever reads the log learns no password, code, token or secret, and of a patient nothing.
func TestTheLogHoldsNoSecrets(t *testing.T) {
	var log program.Output
	w := open(t, func(o *auth.Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	a, b := w.app("sandbox-secret"), w.browser()
	code := a.approve(b, "patient", "openid launch/patient offline_access patient/*.rs")
	answer := a.redeem(code)
	a.exchange(code)
	a.refresh(str(answer, "refresh_token"))
	wrong := w.browser()
	wrong.open(w.url + "/auth/login")
	wrong.submit("login", "name", "patient", "password", "a-wrong-password")
	w.form("/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"a-wrong-token"}, "client_id": {a.id}, "client_secret": {"a-wrong-secret"}})
	w.call("a-wrong-bearer", "GET", "/auth/userinfo", "")
	if log.String() == "" {
		t.Fatal("nothing is logged")
	}
	for _, secret := range []string{code, str(answer, "access_token"), str(answer, "refresh_token"), str(answer, "id_token"), a.verifier,
		"sandbox-secret", "a-wrong-password", "a-wrong-token", "a-wrong-secret", "a-wrong-bearer", "Amya", "Shaw"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// What a header says of where a request comes from is believed of nobody: guessing is slow whatever it says, and what
// we say of ourselves is what was configured.
func TestForwardedHeadersAreNotBelieved(t *testing.T) {
	w := open(t)
	f := url.Values{"grant_type": {"client_credentials"}, "client_id": {"sandbox-secret"}, "client_secret": {"wrong"}}
	slow := false
	for i := range 200 {
		from := "10.0." + string(rune('0'+i%10)) + "." + string(rune('0'+i/10%10))
		res := w.form("/auth/token", f, "X-Forwarded-For", from, "Forwarded", "for="+from, "X-Real-Ip", from)
		if slow = res.status == 429; slow {
			break
		}
	}
	if !slow {
		t.Error("whoever says that the request comes from elsewhere may go on guessing")
	}
	res := w.call("", "GET", "/fhir/.well-known/smart-configuration", "", "X-Forwarded-Host", "evil.example.org", "X-Forwarded-Proto", "https", "Forwarded", "host=evil.example.org")
	if d := res.json(t); d["issuer"] != w.url || strings.Contains(string(res.body), "evil") {
		t.Errorf("%s", res.body)
	}
}

// Who an app is is our choice, not its own; and no app is taken for a user.
func TestNamesOfClientsAndUsersAreApart(t *testing.T) {
	w := open(t)
	subject := func(token string) string {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		var m map[string]any
		if err != nil || json.Unmarshal(raw, &m) != nil {
			t.Fatal(err)
		}
		return str(m, "sub")
	}
	user := subject(str(w.app("sandbox-public").run("patient", "openid launch/patient patient/*.rs"), "access_token"))
	res := w.call("", "POST", "/auth/register", encode(t, map[string]any{"client_id": user, "client_name": "Evil", "token_endpoint_auth_method": "none",
		"grant_types": []string{"authorization_code"}, "redirect_uris": []string{"https://evil.example.org/cb"}, "scope": "openid"}), "Content-Type", "application/json")
	if res.status == 201 && str(res.json(t), "client_id") == user {
		t.Errorf("a client takes the name of a user: %s", res.body)
	}
	service := w.service("system/*.rs")
	if sub := subject(service); sub != "sandbox-backend" || sub == user {
		t.Errorf("sub of a backend service: %s", sub)
	}
	// What is about people is closed to it.
	w.call(service, "GET", "/auth/userinfo", "").refused(t, 401, "invalid_token")
}

// watched is a store that remembers all that was ever written to its records.
type watched struct {
	store.Store
	written *program.Output
}

type watchedKV struct {
	store.KV
	written *program.Output
}

func (s watched) KV() store.KV { return watchedKV{s.Store.KV(), s.written} }

func (kv watchedKV) Put(ctx context.Context, r store.Record, ifVersion uint64) (uint64, error) {
	kv.written.Write([]byte(r.Bucket + " " + r.Key + " " + string(r.Value) + "\n"))
	return kv.KV.Put(ctx, r, ifVersion)
}

// Whoever steals the store can be nobody with it: of passwords, secrets, codes, tokens, launches and cookies it has
// hashes.
func TestTheStoreHoldsNoSecrets(t *testing.T) {
	var written program.Output
	w := open(t, func(o *auth.Options) { o.Store = watched{o.Store, &written} })
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "mine", Metadata: auth.Metadata{AuthMethod: "client_secret_basic", GrantTypes: []string{"authorization_code", "refresh_token"},
		RedirectURIs: []string{"https://mine.example.org/cb"}, Scope: "openid launch patient/*.rs offline_access"}}, "the-secret-of-the-client"); err != nil {
		t.Fatal(err)
	}
	w.api("PUT", "users/patient/password", map[string]string{"password": "the-password-of-the-user"})
	a, b := &app{w: w, id: "mine", secret: "the-secret-of-the-client", redirect: "https://mine.example.org/cb", verifier: random()}, w.browser()
	launch := w.ehr(map[string]any{"client": "mine", "patient": "a"})
	p := a.request("openid launch patient/*.rs offline_access", "launch", launch)
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.submit("login", "name", "patient", "password", "the-password-of-the-user")
	code := a.code(b.submit("consent", "action", "allow"), p)
	answer := a.redeem(code)
	next := a.refresh(str(answer, "refresh_token")).json(t)
	initial := str(w.api("POST", "registration-tokens", map[string]any{}), "token")
	secrets := []string{a.secret, "the-password-of-the-user", launch, code, a.verifier, str(answer, "access_token"), str(answer, "refresh_token"), str(next, "refresh_token"), initial}
	at, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(at) {
		if strings.HasSuffix(c.Name, "login") {
			secrets = append(secrets, c.Value)
		}
	}
	all := written.String()
	for _, s := range secrets {
		if len(s) < 16 || strings.Contains(all, s) {
			t.Errorf("the store was given %q", s)
		}
	}
	if len(secrets) != 10 {
		t.Errorf("%d secrets", len(secrets))
	}
}

// A refresh token that nobody uses ends where the configuration says so; a login that ends with a new password takes
// its tokens along.
func TestUnusedRefreshTokensEnd(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.Life.Refresh = 24 * time.Hour })
	a := w.app("sandbox-public")
	answer := a.run("patient", "launch/patient patient/*.rs offline_access")
	for range 3 {
		w.wait(23 * time.Hour)
		res := a.refresh(str(answer, "refresh_token"))
		if answer = res.json(t); res.status != 200 {
			t.Fatalf("used in time: %d %s", res.status, res.body)
		}
	}
	w.wait(25 * time.Hour)
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")

	answer = a.run("patient", "launch/patient patient/*.rs online_access")
	w.api("PUT", "users/patient/password", map[string]string{"password": "another one"})
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")
}
