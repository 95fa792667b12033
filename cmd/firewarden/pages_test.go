package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
)

// shown are the lines of the fenced blocks of a kind in a page of the repository.
func shown(t *testing.T, page, kind string) (lines []string) {
	t.Helper()
	b, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(b), "\n```"+kind+"\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		lines = append(lines, strings.Split(block, "\n")...)
	}
	if len(lines) == 0 {
		t.Fatalf("%s has no block of %s", page, kind)
	}
	return lines
}

// query is the path of an example with what a browser would encode.
func query(line string) string {
	line, _, _ = strings.Cut(line, " ")
	path, params, _ := strings.Cut(line, "?")
	return "/fhir/" + path + "?" + strings.NewReplacer(`"`, "%22", "|", "%7C", "<", "%3C").Replace(params)
}

// TestSearchPage asks what SEARCH.md says can be asked, and what it says is refused.
func TestSearchPage(t *testing.T) {
	r := start(t, "sandbox")
	for _, line := range shown(t, "SEARCH.md", "search") {
		res, body := r.do("GET", strings.Replace(query(line), "/fhir/?", "/fhir?", 1), "")
		var b struct {
			Total *int
			Entry []struct{ Search struct{ Mode string } }
		}
		if err := json.Unmarshal(body, &b); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %.300s", line, res.Status, body)
			continue
		}
		if len(b.Entry) == 0 && (b.Total == nil || *b.Total == 0) {
			t.Errorf("%s: finds nothing", line)
		}
		if strings.Contains(line, "include=") && b.Entry[len(b.Entry)-1].Search.Mode != "include" {
			t.Errorf("%s: includes nothing", line)
		}
	}
	for _, line := range shown(t, "SEARCH.md", "refused") {
		res, body := r.do("GET", query(line), "")
		var o struct {
			ResourceType string
			Issue        []struct{ Expression []string }
		}
		if err := json.Unmarshal(body, &o); err != nil || res.StatusCode != http.StatusBadRequest || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 || len(o.Issue[0].Expression) == 0 {
			t.Errorf("%s: %s %.300s", line, res.Status, body)
		}
	}
	lines := shown(t, "SEARCH.md", "explain")
	want := strings.Join(lines[2:], "\n") + "\n"
	res, body := r.do("GET", query(strings.TrimPrefix(lines[0], "GET ")), "")
	if got, figures, ok := strings.Cut(string(body), "\n\n"); !ok || res.StatusCode != http.StatusOK || got+"\n" != want || !strings.Contains(figures, "documents read") {
		t.Errorf("%s: %s\n%s\nwant\n%s", lines[0], res.Status, body, want)
	}
}

// TestWhySection does what the README says of explanations.
func TestWhySection(t *testing.T) {
	r := start(t, "sandbox")
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Why was this refused?")
	_, section, _ = strings.Cut(section, "```sh\n")
	section, _, _ = strings.Cut(section, "```")
	said, asked := "", 0
	for line := range strings.Lines(section) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "    #")
		line = strings.ReplaceAll(line, `"$T"`, r.token)
		switch {
		case strings.HasPrefix(line, "T=$("):
			args := strings.Fields(strings.NewReplacer("T=$(firewarden ", "", ")", "", "'", "").Replace(line))
			r.token = strings.TrimSpace(mustRun(t, append(args, "--server", r.url)...))
		case strings.HasPrefix(line, "firewarden "):
			said += mustRun(t, append(strings.Fields(line)[1:], "--server", r.url)...)
		default:
			_, path, _ := strings.Cut(line, "127.0.0.1:8080")
			res, body := r.do("GET", path, "")
			if res.StatusCode != http.StatusOK || strings.HasPrefix(path, "/fhir") != (res.Header.Get("X-Firewarden-Scope") != "") {
				t.Errorf("%s: %s %v %.300s", line, res.Status, res.Header, body)
			}
			asked++
		}
	}
	if asked != 2 || r.token == "" {
		t.Errorf("the section has other commands: %s", section)
	}
	for _, line := range shown(t, "README.md", "explained") {
		if !strings.Contains(said, line+"\n") {
			t.Errorf("the README shows %q, which is not in\n%s", line, said)
		}
	}
}

// TestFirstMinutes asks what the README asks of a sandbox in its first minutes.
func TestFirstMinutes(t *testing.T) {
	r := start(t, "sandbox")
	asked := 0
	for _, line := range shown(t, "README.md", "sh") {
		_, path, ok := strings.Cut(line, `"$B/`)
		path, _, closed := strings.Cut(path, `"`)
		if !ok || !closed || !strings.HasPrefix(line, "curl ") {
			continue
		}
		asked++
		method, body := "GET", ""
		if strings.Contains(line, "-X POST") {
			method = "POST"
			_, body, _ = strings.Cut(line, "-d '")
			body = strings.TrimSuffix(body, "'")
		}
		if _, err := url.Parse("/fhir/" + path); err != nil {
			t.Fatal(err)
		}
		res, answer := r.do(method, strings.ReplaceAll("/fhir/"+path, "|", "%7C"), body)
		if res.StatusCode/100 != 2 {
			t.Errorf("%s: %s %.300s", line, res.Status, answer)
		}
	}
	if asked < 5 {
		t.Errorf("%d requests of the README", asked)
	}
	_, body := r.do("GET", "/fhir/Patient?brithdate=1970", "")
	page, err := os.ReadFile("../../README.md")
	if err != nil || !strings.Contains(string(page), string(body)) {
		t.Errorf("the README says otherwise than %s (%v)", body, err)
	}
}
