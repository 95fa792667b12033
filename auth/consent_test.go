package auth_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/words"
)

// consent goes to the consent page of a request by a user.
func (b *browser) consent(a *app, user string, p url.Values) {
	b.w.t.Helper()
	b.open(b.w.url + "/auth/authorize?" + p.Encode())
	if strings.HasPrefix(b.title(), "Sign in") {
		b.signIn(user)
	}
	if b.title() == "Choose: Patient" {
		b.submit("pick", "choice", "a", "action", "choose")
	}
	if !strings.HasPrefix(b.title(), "Allow") {
		b.w.t.Fatalf("%s: %s", b.at, b.last.body)
	}
}

func TestS3_17_SelectASubset(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	p := a.request("launch/patient openid offline_access patient/Observation.rs patient/Condition.rs patient/Patient.r")
	b.consent(a, "practitioner", p)
	action, form := b.form("consent")
	if got := form["scope"]; len(got) != 5 {
		t.Fatalf("ticked: %v", got)
	}
	form["scope"] = []string{"openid", "patient/Observation.rs", "patient/Patient.r"}
	form.Set("action", "allow")
	answer := a.redeem(a.code(b.post(action, form), p))
	granted := strings.Fields(str(answer, "scope"))
	slices.Sort(granted)
	if want := []string{"launch/patient", "openid", "patient/Observation.rs", "patient/Patient.r"}; !slices.Equal(granted, want) {
		t.Errorf("granted %v, want %v", granted, want)
	}
	token := str(answer, "access_token")
	if answer["refresh_token"] != nil || w.reads(token, "Observation") != 200 || w.reads(token, "Condition") != 403 || w.reads(token, "Patient/a") != 200 {
		t.Errorf("%v", answer)
	}
	// A type can be narrowed to its categories.
	b.consent(a, "practitioner", p)
	action, form = b.form("consent")
	form["narrow"] = []string{"patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory", "patient/Observation.cruds?category=http://terminology.hl7.org/CodeSystem/observation-category|survey"}
	form.Set("action", "allow")
	token = str(a.redeem(a.code(b.post(action, form), p)), "access_token")
	if got := w.finds(token, "Observation"); !slices.Equal(got, []string{"a-o0"}) {
		t.Errorf("narrowed: %v", got)
	}
	// What was not asked for cannot be ticked, and nothing is not an answer.
	b.consent(a, "practitioner", p)
	action, form = b.form("consent")
	form["scope"] = []string{"patient/*.cruds", "user/*.cruds", "patient/Observation.cruds"}
	form.Set("action", "allow")
	if to := b.post(action, form); to != "" || !strings.Contains(string(b.last.body), "Tick what the app may do") {
		t.Errorf("%q %s", to, b.last.body)
	}
	if got := fault(t, b.submit("consent", "action", "deny")); got != "access_denied" {
		t.Errorf("denied: %q", got)
	}
}

func TestS3_16_RequestsBeyondTheRegistration(t *testing.T) {
	w := open(t)
	a := &app{w: w, id: "small", redirect: "https://app.example.org/cb", verifier: random()}
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: a.id, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{a.redirect},
		Scope: "launch/patient patient/Observation.rs?category=laboratory patient/Patient.r"}}, ""); err != nil {
		t.Fatal(err)
	}
	answer := a.run("patient", "openid launch/patient patient/Observation.rs patient/Patient.rs patient/Condition.rs user/*.rs")
	if got := answer["scope"]; got != "patient/Observation.rs?category=laboratory patient/Patient.r launch/patient" {
		t.Errorf("granted %v", got)
	}
	token := str(answer, "access_token")
	if got := w.finds(token, "Observation"); !slices.Equal(got, []string{"a-o0"}) || w.reads(token, "Patient") != 403 || w.reads(token, "Patient/a") != 200 || answer["id_token"] != nil {
		t.Errorf("finds %v, %v", got, answer)
	}
	if got := fault(t, w.browser().open(w.url+"/auth/authorize?"+a.request("patient/Condition.rs").Encode())); got != "invalid_scope" {
		t.Errorf("nothing is left: %q", got)
	}
}

