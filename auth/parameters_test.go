package auth_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/program"
)

// define writes the own search parameter born of Patients and waits until it can be used.
func (w *site) define(element string) {
	w.t.Helper()
	w.expect(w.call(adminKey, "PUT", "/fhir/SearchParameter/born", fmt.Sprintf(`{"resourceType":"SearchParameter","id":"born","url":"http://x/born","name":"born",
		"status":"active","description":"x","code":"born","base":["Patient"],"type":%q,"expression":"Patient.%s"}`, map[string]string{"birthDate": "date", "gender": "token"}[element], element)), 201, 200)
	for w.params.Set().Lookup("Patient", "born") == nil {
		time.Sleep(time.Millisecond)
	}
}

func (w *site) expect(a answer, status ...int) {
	w.t.Helper()
	if !slices.Contains(status, a.status) {
		w.t.Fatalf("%d %s", a.status, a.body)
	}
}

// Scopes by a search parameter of the server's own: granted while there is one, refused with the reason otherwise; when it
// is changed or deleted every token that relies on it opens nothing with the next request, and the log says why.
func TestScopesByOwnParameters(t *testing.T) {
	const born = "user/Patient.rs?born=1987-02-20"
	var log program.Output
	w := open(t, func(o *auth.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	app := w.app("sandbox-secret")
	authorize := func(scopes string) url.Values {
		to := w.browser().open(w.url + "/auth/authorize?" + app.request(scopes).Encode())
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query()
	}
	register := func() answer {
		return w.call("", "POST", "/auth/register", `{"client_name":"x","redirect_uris":["https://x.test/cb"],"scope":"`+born+`"}`, "Content-Type", "application/json")
	}
	refused := func(why string) {
		t.Helper()
		if q := authorize(born); q.Get("error") != "invalid_scope" || !strings.Contains(q.Get("error_description"), why) {
			t.Errorf("authorize: %v", q)
		}
		if a := register(); a.status != 400 || !strings.Contains(string(a.body), why) {
			t.Errorf("register: %d %s", a.status, a.body)
		}
		if a := w.call(adminKey, "POST", "/api/tokens", `{"client":"sandbox-secret","scope":"`+born+`","user":"practitioner"}`); a.status < 400 {
			t.Errorf("mint: %d %s", a.status, a.body)
		}
	}
	refused("no search parameter")
	w.define("birthDate")
	if a := register(); a.status != 201 {
		t.Fatalf("register: %d %s", a.status, a.body)
	}
	full := app.run("practitioner", born+" user/Observation.rs offline_access")
	token, minted := str(full, "access_token"), w.mint(born, "practitioner", "")
	for _, tok := range []string{token, minted} {
		if got := w.finds(tok, "Patient?_sort=_id"); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("finds %v", got)
		}
	}
	if w.reads(token, "Patient/a") != 200 || w.reads(token, "Observation") != 200 {
		t.Error("what was granted is not open")
	}

	// Another definition is not what was granted, also when it is ready.
	w.define("gender")
	for _, path := range []string{"Patient", "Patient/a"} {
		if got := w.reads(token, path); got != 403 {
			t.Errorf("%s after a change: %d", path, got)
		}
	}
	if w.reads(token, "Observation") != 200 || w.reads(minted, "Patient") != 403 {
		t.Error("after a change")
	}
	log.Await(t, `status=403 .*request=\w+ error=forbidden client=sandbox-secret user=practitioner reason=.*scope user/Patient\.rs\?born=1987-02-20 is not granted: .*another one than when it was granted`)
	next := app.refresh(str(full, "refresh_token"))
	if w.expect(next, 200); strings.Contains(str(next.json(t), "scope"), "born") {
		t.Errorf("a refresh: %s", next.body)
	}
	if got := w.finds(str(app.run("practitioner", "user/Patient.rs?born=female"), "access_token"), "Patient?_sort=_id"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("granted anew: %v", got)
	}
	token = w.mint("user/Patient.rs?born=female", "practitioner", "")
	if w.reads(token, "Patient") != 200 {
		t.Error("minted anew")
	}
	w.expect(w.call(adminKey, "PUT", "/fhir/SearchParameter/born", `{"resourceType":"SearchParameter","id":"born","url":"http://x/born","name":"born",
		"status":"retired","description":"x","code":"born","base":["Patient"],"type":"token","expression":"Patient.gender"}`), 200)
	if got := w.reads(token, "Patient"); got != 403 {
		t.Errorf("after it was retired: %d", got)
	}
	refused("no search parameter")
	w.expect(w.call(adminKey, "DELETE", "/fhir/SearchParameter/born", ""), 204)
	if got := w.reads(token, "Patient"); got != 403 {
		t.Errorf("after it was deleted: %d", got)
	}
	refused("no search parameter")
}

// What the user has wished to be remembered is asked again when it has come to mean something else.
func TestConsentByOwnParameters(t *testing.T) {
	w := open(t)
	w.define("birthDate")
	app := w.app("sandbox-secret")
	b := w.browser()
	const scopes = "user/Patient.rs?born:missing=false"
	p := app.request(scopes)
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.signIn("practitioner")
	app.code(b.submit("consent", "action", "allow", "remember", "yes"), p)
	again := func() string { return b.open(w.url + "/auth/authorize?" + app.request(scopes).Encode()) }
	if to := again(); to == "" {
		t.Errorf("asked again: %s", b.title())
	}
	w.define("gender")
	if to := again(); to != "" || !strings.HasPrefix(b.title(), "Allow") {
		t.Errorf("not asked again: %s %s", to, b.title())
	}
}

// A policy by an own parameter opens what it says while the parameter is what it was when it was written, and nothing
// otherwise.
func TestPolicyByOwnParameters(t *testing.T) {
	var log program.Output
	w := open(t, func(o *auth.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	write := func(rule string) answer {
		return w.call(adminKey, "PUT", "/api/policies/cohort", `{"patients":"Patient?`+rule+`","letters":"rs"}`, "Content-Type", "application/json")
	}
	if a := write("born=1987-02-20"); a.status < 400 || !strings.Contains(string(a.body), "born") {
		t.Errorf("a policy by what there is not: %d %s", a.status, a.body)
	}
	if err := w.auth.PutPolicy(t.Context(), "cohort", auth.Policy{Patients: "Patient?born=1987-02-20"}); err != nil || !strings.Contains(log.String(), "policy=cohort") {
		t.Errorf("a declared one: %v, %s", err, log.String())
	}
	if err := w.auth.PutUser(t.Context(), auth.User{Name: "c", FHIRUser: "Practitioner/p", Policy: "cohort"}, "password-of-c"); err != nil {
		t.Fatal(err)
	}
	token := w.mint("user/*.rs", "c", "")
	opens := func(when string, status int) {
		t.Helper()
		if got := w.reads(token, "Patient/a"); got != status {
			t.Errorf("%s: %d, want %d", when, got, status)
		}
	}
	opens("without the parameter", 403)
	w.define("birthDate")
	opens("with a parameter that came later", 403)
	w.expect(write("born=1987-02-20"), 200)
	opens("with the parameter", 200)
	w.define("gender")
	opens("with another one", 403)
	w.expect(write("born=female"), 200)
	opens("written anew", 200)
	w.expect(write("born=male"), 200)
	opens("of other patients", 404)
	w.expect(w.call(adminKey, "DELETE", "/fhir/SearchParameter/born", ""), 204)
	opens("when it is deleted", 403)
}
