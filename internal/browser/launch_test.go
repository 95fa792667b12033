package browser

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const practitioner = "Demo practitioner"

// TestStandaloneLaunch: an app without a secret launches by itself; a practitioner signs in, searches for a patient,
// chooses, and allows; the app reads what it may and nothing else, and refreshes.
func TestStandaloneLaunch(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	b.open(a.launch("openid fhirUser launch/patient offline_access patient/Patient.rs patient/Observation.rs user/Practitioner.r"))
	b.heading("Sign in to continue to")
	b.press(practitioner)
	b.heading("Choose a patient")
	b.write("Search by name", "alma")
	b.press("Search")
	b.until("the patient that was searched for", element("p", "There is one to choose from"))
	b.heading("Choose a patient")
	b.choose("Alma")
	b.press("Continue")
	b.heading("Allow")
	b.press("Allow")
	got := b.ready()
	if got.Patient != "patient-001" || got.Refresh == "" || got.IDToken == "" || got.FHIRUser != s.fhir+"/Practitioner/practitioner-01" {
		t.Errorf("the app got %+v", got)
	}
	if name := b.text("client.patient.read().then(p => p.name[0].given[0])"); name != "Alma" {
		t.Errorf("the patient is %q", name)
	}
	if name := b.text("client.user.read().then(p => p.resourceType)"); name != "Practitioner" {
		t.Errorf("the user is %q", name)
	}
	if ids := b.found("Patient"); !slices.Equal(ids, []string{"patient-001"}) {
		t.Errorf("the app sees the patients %v", ids)
	}
	b.refused("client.request('Condition')", 403)
	b.refreshes(got)
	if ids := b.found("Patient"); !slices.Equal(ids, []string{"patient-001"}) {
		t.Errorf("after a refresh the app sees the patients %v", ids)
	}
}

// TestEHRLaunch: an EHR puts a patient, an encounter and an intent aside for the app and opens it; nobody has to choose,
// and the launch works once.
func TestEHRLaunch(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	encounter := s.first("Encounter?patient=patient-002")
	at := a.launched("openid fhirUser launch patient/*.rs", map[string]any{"user": "practitioner", "patient": "patient-002", "encounter": encounter,
		"intent": "reconcile-medications", "needPatientBanner": false})
	b.open(at)
	b.heading("Sign in to continue to")
	b.write("Password", "sandbox") // whose launch it is has been filled in
	b.press("Sign in")
	b.heading("Allow")
	b.press("Allow")
	got := b.ready()
	if got.Patient != "patient-002" || got.Encounter != encounter || got.Intent != "reconcile-medications" || got.NeedsBanner == nil || *got.NeedsBanner {
		t.Errorf("the app got %+v", got)
	}
	if ids := b.found("Encounter?_id=" + encounter); !slices.Equal(ids, []string{encounter}) {
		t.Errorf("the app sees the encounters %v", ids)
	}
	b.open(at)
	b.heading("Failed: ")
	if why := b.text("document.querySelector('h1').innerText"); !strings.Contains(why, "launch") {
		t.Errorf("a launch that was used: %s", why)
	}
}

