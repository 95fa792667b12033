package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
)

func TestSandbox(t *testing.T) {
	r := start(t, "sandbox")
	out := r.out.String()
	for _, part := range []string{
		"SANDBOX, synthetic data only", "store memory:", "12 patients, ", "├─ FHIR", r.url + "/fhir", "└─ Health", r.url + "/health", r.metrics + "/metrics",
		"Bearer sandbox-admin", "/.well-known/smart-configuration", "practitioner, patient, relatedperson, admin", "sandbox-public",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("the start does not say %q:\n%s", part, out)
		}
	}
	if strings.Contains(out, "ANONYMOUS") {
		t.Errorf("the sandbox lets everybody in:\n%s", out)
	}
	r.token = ""
	if res, _ := r.do("GET", "/fhir/Patient", ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s", res.Status)
	}
	r.token = "sandbox-admin"
	if n := r.count("/fhir/Patient"); n != seededPatients {
		t.Errorf("%d patients", n)
	}

	// The thin line: create, read, search.
	res, body := r.do("POST", "/fhir/Patient", `{"resourceType":"Patient","name":[{"family":"Zorro"}],"birthDate":"1919-08-09"}`)
	if res.StatusCode != http.StatusCreated || !strings.HasPrefix(res.Header.Get("Location"), r.url+"/fhir/Patient/") {
		t.Fatalf("create: %s, Location %q: %s", res.Status, res.Header.Get("Location"), body)
	}
	var created struct{ ID string }
	if err := json.Unmarshal(body, &created); err != nil {
		t.Fatal(err)
	}
	if read := r.get("/fhir/Patient/" + created.ID); !bytes.Equal(read, body) {
		t.Errorf("read %s, created %s", read, body)
	}
	if found, _ := r.found("/fhir/Patient?name=zorro&birthdate=lt1950"); len(found) != 1 || !bytes.Equal(found[0], body) {
		t.Errorf("the search found %s", found)
	}
	if a1c, _ := r.found("/fhir/Observation?patient=patient-001&code=http://loinc.org|4548-4"); len(a1c) < 15 {
		t.Errorf("%d results of HbA1c of the first patient", len(a1c))
	}

	if health := r.get("/health/ready"); !strings.Contains(string(health), "up") {
		t.Errorf("ready: %s", health)
	}
	figures, err := http.Get(r.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer figures.Body.Close()
	text, _ := io.ReadAll(figures.Body)
	if !strings.Contains(string(text), "firewarden_http_requests_total") || !strings.Contains(string(text), "firewarden_audit_records_waiting") {
		t.Errorf("metrics: %.300s", text)
	}
	if res, _ := r.do("GET", "/metrics", ""); res.StatusCode == http.StatusOK {
		t.Error("/metrics answers on the clients' listener")
	}
	if code := r.stop(); code != 0 {
		t.Errorf("ended with %d: %s", code, r.log.String())
	}
}

// TestTheSandboxIsTheSame: two sandboxes seed the same bytes, dates and versions included, and a kept one is not
// seeded again.
func TestTheSandboxIsTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	kept := start(t, "sandbox", "--store", dir, "--base-url", "http://sandbox.test")
	passing := start(t, "sandbox", "--base-url", "http://sandbox.test")
	for _, path := range []string{"/fhir/Patient/patient-001", "/fhir/Observation?patient=patient-007&_count=1000", "/fhir/Practitioner/practitioner-03/_history"} {
		a, b := kept.get(path), passing.get(path)
		if !bytes.Equal(a, b) || len(a) < 200 {
			t.Errorf("%s differs:\n%.500s\n%.500s", path, a, b)
		}
	}
	if res, body := kept.do("DELETE", "/fhir/AllergyIntolerance/allergy-001-01", ""); res.StatusCode != http.StatusNoContent {
		t.Fatalf("delete: %s %s", res.Status, body)
	}
	kept.stop()
	again := start(t, "sandbox", "--store", dir, "--base-url", "http://sandbox.test")
	if strings.Contains(again.out.String(), "12 patients") {
		t.Errorf("seeded again:\n%s", again.out.String())
	}
	if res, _ := again.do("GET", "/fhir/AllergyIntolerance/allergy-001-01", ""); res.StatusCode != http.StatusGone {
		t.Errorf("what was deleted is %s", res.Status)
	}
}

func TestServeWantsTheKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	r := start(t, "serve", "--store", dir, "--base-url", "http://serve.test")
	if out := r.out.String(); !strings.Contains(out, filepath.Join(dir, "admin-key")) || strings.Contains(out, "ANONYMOUS") || strings.Contains(out, "SANDBOX") {
		t.Errorf("start:\n%s", out)
	}
	if res, _ := r.do("GET", "/fhir/Patient", ""); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the key: %s", res.Status)
	}
	info, err := os.Stat(filepath.Join(dir, "admin-key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("admin-key: %v, %v", info, err)
	}
	key, _ := os.ReadFile(filepath.Join(dir, "admin-key"))
	r.token = strings.TrimSpace(string(key))
	if n := r.count("/fhir/Patient"); n != 0 {
		t.Errorf("%d patients in a new store", n)
	}
	if res, body := r.do("PUT", "/fhir/Patient/p1", `{"resourceType":"Patient","id":"p1"}`); res.StatusCode != http.StatusCreated {
		t.Errorf("update as create: %s %s", res.Status, body)
	}
	r.stop()

	again := start(t, "serve", "--store", dir, "--base-url", "http://serve.test", "--anonymous", "system/Patient.r")
	again.token = r.token
	if n := again.count("/fhir/Patient"); n != 1 {
		t.Errorf("%d patients after a restart, under the same key", n)
	}
	again.token = ""
	if !strings.Contains(again.out.String(), "ANONYMOUS ACCESS") || !strings.Contains(again.out.String(), "system/Patient.r\n(by --anonymous)") {
		t.Errorf("anonymous access is not said:\n%s", again.out.String())
	}
	again.get("/fhir/Patient/p1")
	if res, _ := again.do("GET", "/fhir/Patient", ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("a search with r alone: %s", res.Status)
	}
	again.stop()

	if err := os.Chmod(filepath.Join(dir, "admin-key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := run(t, "serve", "--store", dir, "--base-url", "http://serve.test", "--listen", "127.0.0.1:0", "--metrics-listen", "off"); code != 1 || !strings.Contains(errs, "can be read by others") {
		t.Errorf("a key that others can read: %d %s", code, errs)
	}
}

func TestStoresThatAreRefused(t *testing.T) {
	served, played := filepath.Join(t.TempDir(), "served"), filepath.Join(t.TempDir(), "played")
	first := start(t, "serve", "--store", served, "--base-url", "http://x.test", "--anonymous", "system/*.cruds")
	if res, body := first.do("POST", "/fhir/Patient", `{"resourceType":"Patient","generalPractitioner":[{"reference":"http://x.test/fhir/Practitioner/p"}]}`); res.StatusCode != http.StatusCreated {
		t.Fatalf("create: %s %s", res.Status, body)
	}
	first.stop()
	start(t, "sandbox", "--store", played, "--base-url", "http://x.test").stop()
	busy := filepath.Join(t.TempDir(), "busy")
	start(t, "serve", "--store", busy, "--base-url", "http://x.test")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()

	at := []string{"--base-url", "http://x.test", "--listen", "127.0.0.1:0", "--metrics-listen", "off"}
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"sandbox on a store of serve", append([]string{"sandbox", "--store", served}, at...), []string{`"serve"`, "lets everybody in", "--store"}},
		{"serve on a store of the sandbox", append([]string{"serve", "--store", played}, at...), []string{`"sandbox"`, "firewarden sandbox"}},
		{"in use", append([]string{"serve", "--store", busy}, at...), []string{"in use by another process", "stop that process", "load --to"}},
		{"load into one in use", []string{"load", "--store", busy, file(t, "a.json", `{"resourceType":"Patient"}`)}, []string{"in use by another process", "stop that process", "load --to"}},
		{"check of one in use", []string{"check", "--store", busy}, []string{"in use"}},
		{"another base URL, of a store that spells the old one", []string{"serve", "--store", served, "--base-url", "http://y.test", "--listen", "127.0.0.1:0", "--metrics-listen", "off"},
			[]string{"http://x.test/fhir", "http://y.test/fhir", "firewarden reindex --store " + served + " --base-url http://y.test"}},
		{"port in use", []string{"serve", "--store", t.TempDir(), "--listen", taken.Addr().String(), "--metrics-listen", "off"}, []string{"another program answers on " + taken.Addr().String(), "--listen"}},
		{"metrics port in use", []string{"serve", "--store", t.TempDir(), "--listen", "127.0.0.1:0", "--metrics-listen", taken.Addr().String()}, []string{"--metrics-listen"}},
		{"no store to check", []string{"check", "--store", t.TempDir()}, []string{"no store in"}},
		{"no store to reindex", []string{"reindex", "--store", t.TempDir()}, []string{"no store in"}},
		{"no store to export", []string{"export", "--store", t.TempDir(), "--type", "Patient"}, []string{"no store in"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, errs := run(t, tt.args...)
			if code != 1 {
				t.Errorf("ended with %d", code)
			}
			for _, part := range tt.want {
				if !strings.Contains(errs, part) {
					t.Errorf("%q does not say %q", errs, part)
				}
			}
		})
	}

	mustRun(t, "reindex", "--store", served, "--base-url", "http://y.test")
	start(t, "serve", "--store", served, "--base-url", "http://y.test").stop()
	if out := mustRun(t, "check", "--store", played); !strings.Contains(out, "no problems") {
		t.Errorf("check: %s", out)
	}
}

