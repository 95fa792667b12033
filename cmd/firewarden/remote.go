package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/internal/fhir"
)

// remote is a running server.
type remote struct {
	base   string // of FHIR, without a final slash
	token  string // "" is anonymous
	client *http.Client
	// wait sleeps between tries; nil sleeps in fact.
	wait func(context.Context, time.Duration) error
}

// openServerTarget finds a server and a key that it takes.
func openServerTarget(ctx context.Context, m *Main, in *input, to, token string) (*remote, error) {
	if to == "" {
		to = "http://127.0.0.1:8080"
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("%q is no URL of a server, as in http://127.0.0.1:8080", to)
	}
	base := strings.TrimRight(to, "/")
	if !strings.HasSuffix(base, "/fhir") {
		base += "/fhir"
	}
	r := &remote{base: base, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
	c, err := config.Load(in.Input)
	if err != nil {
		return nil, usageError(err.Error())
	}
	keys := keysFor(c, u.Hostname())
	if token != "" {
		keys = []string{token}
	}
	for _, r.token = range keys {
		status, body, err := r.try(ctx, "GET", r.base+"/Patient?_count=1", nil)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return nil, fmt.Errorf("no server answers at %s: start one (firewarden serve), name another with --to, or name a store with --store", to)
		case err != nil:
			return nil, err
		case status == http.StatusOK:
			return r, nil
		case status != http.StatusUnauthorized:
			return nil, fmt.Errorf("%s: %w", r.base, r.told(status, body))
		}
	}
	return nil, fmt.Errorf("%s wants a key: give --token, --admin-key or FIREWARDEN_ADMIN_KEY; the key is in the file admin-key of the server's store", to)
}

// keysFor are the administrator's keys that a server may take, the most probable one first; "" is none.
func keysFor(c *config.Config, host string) []string {
	text, err := readKey(filepath.Join(c.Store, keyFile))
	switch {
	case c.AdminKey != "":
		return []string{c.AdminKey}
	case !isLoopback(host) && c.Default("store"):
		return []string{""}
	case !isLoopback(host) && err == nil: // of a folder that was named
		return []string{text}
	case err == nil:
		// What a server of this machine most probably has: the key in its folder, the sandbox's, or open doors.
		return []string{text, "sandbox-admin", ""}
	}
	return []string{"sandbox-admin", ""}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// try sends one request.
func (r *remote) try(ctx context.Context, method, url string, body []byte) (status int, answer []byte, err error) {
	res, err := r.send(ctx, method, url, body)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	return res.StatusCode, answer, nil
}

func (r *remote) send(ctx context.Context, method, url string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/fhir+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/fhir+json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	return r.client.Do(req)
}

// tries is how often a request is sent to a server that is busy.
const tries = 10

// do sends a request again, later and later, while the server says that it is busy: nothing was done then.
func (r *remote) do(ctx context.Context, method, url string, body []byte) (answer []byte, err error) {
	pause := 250 * time.Millisecond
	for n := 1; ; n++ {
		res, err := r.send(ctx, method, url, body)
		if err != nil {
			return nil, err
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, url, err)
		}
		switch res.StatusCode {
		case http.StatusOK, http.StatusCreated:
			return answer, nil
		case http.StatusUnauthorized, http.StatusForbidden:
			return nil, fmt.Errorf("the server refuses: %v", r.told(res.StatusCode, answer))
		case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusConflict:
			if n == tries {
				return nil, r.told(res.StatusCode, answer)
			}
			later := pause
			if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
				later = max(later, time.Duration(s)*time.Second)
			}
			if err := r.sleep(ctx, later); err != nil {
				return nil, err
			}
			pause = min(2*pause, 30*time.Second)
		default:
			return nil, r.told(res.StatusCode, answer)
		}
	}
}

func (r *remote) sleep(ctx context.Context, d time.Duration) error {
	if r.wait != nil {
		return r.wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// told is what an answer that is no success says.
func (r *remote) told(status int, answer []byte) fhir.Errors {
	if res, err := fhir.Parse(answer, fhir.Limits{}); err == nil {
		return outcome(res.Root, strconv.Itoa(status))
	}
	return fhir.Errors{{Diagnostics: fmt.Sprintf("HTTP status %d", status)}}
}

// outcome are the issues of an OperationOutcome.
func outcome(n *fhir.Node, status string) (all fhir.Errors) {
	n.Get("issue").Each(func(issue *fhir.Node) {
		e := &fhir.Error{Kind: kinds[issue.Str("code")], Diagnostics: issue.Str("diagnostics")}
		issue.Get("expression").Each(func(x *fhir.Node) { e.Expression = x.Text })
		if e.Diagnostics == "" {
			e.Diagnostics = issue.Get("details").Str("text")
		}
		all = append(all, e)
	})
	if all == nil {
		return fhir.Errors{{Diagnostics: "status " + status}}
	}
	return all
}

// kinds are the kinds of errors by their issue-type code; of several kinds with one code, the first.
var kinds = func() map[string]fhir.Kind {
	m := map[string]fhir.Kind{}
	for k := fhir.KindTimeout; ; k-- {
		m[k.Code()] = k
		if k == fhir.KindException {
			return m
		}
	}
}()

// bundle implements target.
func (r *remote) bundle(ctx context.Context, b *fhir.Resource) (*fhir.Resource, error) {
	answer, err := r.do(ctx, "POST", r.base, b.Bytes)
	if err != nil {
		return nil, err
	}
	res, err := fhir.Parse(answer, fhir.Limits{Bytes: maxDocument, Nodes: 64 << 20})
	if err != nil {
		return nil, errors.New("the server's answer is no FHIR")
	}
	return res, nil
}

// finish implements target.
func (r *remote) finish(context.Context) error {
	r.client.CloseIdleConnections()
	return nil
}

// pages calls f for each resource of a search, page by page, as the server wrote it.
func (r *remote) pages(ctx context.Context, path string, f func(json.RawMessage) error) error {
	for next := r.base + "/" + path; next != ""; {
		answer, err := r.do(ctx, "GET", next, nil)
		if err != nil {
			return err
		}
		var page struct {
			Link  []struct{ Relation, URL string }
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return fmt.Errorf("%s: the server's answer is no FHIR: %w", path, err)
		}
		for _, e := range page.Entry {
			if err := f(e.Resource); err != nil {
				return err
			}
		}
		at := next
		next = ""
		for _, l := range page.Link {
			if l.Relation == "next" {
				next = r.local(l.URL)
			}
		}
		if next == at {
			return fmt.Errorf("%s: the server's next page is the same page", path)
		}
	}
	return nil
}

// local is a link of the server by the address that it was called by.
func (r *remote) local(link string) string {
	_, rest, ok := strings.Cut(link, "/fhir/")
	if !ok {
		return link
	}
	return r.base + "/" + rest
}
