package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary builds the program once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "firewarden-browser-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "firewarden")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/firewarden/firewarden/cmd/firewarden").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

var built string // folder of the binary

func removeBinary() {
	if built != "" {
		os.RemoveAll(built)
	}
}

// server is the program as a process of its own.
type server struct {
	t    *testing.T
	url  string
	fhir string
	key  string // of the administrator
	log  lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *lockedBuffer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *lockedBuffer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// freePort is a port that nothing answers on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// sandbox starts a sandbox with further flags.
func sandbox(t *testing.T, flags ...string) *server {
	t.Helper()
	return start(t, append([]string{"sandbox"}, flags...)...)
}

// start starts the program, and waits until it is ready.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	at := "127.0.0.1:" + freePort(t)
	s := &server{t: t, url: "http://" + at, fhir: "http://" + at + "/fhir", key: "sandbox-admin"}
	cmd := exec.Command(path, append(args, "--listen", at, "--metrics-listen", "off", "--log-level", "warn")...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FIREWARDEN_") }) // they are for the tests
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("the server: %s", s.log.String())
		}
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if res, err := http.Get(s.url + "/health/ready"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return s
			}
		}
		select {
		case <-ended:
			t.Fatalf("the server ended: %s", s.log.String())
		default:
		}
	}
	t.Fatalf("the server does not become ready: %s", s.log.String())
	return nil
}

// said waits until the program has printed something.
func (s *server) said(what *regexp.Regexp) string {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if text := what.FindString(s.log.String()); text != "" {
			return text
		}
	}
	s.t.Fatalf("the program does not say %s: %s", what, s.log.String())
	return ""
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
