package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
)

// logged waits until as many AuditEvents are found as are wanted, and gives them.
func (r *running) logged(path string, want int) [][]byte {
	r.t.Helper()
	var found [][]byte
	program.Until(r.t, fmt.Sprintf("%d events of %s", want, path), func() bool {
		found, _ = r.found(path)
		return len(found) >= want
	})
	if len(found) != want {
		r.t.Errorf("%s: %d events, want %d: %s", path, len(found), want, found)
	}
	return found
}

func TestAudit(t *testing.T) {
	r := start(t, "sandbox")
	admin := r.token
	one := r.mint("--scope", "patient/*.rs", "--patient", "patient-001")
	two := r.mint("--scope", "patient/*.rs", "--patient", "patient-002")
	doctor := r.mint("--scope", "user/*.cruds", "--user", "practitioner")
	backend := r.mint("--scope", "system/*.cruds")

	as := func(token string) *running { r.token = token; return r }
	// Twice the patients' charts by their own apps, once by the doctor; a refusal; a write; nobody.
	as(one).get("/fhir/Patient/patient-001")
	as(two).get("/fhir/Patient/patient-002")
	as(doctor).get("/fhir/Patient/patient-001")
	as(doctor).get("/fhir/Observation?patient=patient-001&_count=1")
	if res, _ := as(two).do("GET", "/fhir/Patient/patient-001", ""); res.StatusCode != http.StatusNotFound {
		t.Fatalf("another patient: %s", res.Status)
	}
	if res, _ := as(two).do("PUT", "/fhir/Patient/patient-002", `{"resourceType":"Patient","id":"patient-002"}`); res.StatusCode != http.StatusForbidden {
		t.Fatalf("a write without its scope: %s", res.Status)
	}
	if res, body := as(doctor).do("POST", "/fhir/Condition", `{"resourceType":"Condition","subject":{"reference":"Patient/patient-001"}}`); res.StatusCode != http.StatusCreated {
		t.Fatalf("a write: %s %s", res.Status, body)
	}
	if res, _ := as("nonsense").do("GET", "/fhir/Patient/patient-001", ""); res.StatusCode != http.StatusUnauthorized {
		t.Fatalf("a bad token: %s", res.Status)
	}

	// A patient sees who looked, and nothing of other patients. Looking into the log is looking, too.
	events := as(one).logged("/fhir/AuditEvent?entity=Patient/patient-001&subtype=read,create", 5)
	for _, e := range events {
		if strings.Contains(string(e), "patient-002") {
			t.Errorf("an event of patient-001 names patient-002: %s", e)
		}
	}
	r.logged("/fhir/AuditEvent?entity=Patient/patient-001&altid=practitioner", 3)
	r.logged("/fhir/AuditEvent?entity=Patient/patient-001&subtype=read,create&outcome=4", 2)
	r.logged("/fhir/AuditEvent?entity=Patient/patient-001&action=C&_sort=outcome", 1)
	if n := len(r.logged("/fhir/AuditEvent?entity:missing=false&subtype=read&_count=1&date=ge2000", 4)); n == 0 {
		t.Error("no pages")
	}
	// An explanation tells values, so it is a look, too.
	as(two).get("/api/why?ref=Patient/patient-001")
	for _, e := range as(one).logged("/fhir/AuditEvent?entity=Patient/patient-001&subtype=operation", 1) {
		if !strings.Contains(string(e), "$why") {
			t.Errorf("an explanation is logged as %s", e)
		}
	}
	r.logged("/fhir/Patient?_has:AuditEvent:entity:action=C", 1)
	for _, e := range as(two).logged("/fhir/AuditEvent?subtype=read,update&outcome=0,4", 2) {
		if strings.Contains(string(e), "patient-001") {
			t.Errorf("an event of patient-002 names patient-001: %s", e)
		}
	}
	r.logged("/fhir/AuditEvent?patient=patient-001&date=lt3000", 0)

	// What asks for all types does not ask for the log, whose events are more than all else; what names them does.
	all := as(doctor)
	for path, some := range map[string]bool{
		"/fhir/Patient/patient-001/*?_count=1000":                   false,
		"/fhir?_lastUpdated=ge2000&_sort=-_lastUpdated&_count=1000": false,
		"/fhir/Patient?_id=patient-001&_revinclude=*":               false,
		"/fhir/$meta":                    false,
		"/fhir/AuditEvent/$meta":         false,
		"/fhir?_type=AuditEvent,Patient": true,
		"/fhir/Patient?_id=patient-001&_revinclude=AuditEvent:entity":               true,
		"/fhir/Patient?_id=patient-001&_revinclude=*&_revinclude=AuditEvent:agent":  false, // as without *: no event has that patient as its agent
		"/fhir/Patient?_id=patient-001&_revinclude=*&_revinclude=AuditEvent:entity": true,
		"/fhir/Patient/patient-001/AuditEvent":                                      true,
	} {
		if body := all.get(path); strings.Contains(string(body), "IHE.BasicAudit") != some {
			t.Errorf("%s: events of the log: want %v: %.300s", path, some, body)
		}
	}

	// By id, in one version, and never written.
	var event struct{ ID string }
	if err := json.Unmarshal(events[0], &event); err != nil {
		t.Fatal(err)
	}
	path := "/fhir/AuditEvent/" + event.ID
	as(one).get(path)
	as(one).get(path + "/_history/1")
	if res, _ := as(two).do("GET", path, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("another patient's event: %s", res.Status)
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		for _, token := range []string{backend, admin} {
			body, media := string(events[0]), "application/fhir+json"
			if method == "PATCH" {
				body, media = "[]", "application/json-patch+json"
			}
			if res, _ := as(token).do(method, path, body, "Content-Type", media); res.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s of an event: %s", method, res.Status)
			}
		}
	}
	// What a client writes is beside the log, not in it.
	own := `{"resourceType":"AuditEvent","type":{"code":"x"},"recorded":"2020-01-01T00:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}}}`
	if res, body := as(backend).do("POST", "/fhir/AuditEvent", own); res.StatusCode != http.StatusCreated {
		t.Errorf("an AuditEvent of a backend service: %s %s", res.Status, body)
	}
	r.logged("/fhir/AuditEvent?date=2020-01-01", 1)
	if r.count("/fhir/AuditEvent?agent-name:missing=true&date=lt2021") != 1 {
		t.Error("no total of what clients wrote")
	}
}

