package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// TestTwoServersOnOneDatabase: what one server has acknowledged the other one answers with, at once; of many conditional
// creates through both one makes a resource.
func TestTwoServersOnOneDatabase(t *testing.T) {
	uri := mongotest.Database(t)
	a := start(t, "sandbox", "--store", uri, "--base-url", "http://firewarden.test")
	if text := a.out.String(); !strings.Contains(text, "12 patients") || strings.Contains(text, "replicaSet") {
		t.Errorf("the first one says:\n%s", text)
	}
	b := start(t, "sandbox", "--store", uri, "--base-url", "http://firewarden.test")
	if text := b.out.String(); strings.Contains(text, "12 patients") {
		t.Errorf("the second one seeds again:\n%s", text)
	}
	servers := []*running{a, b}

	version := ""
	for i := range 10 {
		writer, reader := servers[i%2], servers[(i+1)%2]
		body := fmt.Sprintf(`{"resourceType":"Patient","id":"shared","identifier":[{"system":"urn:x","value":"%d"}]}`, i)
		var header []string
		if version != "" {
			header = []string{"If-Match", version}
		}
		res, answer := writer.do("PUT", "/fhir/Patient/shared", body, header...)
		if res.StatusCode/100 != 2 {
			t.Fatalf("update %d: %s: %s", i, res.Status, answer)
		}
		version = res.Header.Get("ETag")
		res, answer = reader.do("GET", "/fhir/Patient/shared", "")
		if res.Header.Get("ETag") != version {
			t.Fatalf("the other server has %s, not %s: %s", res.Header.Get("ETag"), version, answer)
		}
		if found, _ := reader.found(fmt.Sprintf("/fhir/Patient?identifier=urn:x|%d", i)); len(found) != 1 {
			t.Fatalf("the other server finds %d by what was written", len(found))
		}
	}
	if res, answer := a.do("PUT", "/fhir/Patient/shared", `{"resourceType":"Patient","id":"shared"}`, "If-Match", `W/"1"`); res.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a stale If-Match: %s: %s", res.Status, answer)
	}

	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			res, answer := servers[i%2].do("POST", "/fhir/Patient", `{"resourceType":"Patient","identifier":[{"system":"urn:once","value":"1"}]}`,
				"If-None-Exist", "identifier=urn:once|1")
			if res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusOK {
				t.Errorf("a conditional create: %s: %s", res.Status, answer)
			}
		})
	}
	wg.Wait()
	if found, _ := a.found("/fhir/Patient?identifier=urn:once|1"); len(found) != 1 {
		t.Errorf("%d resources by one condition", len(found))
	}

	var ready struct{ Status string }
	if err := json.Unmarshal(a.get("/health/ready"), &ready); err != nil || ready.Status != "up" {
		t.Errorf("ready: %+v %v", ready, err)
	}
	if code := a.stop(); code != done {
		t.Errorf("the first one ended with %d: %s", code, a.log.String())
	}
	if found, _ := b.found("/fhir/Patient?identifier=urn:x|9"); len(found) != 1 {
		t.Error("the second one does not go on alone")
	}
	b.stop()

	code, _, said := run(t, "serve", "--store", uri, "--listen", "127.0.0.1:0", "--base-url", "http://firewarden.test")
	if code != failed || !strings.Contains(said, "another database in --store") {
		t.Errorf("serve on a sandbox's database ended with %d: %s", code, said)
	}
	code, _, said = run(t, "sandbox", "--store", uri, "--listen", "127.0.0.1:0", "--base-url", "http://other.test")
	if code != failed || !strings.Contains(said, "firewarden reindex --store mongodb://") || strings.Contains(said, "replicaSet") {
		t.Errorf("another base URL ended with %d: %s", code, said)
	}
	again := start(t, "sandbox", "--store", uri, "--base-url", "http://firewarden.test")
	code, _, said = run(t, "reindex", "--store", uri, "--base-url", "http://other.test")
	if code != failed || !strings.Contains(said, "stop the servers on it") {
		t.Errorf("reindex under a server ended with %d: %s", code, said)
	}
	again.get("/fhir/Patient?identifier=urn:once|1")
	again.stop()
	if out := mustRun(t, "reindex", "--store", uri, "--base-url", "http://other.test"); !strings.Contains(out, "instances indexed") {
		t.Errorf("reindex said %q", out)
	}
	c := start(t, "sandbox", "--store", uri, "--base-url", "http://other.test")
	if found, _ := c.found("/fhir/Patient?identifier=urn:once|1"); len(found) != 1 {
		t.Errorf("%d resources after a reindex", len(found))
	}
}

func TestDatabasesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, uri, want string }{
		{"nobody there", "mongodb://user:secret-word@127.0.0.1:1/x?serverSelectionTimeoutMS=300", "no database answers at 127.0.0.1:1"},
		{"no URI", "mongodb://", "mongodb://USER:PASSWORD@HOST"},
		{"weak writes", "mongodb://user:secret-word@127.0.0.1:1/x?w=1", "w=majority"},
		{"weak reads", "mongodb://127.0.0.1:1/x?readConcernLevel=local", "readConcernLevel=local"},
		{"secondaries", "mongodb://127.0.0.1:1/x?readPreference=secondary", "readPreference"},
		{"no journal", "mongodb://127.0.0.1:1/x?journal=false", "journal=false"},
		{"no retries", "mongodb://127.0.0.1:1/x?retryWrites=false", "retryWrites=false"},
	} {
		code, out, said := run(t, "serve", "--store", c.uri, "--listen", "127.0.0.1:0")
		if code == done || !strings.Contains(said, c.want) {
			t.Errorf("%s ended with %d: %s", c.name, code, said)
		}
		if strings.Contains(out+said, "secret-word") {
			t.Errorf("%s tells the password: %s%s", c.name, out, said)
		}
	}
}

// TestTheDatabaseIsGone: while it is, the server says so and refuses what it cannot do; it comes back by itself.
func TestTheDatabaseIsGone(t *testing.T) {
	m := mongotest.Start(t, "--replSet", mongotest.Set)
	uri, err := mongotest.Initiate(t.Context(), m.Address)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, "serve", "--store", uri+"&serverSelectionTimeoutMS=3000", "--base-url", "http://firewarden.test", "--anonymous", "system/*.cruds")
	put := func(id string) *http.Response {
		res, _ := r.do("PUT", "/fhir/Patient/"+id, `{"resourceType":"Patient","id":"`+id+`"}`)
		return res
	}
	if res := put("before"); res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
	m.Kill()
	var down struct{ Status string }
	if res, body := r.do("GET", "/health/ready", ""); res.StatusCode != http.StatusServiceUnavailable || json.Unmarshal(body, &down) != nil || down.Status != "down" {
		t.Errorf("ready: %s %s", res.Status, body)
	}
	if res, _ := r.do("GET", "/health/live", ""); res.StatusCode != http.StatusOK {
		t.Errorf("live: %s", res.Status)
	}
	var refused sync.WaitGroup // each waits for the database a while
	for _, path := range []string{"/fhir/Patient/before", "/fhir/Patient", "/fhir/Patient/before/_history", "/fhir/_history"} {
		refused.Go(func() {
			res, body := r.do("GET", path, "")
			if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "try again") {
				t.Errorf("%s: %s, Retry-After %q: %s", path, res.Status, res.Header.Get("Retry-After"), body)
			}
		})
	}
	if res := put("while"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("write: %s", res.Status)
	}
	refused.Wait()
	m.Restart(t)
	program.Until(t, "the server is ready again", func() bool {
		res, _ := r.do("GET", "/health/ready", "")
		return res.StatusCode == http.StatusOK
	})
	r.get("/fhir/Patient/before")
	if res := put("after"); res.StatusCode != http.StatusCreated {
		t.Errorf("write again: %s", res.Status)
	}
}

// TestTooLargeForADatabase: what MongoDB cannot hold is refused with the limit, and leaves nothing.
func TestTooLargeForADatabase(t *testing.T) {
	r := start(t, "serve", "--store", mongotest.Database(t), "--base-url", "http://firewarden.test", "--anonymous", "system/*.cruds")
	group := func(members int) string {
		var b strings.Builder
		b.WriteString(`{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[`)
		for i := range members {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"entity":{"reference":"Patient/p%d"}}`, i)
		}
		b.WriteString(`]}`)
		return b.String()
	}
	for name, c := range map[string]struct{ path, body string }{
		"a group of 500,000": {"/fhir/Group/g", group(500_000)},
		"a Binary of 20 MB":  {"/fhir/Binary/b", `{"resourceType":"Binary","id":"b","contentType":"application/pdf","data":"` + strings.Repeat("QUJD", 5<<20) + `"}`},
	} {
		res, body := r.do("PUT", c.path, c.body)
		if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), `"too-long"`) {
			t.Errorf("%s: %s: %.300s", name, res.Status, body)
		}
		if res, _ := r.do("GET", c.path, ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s is there: %s", name, res.Status)
		}
	}
	if res, body := r.do("PUT", "/fhir/Group/g", group(20_000)); res.StatusCode != http.StatusCreated {
		t.Errorf("a group of 20,000: %s: %.300s", res.Status, body)
	}
	if n := r.count("/fhir/Group?member=Patient/p19999"); n != 1 {
		t.Errorf("%d groups of a member", n)
	}
}
