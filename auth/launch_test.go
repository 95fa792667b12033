package auth_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/launch"
)

func TestS1_01_StandaloneLaunch(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	// A practitioner chooses from all, a patient is the one.
	for _, user := range []string{"practitioner", "patient"} {
		answer := a.run(user, "launch/patient openid fhirUser patient/*.rs")
		if answer["patient"] != "a" || answer["token_type"] != "Bearer" || answer["scope"] == nil || answer["expires_in"] != 3600.0 {
			t.Errorf("%s: %v", user, answer)
		}
		token := str(answer, "access_token")
		if got := w.finds(token, "Observation"); len(got) != 3 || slices.ContainsFunc(got, func(id string) bool { return id[0] != 'a' }) {
			t.Errorf("%s finds %v", user, got)
		}
		if status := w.reads(token, "Patient/b"); status != 404 {
			t.Errorf("%s reads Patient/b: %d", user, status)
		}
	}
}

// ehr puts a launch aside by the API and gives the launch value, checked against its URL.
func (w *site) ehr(change map[string]any) string {
	w.t.Helper()
	body := map[string]any{"client": "sandbox-public", "app": "http://127.0.0.1:4567/launch"}
	for k, v := range change {
		body[k] = v
	}
	answer := w.api("POST", "launch", body)
	want := "http://127.0.0.1:4567/launch?" + url.Values{"iss": {w.fhir}, "launch": {str(answer, "launch")}}.Encode()
	if answer["url"] != want {
		w.t.Errorf("launch URL %v, want %s", answer["url"], want)
	}
	return str(answer, "launch")
}

func TestS1_02_EHRLaunch(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	id := w.ehr(map[string]any{"user": "practitioner", "patient": "b", "encounter": "b-e0", "intent": "reconcile"})
	answer := a.run("practitioner", "launch patient/*.rs", "launch", id)
	if answer["patient"] != "b" || answer["encounter"] != "b-e0" || answer["intent"] != "reconcile" {
		t.Errorf("answer: %v", answer)
	}
	if got := w.finds(str(answer, "access_token"), "Observation"); len(got) != 3 || got[0][0] != 'b' {
		t.Errorf("finds %v", got)
	}

	refused := func(what, app, user, scopes, id, code string) {
		t.Helper()
		a, b := w.app(app), w.browser()
		to := b.open(w.url + "/auth/authorize?" + a.request(scopes, "launch", id).Encode())
		if to == "" && user != "" {
			to = b.signIn(user)
		}
		if got := fault(t, to); got != code {
			t.Errorf("%s: %q, want %q (%s)", what, got, code, b.last.body)
		}
	}
	refused("used before", "sandbox-public", "", "launch patient/*.rs", id, "invalid_request")
	refused("never given", "sandbox-public", "", "launch patient/*.rs", random(), "invalid_request")
	refused("of another app", "sandbox-secret", "", "launch patient/*.rs", w.ehr(nil), "invalid_request")
	refused("of another user", "sandbox-public", "admin", "launch patient/*.rs", w.ehr(map[string]any{"user": "practitioner", "patient": "a"}), "access_denied")
	refused("without the scope", "sandbox-public", "", "patient/*.rs", w.ehr(nil), "invalid_scope")
	late := w.ehr(nil)
	w.wait(auth.DefaultLife.Launch)
	refused("too late", "sandbox-public", "", "launch patient/*.rs", late, "invalid_request")
}

func TestS1_23_NoPatientNoPatientScope(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	// Without launch/patient, too, a patient is asked for; who chooses none gets nothing.
	p := a.request("patient/Observation.rs")
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.signIn("practitioner")
	if b.title() != "Choose: Patient" {
		t.Fatalf("page %q", b.title())
	}
	if to := b.submit("pick", "action", "choose"); to != "" || !strings.Contains(string(b.last.body), "Choose one.") {
		t.Errorf("nothing chosen: %q %s", to, b.last.body)
	}
	if to := b.submit("pick", "action", "none"); to != "" {
		t.Errorf("without: %q", to)
	}
	if got := fault(t, b.submit("pick", "action", "cancel")); got != "access_denied" {
		t.Errorf("cancelled: %q", got)
	}
	if _, err := w.auth.Mint(t.Context(), auth.Mint{Client: "sandbox-public", Scope: "patient/*.rs", User: "practitioner"}); err == nil {
		t.Error("a token was minted")
	}
}