// TestLaunchInAFrame: an EHR of another origin, which the configuration names, holds the app in a frame; all pages on the
// way stand in it. One that it does not name shows nothing of ours.
func TestLaunchInAFrame(t *testing.T) {
	var launch string
	ehr := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent) // the icon
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>App: EHR</title><h1>EHR</h1><iframe title="app" width="1100" height="800" src="%s"></iframe></html>`, html.EscapeString(launch))
	}))
	t.Cleanup(ehr.Close)
	s := sandbox(t, "--frame-ancestors", ehr.URL)
	a, b := s.app("sandbox-public").with("completeInTarget", true), chromium(t)
	launch = a.launched("openid fhirUser launch patient/*.rs", map[string]any{"user": "practitioner", "patient": "patient-004"})
	b.open(ehr.URL)
	b.framed("button", practitioner)
	b.framed("button", "Allow")
	b.framed("heading", "Ready")

	other := chromium(t)
	s = sandbox(t)
	launch = s.app("sandbox-public").with("completeInTarget", true).launched("openid launch patient/*.rs", map[string]any{"user": "practitioner", "patient": "patient-004"})
	other.expect("frame-ancestors 'none'")
	other.open(ehr.URL)
	other.heard("frame-ancestors")
}

// TestEncounterPicker: an app that asks for an encounter gets one of the patient's that was chosen.
func TestEncounterPicker(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	b.open(a.launch("launch/patient launch/encounter patient/Encounter.rs"))
	b.signIn()
	b.heading("Choose a patient")
	b.click("document.querySelectorAll('input[type=radio]')[2].labels[0]")
	b.press("Continue")
	b.heading("Choose an encounter")
	b.write("Search by year", "2022")
	b.press("Search")
	b.until("encounters of that year", "document.querySelector('td[data-label=From]')?.innerText.startsWith('2022') && document.querySelectorAll('input[type=radio]').length > 1")
	if other := b.text("[...document.querySelectorAll('td[data-label=From]')].map(e => e.innerText).find(t => !t.startsWith('2022'))"); other != "" {
		t.Errorf("a search for 2022 shows %s", other)
	}
	b.heading("Choose an encounter")
	chosen := b.text("document.querySelectorAll('input[type=radio]')[1].value")
	b.click("document.querySelectorAll('input[type=radio]')[1].labels[0]")
	b.press("Continue")
	b.heading("Allow")
	b.press("Allow")
	got := b.ready()
	if got.Encounter != chosen || got.Patient == "" {
		t.Errorf("the app got %+v, encounter %s was chosen", got, chosen)
	}
	if patient := b.text("client.encounter.read().then(e => e.subject.reference)"); patient != "Patient/"+got.Patient {
		t.Errorf("the encounter is of %s, the patient %s", patient, got.Patient)
	}
}

// TestAppWithASecret: it refreshes while the user is signed in, and no more when the user has signed out.
func TestAppWithASecret(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-secret").with("clientSecret", "sandbox-secret"), chromium(t)
	b.open(a.launch("openid launch/patient online_access patient/Patient.r"))
	b.signIn()
	b.pickFirst()
	b.heading("Allow")
	b.press("Allow")
	got := b.ready()
	got = b.refreshes(got)

	b.open(s.url + "/auth/logout")
	b.heading("Sign out?")
	b.press("Sign out")
	b.heading("You are signed out")
	b.open(a.url)
	b.ready()
	if why := b.refused("client.refresh()", 400); !strings.Contains(why, "invalid_grant") {
		t.Errorf("a refresh after the user has signed out: %s", why)
	}
}

// TestAppWithAKey: it proves itself by a key, as a JWK that the server has the public half of.
func TestAppWithAKey(t *testing.T) {
	for _, alg := range []string{"ES384", "RS384"} {
		t.Run(alg, func(t *testing.T) {
			private, public := keyPair(t, alg)
			s := sandbox(t, "--sandbox-jwks", public)
			a, b := s.app("sandbox-key").with("clientPrivateJwk", private), chromium(t)
			b.open(a.launched("launch patient/Patient.r", map[string]any{"user": "practitioner", "patient": "patient-003"}))
			b.signIn()
			b.heading("Allow")
			b.press("Allow")
			if got := b.ready(); got.Patient != "patient-003" || b.text("client.patient.read().then(p => p.id)") != "patient-003" {
				t.Errorf("the app got %+v", got)
			}
		})
	}
}

// TestLogoutByTheApp: the app ends the login and gets the browser back (OpenID Connect RP-Initiated Logout).
func TestLogoutByTheApp(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	launch := a.launch("openid launch/patient offline_access patient/Patient.r")
	b.open(launch)
	b.signIn()
	b.pickFirst()
	b.heading("Allow")
	b.press("Allow")
	got := b.ready()
	end := b.text("fetch(" + quote(s.url+"/.well-known/openid-configuration") + ").then(r => r.json()).then(c => c.end_session_endpoint)")
	b.open(end + "?" + url.Values{"id_token_hint": {got.IDToken}, "post_logout_redirect_uri": {a.url + "/bye"}, "state": {"x y"}}.Encode())
	b.heading("Good bye")
	if at := b.text("new URL(location).searchParams.get('state')"); at != "x y" {
		t.Errorf("the state is %q", at)
	}
	b.open(a.url)
	b.ready()
	b.refreshes(got) // offline_access goes on
	b.open(launch)
	b.heading("Sign in")
}

// TestDenied: the user says no, at each page of the way, and the app is told so.
func TestDenied(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	denied := func() {
		t.Helper()
		b.heading("Failed: ")
		if why := b.text("document.querySelector('h1').innerText + ' ' + location.search"); !strings.Contains(why, "the user has said no") {
			t.Errorf("the app is told %q", why)
		}
	}
	launch := a.launch("launch/patient patient/*.rs")
	b.open(launch)
	b.heading("Sign in")
	b.press("Cancel")
	denied()
	b.open(launch)
	b.signIn()
	b.heading("Choose")
	b.press("Cancel")
	denied()
	b.open(launch)
	b.pickFirst()
	b.heading("Allow")
	b.press("Deny")
	denied()
}

// TestAPartIsAllowed: what is unticked is not granted, what is narrowed is granted for some categories only, and the app
// can tell.
func TestAPartIsAllowed(t *testing.T) {
	s := sandbox(t)
	a, b := s.app("sandbox-public"), chromium(t)
	b.open(a.launch("launch/patient patient/Patient.rs patient/Condition.rs patient/Observation.rs"))
	b.signIn()
	b.pickFirst()
	b.heading("Allow")
	b.choose("Read and search conditions")
	b.press("Only some of it")
	b.choose("Only category vital signs")
	b.picture("narrowed")
	b.press("Allow")
	got := b.ready()
	if words := strings.Fields(got.Scope); len(words) != 3 || slices.Contains(words, "patient/Condition.rs") || !strings.Contains(got.Scope, "vital-signs") {
		t.Errorf("granted: %s", got.Scope)
	}
	b.refused("client.request('Condition')", 403)
	if n := b.text("client.request('Observation?category=vital-signs&_count=1').then(s => s.entry.length)"); n != "1" {
		t.Errorf("%s vital signs", n)
	}
	if n := b.text("client.request('Observation?category=laboratory').then(s => (s.entry ?? []).length)"); n != "0" {
		t.Errorf("%s laboratory results", n)
	}
}
