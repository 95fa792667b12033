package browser

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
)

// server is the program as a process of its own.
type server struct {
	*program.Process
	t    *testing.T
	url  string
	fhir string
	key  string // of the administrator
}

// sandbox starts a sandbox with further flags.
func sandbox(t *testing.T, flags ...string) *server {
	t.Helper()
	return start(t, append([]string{"sandbox"}, flags...)...)
}

// start starts the program.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	p := program.Start(t, program.FreePort(t), append(args, "--log-level", "warn")...)
	return &server{p, t, p.URL, p.URL + "/fhir", "sandbox-admin"}
}

// api calls the administrator's interface.
func (s *server) api(method, path string, body any) map[string]any {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	status, answer := s.call(s.key, method, "/api/"+path, string(text))
	var m map[string]any
	if status >= 300 || json.Unmarshal(answer, &m) != nil && len(answer) > 0 {
		s.t.Fatalf("%s /api/%s: %d %s", method, path, status, answer)
	}
	return m
}

// call sends a request with a token.
func (s *server) call(token, method, path, body string) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" && body != "null" {
		req.Header.Set("Content-Type", "application/json")
		if strings.HasPrefix(path, "/fhir") {
			req.Header.Set("Content-Type", "application/fhir+json")
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// first is the id of the first resource that a search finds.
func (s *server) first(query string) string {
	s.t.Helper()
	status, text := s.call(s.key, "GET", "/fhir/"+query, "")
	var bundle struct {
		Entry []struct{ Resource struct{ ID string } }
	}
	if err := json.Unmarshal(text, &bundle); err != nil || status != http.StatusOK || len(bundle.Entry) == 0 {
		s.t.Fatalf("%s: %d %.300s", query, status, text)
	}
	return bundle.Entry[0].Resource.ID
}

// file writes a file of a test.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