// TestAuditOfEveryWay: each way to read or to write leaves the event that BALP has for it, with the patient whom it is about.
func TestAuditOfEveryWay(t *testing.T) {
	r := start(t, "sandbox")
	doctor := r.mint("--scope", "user/*.cruds", "--user", "practitioner")
	r.token = doctor
	condition := func(id, patient string) string {
		return `{"resourceType":"Condition","id":"` + id + `","subject":{"reference":"Patient/` + patient + `"}}`
	}
	created := `{"resourceType":"Condition","subject":{"reference":"Patient/patient-001"}}`
	entry := func(method, url, body string) string {
		if body != "" {
			body = `"resource":` + body + `,`
		}
		return `{` + body + `"request":{"method":"` + method + `","url":"` + url + `"}}`
	}
	bundle := func(kind string, entries ...string) string {
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
	}
	var c struct{ ID string }
	_, body := r.do("POST", "/fhir/Condition", created)
	if err := json.Unmarshal(body, &c); err != nil || c.ID == "" {
		t.Fatalf("create: %s", body)
	}
	for _, x := range []struct {
		method, path, body, media string
		status                    int
		find                      string // what finds its event, among those of patient-001 or, if it says so, of another
		profile                   string
	}{
		{"GET", "/fhir/Condition/" + c.ID, "", "", 200, "subtype=read&entity=Condition/" + c.ID, "PatientRead"},
		{"GET", "/fhir/Condition/" + c.ID + "/_history/1", "", "", 200, "subtype=vread", "PatientRead"},
		{"GET", "/fhir/Condition/" + c.ID + "/_history", "", "", 200, "subtype=history-instance", "PatientQuery"},
		{"GET", "/fhir/Condition/" + c.ID + "/$meta", "", "", 200, "subtype=read&date=ge2000&_count=1", "PatientRead"},
		{"GET", "/fhir/Condition?patient=patient-001", "", "", 200, "subtype=search-type&_count=1000", "PatientQuery"},
		{"GET", "/fhir/Patient/patient-001/Condition", "", "", 200, "subtype=search-type&_count=1000", "PatientQuery"},
		{"GET", "/fhir?_type=Condition&_id=" + c.ID, "", "", 200, "subtype=search-system", "PatientQuery"},
		{"GET", "/fhir/Condition/_history?_count=1", "", "", 200, "subtype=history-type", "PatientQuery"},
		{"PUT", "/fhir/Condition/" + c.ID, condition(c.ID, "patient-001"), "", 200, "subtype=update", "PatientUpdate"},
		{"PATCH", "/fhir/Condition/" + c.ID, `[{"op":"add","path":"/language","value":"en"}]`, "application/json-patch+json", 200, "subtype=patch", "PatientUpdate"},
		{"PUT", "/fhir/Condition/" + c.ID, condition(c.ID, "patient-002"), "", 200, "subtype=update&_count=1", "PatientUpdate"}, // was theirs before
		{"PUT", "/fhir/Condition/" + c.ID, condition(c.ID, "patient-001"), "", 200, "subtype=update&_count=1", "PatientUpdate"},
		{"POST", "/fhir", bundle("batch", entry("GET", "Condition/"+c.ID, ""), entry("PUT", "Patient/patient-001", `{"resourceType":"Patient","id":"other"}`)), "", 200, "subtype=update&outcome=4&entity=Patient/patient-001", ""},
		{"POST", "/fhir", bundle("transaction", entry("POST", "Condition", created)), "", 200, "subtype=create&_count=1", "PatientCreate"},
		{"DELETE", "/fhir/Condition?_id=" + c.ID, "", "", 204, "subtype=delete", "PatientDelete"},
		{"GET", "/fhir/Condition/" + c.ID, "", "", 410, "subtype=read&outcome=4&entity=Condition/" + c.ID, ""},
	} {
		media := x.media
		if media == "" {
			media = "application/fhir+json"
		}
		res, answer := r.do(x.method, x.path, x.body, "Content-Type", media)
		if res.StatusCode != x.status {
			t.Errorf("%s %s: %s: %s", x.method, x.path, res.Status, answer)
			continue
		}
		query := "/fhir/AuditEvent?" + x.find
		if x.status != 410 {
			query += "&entity=Patient/patient-001"
		}
		var page struct {
			Entry []struct {
				Resource struct {
					Meta   struct{ Profile []string }
					Entity []struct {
						What struct{ Identifier struct{ Value string } }
					}
				}
			}
		}
		id := res.Header.Get("X-Request-Id")
		program.Until(t, fmt.Sprintf("an event of %s %s by %s", x.method, x.path, query), func() (found bool) {
			if err := json.Unmarshal(r.get(query), &page); err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entry {
				if e.Resource.Entity[0].What.Identifier.Value != id {
					continue
				}
				found = true
				if profile := strings.Join(e.Resource.Meta.Profile, " "); !strings.HasSuffix(profile, "IHE.BasicAudit."+x.profile) && profile != x.profile {
					t.Errorf("%s %s: profile %q, want %q", x.method, x.path, profile, x.profile)
				}
			}
			return found
		})
	}
}

