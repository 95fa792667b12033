package auth_test

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
)

// signOut ends the session of a browser.
func (b *browser) signOut() {
	b.w.t.Helper()
	b.open(b.w.url + "/auth/logout")
	b.submit("logout")
	if _, in := b.visitor(); in {
		b.w.t.Fatal("still signed in")
	}
}

// noRefresh is an app that is not registered for refresh tokens.
func (w *site) noRefresh() *app {
	w.t.Helper()
	a := &app{w: w, id: "no-refresh", redirect: "https://app.example.org/cb", verifier: random()}
	if err := w.auth.PutClient(w.t.Context(), auth.Client{ID: a.id, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"},
		RedirectURIs: []string{a.redirect}, Scope: "openid launch/patient offline_access online_access patient/*.rs"}}, ""); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestS1_09_OnlineAccess(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	answer := a.redeem(a.approve(b, "patient", "launch/patient patient/*.rs online_access"))
	w.wait(2 * time.Hour)
	res := a.refresh(str(answer, "refresh_token"))
	answer = res.json(t)
	if res.status != 200 || answer["patient"] != "a" || w.reads(str(answer, "access_token"), "Patient/a") != 200 {
		t.Fatalf("while signed in: %d %s", res.status, res.body)
	}
	b.signOut()
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")

	// A login ends by itself, too.
	answer = a.redeem(a.approve(b, "patient", "launch/patient patient/*.rs online_access"))
	w.wait(auth.DefaultLife.Login + time.Second)
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")

	answer = w.noRefresh().run("patient", "launch/patient patient/*.rs online_access")
	if answer["refresh_token"] != nil || strings.Contains(str(answer, "scope"), "online_access") {
		t.Errorf("without the grant: %v", answer)
	}
}

func TestS1_10_OfflineAccess(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-secret"), w.browser()
	answer := a.redeem(a.approve(b, "patient", "launch/patient patient/*.rs offline_access"))
	b.signOut()
	for range 3 {
		w.wait(60 * 24 * time.Hour)
		res := a.refresh(str(answer, "refresh_token"))
		if answer = res.json(t); res.status != 200 || w.reads(str(answer, "access_token"), "Patient/a") != 200 {
			t.Fatalf("%d %s", res.status, res.body)
		}
	}
	if res := a.post("/auth/revoke", url.Values{"token": {str(answer, "refresh_token")}}); res.status != 200 {
		t.Fatalf("revoke: %d %s", res.status, res.body)
	}
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")
	if status := w.reads(str(answer, "access_token"), "Patient/a"); status != 401 {
		t.Errorf("the access token of a revoked grant: %d", status)
	}
	answer = w.noRefresh().run("patient", "launch/patient patient/*.rs offline_access")
	if answer["refresh_token"] != nil || strings.Contains(str(answer, "scope"), "offline_access") {
		t.Errorf("without the grant: %v", answer)
	}
}

// Elsewhere online_access is what offline_access is; a switch makes it so here.
func TestS2_02_OnlineAsOffline(t *testing.T) {
	w := open(t, func(o *auth.Options) { o.OnlineIsOffline = true })
	a, b := w.app("sandbox-public"), w.browser()
	answer := a.redeem(a.approve(b, "patient", "launch/patient patient/*.rs online_access"))
	b.signOut()
	w.wait(60 * 24 * time.Hour)
	if res := a.refresh(str(answer, "refresh_token")); res.status != 200 {
		t.Errorf("%d %s", res.status, res.body)
	}
}

func TestRefreshRotates(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	answer := a.run("patient", "launch/patient patient/*.rs offline_access")
	first := str(answer, "refresh_token")
	second := str(a.refresh(first).json(t), "refresh_token")
	if second == "" || second == first {
		t.Fatalf("refresh token %q after %q", second, first)
	}
	// A client that has lost the answer asks again, at once.
	w.wait(10 * time.Second)
	again := a.refresh(first)
	if again.status != 200 {
		t.Fatalf("a repeated refresh: %d %s", again.status, again.body)
	}
	if res := a.refresh(second); res.status != 200 {
		t.Errorf("the answer that came first after all: %d %s", res.status, res.body)
	}
	third := str(again.json(t), "refresh_token")
	res := a.refresh(third)
	if res.status != 200 {
		t.Errorf("the answer of the repeated refresh: %d %s", res.status, res.body)
	}
	latest := res.json(t)
	if w.reads(str(latest, "access_token"), "Patient/a") != 200 {
		t.Error("the latest token opens nothing")
	}
	// Whoever comes with an old one later has stolen it, or was stolen from: all end.
	w.wait(auth.DefaultLife.Grace + time.Second)
	a.refresh(first).refused(t, 400, "invalid_grant")
	a.refresh(str(latest, "refresh_token")).refused(t, 400, "invalid_grant")
	if status := w.reads(str(latest, "access_token"), "Patient/a"); status != 401 {
		t.Errorf("after a reuse: %d", status)
	}
}

