package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The keys of internal/config that say how the server searches, through the program.
func TestSearchIsConfigured(t *testing.T) {
	folder := t.TempDir()
	serve := func(args ...string) *running {
		r := start(t, append([]string{"serve", "--store", folder, "--admin-key", "a-key-of-a-test"}, args...)...)
		r.token = "a-key-of-a-test"
		return r
	}
	r := serve("--page-size", "2", "--max-page-size", "3")
	for i := range 5 {
		r.do("PUT", fmt.Sprintf("/fhir/Basic/b%d", i), fmt.Sprintf(`{"resourceType":"Basic","id":"b%d","code":{"text":"a"},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">feverish %d</div>"}}`, i, i))
	}
	entries := func(r *running, path string, header ...string) (n int, status int) {
		res, body := r.do("GET", path, "", header...)
		var b struct {
			Entry []struct{ Search struct{ Mode string } }
		}
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entry {
			if e.Search.Mode == "match" {
				n++
			}
		}
		return n, res.StatusCode
	}
	for path, want := range map[string]int{"/fhir/Basic": 2, "/fhir/Basic?_count=100": 3, "/fhir/Basic?_count=1": 1, "/fhir/Basic?_text=feverish": 2} {
		if n, status := entries(r, path); n != want || status != 200 {
			t.Errorf("%s: %d resources, %d, want %d", path, n, status, want)
		}
	}
	const words = "term _content word"
	if explained := r.get("/fhir/Basic?_text=feverish&_explain=text"); !strings.Contains(string(explained), words) {
		t.Errorf("words are not looked up:\n%s", explained)
	}
	if _, status := entries(r, "/fhir/Basic?nosuch=1"); status != http.StatusBadRequest {
		t.Errorf("an unknown parameter: %d", status)
	}
	if res, body := r.do("DELETE", "/fhir/Basic?code:text=a", ""); res.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("several matches: %s %s", res.Status, body)
	}
	r.stop()

	code, _, errs := run(t, "serve", "--store", folder, "--listen", "127.0.0.1:0", "--metrics-listen", "off", "--text-index", "off")
	if code != 1 || !strings.Contains(errs, "run firewarden reindex --store "+folder) || !strings.Contains(errs, "--text-index off") {
		t.Errorf("a store with words, and none are wanted: %d %s", code, errs)
	}
	mustRun(t, "reindex", "--store", folder, "--text-index", "off")
	mustRun(t, "check", "--store", folder)
	r = serve("--handling", "lenient", "--conditional-delete", "multiple", "--text-index", "off")
	if n, status := entries(r, "/fhir/Basic?nosuch=1"); n != 5 || status != 200 {
		t.Errorf("an unknown parameter, leniently: %d resources, %d", n, status)
	}
	if _, status := entries(r, "/fhir/Basic?nosuch=1", "Prefer", "handling=strict"); status != http.StatusBadRequest {
		t.Errorf("an unknown parameter, strictly: %d", status)
	}
	if n, _ := entries(r, "/fhir/Basic?_text=feverish"); n != 5 {
		t.Errorf("%d resources by a text without an index of words", n)
	}
	if explained := r.get("/fhir/Basic?_text=feverish&_explain=text"); strings.Contains(string(explained), words) {
		t.Errorf("words are looked up that are not there:\n%s", explained)
	}
	var claims struct {
		Rest []struct {
			Resource []struct{ ConditionalDelete string }
		}
	}
	if err := json.Unmarshal(r.get("/fhir/metadata"), &claims); err != nil || claims.Rest[0].Resource[0].ConditionalDelete != "multiple" {
		t.Errorf("conditional delete is claimed as %+v %v", claims.Rest[0].Resource[0], err)
	}
	res, body := r.do("DELETE", "/fhir/Basic?code:text=a", "", "Prefer", "return=OperationOutcome")
	if res.StatusCode != http.StatusOK || !strings.Contains(string(body), "5 resources matched and were deleted") {
		t.Errorf("several matches that may be deleted: %s %s", res.Status, body)
	}
	if n := r.count("/fhir/Basic"); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestSearchKeysAreSaid(t *testing.T) {
	help := mustRun(t, "serve", "--help")
	for _, key := range []string{"handling", "conditional-delete", "page-size", "max-page-size", "text-index"} {
		if !strings.Contains(help, "--"+key) {
			t.Errorf("serve --help does not tell of --%s", key)
		}
	}
	for _, c := range [][2]string{{"--handling", "loose"}, {"--conditional-delete", "none"}, {"--page-size", "0"}, {"--max-page-size", "10"}, {"--text-index", "yes"}} {
		if code, _, errs := run(t, "config", "check", c[0], c[1]); code == 0 || !strings.Contains(errs, c[0][2:]) {
			t.Errorf("%v: %d %s", c, code, errs)
		}
	}
}