// Where a context comes from: the launch, then what the user works with in this browser, then the user's default if
// there is one, then a question.
func TestS2_03_OrderOfContexts(t *testing.T) {
	w := open(t)
	ctx := t.Context()
	practitioner := auth.User{Name: "practitioner", FHIRUser: "Practitioner/p", Policy: "all"}
	put := func(defaults ...launch.Context) {
		t.Helper()
		u := practitioner
		u.Contexts = defaults
		if err := w.auth.PutUser(ctx, u, ""); err != nil {
			t.Fatal(err)
		}
	}
	a, b := w.app("sandbox-public"), w.browser()
	asked := func() string { // the patient, or the title of the page
		t.Helper()
		p := a.request("launch/patient patient/*.rs")
		to := b.open(w.url + "/auth/authorize?" + p.Encode())
		if strings.HasPrefix(b.title(), "Sign in") {
			to = b.signIn("practitioner")
		}
		if !strings.HasPrefix(b.title(), "Allow") {
			return b.title()
		}
		to = b.submit("consent", "action", "allow")
		return str(a.redeem(a.code(to, p)), "patient")
	}
	if got := asked(); got != "Choose: Patient" {
		t.Errorf("nothing is known: %q", got)
	}
	put(launch.Context{Patient: "b"})
	if got := asked(); got != "b" {
		t.Errorf("one default: %q", got)
	}
	put(launch.Context{Patient: "b"}, launch.Context{Patient: "a"})
	if got := asked(); got != "Choose: Patient" {
		t.Errorf("two defaults: %q", got)
	}
	put(launch.Context{Patient: "nobody"})
	if got := asked(); got != "Choose: Patient" {
		t.Errorf("a default that is not there: %q", got)
	}
	put(launch.Context{Patient: "b"})
	v, ok := b.visitor()
	if !ok {
		t.Fatal("nobody has signed in")
	}
	if err := w.auth.SetContext(ctx, v, launch.Context{Patient: "a"}); err != nil {
		t.Fatal(err)
	}
	if got := asked(); got != "a" {
		t.Errorf("what the user works with: %q", got)
	}
	p := a.request("launch launch/patient patient/*.rs", "launch", w.ehr(map[string]any{"patient": "b"}))
	b.open(w.url + "/auth/authorize?" + p.Encode())
	if got := str(a.redeem(a.code(b.submit("consent", "action", "allow"), p)), "patient"); got != "b" {
		t.Errorf("a launch: %q", got)
	}
}