var sumOf = regexp.MustCompile(`sum is ([0-9a-f]{64})`)

func TestAuditVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	r := start(t, "sandbox", "--store", dir)
	r.get("/fhir/Patient/patient-001")
	if res, body := r.do("POST", "/fhir/Condition", `{"resourceType":"Condition","subject":{"reference":"Patient/patient-001"}}`); res.StatusCode != http.StatusCreated {
		t.Fatalf("a write: %s %s", res.Status, body)
	}
	if code := r.stop(); code != 0 {
		t.Fatalf("ended with %d: %s", code, r.log.String())
	}
	out := mustRun(t, "audit", "verify", "--store", dir)
	if !strings.Contains(out, "2 records") {
		t.Errorf("after a shutdown: %s", out)
	}
	sum := sumOf.FindStringSubmatch(out)
	if sum == nil {
		t.Fatalf("no sum: %s", out)
	}
	if out := mustRun(t, "check", "--store", dir); !strings.Contains(out, "2 records") {
		t.Errorf("check: %s", out)
	}
	mustRun(t, "audit", "verify", "--store", dir, "--since", sum[1])
	if code, _, errs := run(t, "audit", "verify", "--store", dir, "--since", strings.Repeat("ab", 32)); code != 1 || !strings.Contains(errs, "replaced") {
		t.Errorf("a sum that never was: %d %s", code, errs)
	}
	if code, _, _ := run(t, "audit", "verify", "--store", dir, "--since", "xyz"); code != 2 {
		t.Errorf("no sum: %d", code)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}

