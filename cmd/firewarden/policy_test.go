package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestPolicies: administrators write what users may see while the server runs; it is in force with the next request.
func TestPolicies(t *testing.T) {
	path := file(t, "firewarden.yaml", "policies:\n  mine:\n    patients: Patient?general-practitioner={user}\n    letters: rs\nusers:\n  - {name: ann, fhirUser: Practitioner/practitioner-01, policy: mine, password: correct horse}\n")
	r := start(t, "sandbox", "--config", path)
	do := func(args ...string) string {
		t.Helper()
		return mustRun(t, append(args, "--server", r.url)...)
	}
	fails := func(want string, args ...string) {
		t.Helper()
		if code, out, errs := run(t, append(args, "--server", r.url)...); code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: %d %s%s, want %q", args, code, out, errs, want)
		}
	}
	token := r.mint("--scope", "user/*.rs", "--user", "ann")
	patients := func() int {
		t.Helper()
		r.token = token
		found, _ := r.found("/fhir/Patient?_count=100")
		return len(found)
	}
	own := patients()
	if own == 0 || own >= 12 {
		t.Fatalf("a practitioner has %d patients", own)
	}
	do("policy", "set", "mine", "--patients", "all")
	if n := patients(); n != 12 {
		t.Errorf("all: %d", n)
	}
	do("policy", "set", "mine", "--patients", "Patient?_id=patient-001")
	if n := patients(); n != 1 {
		t.Errorf("one patient: %d", n)
	}
	if out := do("policy", "list"); !strings.Contains(out, "Patient?_id=patient-001") || !strings.Contains(out, "built in") {
		t.Errorf("policy list: %s", out)
	}
	// What cannot be evaluated is refused, and changes nothing.
	for _, bad := range []string{"some", "Patient", "Patient?", "Patient?colour=red", "Observation?status=final", "Patient?_sort=name", "Patient?name="} {
		fails("mine", "policy", "set", "mine", "--patients", bad)
	}
	fails("cruds", "policy", "set", "mine", "--patients", "all", "--letters", "sr")
	fails("built in", "policy", "set", "self", "--patients", "all")
	if n := patients(); n != 1 {
		t.Errorf("after what was refused: %d", n)
	}
	// A user gets another policy, is disabled, and is let in again.
	do("user", "set", "ann", "--policy", "all")
	if n := patients(); n != 12 {
		t.Errorf("another policy: %d", n)
	}
	fails("no policy", "user", "set", "ann", "--policy", "nothing")
	do("user", "set", "ann", "--disabled")
	if got := r.status(token, "GET", "/fhir/Patient"); got != http.StatusUnauthorized {
		t.Errorf("disabled: %d", got)
	}
	do("user", "set", "ann", "--disabled=false", "--policy", "mine")
	if n := patients(); n != 1 {
		t.Errorf("let in again: %d", n)
	}
	// A policy that is gone opens nothing; when it is there again, it counts again.
	do("policy", "remove", "mine")
	if got := r.status(token, "GET", "/fhir/Patient"); got != http.StatusForbidden {
		t.Errorf("without the policy: %d", got)
	}
	fails("none of this name", "policy", "show", "mine")
	do("policy", "set", "mine", "--patients", "all")
	if n := patients(); n != 12 {
		t.Errorf("written again: %d", n)
	}
	for _, bad := range []string{"policies: {all: {patients: all}}\n", "policies: {x: {patients: some}}\n", "policies: {x: {patient: all}}\n", "policies: {x: {patients: all, letters: sr}}\n"} {
		if code, _, errs := run(t, "sandbox", "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--config", file(t, "bad.yaml", bad)); code == 0 || !strings.Contains(errs, "policies") {
			t.Errorf("%s: %d %s", bad, code, errs)
		}
	}
}