// Many refreshes at once keep the session alive: each is answered, and one of the tokens goes on.
func TestRefreshesAtOnce(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	token := str(a.run("patient", "launch/patient patient/*.rs offline_access"), "refresh_token")
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = a.refresh(token) })
	}
	wg.Wait()
	for _, res := range answers {
		if res.status != 200 {
			t.Errorf("%d %s", res.status, res.body)
		}
	}
	if res := a.refresh(str(answers[0].json(t), "refresh_token")); res.status != 200 {
		t.Errorf("afterwards: %d %s", res.status, res.body)
	}
}

func TestRefreshIsBound(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	answer := a.run("patient", "launch/patient patient/*.rs offline_access")
	token := str(answer, "refresh_token")
	w.app("sandbox-secret").refresh(token).refused(t, 400, "invalid_grant")
	a.refresh(random()).refused(t, 400, "invalid_grant")
	a.refresh("").refused(t, 400, "invalid_request")
	a.refresh(str(answer, "access_token")).refused(t, 400, "invalid_grant")
	if res := a.refresh(token); res.status != 200 {
		t.Errorf("attempts of others have used it up: %d %s", res.status, res.body)
	}
	// A user who is gone takes the tokens along, and another one of the same name does not get them.
	answer = a.run("patient", "launch/patient patient/*.rs offline_access")
	w.api("DELETE", "users/patient", nil)
	w.api("POST", "users", map[string]any{"name": "patient", "password": "sandbox sandbox", "fhirUser": "Patient/b", "policy": "self"})
	a.refresh(str(answer, "refresh_token")).refused(t, 400, "invalid_grant")
	if status := w.reads(str(answer, "access_token"), "Patient/a"); status != 401 {
		t.Errorf("the token of a user who is gone: %d", status)
	}
}

// A client may ask for less when it refreshes; the grant keeps all (RFC 6749 §6).
func TestRefreshNarrows(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	all := "launch/patient offline_access patient/Observation.rs patient/Patient.rs"
	token := str(a.run("patient", all), "refresh_token")
	res := a.refresh(token, "scope", "patient/Observation.rs?category=laboratory").json(t)
	narrow := str(res, "access_token")
	if res["scope"] != "patient/Observation.rs?category=laboratory" || res["patient"] != "a" {
		t.Errorf("narrowed: %v", res)
	}
	if got := w.finds(narrow, "Observation"); !slices.Equal(got, []string{"a-o0"}) {
		t.Errorf("finds %v", got)
	}
	if status := w.reads(narrow, "Patient/a"); status != 403 {
		t.Errorf("left out: %d", status)
	}
	for _, more := range []string{"patient/*.rs", "patient/Observation.cruds", "patient/Condition.rs", "user/Observation.rs", "openid", "patient/Obervation.rs"} {
		a.refresh(str(res, "refresh_token"), "scope", more).refused(t, 400, "invalid_scope")
	}
	res = a.refresh(str(res, "refresh_token")).json(t)
	if got := strings.Fields(str(res, "scope")); len(got) != 4 {
		t.Errorf("all again: %v", got)
	}
	if got := w.finds(str(res, "access_token"), "Observation"); len(got) != 3 {
		t.Errorf("finds %v", got)
	}
}

// An app without a secret may refresh with the token alone, as RFC 6749 §6 has it and the usual JavaScript client does;
// who has a secret shows it, and of a token that nobody knows nobody is.
func TestRefreshWithoutAName(t *testing.T) {
	w := open(t)
	alone := func(token string) answer {
		return w.form("/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, "Origin", "https://app.example.org")
	}
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: "spa", Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code", "refresh_token"},
		RedirectURIs: []string{"https://app.example.org/cb"}, Scope: "launch/patient offline_access patient/*.rs"}}, ""); err != nil {
		t.Fatal(err)
	}
	spa := &app{w: w, id: "spa", redirect: "https://app.example.org/cb", verifier: random()}
	res := alone(str(spa.run("patient", "launch/patient patient/*.rs offline_access"), "refresh_token"))
	next := res.json(t)
	if res.status != 200 || res.header.Get("Access-Control-Allow-Origin") != "https://app.example.org" || w.reads(str(next, "access_token"), "Patient/a") != 200 {
		t.Fatalf("%d %v %s", res.status, res.header, res.body)
	}
	if again := alone(str(next, "refresh_token")); again.status != 200 {
		t.Errorf("a second time: %d %s", again.status, again.body)
	}
	secret := str(w.app("sandbox-secret").run("patient", "launch/patient patient/*.rs offline_access"), "refresh_token")
	for token, want := range map[string]string{secret: "invalid_client", "x": "invalid_client", "": "invalid_request"} {
		res := alone(token)
		res.refused(t, map[string]int{"invalid_client": 401, "invalid_request": 400}[want], want)
		if res.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("an origin of nobody may read %s", res.body)
		}
	}
}