// TestAuditVerifyOfARunningServer: a server proves its own log, for an administrator, also where the command is given the
// store that the server has open, and writes go on between its steps.
func TestAuditVerifyOfARunningServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	r := start(t, "sandbox", "--store", dir)
	r.get("/fhir/Patient/patient-001")
	r.logged("/fhir/AuditEvent?subtype=read", 1)
	first := mustRun(t, "audit", "verify", "--server", r.url)
	sum := sumOf.FindStringSubmatch(first)
	if sum == nil {
		t.Fatalf("no sum: %s", first)
	}
	if res, body := r.do("POST", "/fhir/Condition", `{"resourceType":"Condition","subject":{"reference":"Patient/patient-001"}}`); res.StatusCode != http.StatusCreated {
		t.Fatalf("a write: %s %s", res.Status, body)
	}
	code, out, errs := run(t, "audit", "verify", "--store", dir, "--listen", strings.TrimPrefix(r.url, "http://"), "--since", sum[1])
	if code != 0 || !strings.Contains(out, "all as they were written") || !strings.Contains(errs, r.url+" is asked") {
		t.Errorf("of the store that is open: %d %s %s", code, out, errs)
	}
	if code, _, errs := run(t, "audit", "verify", "--server", r.url, "--since", strings.Repeat("ab", 32)); code != 1 || !strings.Contains(errs, "replaced") {
		t.Errorf("a sum that never was: %d %s", code, errs)
	}
	for path, want := range map[string]int{"": http.StatusUnauthorized, "?since=x": http.StatusUnauthorized} {
		if res, _ := (&running{t: t, url: r.url}).do("GET", "/api/audit/verify"+path, ""); res.StatusCode != want {
			t.Errorf("nobody asks %q: %s", path, res.Status)
		}
	}
	for _, path := range []string{"?since=x", "?after=x"} {
		if res, _ := r.do("GET", "/api/audit/verify"+path, ""); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", path, res.Status)
		}
	}
}

// TestAuditOfPeople: who signs in or tries to, which tokens are given and refused, what administrators do; and nothing
// that is secret.
func TestAuditOfPeople(t *testing.T) {
	r := start(t, "sandbox", "--audit", "writes")
	p := r.person()
	p.open(r.ask("launch/patient patient/Patient.rs offline_access"))
	p.submit("login", "name", "patient", "password", "hunter2")
	p.submit("login", "name", "hunter3", "password", "sandbox")
	_, answer := r.redeem(p.approve("patient", "sandbox"))
	refresh := str(answer, "refresh_token")
	_, answer = r.tokens("grant_type", "refresh_token", "refresh_token", refresh)
	r.tokens("grant_type", "refresh_token", "refresh_token", "nonsense", "client_id", "sandbox-public")
	r.mint("--scope", "patient/*.rs", "--patient", "patient-003")
	r.do("POST", "/api/clients/x/secret", "")
	r.do("GET", "/api/clients", "") // is no change

	signing := "/fhir/AuditEvent?type=110114&subtype="
	r.logged(signing+"110122&outcome=0&altid=patient", 1)
	r.logged(signing+"110122&outcome=4&altid=patient", 1)
	r.logged(signing+"110122&outcome=4&altid:missing=true", 1)
	r.logged(signing+"ITI-71&outcome=0&patient=patient-001&agent:identifier=sandbox-public", 2)
	r.logged(signing+"ITI-71&outcome=4&agent:identifier=sandbox-public", 1)
	r.logged(signing+"ITI-71&outcome=0&patient=patient-003&agent:identifier=administrator", 1)
	r.logged("/fhir/AuditEvent?type=110113", 2)
	for _, e := range r.logged("/fhir/AuditEvent", 9) {
		for _, secret := range []string{"hunter", refresh, str(answer, "access_token"), str(answer, "refresh_token"), "nonsense"} {
			if strings.Contains(string(e), secret) {
				t.Errorf("an event holds %q: %s", secret, e)
			}
		}
	}
}

