package auth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
)

// A wrong password says nothing of whether there is such a user, and guessing ends soon.
func TestLoginTellsNothing(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.Sandbox = false })
	try := func(user, password string) (page, place string) {
		t.Helper()
		b := w.browser()
		b.open(w.url + "/auth/login?next=/fhir/metadata")
		to := b.submit("login", "name", user, "password", password)
		if e := find(b.page, byID("error")); to == "" && e != nil {
			return text(e), ""
		}
		return "", b.at
	}
	wrong, _ := try("practitioner", "wrong")
	unknown, _ := try("nobody", "wrong")
	if wrong != unknown || wrong == "" {
		t.Errorf("%q, %q", wrong, unknown)
	}
	if _, at := try("practitioner", "sandbox"); at != w.url+"/fhir/metadata" {
		t.Errorf("the right one leads to %q", at)
	}
	// Both lock out alike; others are not locked.
	for _, user := range []string{"patient", "no such user"} {
		said := ""
		for range 15 {
			said, _ = try(user, "wrong")
		}
		if !strings.HasPrefix(said, "Too many attempts") {
			t.Errorf("%s: %q", user, said)
		}
	}
	if said, _ := try("patient", "sandbox"); !strings.HasPrefix(said, "Too many attempts") {
		t.Errorf("the right password, locked: %q", said)
	}
	if said, _ := try("practitioner", "sandbox"); said != "" {
		t.Errorf("another user: %q", said)
	}
	w.wait(15 * time.Minute)
	if said, _ := try("patient", "sandbox"); said != "" {
		t.Errorf("later: %q", said)
	}
}

// After signing in one is sent to a path of this server, and nowhere else.
func TestSignInLeadsHome(t *testing.T) {
	w := open(t)
	for next, want := range map[string]string{"/auth/manage": "/auth/manage", "": "/", "https://evil.example.org/": "/", "//evil.example.org/": "/", `/\evil.example.org`: "/",
		"javascript:alert(1)": "/", "/\n/evil.example.org": "/", "evil": "/", "/auth/manage?x=1": "/auth/manage?x=1"} {
		b := w.browser()
		b.open(w.url + "/auth/login?" + url.Values{"next": {next}}.Encode())
		if to := b.signIn("patient"); to != "" || b.at != w.url+want {
			t.Errorf("%q leads to %q%q", next, to, b.at)
		}
	}
}