func TestS2_09_NarrowerThanRegistered(t *testing.T) {
	w := open(t)
	a := &app{w: w, id: "wide", redirect: "https://app.example.org/cb", verifier: random()}
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: a.id, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{a.redirect}, Scope: "patient/*.read fhircast/*.read fhircast/Patient-open.*"}}, ""); err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{
		"patient/*.read": "patient/*.read", "patient/*.rs": "patient/*.rs", "patient/Observation.read": "patient/Observation.read", "patient/Observation.rs": "patient/Observation.rs",
		"patient/Observation.s":                          "patient/Observation.s",
		"patient/Observation.rs?category=laboratory":     "patient/Observation.rs?category=laboratory",
		"patient/Observation.cruds":                      "patient/Observation.rs",
		"patient/Observation.read user/Patient.rs":       "patient/Observation.read",
		"patient/Observation.read patient/Patient.write": "patient/Observation.read",
		"fhircast/Patient-close.read":                    "fhircast/Patient-close.read",
		"fhircast/Patient-open.* fhircast/*.write":       "fhircast/Patient-open.*",
		"fhircast/Patient-close.*":                       "fhircast/Patient-close.read",
	} {
		if got := a.run("patient", asked)["scope"]; got != want {
			t.Errorf("%s: granted %v, want %s", asked, got, want)
		}
	}
	for _, beyond := range []string{"patient/Observation.write", "user/Observation.rs", "patient/*.c"} {
		if got := fault(t, w.browser().open(w.url+"/auth/authorize?"+a.request(beyond).Encode())); got != "invalid_scope" {
			t.Errorf("%s: %q", beyond, got)
		}
	}
}

func TestS2_15_Approval(t *testing.T) {
	w := open(t)
	a, b := &app{w: w, id: "approved", redirect: "https://app.example.org/cb", verifier: random()}, w.browser()
	put := func(auto string) {
		t.Helper()
		if err := w.auth.PutClient(t.Context(), auth.Client{ID: a.id, AutoApprove: auto, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{a.redirect},
			Scope: "launch/patient openid patient/Observation.rs patient/Condition.rs"}}, ""); err != nil {
			t.Fatal(err)
		}
	}
	put("openid patient/Condition.rs")
	p := a.request("launch/patient openid patient/Observation.rs patient/Condition.rs")
	b.consent(a, "patient", p)
	if _, form := b.form("consent"); !slices.Equal(form["scope"], []string{"patient/Observation.rs"}) {
		t.Errorf("asked about %v", form["scope"])
	}
	answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p))
	if got := answer["scope"]; got != "patient/Observation.rs patient/Condition.rs launch/patient openid" {
		t.Errorf("granted %v", got)
	}
	// All approved: nobody is asked.
	put("openid patient/*.rs")
	p = a.request("launch/patient openid patient/Observation.rs patient/Condition.rs")
	if answer := a.redeem(a.code(b.open(w.url+"/auth/authorize?"+p.Encode()), p)); answer["patient"] != "a" {
		t.Errorf("%v", answer)
	}
}

// Consent is remembered on wish, for what was consented to, by whom, for that address.
func TestConsentIsRemembered(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	asks := func(scopes string) bool {
		t.Helper()
		to := b.open(w.url + "/auth/authorize?" + a.request(scopes).Encode())
		return to == ""
	}
	scopes := "launch/patient patient/Observation.rs patient/Condition.rs"
	p := a.request(scopes)
	b.consent(a, "patient", p)
	b.submit("consent", "action", "allow")
	if !asks(scopes) {
		t.Error("remembered without a wish")
	}
	b.submit("consent", "action", "allow", "remember", "yes")
	if asks(scopes) || asks("launch/patient patient/Observation.rs?category=laboratory") {
		t.Error("not remembered")
	}
	if !asks(scopes + " patient/Patient.rs") {
		t.Error("more was granted than was consented to")
	}
	a.redirect = "http://127.0.0.1:4567/other"
	if !asks(scopes) {
		t.Error("another address is answered without a question")
	}
	real := open(t, func(o *auth.Options) { o.Sandbox = false })
	for _, c := range []struct {
		app  string
		asks bool
	}{{"sandbox-public", false}, {"sandbox-secret", true}} {
		x, y := real.app(c.app), real.browser()
		y.consent(x, "patient", x.request(scopes))
		if offered := strings.Contains(string(y.last.body), `name="remember"`); offered != c.asks {
			t.Errorf("%s on this machine: remembering is offered: %v", c.app, offered)
		}
	}
}

