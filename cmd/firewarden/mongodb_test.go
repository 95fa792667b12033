package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

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
