package ui_test

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/words"
)

const practitioner = "Demo practitioner"

// ids are those that a search finds.
func (w *site) ids(token, query string) (ids []string) {
	w.t.Helper()
	status, text := w.call(token, "GET", "/fhir/"+query, "")
	var bundle struct {
		Entry []struct{ Resource struct{ ID string } }
	}
	if err := json.Unmarshal([]byte(text), &bundle); err != nil || status != 200 {
		w.t.Fatalf("%s: %d %s", query, status, text)
	}
	for _, e := range bundle.Entry {
		ids = append(ids, e.Resource.ID)
	}
	return ids
}

// A whole launch without script: sign in by a button of the sandbox, search for a patient, choose, allow.
func TestLaunchWithoutScript(t *testing.T) {
	w := open(t, nil, nil)
	b := w.browser()
	b.authorize("launch/patient patient/Observation.rs openid fhirUser offline_access")
	if got := b.title(); got != "Sign in to continue to Sandbox app (public)" {
		t.Fatal(got)
	}
	b.write("User name", "practitioner")
	b.write("Password", "wrong")
	b.press("Sign in")
	if !strings.Contains(b.text, `role="alert"`) || !strings.Contains(b.text, `value="practitioner"`) {
		t.Errorf("a wrong password: %s", b.text)
	}
	b.press(practitioner)
	if b.title() != "Choose a patient" {
		t.Fatal(b.title())
	}
	b.write("Search by name, birth date or identifier", "nobody")
	b.press("Search")
	if !strings.Contains(b.text, "fits “nobody”") {
		t.Error(b.text)
	}
	b.page = nil
	b.authorize("launch/patient patient/Observation.rs openid fhirUser offline_access")
	b.press("Continue")
	if !strings.Contains(b.text, `role="alert"`) {
		t.Error("nothing was chosen, and nothing is said")
	}
	b.tick("Amy Shaw", true)
	b.press("Continue")
	if b.title() != "Allow Sandbox app (public) to do this?" || !strings.Contains(b.text, "Amy Shaw, female, born 1987-02-20") {
		t.Fatal(b.text)
	}
	answer := w.redeem(b.press("Allow"))
	if answer["patient"] != "a" || answer["id_token"] == nil {
		t.Errorf("%v", answer)
	}

	// The page of what was allowed takes it back.
	b.visit("GET", w.url+"/auth/manage", nil)
	if b.title() != "Your apps" || !strings.Contains(b.text, "Read and search observations of this patient") {
		t.Fatal(b.text)
	}
	token, _ := answer["access_token"].(string)
	if len(w.ids(token, "Observation")) != 2 {
		t.Error("the token does not work")
	}
	b.press("Withdraw")
	if !strings.Contains(b.text, "No app may do anything") {
		t.Error(b.text)
	}
	if status, _ := w.call(token, "GET", "/fhir/Observation", ""); status != 401 {
		t.Errorf("after it was withdrawn: %d", status)
	}
	b.press("Sign out")
	if b.title() != "You are signed out" && b.title() != "Sign out?" {
		t.Error(b.title())
	}
}

// Every way out of the flow leads back to the app with access_denied.
func TestCancelEverywhere(t *testing.T) {
	w := open(t, nil, nil)
	denied := func(to string) {
		t.Helper()
		if u, err := url.Parse(to); err != nil || !strings.HasPrefix(to, redirect) || u.Query().Get("error") != "access_denied" {
			t.Errorf("leads to %q", to)
		}
	}
	b := w.browser()
	b.authorize("launch/patient patient/Observation.rs")
	denied(b.press("Cancel"))
	b.authorize("launch/patient patient/Observation.rs")
	b.press(practitioner)
	denied(b.press("Cancel"))
	b.authorize("launch/patient patient/Observation.rs")
	b.tick("Amy Shaw", true)
	b.press("Continue")
	denied(b.press("Deny"))
}

