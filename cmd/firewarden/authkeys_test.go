package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// clock is the time of a server under test.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) wait(d time.Duration) { c.ahead.Add(int64(d)) }

func (r *running) mint(args ...string) string {
	r.t.Helper()
	return strings.TrimSpace(mustRun(r.t, append([]string{"token", "mint", "--server", r.url, "--client", "sandbox-public"}, args...)...))
}

// TestSwitches: each switch of the authorization server is a key that does what it says.
func TestSwitches(t *testing.T) {
	r := start(t, "sandbox", "--delete-needs-scope", "--all-authorities", "--scope-aliases", `{"http://misspelt":"http://terminology.hl7.org/CodeSystem/observation-category"}`,
		"--frame-ancestors", "https://ehr.example.org", "--style-url", "https://ehr.example.org/style.json", "--old-scopes-only", "--hosts", "dev.example.org")
	plain := start(t, "sandbox")

	for s, want := range map[*running]int{r: http.StatusForbidden, plain: http.StatusNoContent} {
		if got := s.status(s.mint("--scope", "system/Patient.cruds"), "DELETE", "/fhir/Patient/patient-009"); got != want {
			t.Errorf("delete-needs-scope: %d, want %d", got, want)
		}
	}
	if got := r.status(r.mint("--scope", "system/Patient.cruds cdr_fhir_delete"), "DELETE", "/fhir/Patient/patient-009"); got != http.StatusNoContent {
		t.Errorf("delete with its scope: %d", got)
	}
	for s, want := range map[*running]int{r: http.StatusOK, plain: http.StatusForbidden} {
		if got := s.status(s.mint("--scope", "user/Patient.rs cdr_all_user_authorities", "--user", "practitioner"), "GET", "/fhir/Observation?_count=1"); got != want {
			t.Errorf("all-authorities: %d, want %d", got, want)
		}
	}
	r.token, plain.token = r.mint("--scope", "system/Observation.rs?category=http://misspelt|laboratory"), plain.mint("--scope", "system/Observation.rs?category=http://misspelt|laboratory")
	if found, _ := r.found("/fhir/Observation"); len(found) == 0 {
		t.Error("scope-aliases: nothing is found")
	}
	if found, _ := plain.found("/fhir/Observation"); len(found) != 0 {
		t.Error("a system that is no alias finds something")
	}
	for s, want := range map[*running]string{r: "frame-ancestors 'self' https://ehr.example.org", plain: "frame-ancestors 'none'"} {
		res, _ := s.do("GET", "/auth/login", "")
		if policy := res.Header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, want) {
			t.Errorf("frame-ancestors: %s", policy)
		}
	}
	if old, both := string(r.get("/fhir/.well-known/smart-configuration")), string(plain.get("/fhir/.well-known/smart-configuration")); strings.Contains(old, "permission-v2") || !strings.Contains(both, "permission-v2") {
		t.Errorf("old-scopes-only: %s", old)
	}
	for s, want := range map[*running]string{r: "https://ehr.example.org/style.json", plain: plain.url + "/auth/style.json"} {
		p := s.person()
		p.open(s.ask("launch/patient patient/Patient.read"))
		if _, answer := s.redeem(p.approve("patient", "sandbox")); answer["smart_style_url"] != want {
			t.Errorf("style-url: %v", answer)
		}
	}
	for s, want := range map[*running]int{r: http.StatusOK, plain: http.StatusForbidden} {
		req, err := http.NewRequest("GET", s.url+"/fhir/metadata", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "dev.example.org"
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("hosts: %d, want %d", res.StatusCode, want)
		}
	}
}

