package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
)

// TestKill9WhileIndexing: a process that ends in the middle of indexing by a search parameter leaves nothing that could be
// searched by wrongly, and the next one goes on to the end.
func TestKill9WhileIndexing(t *testing.T) {
	dir, port := filepath.Join(t.TempDir(), "store"), program.FreePort(t)
	args := []string{"sandbox", "--store", dir, "--log-level", "error", "--validation", "off"}
	p := spawn(t, port, args...)
	const patients = 3000
	var entries strings.Builder
	for i := range patients {
		fmt.Fprintf(&entries, `,{"resource":{"resourceType":"Patient","id":"x%d","maritalStatus":{"coding":[{"system":"http://x/wed","code":"%c"}]}},"request":{"method":"PUT","url":"Patient/x%d"}}`, i, "MSD"[i%3], i)
	}
	if res, body := p.do("POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+entries.String()[1:]+`]}`); res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %.300s", res.Status, body)
	}
	type status struct {
		Done, Total int
		Parameters  []struct{ Status string }
	}
	ask := func() (s status) {
		t.Helper()
		if err := json.Unmarshal(p.get("/api/searchparameters"), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	caught := false
	for round := 0; !caught; round++ {
		if round == 50 {
			t.Fatal("indexing was never seen in the middle")
		}
		res, body := p.do("PUT", "/fhir/SearchParameter/wed", fmt.Sprintf(`{"resourceType":"SearchParameter","id":"wed","url":"http://x/wed","name":"wed","status":"active","description":"x",
			"code":"wed","base":["Patient"],"type":"token","expression":"Patient.maritalStatus%s"}`, strings.Repeat(" | Patient.maritalStatus", round)))
		if res.StatusCode >= 300 {
			t.Fatalf("%s: %s", res.Status, body)
		}
		for s := ask(); s.Parameters[0].Status != "ready" && !caught; s = ask() {
			caught = 0 < s.Done && s.Done < s.Total
		}
	}
	p.Kill()
	p = spawn(t, port, args...)
	if res, body := p.do("GET", "/fhir/Patient?wed=http://x/wed%7CM", ""); res.StatusCode == http.StatusOK {
		if s := ask(); s.Parameters[0].Status != "ready" {
			t.Errorf("searched by before it is ready: %.300s", body)
		}
	}
	program.Until(t, "the next process to index the rest", func() bool { return ask().Parameters[0].Status == "ready" })
	for code, want := range map[string]int{"M": (patients + 2) / 3, "S": (patients + 1) / 3, "D": patients / 3} {
		if got := p.count("/fhir/Patient?wed=http://x/wed%7C" + code); got != want {
			t.Errorf("%s: %d found, want %d", code, got, want)
		}
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if out := mustRun(t, "check", "--store", dir); !strings.Contains(out, "no problems") {
		t.Errorf("check: %s", out)
	}
}