func TestS2_04_LaunchEncounter(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch/patient launch/encounter patient/*.rs")
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.signIn("practitioner")
	b.submit("pick", "choice", "b", "action", "choose")
	if b.title() != "Choose: Encounter" || strings.Contains(string(b.last.body), "a-e0") || !strings.Contains(string(b.last.body), "b-e1") {
		t.Fatalf("%s: %s", b.title(), b.last.body)
	}
	// The encounter of another patient is not one of the choices.
	if got := fault(t, b.submit("pick", "choice", "a-e0", "action", "choose")); got != "access_denied" {
		t.Errorf("a foreign encounter: %q", got)
	}
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.submit("pick", "choice", "b", "action", "choose")
	b.submit("pick", "choice", "b-e1", "action", "choose")
	answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p))
	if answer["patient"] != "b" || answer["encounter"] != "b-e1" {
		t.Errorf("answer: %v", answer)
	}
	// It is optional.
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.submit("pick", "choice", "b", "action", "choose")
	b.submit("pick", "action", "none")
	if answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p)); answer["encounter"] != nil || answer["patient"] != "b" {
		t.Errorf("without: %v", answer)
	}
}

func TestS2_05_LaunchLocation(t *testing.T) {
	w := open(t)
	for _, id := range []string{"ward", "room"} {
		w.call(adminKey, "PUT", "/fhir/Location/"+id, `{"resourceType":"Location","id":"`+id+`","name":"The `+id+`"}`)
	}
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch/location openid")
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.signIn("practitioner")
	if b.title() != "Choose: Location" {
		t.Fatalf("page %q", b.title())
	}
	// The page searches.
	action, values := b.form("search")
	values.Set("q", "room")
	b.open(action + "?" + values.Encode())
	if text := string(b.last.body); strings.Contains(text, "The ward") || !strings.Contains(text, "The room") {
		t.Errorf("searched: %s", text)
	}
	b.submit("pick", "choice", "ward", "action", "choose")
	answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p))
	if answer["location"] != "ward" || !slices.Contains(references(answer), "Location/ward") {
		t.Errorf("answer: %v", answer)
	}
}

// references are those of fhirContext.
func references(answer map[string]any) (list []string) {
	items, _ := answer["fhirContext"].([]any)
	for _, i := range items {
		m, _ := i.(map[string]any)
		list = append(list, str(m, "reference"))
	}
	return list
}

// Every context that the EHR has set is told.
func TestS2_06_AllContexts(t *testing.T) {
	w := open(t)
	id := w.ehr(map[string]any{"patient": "a", "encounter": "a-e0", "intent": "order-review", "needPatientBanner": false, "smartStyleUrl": "https://x.test/style.json", "tenant": "north",
		"others":      map[string]string{"location": "ward"},
		"fhirContext": []any{map[string]any{"reference": "ImagingStudy/1"}, map[string]any{"reference": "Patient/b", "role": "https://x.test/donor"}, map[string]any{"canonical": "http://x.test/q|1", "type": "Questionnaire"}}})
	answer := w.app("sandbox-public").run("practitioner", "launch patient/*.rs", "launch", id)
	for name, want := range map[string]any{"patient": "a", "encounter": "a-e0", "intent": "order-review", "need_patient_banner": false,
		"smart_style_url": "https://x.test/style.json", "tenant": "north", "location": "ward"} {
		if answer[name] != want {
			t.Errorf("%s: %v, want %v", name, answer[name], want)
		}
	}
	if got := references(answer); !slices.Equal(got, []string{"ImagingStudy/1", "Patient/b", "", "Location/ward"}) {
		t.Errorf("fhirContext: %v", answer["fhirContext"])
	}
	for _, bad := range []map[string]any{{"patient": "a/b"}, {"fhirContext": []any{map[string]any{"reference": "Patient/a"}}}, {"fhirContext": []any{map[string]any{}}},
		{"fhirContext": []any{map[string]any{"reference": "https://x.test/ImagingStudy/1"}}}, {"others": map[string]string{"nothing": "1"}}, {"user": "nobody"}, {"client": "nobody"}, {"pateint": "a"}, {"app": "javascript:alert(1)"}, {"app": "/launch"}} {
		body := `{"client":"sandbox-public"`
		for k, v := range bad {
			body += `,"` + k + `":` + encode(t, v)
		}
		if a := w.call(adminKey, "POST", "/api/launch", body+"}"); a.status < 400 || a.status >= 500 {
			t.Errorf("%v: %d %s", bad, a.status, a.body)
		}
	}
	if a := w.call("", "POST", "/api/launch", `{"client":"sandbox-public"}`); a.status != 401 {
		t.Errorf("without the key: %d", a.status)
	}
}

// launch/type of any type is answered, as a parameter and in fhirContext.
func TestS4_11_LaunchOfAnyType(t *testing.T) {
	w := open(t)
	w.call(adminKey, "PUT", "/fhir/EpisodeOfCare/x", `{"resourceType":"EpisodeOfCare","id":"x","status":"active","patient":{"reference":"Patient/a"}}`)
	w.call(adminKey, "PUT", "/fhir/EpisodeOfCare/y", `{"resourceType":"EpisodeOfCare","id":"y","status":"active","patient":{"reference":"Patient/b"}}`)
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch/episodeofcare launch/practitioner openid launch/nothing")
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.signIn("practitioner")
	if b.title() != "Choose: EpisodeOfCare" {
		t.Fatalf("page %q: %s", b.title(), b.last.body)
	}
	b.submit("pick", "choice", "x", "action", "choose")
	answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p)) // the one practitioner needs no question
	if answer["episodeofcare"] != "x" || answer["practitioner"] != "p" || !slices.Contains(references(answer), "EpisodeOfCare/x") || strings.Contains(str(answer, "scope"), "nothing") {
		t.Errorf("answer: %v", answer)
	}
}

func TestS5_01_FourLaunches(t *testing.T) {
	w := open(t)
	for _, c := range []struct{ name, user, scopes, launch string }{
		{"patient, standalone", "patient", "launch/patient patient/*.rs", ""},
		{"provider, standalone", "practitioner", "launch/patient patient/*.rs", ""},
		{"patient, from the portal", "patient", "launch patient/*.rs", w.ehr(map[string]any{"user": "patient", "patient": "a"})},
		{"provider, from the EHR", "practitioner", "launch patient/*.rs", w.ehr(map[string]any{"user": "practitioner", "patient": "a"})},
	} {
		answer := w.app("sandbox-public").run(c.user, c.scopes, "launch", c.launch)
		if answer["patient"] != "a" || w.reads(str(answer, "access_token"), "Patient/a") != 200 || w.reads(str(answer, "access_token"), "Patient/b") != 404 {
			t.Errorf("%s: %v", c.name, answer)
		}
	}
}

func TestS5_04_StandaloneAsksByScope(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	// The scope launch means nothing without a launch, and is not granted.
	answer := a.run("practitioner", "launch launch/patient patient/*.rs")
	if answer["patient"] != "a" || slices.Contains(strings.Fields(str(answer, "scope")), "launch") {
		t.Errorf("answer: %v", answer)
	}
}

// The EHR holds the app in a frame, and the app's request comes in that frame: what our own origin holds may be shown
// there, a password is never typed there, and a session needs none.
func TestS5_08_InAFrame(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	b.open(w.url + "/auth/login?next=/")
	if policy := b.last.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("login: %s", policy)
	}
	b.signIn("practitioner")
	p := a.request("launch patient/*.rs", "launch", w.ehr(map[string]any{"user": "practitioner", "patient": "b"}))
	if to := b.open(w.url + "/auth/authorize?" + p.Encode()); to != "" || !strings.HasPrefix(b.title(), "Allow") {
		t.Fatalf("%q %q", to, b.title())
	}
	policy := b.last.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "frame-ancestors 'self'") || !strings.Contains(policy, "form-action 'self' http://127.0.0.1:4567") || strings.Contains(policy, "unsafe") {
		t.Errorf("consent: %s", policy)
	}
	if answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p)); answer["patient"] != "b" {
		t.Errorf("answer: %v", answer)
	}
	other := open(t, func(o *auth.Options) { o.FrameAncestors = []string{"https://ehr.example.org"} })
	c := other.browser()
	c.open(other.url + "/auth/login")
	if policy := c.last.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'self' https://ehr.example.org") {
		t.Errorf("configured: %s", policy)
	}
}

func TestS5_09_EHRLaunchWithoutAPatient(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch launch/patient patient/*.rs", "launch", w.ehr(map[string]any{"user": "practitioner", "intent": "x"}))
	b.open(w.url + "/auth/authorize?" + p.Encode())
	b.signIn("practitioner")
	if b.title() != "Choose: Patient" {
		t.Fatalf("page %q", b.title())
	}
	b.submit("pick", "choice", "b", "action", "choose")
	if answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p)); answer["patient"] != "b" || answer["intent"] != "x" {
		t.Errorf("answer: %v", answer)
	}
}

func TestS5_10_TokenAnswer(t *testing.T) {
	w := open(t)
	a := w.app("sandbox-public")
	code := a.approve(w.browser(), "practitioner", "launch/patient launch/encounter patient/*.rs")
	res := a.exchange(code)
	answer := res.json(t)
	if answer["patient"] != "a" || answer["encounter"] != "a-e0" || answer["need_patient_banner"] != true || answer["smart_style_url"] != w.url+"/auth/style.json" {
		t.Errorf("answer: %v", answer)
	}
	if res.header.Get("Cache-Control") != "no-store" || res.header.Get("Pragma") != "no-cache" || res.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", res.header)
	}
	style := w.call("", "GET", str(answer, "smart_style_url"), "")
	if style.json(t)["color_background"] == nil || style.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("style: %s", style.body)
	}
}

func TestSandboxLaunchWithoutPages(t *testing.T) {
	w := open(t)
	skip := map[string]any{"user": "practitioner", "patient": "b", "skipLogin": true, "skipConsent": true}
	a := w.app("sandbox-public")
	p := a.request("launch patient/*.rs", "launch", w.ehr(skip))
	if answer := a.redeem(a.code(w.browser().open(w.url+"/auth/authorize?"+p.Encode()), p)); answer["patient"] != "b" {
		t.Errorf("answer: %v", answer)
	}
	real := open(t, func(o *auth.Options) { o.Sandbox = false })
	p = real.app("sandbox-public").request("launch patient/*.rs", "launch", real.ehr(skip))
	b := real.browser()
	if to := b.open(real.url + "/auth/authorize?" + p.Encode()); to != "" || !strings.HasPrefix(b.title(), "Sign in") {
		t.Errorf("outside of the sandbox: %q %q", to, b.title())
	}
}

// A request that nobody finishes ends.
func TestAFlowEnds(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	b.open(w.url + "/auth/authorize?" + a.request("launch/patient patient/*.rs").Encode())
	w.wait(auth.DefaultLife.Flow + time.Second)
	if to := b.signIn("practitioner"); to != "" || b.last.status != 400 || !strings.Contains(string(b.last.body), "begin again") {
		t.Errorf("%q %d %s", to, b.last.status, b.last.body)
	}
}
