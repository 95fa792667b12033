package browser

import (
	"strings"
	"testing"
)

// TestYourApps: the page of what one has allowed takes it back, and the token is dead with the next request.
func TestYourApps(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	b.open(a.launch("launch/patient offline_access patient/Patient.rs"))
	b.signIn()
	b.pickFirst()
	b.heading("Allow")
	b.press("Allow")
	got := b.ready()
	if status, _ := s.call(got.Token, "GET", "/fhir/Patient/"+got.Patient, ""); status != 200 {
		t.Fatalf("the token: %d", status)
	}
	b.open(s.url + "/auth/manage")
	b.heading("Your apps")
	for _, words := range []string{"Sandbox app (public)", "Read and search personal details of this patient", "works while you are away", "Withdraw"} {
		if !strings.Contains(b.text("document.querySelector('article').innerText"), words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	b.press("Withdraw")
	b.until("the grant to be gone", element("p", "No app may do anything in your name"))
	b.heading("Your apps")
	if status, _ := s.call(got.Token, "GET", "/fhir/Patient/"+got.Patient, ""); status != 401 {
		t.Errorf("the token of what was withdrawn: %d", status)
	}
	b.open(a.url)
	b.ready()
	b.expect("status of 401") // the app's request, and its try to refresh
	b.refused("client.refresh()", 400)
	b.refused("client.request('Patient')", 401)
}

// TestRememberedConsent: nobody is asked twice who wished so, until more is asked for or it is withdrawn.
func TestRememberedConsent(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	narrow, wide := "launch patient/Patient.rs", "launch patient/Patient.rs patient/Condition.rs"
	launch := func(scopes string) {
		b.open(a.launched(scopes, map[string]any{"user": "practitioner", "patient": "patient-001"}))
	}
	launch(narrow)
	b.signIn()
	b.heading("Allow")
	if b.text("document.querySelector('#remember').checked") != "false" {
		t.Error("to remember is the person's wish")
	}
	b.choose("Do not ask me again")
	b.press("Allow")
	b.ready()
	launch(narrow)
	b.ready()
	launch(wide)
	b.heading("Allow")
	b.open(s.url + "/auth/manage")
	b.heading("Your apps")
	b.press("Withdraw")
	b.until("what was done", element("p", "It is withdrawn"))
	launch(narrow)
	b.heading("Allow")
}

// TestByKeyboardWithoutScript: the whole way without a mouse, and with no script in any page of ours.
func TestByKeyboardWithoutScript(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	b.open(a.launch("launch/patient patient/Patient.rs patient/Observation.rs"))
	b.heading("Sign in")
	b.withoutScript(true)
	b.tabTo("User name")
	b.key("practitioner\t")
	b.key("wrong\r")
	b.until("the fault", element("li", "The user name or the password is wrong"))
	b.until("the focus to be on what is wrong", "document.activeElement.getAttribute('role') === 'alert'")
	b.picture("wrong password")
	b.tabTo("Password")
	b.key("sandbox\r")
	b.heading("Choose")
	b.tabTo("Search by name")
	b.key("alma\r")
	b.until("the patient that was searched for", element("p", "There is one to choose from"))
	b.tabTo("Alma")
	b.tabTo("Continue")
	b.key("\r")
	b.heading("Allow")
	b.tabTo("Read and search observations")
	b.key(" ")
	b.tabTo("Allow")
	b.withoutScript(false)
	b.key("\r")
	if got := b.ready(); strings.Contains(got.Scope, "Observation") || got.Patient != "patient-001" {
		t.Errorf("the app got %+v", got)
	}
}

// TestTheirLanguage: what scopes are called is in the language of the person, as far as somebody has said it there.
func TestTheirLanguage(t *testing.T) {
	texts := file(t, "texts.json", `{"en": {"scopes": {"patient/Observation.rs": "See how you are doing"}},
		"ga": {"scopes": {"patient/Observation.rs": "Féach conas atá tú"}}}`)
	s := sandbox(t, "--config", file(t, "firewarden.yaml", "scope-texts: "+texts))
	a := s.app("sandbox-public")
	for languages, want := range map[string]string{"ga-IE,ga;q=0.9,en;q=0.5": "Féach conas atá tú", "en-IE": "See how you are doing", "fr": "See how you are doing"} {
		b := chromium(t)
		b.languages(languages)
		b.open(a.launched("launch patient/Observation.rs", map[string]any{"user": "practitioner", "patient": "patient-001"}))
		b.signIn()
		b.heading("Allow")
		b.until(want, element("label", want))
		if lang, foreign := b.text(element("label", want)+".querySelector('[lang]')?.lang"), strings.HasPrefix(languages, "ga"); foreign != (lang != "") {
			t.Errorf("%s: the text is said to be in %q", languages, lang)
		}
	}
}

// TestAllRights: an app that asks for everything that its user may do is warned of plainly, and gets it if it is allowed.
func TestAllRights(t *testing.T) {
	s := sandbox(t, "--config", file(t, "firewarden.yaml", `
all-authorities: true
clients:
  - client_id: everything
    client_name: Everything app
    token_endpoint_auth_method: none
    grant_types: [authorization_code, refresh_token]
    redirect_uris: ["http://127.0.0.1/"]
    scope: launch patient/*.rs cdr_all_user_authorities offline_access
`))
	a, b := s.app("everything"), chromium(t)
	launch := func(scopes string) {
		b.open(a.launched(scopes, map[string]any{"user": "practitioner", "patient": "patient-001"}))
	}
	launch("launch patient/Patient.rs cdr_all_user_authorities")
	b.signIn()
	b.heading("Allow")
	b.until("the warning", element("[role=note]", "This app asks for everything that you may do yourself."))
	b.press("Allow")
	b.ready()
	if n := b.text("client.request('Patient?_summary=count').then(s => s.total)"); n != "12" {
		t.Errorf("with all rights of the practitioner the app sees %s patients", n)
	}
	launch("launch patient/Patient.rs")
	b.heading("Allow")
	if b.text("document.querySelectorAll('[role=note]').length") != "0" {
		t.Error("an app that asks for little is warned of")
	}
	b.press("Allow")
	b.ready()
	if n := b.text("client.request('Patient?_summary=count').then(s => s.total)"); n != "1" {
		t.Errorf("without, the app sees %s patients", n)
	}
}

// TestNobodyFramesTheLogin: a page of another origin that puts our login into a frame shows nothing of it.
func TestNobodyFramesTheLogin(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	b.open(a.url + "/bye")
	b.expect("frame-ancestors")
	b.text(`new Promise(done => { const f = document.createElement("iframe"); f.onload = done; f.src = ` + quote(s.url+"/auth/login") + `; document.body.append(f) })`)
	if seen := b.text("(() => { try { return frames[0].document?.body?.innerText } catch (e) { return '' } })()"); strings.Contains(seen, "Password") {
		t.Errorf("the frame shows %q", seen)
	}
}

// TestOwnPages: the other pages of the server, from the first start on, are in order and do what they say.
func TestOwnPages(t *testing.T) {
	s := sandbox(t)
	b := chromium(t)
	b.open(s.url)
	b.heading("Your sandbox EHR")
	b.open(s.url + "/docs")
	b.heading("The API")
	b.open(s.url + "/auth/apps/new")
	b.heading("Sign in")
	b.press("Demo admin")
	b.heading("Register an app")
	b.write("Name", "Heart watch")
	b.write("Redirect", "http://heart.example.org/callback")
	b.press("Register")
	b.until("what is wrong", "document.querySelector('[role=alert]')")
	b.heading("Register an app")
	b.write("Redirect", "https://heart.example.org/callback")
	b.press("Register")
	b.heading("Heart watch is registered")
	b.open(s.url + "/auth/manage")
	b.heading("Your apps")
	b.expect("status of 400")
	b.open(s.url + "/auth/authorize?client_id=nobody")
	b.heading("This cannot go on")
	b.open(s.url + "/auth/login")
	b.heading("Sign in")
}

// TestFirstStart: the link that a first start prints makes the administrator, who can sign in.
func TestFirstStart(t *testing.T) {
	s := start(t, "serve", "--store", t.TempDir())
	b := chromium(t)
	b.open(s.Out.Await(t, `http://\S+/auth/setup\?token=\S+`))
	b.heading("The first administrator")
	b.write("User name", "ada")
	b.write("Password", "correct horse battery staple")
	b.write("Password again", "correct horse battery stable")
	b.press("Create")
	b.until("what is wrong", "document.querySelector('[role=alert]')")
	b.heading("The first administrator")
	b.write("Password", "correct horse battery staple")
	b.write("Password again", "correct horse battery staple")
	b.press("Create")
	b.heading("Sign in")
	b.write("User name", "ada")
	b.write("Password", "correct horse battery staple")
	b.press("Sign in")
	b.heading("A FHIR server")
	b.open(s.url + "/auth/manage")
	b.heading("Your apps")
}
