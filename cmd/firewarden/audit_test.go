package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// logged waits until as many AuditEvents are found as are wanted, which takes a second at most, and gives them.
func (r *running) logged(path string, want int) [][]byte {
	r.t.Helper()
	var found [][]byte
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if found, _ = r.found(path); len(found) >= want || time.Now().After(deadline) {
			break
		}
	}
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
	r.logged("/fhir/Patient?_has:AuditEvent:entity:action=C", 1)
	for _, e := range as(two).logged("/fhir/AuditEvent?subtype=read,update&outcome=0,4", 2) {
		if strings.Contains(string(e), "patient-001") {
			t.Errorf("an event of patient-002 names patient-001: %s", e)
		}
	}
	r.logged("/fhir/AuditEvent?patient=patient-001&date=lt3000", 0)

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