// slow is a sandbox that gives requests a long time when it stops, and tells how many there are.
func slow(t *testing.T) *process {
	figures := "127.0.0.1:" + program.FreePort(t)
	p := spawn(t, program.FreePort(t), "sandbox", "--metrics-listen", figures, "--stop-timeout", "10m")
	p.metrics = "http://" + figures
	return p
}

// TestSIGTERM: a request that has begun is answered, new connections are not taken, the process ends with 0.
func TestSIGTERM(t *testing.T) {
	p := slow(t)
	body := `{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("Slow", 10_000) + `"}]}`
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sandbox-admin\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:20_000])
	program.Until(t, "the request to begin", func() bool { return p.inFlight() == "1" })
	if err := p.Terminate(); err != nil {
		t.Fatal(err)
	}
	program.Until(t, "the listener to close", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	fmt.Fprint(conn, body[20_000:])
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the request that had begun: %v: %s", err, p.Log.String())
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Errorf("the request that had begun: %s", res.Status)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("ended: %v: %s", err, p.Log.String())
	}
}

// TestASecondSignalEndsAtOnce: the first lets a request take its time, the second does not.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	p := slow(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-admin\r\nContent-Type: application/fhir+json\r\nContent-Length: 20000\r\n\r\n{"+strings.Repeat(" ", 10_000))
	program.Until(t, "the request to begin", func() bool { return p.inFlight() == "1" })
	p.Terminate()
	p.Log.Await(t, "stopping")
	if err := p.Stop(); err == nil {
		t.Error("ended with 0 although a request was cut off")
	}
}

// TestStopTimeout: a request that takes longer than the stop may is cut off.
func TestStopTimeout(t *testing.T) {
	r := start(t, "sandbox", "--stop-timeout", "50ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-admin\r\nContent-Type: application/fhir+json\r\nContent-Length: 20000\r\n\r\n{"+strings.Repeat(" ", 10_000))
	program.Until(t, "the request to begin", func() bool { return r.inFlight() == "1" })
	if code := r.stop(); code != 0 || !strings.Contains(r.log.String(), "requests were cut off") {
		t.Errorf("ended with %d: %s", code, r.log.String())
	}
}

// inFlight is how many requests are being answered.
func (r *running) inFlight() string {
	res, err := http.Get(r.metrics + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	_, rest, _ := strings.Cut(string(text), "\nfirewarden_http_requests_in_flight ")
	n, _, _ := strings.Cut(rest, "\n")
	return n
}