func TestS2_16_ScopesInOnesOwnWords(t *testing.T) {
	texts, err := words.Read(strings.NewReader(`{"en": {"scopes": {"patient/Observation.rs": "See your test results"}}, "de": {"scopes": {"patient/Observation.rs": "Ihre Befunde sehen"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, func(o *auth.Options) { o.Texts = texts })
	a := w.app("sandbox-public")
	for lang, want := range map[string]string{"": "See your test results", "fr": "See your test results", "de-AT, en;q=0.5": "Ihre Befunde sehen"} {
		b := w.browser()
		b.language = lang
		b.consent(a, "patient", a.request("patient/Observation.rs"))
		if !strings.Contains(string(b.last.body), want) {
			t.Errorf("%q: %s", lang, b.last.body)
		}
	}
}

func TestS5_05_ConsentInPlainWords(t *testing.T) {
	w := open(t)
	a, b := w.app("sandbox-public"), w.browser()
	b.consent(a, "patient", a.request("launch/patient openid fhirUser offline_access patient/Patient.r patient/Encounter.cu user/Observation.s system/*.rs"))
	page := text(b.page)
	for _, scope := range []string{"openid", "fhirUser", "offline_access", "patient/Patient.r", "patient/Encounter.cu", "user/Observation.s"} {
		if sentence, _ := (words.Texts{}).Sentence(scope, "en"); !strings.Contains(page, sentence) || sentence == scope {
			t.Errorf("the page does not say %q:\n%s", sentence, page)
		}
	}
	for _, part := range []string{"Sandbox app (public)", "Amya Shaw, female, born 1987-02-20", "127.0.0.1:4567", "Writes:", "Not possible here: system/*.rs"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q:\n%s", part, page)
		}
	}
	if _, form := b.form("consent"); len(form["scope"]) != 6 {
		t.Errorf("boxes: %v", form["scope"])
	}
}

func TestS2_17_CustomScopes(t *testing.T) {
	w := open(t)
	a := &app{w: w, id: "custom", redirect: "https://app.example.org/cb", verifier: random()}
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: a.id, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{a.redirect},
		Scope: "openid reports:read https://x.test/scope patient/Patient.r"}}, ""); err != nil {
		t.Fatal(err)
	}
	answer := a.run("patient", "openid reports:read https://x.test/scope reports:write patient/Patient.r")
	if got := answer["scope"]; got != "patient/Patient.r openid reports:read https://x.test/scope" {
		t.Errorf("granted %v", got)
	}
	token := str(answer, "access_token")
	if w.reads(token, "Patient/a") != 200 || w.reads(token, "Observation") != 403 {
		t.Error("a custom scope has an effect on data")
	}
}

func TestS4_12_ExtensionScopes(t *testing.T) {
	texts, err := words.Read(strings.NewReader(`{"en": {"scopes": {"__billing": "See your bills"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, func(o *auth.Options) { o.Texts = texts })
	a, b := &app{w: w, id: "billing", redirect: "https://app.example.org/cb", verifier: random()}, w.browser()
	if err := w.auth.PutClient(t.Context(), auth.Client{ID: a.id, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{a.redirect}, Scope: "__billing"}}, ""); err != nil {
		t.Fatal(err)
	}
	p := a.request("__billing __other")
	b.consent(a, "patient", p)
	if !strings.Contains(string(b.last.body), "See your bills") {
		t.Errorf("%s", b.last.body)
	}
	answer := a.redeem(a.code(b.submit("consent", "action", "allow"), p))
	if answer["scope"] != "__billing" || w.reads(str(answer, "access_token"), "Patient/a") != 403 {
		t.Errorf("%v", answer)
	}
}

func TestS2_14_AllUserAuthorities(t *testing.T) {
	register := func(w *site) *app {
		t.Helper()
		a := &app{w: w, id: "all", redirect: "https://app.example.org/cb", verifier: random()}
		if err := w.auth.PutClient(t.Context(), auth.Client{ID: a.id, Metadata: auth.Metadata{AuthMethod: "none", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{a.redirect},
			Scope: "openid cdr_all_user_authorities patient/Patient.r"}}, ""); err != nil {
			t.Fatal(err)
		}
		return a
	}
	off := open(t)
	a := register(off)
	if got := a.run("patient", "patient/Patient.r cdr_all_user_authorities")["scope"]; got != "patient/Patient.r" {
		t.Errorf("off: granted %v", got)
	}
	w := open(t, func(o *auth.Options) { o.AllAuthorities = true })
	a = register(w)
	b := w.browser()
	p := a.request("cdr_all_user_authorities patient/Patient.r")
	b.consent(a, "patient", p)
	if !strings.Contains(string(b.last.body), "everything that you may do") {
		t.Errorf("no warning: %s", b.last.body)
	}
	token := str(a.redeem(a.code(b.submit("consent", "action", "allow"), p)), "access_token")
	if got := w.finds(token, "Observation"); len(got) != 3 || got[0][0] != 'a' {
		t.Errorf("finds %v", got)
	}
	if status := w.call(token, "POST", "/fhir/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}}`).status; status != 201 {
		t.Errorf("create: %d", status)
	}
	if status := w.reads(token, "Observation/b-o0"); status != 404 {
		t.Errorf("beyond what the user may: %d", status)
	}
}