// TestRegistrationIsForWhom: the key registration, and reach where keys are registered.
func TestRegistrationIsForWhom(t *testing.T) {
	body := `{"redirect_uris":["https://app.example.org/cb"],"token_endpoint_auth_method":"none","scope":"patient/*.rs"}`
	for _, tt := range []struct {
		args []string
		want int
	}{
		{[]string{"sandbox"}, http.StatusCreated},
		{[]string{"sandbox", "--registration", "token"}, http.StatusUnauthorized},
		{[]string{"serve", "--store", "memory:", "--admin-key", "correct-horse-battery"}, http.StatusUnauthorized},
		{[]string{"serve", "--store", "memory:", "--admin-key", "correct-horse-battery", "--registration", "approval", "--reach", "private"}, http.StatusCreated},
	} {
		r := start(t, tt.args...)
		r.token = ""
		if res, b := r.do("POST", "/auth/register", body, "Content-Type", "application/json"); res.StatusCode != tt.want {
			t.Errorf("%v: %s %s", tt.args, res.Status, b)
		}
		if tt.args[0] == "sandbox" {
			continue
		}
		code, _, errs := run(t, "client", "add", "--backend", "--jwks", "http://10.0.0.1/jwks.json", "--server", r.url, "--admin-key", "correct-horse-battery")
		if private := tt.want == http.StatusCreated; (code == 0) != private {
			t.Errorf("%v: keys of a private address: %d %s", tt.args, code, errs)
		}
	}
	if code, _, errs := run(t, "serve", "--registration", "open"); code != 2 || !strings.Contains(errs, "only a sandbox") {
		t.Errorf("open registration of a server: %d %s", code, errs)
	}
}

// TestLives: how long things live is configured.
func TestLives(t *testing.T) {
	var c clock
	r := startWith(t, Main{Now: c.now}, "sandbox", "--access-life", "10m", "--backend-life", "2m", "--code-life", "10m", "--refresh-life", "48h", "--refresh-grace", "10m",
		"--login-life", "2h", "--flow-life", "20m", "--launch-life", "1m", "--online-is-offline")
	p := r.person()
	p.open(r.ask("launch/patient patient/Patient.rs online_access"))
	code := p.approve("patient", "sandbox")
	c.wait(2 * time.Minute) // longer than a code lives by default
	status, answer := r.redeem(code)
	if status != 200 || answer["expires_in"] != 600.0 {
		t.Errorf("code-life, access-life: %d %v", status, answer)
	}
	first := str(answer, "refresh_token")
	if status, _ = r.tokens("grant_type", "refresh_token", "refresh_token", first); status != 200 {
		t.Errorf("refresh: %d", status)
	}
	c.wait(5 * time.Minute) // longer than the grace lasts by default
	status, answer = r.tokens("grant_type", "refresh_token", "refresh_token", first)
	if status != 200 {
		t.Errorf("refresh-grace: %d %v", status, answer)
	}
	c.wait(3 * time.Hour) // the login is over
	if status, answer = r.tokens("grant_type", "refresh_token", "refresh_token", str(answer, "refresh_token")); status != 200 {
		t.Errorf("online-is-offline: %d %v", status, answer)
	}
	if p.open(r.ask("patient/Patient.rs")); !strings.Contains(p.page, `id="login"`) {
		t.Errorf("login-life: still signed in: %s", p.page)
	}
	c.wait(21 * time.Minute)
	if p.submit("login", "name", "patient", "password", "sandbox"); !strings.Contains(p.page, "has come to its end") {
		t.Errorf("flow-life: %s", p.page)
	}
	second := str(answer, "refresh_token")
	status, answer = r.tokens("grant_type", "refresh_token", "refresh_token", second)
	c.wait(11 * time.Minute)
	if again, _ := r.tokens("grant_type", "refresh_token", "refresh_token", second); status != 200 || again != 400 {
		t.Errorf("refresh-grace is over: %d, then %d", status, again)
	}
	p = r.person()
	p.open(r.ask("launch/patient patient/Patient.rs offline_access"))
	_, answer = r.redeem(p.approve("patient", "sandbox"))
	c.wait(49 * time.Hour)
	if status, _ = r.tokens("grant_type", "refresh_token", "refresh_token", str(answer, "refresh_token")); status != 400 {
		t.Errorf("refresh-life: %d", status)
	}
	mustRun(t, "client", "add", "--server", r.url, "--id", "nightly", "--backend", "--scope", "system/*.rs")
	secret := strings.TrimPrefix(strings.TrimSpace(mustRun(t, "client", "passwd", "nightly", "--server", r.url)), "client_secret ")
	if status, answer = r.tokens("grant_type", "client_credentials", "client_id", "nightly", "client_secret", secret, "scope", "system/Patient.rs"); answer["expires_in"] != 120.0 {
		t.Errorf("backend-life: %d %v", status, answer)
	}
	_, b := r.do("POST", "/api/launch", `{"client":"sandbox-public","patient":"patient-001","user":"practitioner"}`)
	launch := string(b[strings.Index(string(b), `"launch":"`)+10:])
	launch, _, _ = strings.Cut(launch, `"`)
	c.wait(61 * time.Second)
	if to := p.open(r.ask("launch patient/Patient.rs", "launch", launch)); !strings.Contains(to, "error=invalid_request") {
		t.Errorf("launch-life: %s", to)
	}
}