// A form counts only from the browser that was given it.
func TestForgedForms(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch/patient patient/*.rs")
	b.open(w.url + "/auth/authorize?" + p.Encode())
	action, form := b.form("login")
	form.Set("name", "patient")
	form.Set("password", "sandbox")
	for name, change := range map[string]func(url.Values){
		"without a token":   func(f url.Values) { f.Del("csrf") },
		"with a wrong one":  func(f url.Values) { f.Set("csrf", "x") },
		"without a request": func(f url.Values) { f.Del("request") },
		"of a made-up one":  func(f url.Values) { f.Set("request", "AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAA") },
	} {
		f := url.Values{}
		for k, v := range form {
			f[k] = v
		}
		change(f)
		if to := b.post(action, f); to != "" || b.last.status != 400 {
			t.Errorf("%s: %q %d", name, to, b.last.status)
		}
	}
	// Another browser, that was not given the form; and one that was begun elsewhere.
	if to := w.browser().post(action, form); to != "" {
		t.Errorf("another browser: %q", to)
	}
	other := w.browser()
	other.open(w.url + "/auth/login") // has a name of its own
	if to := other.open(b.w.url + "/auth/flow?request=" + url.QueryEscape(form.Get("request"))); to != "" || other.last.status != 400 || !strings.Contains(string(other.last.body), "another browser") {
		t.Errorf("begun elsewhere: %q %s", to, other.last.body)
	}
	// A page of another site has sent it.
	r, err := http.NewRequest("POST", action, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://evil.example.org")
	if b.follow(r); b.last.status != 400 {
		t.Errorf("from another site: %d", b.last.status)
	}
	if to := b.post(action, form); to != "" || !strings.HasPrefix(b.title(), "Allow") {
		t.Fatalf("the form itself: %q %s", to, b.last.body)
	}
	// A step that is not the next one does nothing.
	_, consent := b.form("consent")
	if to := b.post(w.url+"/auth/flow/pick", url.Values{"request": consent["request"], "csrf": consent["csrf"], "choice": {"b"}, "action": {"choose"}}); to != "" || !strings.HasPrefix(b.title(), "Allow") {
		t.Errorf("an early choice: %q %q", to, b.title())
	}
	// The browser of a login that is over begins with it again.
	b.http.Jar.SetCookies(r.URL, []*http.Cookie{{Name: "firewarden-login", Value: "x", Path: "/"}})
	if to := b.submit("consent", "action", "allow"); to != "" || !strings.HasPrefix(b.title(), "Sign in") {
		t.Errorf("without a login: %q %q", to, b.title())
	}
}

// Whoever signs in in the middle makes the choices anew.
func TestAnotherUserChoosesAnew(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch/patient patient/*.rs")
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.signIn("practitioner")
	b.submit("pick", "choice", "b", "action", "choose")
	at := b.at
	b.signOut()
	if b.open(at); !strings.HasPrefix(b.title(), "Sign in") {
		t.Fatalf("%q", b.title())
	}
	b.signIn("patient")
	if answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p)); answer["patient"] != "a" {
		t.Errorf("the choice of another user: %v", answer)
	}
}

// The user can choose no patient who is out of reach, and is not told whether there is one.
func TestThePickerShowsWhatTheUserSees(t *testing.T) {
	w := open(t)
	if err := w.auth.AddUser(t.Context(), auth.User{Name: "nobody", FHIRUser: "Practitioner/p", Policy: "care-team"}, "sandbox"); err != nil {
		t.Fatal(err)
	}
	a := w.app("sandbox-public")
	b := w.browser()
	b.open(w.url + "/auth/authorize?" + a.request("launch/patient patient/*.rs").Encode())
	if got := fault(t, b.signIn("nobody")); got != "access_denied" {
		t.Errorf("no patient at all: %q", got)
	}
	w.put(`{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/b"},"participant":[{"member":{"reference":"Practitioner/p"}}]}`)
	var said []string
	for _, id := range []string{"a", "nothing"} {
		b.open(w.url + "/auth/authorize?" + a.request("launch/patient patient/*.rs").Encode())
		if page := text(b.page); !strings.Contains(page, "Amyb") || strings.Contains(page, "Amya") {
			t.Errorf("the page shows %s", page)
		}
		u, err := url.Parse(b.submit("pick", "choice", id, "action", "choose"))
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Del("state")
		said = append(said, q.Encode())
	}
	if said[0] != said[1] || !strings.Contains(said[0], "access_denied") {
		t.Errorf("%q", said)
	}
}

func TestCookies(t *testing.T) {
	for base, want := range map[string]string{"": "firewarden-login=", "https://fhir.example.org": "__Host-firewarden-login="} {
		w := open(t, func(o *auth.Options) {
			if base != "" {
				o.Base = base
			}
		})
		r, err := http.NewRequest("GET", "/auth/login", nil)
		if err != nil {
			t.Fatal(err)
		}
		rec := &recorder{header: http.Header{}}
		w.auth.ServeHTTP(rec, r)
		cookie := rec.header.Get("Set-Cookie")
		if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || strings.Contains(cookie, "Secure") != (base != "") || strings.Contains(cookie, "Domain") {
			t.Errorf("%s: %s", base, cookie)
		}
		if base == "" {
			b := w.browser()
			b.open(w.url + "/auth/login?next=/health")
			action, form := b.form("login")
			form.Set("name", "patient")
			form.Set("password", "sandbox")
			post, err := http.NewRequest("POST", action, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if res := send(t, b.http, post); !strings.Contains(res.header.Get("Set-Cookie"), want) || !strings.Contains(res.header.Get("Set-Cookie"), "HttpOnly") {
				t.Errorf("login cookie: %v", res.header["Set-Cookie"])
			}
		}
	}
}

// recorder is an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { r.body = append(r.body, b...); return len(b), nil }

// The login is a new one each time, and a password that was changed ends those with the old one.
func TestLoginsEnd(t *testing.T) {
	w := open(t)
	b := w.browser()
	b.open(w.url + "/auth/manage")
	b.signIn("patient")
	if _, in := b.visitor(); !in {
		t.Fatal("not signed in")
	}
	a := w.app("sandbox-public")
	online := a.redeem(a.approve(b, "patient", "launch/patient patient/*.rs online_access"))
	w.api("PUT", "users/patient/password", map[string]string{"password": "another one"})
	a.refresh(str(online, "refresh_token")).refused(t, 400, "invalid_grant")
	if _, in := b.visitor(); in {
		t.Error("still signed in after the password was changed")
	}
	b.open(w.url + "/auth/manage")
	if b.signIn("patient"); !strings.Contains(text(b.page), "wrong") {
		t.Errorf("the old password: %s", b.last.body)
	}
	if b.submit("login", "name", "patient", "password", "another one"); b.title() != "What you have allowed" {
		t.Errorf("the new password: %s", b.last.body)
	}
	w.wait(auth.DefaultLife.Login)
	if _, in := b.visitor(); in {
		t.Error("signed in for ever")
	}
}

// The first start gives a link that makes one administrator, once, for half an hour.
func TestSetup(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.Sandbox = false })
	w.api("DELETE", "users/admin", nil)
	ctx := t.Context()
	link, err := w.auth.SetupLink(ctx)
	if err != nil || !strings.HasPrefix(link, w.url+"/auth/setup?token=") {
		t.Fatalf("%q %v", link, err)
	}
	older, err := w.auth.SetupLink(ctx) // of another start, or of another server on the store
	if err != nil || older == link {
		t.Fatalf("%q %v", older, err)
	}
	late := w.browser()
	late.open(older)
	b := w.browser()
	b.open(link)
	for _, bad := range [][]string{{"name", "patient", "password", "correct horse", "again", "correct horse"}, {"name", "boss", "password", "short", "again", "short"}, {"name", "boss", "password", "correct horse", "again", "other horse"}, {"name", "", "password", "correct horse", "again", "correct horse"},
		{"name", "patient", "password", "correct horse", "again", "correct horse", "csrf", "x"}} {
		if b.submit("setup", bad...); b.last.status == 200 && b.title() != "The first administrator" {
			t.Errorf("%v: %s", bad, b.last.body)
		}
		b.open(link)
	}
	b.submit("setup", "name", "boss", "display", "The boss", "password", "correct horse", "again", "correct horse")
	if !strings.HasPrefix(b.title(), "Sign in") {
		t.Fatalf("%s", b.last.body)
	}
	b.submit("login", "name", "boss", "password", "correct horse")
	if v, in := b.visitor(); !in || !v.User.Administrator {
		t.Errorf("%v", v)
	}
	for _, used := range []string{link, older} {
		if b.open(used); b.last.status != 400 {
			t.Errorf("a link, when there is an administrator: %d", b.last.status)
		}
	}
	if late.submit("setup", "name", "late", "password", "correct horse", "again", "correct horse"); late.last.status != 400 {
		t.Errorf("a form of another link, when there is an administrator: %d %s", late.last.status, late.last.body)
	}
	if again, err := w.auth.SetupLink(ctx); err != nil || again != "" {
		t.Errorf("another link: %q %v", again, err)
	}
	w.api("DELETE", "users/boss", nil)
	if link, err = w.auth.SetupLink(ctx); err != nil || link == "" {
		t.Fatalf("%q %v", link, err)
	}
	w.wait(30 * time.Minute)
	if b.open(link); b.last.status != 400 {
		t.Errorf("too late: %d", b.last.status)
	}
	// An administrator whom somebody has made with the key is the first one, too.
	if link, err = w.auth.SetupLink(ctx); err != nil || link == "" {
		t.Fatalf("%q %v", link, err)
	}
	w.api("POST", "users", map[string]any{"name": "eve", "password": "correct horse", "administrator": true})
	if b.open(link); b.last.status != 400 {
		t.Errorf("beside an administrator: %d", b.last.status)
	}
}

// Of several links at once, one makes an administrator.
func TestSetupAtOnce(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.Sandbox = false })
	w.api("DELETE", "users/admin", nil)
	var browsers []*browser
	for range 6 {
		link, err := w.auth.SetupLink(t.Context())
		if err != nil || link == "" {
			t.Fatalf("%q %v", link, err)
		}
		b := w.browser()
		b.open(link)
		browsers = append(browsers, b)
	}
	var together sync.WaitGroup
	for i, b := range browsers {
		together.Go(func() {
			b.submit("setup", "name", fmt.Sprint("boss", i), "password", "correct horse", "again", "correct horse")
		})
	}
	together.Wait()
	made := 0
	for i := range browsers {
		b := w.browser()
		b.open(w.url + "/auth/login")
		b.submit("login", "name", fmt.Sprint("boss", i), "password", "correct horse")
		if _, in := b.visitor(); in {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d administrators", made)
	}
}

// The API is the administrator's: by the key, or from a page on which one has signed in.
func TestAPI(t *testing.T) {
	w := open(t)
	for _, token := range []string{"", "wrong", w.mint("patient/*.rs", "admin", "a")} {
		if a := w.call(token, "GET", "/api/users", ""); a.status != 401 {
			t.Errorf("%q: %d", token, a.status)
		}
	}
	var users []map[string]any
	if a := w.call(adminKey, "GET", "/api/users", ""); json.Unmarshal(a.body, &users) != nil || len(users) != 4 || strings.Contains(string(a.body), "argon2") {
		t.Errorf("users: %s", a.body)
	}
	if a := w.call(adminKey, "GET", "/api/clients", ""); !strings.Contains(string(a.body), "sandbox-backend") || strings.Contains(string(a.body), "secrets") {
		t.Errorf("clients: %s", a.body)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "users", `{"name":"patient","password":"correct horse"}`, 409},
		{"POST", "users", `{"name":"x","password":"short"}`, 400},
		{"POST", "users", `{"name":"x","password":"correct horse","policy":"none of ours"}`, 400},
		{"POST", "users", `{"name":"x","password":"correct horse","fhirUser":"Device/1"}`, 400},
		{"POST", "users", `{"name":"x","password":"correct horse","admin":true}`, 400},
		{"GET", "users/x", "", 404}, {"DELETE", "users/x", "", 404}, {"PUT", "users/x/password", `{"password":"correct horse"}`, 404},
		{"GET", "clients/x", "", 404}, {"DELETE", "clients/x", "", 404}, {"POST", "clients/sandbox-public/secret", `{}`, 404},
		{"POST", "clients", `{"client_id":"sandbox-public","redirect_uris":["https://x.test/"]}`, 409},
		{"POST", "clients", `{"client_id":"x"}`, 400},
		{"POST", "clients", `{"client_id":"x","client_secret":"mine","redirect_uris":["https://x.test/"]}`, 400},
		{"POST", "tokens", `{"client":"nobody","scope":"system/*.rs"}`, 404},
		{"POST", "tokens", `{"client":"sandbox-public","scope":"patient/*.rs"}`, 400},
		{"POST", "tokens", `{"client":"sandbox-public","scope":"user/*.rs"}`, 400},
		{"POST", "tokens", `{"client":"sandbox-public","scope":"openid"}`, 400},
		{"POST", "tokens", `{"client":"sandbox-public","scope":"system/Patint.rs"}`, 400},
		{"POST", "tokens", `{"client":"sandbox-public","scope":"system/*.rs","life":"soon"}`, 400},
		{"DELETE", "grants/x", "", 404}, {"GET", "grants", "", 400}, {"GET", "nothing", "", 404}, {"POST", "tokens", "x", 400},
	} {
		if a := w.call(adminKey, c.method, "/api/"+c.path, c.body); a.status != c.status {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, a.status, a.body, c.status)
		}
	}
	minted := w.api("POST", "tokens", map[string]any{"client": "sandbox-public", "scope": "patient/Observation.rs?category=laboratory user/Condition.r", "patient": "a", "user": "relatedperson", "life": "10m"})
	token := str(minted, "access_token")
	if minted["expires_in"] != 600.0 || w.reads(token, "Condition/b-c") != 200 || w.reads(token, "Condition/a-c") != 404 {
		t.Errorf("%v", minted)
	}
	explained := encode(t, w.api("POST", "tokens/explain", map[string]string{"token": token}))
	for _, part := range []string{`"active":true`, `"client":"sandbox-public"`, `"user":"relatedperson"`, `"patient":"a"`, `"type":"Observation"`, `only category laboratory`} {
		if !strings.Contains(explained, part) {
			t.Errorf("%s is not in %s", part, explained)
		}
	}
	if got := encode(t, w.api("POST", "tokens/explain", map[string]string{"token": "x"})); got != `{"active":false}` {
		t.Errorf("no token: %s", got)
	}
	// A grant is found and revoked.
	var list []map[string]any
	if a := w.call(adminKey, "GET", "/api/grants?user=relatedperson", ""); json.Unmarshal(a.body, &list) != nil || len(list) != 1 {
		t.Fatalf("grants: %s", a.body)
	}
	w.api("DELETE", "grants/"+str(list[0], "id"), nil)
	if got := w.reads(token, "Condition/b-c"); got != 401 {
		t.Errorf("revoked: %d", got)
	}
	// Secrets are renewed, the one before stays for a while.
	s1, s2 := str(w.api("POST", "clients/sandbox-secret/secret", map[string]any{}), "client_secret"), str(w.api("POST", "clients/sandbox-secret/secret", map[string]any{}), "client_secret")
	for secret, want := range map[string]string{s1: "invalid_grant", s2: "invalid_grant", "sandbox-secret": "invalid_client"} {
		a := &app{w: w, id: "sandbox-secret", secret: secret}
		if got := str(a.refresh("x").json(t), "error"); got != want {
			t.Errorf("secret %q: %s", secret, got)
		}
	}
	// Keys are rotated, tokens stay good; at once, they do not.
	token = w.mint("system/*.rs", "", "")
	w.api("POST", "keys/rotate", map[string]any{})
	if got := w.reads(token, "Patient"); got != 200 {
		t.Errorf("rotated: %d", got)
	}
	w.api("POST", "keys/rotate", map[string]any{"atOnce": true})
	if got := w.reads(token, "Patient"); got != 401 {
		t.Errorf("rotated at once: %d", got)
	}

	// From a page: the cookie and the token of the page together.
	b := w.browser()
	b.open(w.url + "/auth/login")
	b.signIn("admin")
	call := func(b *browser, token string) int {
		r, err := http.NewRequest("GET", w.url+"/api/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-CSRF-Token", token)
		return send(t, b.http, r).status
	}
	csrf := func(b *browser) string {
		r, err := http.NewRequest("GET", w.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.http.Jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		return w.auth.CSRF(&recorder{header: http.Header{}}, r, "api")
	}
	if with, without := call(b, csrf(b)), call(b, ""); with != 200 || without != 401 {
		t.Errorf("an administrator's page: %d, without its token: %d", with, without)
	}
	p := w.browser()
	p.open(w.url + "/auth/login")
	p.signIn("practitioner")
	if got := call(p, csrf(p)); got != 401 {
		t.Errorf("a practitioner's page: %d", got)
	}
}

// What comes from outside stands on pages as text.
func TestPagesEscape(t *testing.T) {
	w := open(t)
	evil := `"><script>alert(1)</script>`
	c := w.register(map[string]any{"client_name": evil, "redirect_uris": []string{"https://x.test/cb"}, "token_endpoint_auth_method": "none", "scope": "launch/patient patient/*.rs"}).json(t)
	w.put(`{"resourceType":"Patient","id":"evil","name":[{"text":` + encode(t, evil) + `}]}`)
	a := &app{w: w, id: str(c, "client_id"), redirect: "https://x.test/cb", verifier: random()}
	b := w.browser()
	check := func(what string) {
		t.Helper()
		if strings.Contains(string(b.last.body), "<script") {
			t.Errorf("%s: %s", what, b.last.body)
		}
		if policy := b.last.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || b.last.header.Get("X-Content-Type-Options") != "nosniff" ||
			b.last.header.Get("Referrer-Policy") != "no-referrer" || b.last.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", what, b.last.header)
		}
	}
	b.open(w.url + "/auth/authorize?" + a.request("launch/patient patient/*.rs "+url.QueryEscape(evil), "login_hint", evil).Encode())
	check("login")
	b.submit("login", "name", evil, "password", evil)
	check("wrong password")
	b.signIn("practitioner")
	check("picker")
	action, form := b.form("search")
	form.Set("q", evil)
	b.open(action + "?" + form.Encode())
	check("search")
	b.submit("pick", "choice", "evil", "action", "choose")
	check("consent")
	b.submit("consent", "action", "allow")
	b.open(w.url + "/auth/manage")
	check("manage")
	b.open(w.url + "/auth/authorize?client_id=" + url.QueryEscape(evil))
	check("error")
}