// consent goes to the consent page for patient a.
func (b *browser) consent(scopes string) {
	b.w.t.Helper()
	b.authorize("launch/patient " + scopes)
	if strings.HasPrefix(b.title(), "Sign in") {
		b.press(practitioner)
	}
	b.tick("Amy Shaw", true)
	if to := b.press("Continue"); to != "" {
		b.w.t.Fatalf("nobody is asked: %s", to)
	}
}

// A scope that an administrator has approved is granted and not shown; another can be unticked, and is then not in the
// token.
func TestS2_15_ApprovedScopesAreNotAsked(t *testing.T) {
	w := open(t, nil, nil)
	if status, text := w.call(adminKey, "GET", "/api/clients/sandbox-public", ""); status == 200 {
		var c auth.Client
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		c.AutoApprove = "patient/Condition.rs"
		if err := w.auth.PutClient(context.Background(), c, ""); err != nil {
			t.Fatal(err)
		}
	} else {
		t.Fatalf("%d %s", status, text)
	}
	b := w.browser()
	b.consent("patient/Condition.rs patient/Observation.rs patient/Patient.rs")
	if strings.Contains(b.text, `value="patient/Condition.rs"`) {
		t.Error("it is asked about what is approved")
	}
	b.tick("Read and search observations of this patient", false)
	answer := w.redeem(b.press("Allow"))
	if got, _ := answer["scope"].(string); !sameWords(got, "launch/patient patient/Condition.rs patient/Patient.rs") {
		t.Errorf("scope %q", got)
	}
}