// TestAuditOfTheConfiguration: what the configuration makes or changes of users, clients and policies is in the log once,
// and so is what is written to files out of a stopped store.
func TestAuditOfTheConfiguration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	declared := func(policy string) *running {
		return start(t, "sandbox", "--store", dir, "--base-url", "http://127.0.0.1:1", "--config", file(t, "firewarden.yaml", `
policies: {mine: {patients: "Patient?general-practitioner={user}"}}
users: [{name: ann, password: hunter2-hunter2, policy: `+policy+`}]
clients: [{client_id: own, redirect_uris: ["https://app.example.org/cb"], token_endpoint_auth_method: none, scope: openid}]
`))
	}
	const made = "/fhir/AuditEvent?subtype=110129&agent:identifier=configuration"
	for i, want := range []int{3, 3, 4} { // the same again is no change
		r := declared([]string{"all", "all", "mine"}[i])
		for _, e := range r.logged(made, want) {
			if strings.Contains(string(e), "hunter2") {
				t.Errorf("an event holds a password: %s", e)
			}
		}
		if code := r.stop(); code != 0 {
			t.Fatalf("ended with %d: %s", code, r.log.String())
		}
	}
	mustRun(t, "export", "--store", dir, "--out", filepath.Join(t.TempDir(), "out"))
	start(t, "sandbox", "--store", dir, "--base-url", "http://127.0.0.1:1").logged("/fhir/AuditEvent?type=110106&agent:identifier=administrator", 1)
}

// TestWhoLooked: administrators read the log on a page and as files, patients what is about themselves, others nothing.
func TestWhoLooked(t *testing.T) {
	r := start(t, "sandbox")
	admin := r.token
	for _, id := range []string{"patient-001", "patient-002"} {
		r.token = r.mint("--scope", "user/*.rs", "--user", "practitioner")
		r.get("/fhir/Patient/" + id)
	}
	r.token = admin
	r.logged("/fhir/AuditEvent?subtype=read&entity=Patient/patient-001,Patient/patient-002", 2)

	page := func(name, path string) string {
		p := r.person()
		p.open(r.url + "/auth/manage")
		p.submit("login", "name", name, "password", "sandbox")
		p.open(r.url + path)
		return p.page
	}
	if text := page("admin", "/audit?user=practitioner"); !strings.Contains(text, "Patient/patient-001") || !strings.Contains(text, "Patient/patient-002") {
		t.Errorf("an administrator's page: %s", text)
	}
	if text := page("admin", "/audit?patient=patient-002"); strings.Contains(text, "Patient/patient-001") || !strings.Contains(text, "Patient/patient-002") {
		t.Errorf("one patient's: %s", text)
	}
	if text := page("admin", "/audit?since=soon"); !strings.Contains(text, "soon") || !strings.Contains(text, `role="alert"`) {
		t.Errorf("a bad date: %s", text)
	}
	if text := page("patient", "/audit"); !strings.Contains(text, "Who has looked") || !strings.Contains(text, "practitioner") || !strings.Contains(text, "Patient/patient-001") || strings.Contains(text, "patient-002") {
		t.Errorf("a patient's page: %s", text)
	}
	if text := page("patient", "/audit?patient=patient-002&format=ndjson"); strings.Contains(text, "patient-002") {
		t.Errorf("another patient's: %s", text)
	}
	if text := page("practitioner", "/audit"); strings.Contains(text, "patient-001") {
		t.Errorf("a practitioner's page: %s", text)
	}
	csv := string(r.get("/api/audit?format=csv&user=practitioner"))
	if lines := strings.Split(strings.TrimSpace(csv), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "id,time,user,client") || !strings.Contains(lines[1], "Patient/patient-002") {
		t.Errorf("CSV: %s", csv)
	}
	if lines := strings.Split(strings.TrimSpace(string(r.get("/api/audit?format=ndjson&patient=patient-001"))), "\n"); !json.Valid([]byte(lines[0])) || !strings.Contains(lines[len(lines)-1], `"resource":"Patient/patient-001"`) {
		t.Errorf("NDJSON: %s", lines)
	}
	r.token = ""
	if res, _ := r.do("GET", "/api/audit", ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody: %s", res.Status)
	}
}
