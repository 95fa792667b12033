package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
)

func TestMain(m *testing.M) {
	code := m.Run()
	program.Remove()
	os.Exit(code)
}

// run runs a command in this process to its end.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs program.Output
	m := Main{Args: args, Stdout: &out, Stderr: &errs}
	ctx, cancel := context.WithTimeout(t.Context(), program.Patience) // a server that is not refused would run for ever
	defer cancel()
	code = m.Run(ctx)
	return code, out.String(), errs.String()
}

// mustRun runs a command that has to succeed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := run(t, args...)
	if code != 0 {
		t.Fatalf("%v ended with %d: %s%s", args, code, out, errs)
	}
	return out
}

// running is a server in this process.
type running struct {
	t        *testing.T
	url      string // without a slash at the end
	metrics  string
	token    string
	out, log program.Output
	stop     func() int // ends it and gives the code
}

// start starts a server in this process on a free port and waits until it answers.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	return startWith(t, Main{}, args...)
}

// startWith starts a server of a Main that is set up partly.
func startWith(t *testing.T, m Main, args ...string) *running {
	t.Helper()
	r := &running{t: t}
	if args[0] == "sandbox" {
		r.token = "sandbox-admin"
	}
	ctx, cancel := context.WithCancel(context.Background())
	started := make(chan Addresses, 1)
	code := make(chan int, 1)
	m.Args, m.Stdout, m.Stderr = append(args, "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"), &r.out, &r.log
	m.Started = func(a Addresses) { started <- a }
	go func() { code <- m.Run(ctx) }()
	r.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { r.stop() })
	select {
	case a := <-started:
		r.url, r.metrics = "http://"+a.Listen, "http://"+a.Metrics
	case c := <-code:
		code <- c
		t.Fatalf("%v ended with %d: %s%s", args, c, r.out.String(), r.log.String())
	}
	return r
}

// do sends a request; body may be nil. The path begins behind the address.
func (r *running) do(method, path, body string, header ...string) (*http.Response, []byte) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/fhir+json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res, answer
}

// get is the body of a 200.
func (r *running) get(path string) []byte {
	r.t.Helper()
	res, body := r.do("GET", path, "")
	if res.StatusCode != http.StatusOK {
		r.t.Fatalf("GET %s: %s: %s", path, res.Status, body)
	}
	return body
}

// found are the bodies of a search, all pages, and what was included.
func (r *running) found(path string) (matches, included [][]byte) {
	r.t.Helper()
	for path != "" {
		var page struct {
			Link  []struct{ Relation, URL string }
			Entry []struct {
				Resource json.RawMessage
				Search   struct{ Mode string }
			}
		}
		if err := json.Unmarshal(r.get(path), &page); err != nil {
			r.t.Fatal(err)
		}
		for _, e := range page.Entry {
			if e.Search.Mode == "include" {
				included = append(included, e.Resource)
			} else {
				matches = append(matches, e.Resource)
			}
		}
		path = ""
		for _, l := range page.Link {
			if l.Relation == "next" {
				_, rest, _ := strings.Cut(l.URL, "/fhir")
				path = "/fhir" + rest
			}
		}
	}
	return matches, included
}

// count is the total of a search.
func (r *running) count(path string) int {
	r.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	var page struct{ Total *int }
	if err := json.Unmarshal(r.get(path+sep+"_summary=count"), &page); err != nil || page.Total == nil {
		r.t.Fatalf("%s: no total: %v", path, err)
	}
	return *page.Total
}

// process is a server that is a process of its own; what it says is not in the out and log of running.
type process struct {
	*running
	*program.Process
}

// spawn starts the binary on a port that is given, and waits until it is ready.
func spawn(t *testing.T, port string, args ...string) *process {
	t.Helper()
	return talk(t, program.Start(t, port, args...), args[0])
}

// talk is a process as a server that tests ask.
func talk(t *testing.T, p *program.Process, command string) *process {
	r := &running{t: t, url: p.URL}
	if command == "sandbox" {
		r.token = "sandbox-admin"
	}
	return &process{r, p}
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