// What an administrator says of a scope is what people read, in their language.
func TestS2_16_DescriptionsOfOnesOwn(t *testing.T) {
	texts, err := words.Read(strings.NewReader(`{
		"en": {"scopes": {"patient/Observation.read": "See how you are doing"}},
		"de": {"scopes": {"patient/Observation.rs": "Sehen, wie es Ihnen geht"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, texts, nil)
	for _, c := range []struct{ lang, want string }{
		{"en-IE,en;q=0.9", `<span>See how you are doing</span>`},
		{"de-AT,de;q=0.9", `<span lang="de-AT">Sehen, wie es Ihnen geht</span>`},
		{"fr", `<span>See how you are doing</span>`},
	} {
		b := w.browser()
		b.lang = c.lang
		b.consent("patient/Observation.rs patient/Condition.rs")
		if !strings.Contains(b.text, c.want) || !strings.Contains(b.text, "<span>Read and search conditions of this patient</span>") {
			t.Errorf("%s lacks %s: %s", c.lang, c.want, b.text)
		}
	}
}

// A person allows a part: what is unticked is neither in the answer nor in the data, and a type can be narrowed to
// some of its categories.
func TestS3_17_APartIsAllowed(t *testing.T) {
	w := open(t, nil, nil)
	b := w.browser()
	b.consent("patient/Observation.rs patient/Condition.rs")
	b.tick("Read and search conditions of this patient", false)
	answer := w.redeem(b.press("Allow"))
	token, _ := answer["access_token"].(string)
	if scope, _ := answer["scope"].(string); !sameWords(scope, "launch/patient patient/Observation.rs") {
		t.Errorf("scope %q", answer["scope"])
	}
	if status, _ := w.call(token, "GET", "/fhir/Condition", ""); status != 403 || len(w.ids(token, "Observation")) != 2 {
		t.Errorf("conditions: %d", status)
	}

	b.consent("patient/Observation.rs")
	b.tick("Only category laboratory", true)
	answer = w.redeem(b.press("Allow"))
	token, _ = answer["access_token"].(string)
	if scope, _ := answer["scope"].(string); !strings.Contains(scope, "patient/Observation.rs?category=") || !strings.Contains(scope, "laboratory") {
		t.Errorf("scope %q", answer["scope"])
	}
	if got := w.ids(token, "Observation"); len(got) != 1 || got[0] != "lab" {
		t.Errorf("sees %v", got)
	}

	b.consent("patient/Observation.rs")
	b.tick("Read and search observations of this patient", false)
	if to := b.press("Allow"); to != "" || !strings.Contains(b.text, `role="alert"`) {
		t.Errorf("nothing is left to allow: %s", to)
	}
}

// Consent lists exactly what the client asks for, in plain words, all ticked, writes marked by a word.
func TestS5_05_ConsentInPlainWords(t *testing.T) {
	w := open(t, nil, nil)
	b := w.browser()
	b.consent("openid patient/Patient.read patient/Encounter.write patient/Observation.rs?category=laboratory offline_access")
	var asked []string
	for _, i := range b.all("input") {
		if name, _ := attr(i, "name"); name == "scope" {
			v, _ := attr(i, "value")
			asked = append(asked, v)
		}
	}
	if got, want := strings.Join(asked, " "), "patient/Patient.read patient/Encounter.write patient/Observation.rs?category=laboratory openid offline_access"; !sameWords(got, want) {
		t.Errorf("asked about %s", got)
	}
	for _, text := range []string{
		"Read and search personal details of this patient",
		"Writes Add, change and delete encounters of this patient",
		"Read and search observations of this patient, only category laboratory",
		"Know that it is you who signed in",
		"Keep this access while you are away, until you withdraw it",
	} {
		if !b.ticked(text) {
			t.Errorf("%q is not ticked", text)
		}
	}
	if b.ticked("Do not ask me again for this app") {
		t.Error("to remember is the person's wish, never ours")
	}
}

func sameWords(a, b string) bool {
	x, y := strings.Fields(a), map[string]int{}
	for _, w := range strings.Fields(b) {
		y[w]++
	}
	for _, w := range x {
		y[w]--
	}
	for _, n := range y {
		if n != 0 {
			return false
		}
	}
	return true
}

// A user who has signed in at the EHR launches an app in a frame of the EHR's page: iss is the FHIR base exactly, the
// pages on the way may stand in the frame, and nobody else may frame them.
func TestS5_08_LaunchInAFrame(t *testing.T) {
	w := open(t, nil, nil)
	b := w.browser()
	b.visit("GET", w.url+"/auth/login", nil)
	if !strings.Contains(b.policy, "frame-ancestors 'none'") {
		t.Errorf("the login can be framed: %s", b.policy)
	}
	b.press(practitioner)
	status, text := w.call(adminKey, "POST", "/api/launch", `{"client":"sandbox-public","user":"practitioner","patient":"a"}`)
	var launch struct{ Launch, URL string }
	if err := json.Unmarshal([]byte(text), &launch); err != nil || status >= 300 {
		t.Fatalf("%d %s", status, text)
	}
	if u, err := url.Parse(launch.URL); launch.URL != "" && (err != nil || u.Query().Get("iss") != w.url+"/fhir") {
		t.Errorf("launch URL %s", launch.URL)
	}
	b.authorize("launch patient/Observation.rs", "launch", launch.Launch)
	if !strings.HasPrefix(b.title(), "Allow") || !strings.Contains(b.policy, "frame-ancestors 'self'") || strings.Contains(b.policy, "script-src") {
		t.Fatalf("%s: %s", b.title(), b.policy)
	}
	if !strings.Contains(b.policy, "form-action 'self' http://127.0.0.1:4567") {
		t.Errorf("a browser would not follow the answer to the app: %s", b.policy)
	}
	if answer := w.redeem(b.press("Allow")); answer["patient"] != "a" {
		t.Errorf("%v", answer)
	}

	w = open(t, nil, func(o *auth.Options) { o.FrameAncestors = []string{"https://ehr.example.org"} })
	b = w.browser()
	b.visit("GET", w.url+"/auth/login", nil)
	if !strings.Contains(b.policy, "frame-ancestors 'self' https://ehr.example.org") {
		t.Errorf("the configured EHR may not frame the login: %s", b.policy)
	}
}