// TestLimits: whoever guesses is slowed down, as configured, and learns nothing of who is there.
func TestLimits(t *testing.T) {
	tries := func(r *running, name string, n int) (pages []string) {
		p := r.person()
		p.open(r.url + "/auth/login")
		for range n {
			p.submit("login", "name", name, "password", "wrong")
			pages = append(pages, p.page)
		}
		return pages
	}
	many := func(pages []string) (n int) {
		for _, p := range pages {
			if strings.Contains(p, "Too many attempts") {
				n++
			}
		}
		return n
	}
	r := start(t, "sandbox", "--login-limit", "2/15m")
	for _, name := range []string{"patient", "nobody"} {
		if pages := tries(r, name, 3); many(pages) != 1 || !strings.Contains(pages[0], "user name or the password is wrong") {
			t.Errorf("login-limit: %s: %d", name, many(pages))
		}
	}
	if r = start(t, "sandbox", "--user-limit", "2/15m"); many(tries(r, "patient", 3)) != 1 || many(tries(r, "nobody", 3)) != 1 {
		t.Error("user-limit does not hold")
	}
	r = start(t, "sandbox", "--address-limit", "3/15m", "--token-limit", "5/1h", "--registration-limit", "1/1h", "--authorize-limit", "2/1h")
	if many(append(tries(r, "patient", 2), tries(r, "nobody", 2)...)) != 1 {
		t.Error("address-limit does not hold")
	}
	var said []string
	for _, client := range []string{"sandbox-secret", "nobody", "sandbox-secret", "sandbox-secret", "sandbox-secret", "sandbox-secret"} {
		res, err := http.PostForm(r.url+"/auth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {"wrong"}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		said = append(said, res.Status[:3]+res.Header.Get("Retry-After"))
	}
	if got := strings.Join(said, " "); got != "401 401 401 42930 42930 42930" {
		t.Errorf("address-limit, token-limit: %s", got)
	}
	said = nil
	for range 3 {
		p := r.person()
		p.open(r.ask("patient/Patient.rs"))
		said = append(said, map[bool]string{true: "slow", false: "on"}[strings.Contains(p.page, "too many requests") || strings.Contains(p.page, "Too many requests")])
	}
	if got := strings.Join(said, " "); got != "on on slow" {
		t.Errorf("authorize-limit: %s", got)
	}
	r.token = ""
	for _, want := range []int{201, 429} {
		if res, b := r.do("POST", "/auth/register", `{"redirect_uris":["https://app.example.org/cb"],"token_endpoint_auth_method":"none"}`, "Content-Type", "application/json"); res.StatusCode != want {
			t.Errorf("registration-limit: %s %s", res.Status, b)
		}
	}
	// Behind a proxy of ours an address is what the proxy says.
	r = start(t, "sandbox", "--registration-limit", "1/1h", "--proxies", "127.0.0.1")
	r.token = ""
	for _, tt := range []struct {
		from string
		want int
	}{{"198.51.100.1", 201}, {"198.51.100.1", 429}, {"1.1.1.1, 198.51.100.1", 429}, {"198.51.100.2", 201}} {
		if res, b := r.do("POST", "/auth/register", `{"redirect_uris":["https://app.example.org/cb"],"token_endpoint_auth_method":"none"}`, "Content-Type", "application/json", "X-Forwarded-For", tt.from); res.StatusCode != tt.want {
			t.Errorf("from %s: %s %s", tt.from, res.Status, b)
		}
	}
}
