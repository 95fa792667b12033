package proof

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"golang.org/x/net/html"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/keys"
	"github.com/firewarden/firewarden/internal/proof/model"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/embedded"
	"github.com/firewarden/firewarden/store/storetest"
)

// host is where the whole server is.
var host = strings.TrimSuffix(storetest.Base, "/fhir")

// adminKey is the administrator's.
const adminKey = "correct-horse-battery"

// whole is a server with all that it has: FHIR, authorization, pages and the log, on one world. Its clock goes on by a
// second with each request; its randomness is that of the number of the request.
type whole struct {
	t       *testing.T
	sandbox bool
	auth    *auth.Server
	log     *audit.Log
	http    *http.Client
	jar     http.CookieJar
	count   int // requests
	close   func()
}

func (w *whole) now() time.Time { return asked(w.count) }

// chance is crypto/rand as a test has set it.
type chance struct{}

// Read implements io.Reader.
func (chance) Read(b []byte) (int, error) { return rand.Read(b) }

// signing are keys for every server: making one takes a while.
var signing = sync.OnceValues(func() (*rsa.PrivateKey, *ecdsa.PrivateKey) {
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		panic(err)
	}
	return r, e
})

// timed are the engines of whole servers, on whose clock what they keep ends. What differs between engines lies below the
// plans, through which everything here goes, too: a database adds nothing but time.
var timed = map[string]func(t *testing.T, now func() time.Time) store.Store{
	"memory": func(_ *testing.T, now func() time.Time) store.Store {
		m := storetest.NewMemory()
		m.Now = now
		return m
	},
	"embedded": func(t *testing.T, now func() time.Time) store.Store {
		st, err := embedded.Open(embedded.Options{Memory: true, Mode: "sandbox", CacheSize: 1 << 20, Indexer: &index.Indexer{Base: storetest.Base}, Clock: now})
		if err != nil {
			t.Fatal(err)
		}
		return st
	},
}

// openWhole makes a whole server on a world, for one person; close ends it.
func openWhole(t *testing.T, engine string, world []Op, sandbox bool, who person) *whole {
	t.Helper()
	ctx := t.Context()
	w := &whole{t: t, sandbox: sandbox}
	r, e := signing()
	cryptotest.SetGlobalRandom(t, 0)
	st := timed[engine](t, w.now)
	x := &index.Indexer{Base: storetest.Base}
	filler := site{service: &interaction.Service{}}
	if err := filler.fill(st, world); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(keys.Keep(ctx, st.KV(), "RS256", r, began))
	must(keys.Keep(ctx, st.KV(), "ES256", e, began))
	var err error
	w.log, err = audit.Open(ctx, audit.Options{Store: st, Indexer: x, Site: host, Now: w.now, Random: chance{}})
	must(err)
	service := &interaction.Service{Store: w.log.Store(), Indexer: x, Base: storetest.Base, Seal: filler.service.Seal, Now: w.now, Validation: interaction.ValidateOff}
	pages := ui.New(ui.Options{Version: "test", FHIR: storetest.Base})
	w.auth, err = auth.New(ctx, auth.Options{Base: host, Store: st, Indexer: x, Pages: pages, Sandbox: sandbox, Reach: keys.Loopback, Now: w.now, Random: chance{}})
	must(err)
	w.people(who)
	srv := server.New(server.Options{Service: service, Auth: w.auth, AdminKey: adminKey, Audit: w.log, Sandbox: sandbox, Trace: sandbox, Pages: pages, Version: "test",
		Date: "2026-01-01", NewRequestID: func() string { return "request" }, Now: w.now, Logger: slog.New(errorsOnly{t})})
	ln := &pipes{accept: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	w.http = &http.Client{Transport: &http.Transport{DialTLSContext: ln.dial, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.close = func() {
		w.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(srv.Shutdown(ctx), <-served, st.Close()); err != nil {
			t.Errorf("shut down: %v", err)
		}
	}
	return w
}

// walker is somebody in front of a browser, with an app.
type walker struct {
	*whole
	person
	channel string
	page    *html.Node // the last one that was shown
	back    *url.URL   // where the app was called back last
	told    []told
	shown   []string // resources of the world that the person sees
}

// told is a request and its answer, of a channel.
type told struct {
	channel string
	asked   Request
	answer
}

// ask sends a request, and goes on as a browser does as long as it stays on the site.
func (w *walker) ask(method, path, body string, headers ...string) answer {
	w.t.Helper()
	q := row(method, "..", body, headers...)
	if strings.Contains(body, "=") && !strings.HasPrefix(body, "{") {
		q.Header["Content-Type"] = "application/x-www-form-urlencoded"
	}
	for range 10 {
		q.Path = ".." + path
		w.count++
		cryptotest.SetGlobalRandom(w.t, uint64(w.count))
		req, err := http.NewRequest(q.Method, host+path, strings.NewReader(q.Body))
		if err != nil {
			w.t.Fatal(err)
		}
		for name, value := range q.Header {
			req.Header.Set(name, value)
		}
		for _, c := range w.jar.Cookies(req.URL) {
			req.AddCookie(c)
		}
		res, err := w.http.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		a := w.read(res)
		w.jar.SetCookies(req.URL, res.Cookies())
		w.told = append(w.told, told{w.channel, q, a})
		if err := w.log.Flush(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		to, err := req.URL.Parse(res.Header.Get("Location"))
		if err != nil || res.StatusCode != http.StatusSeeOther {
			if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				if w.page, err = html.Parse(strings.NewReader(a.body)); err != nil {
					w.t.Fatal(err)
				}
			}
			return a
		}
		if to.Scheme+"://"+to.Host != host {
			w.page, w.back = nil, to
			return a
		}
		q, path = row(http.MethodGet, "", ""), to.RequestURI()
	}
	w.t.Fatal("redirects without end")
	return answer{}
}

// read is an answer without its date.
func (w *whole) read(res *http.Response) answer {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Header.Del("Date")
	var header strings.Builder
	if err := res.Header.Write(&header); err != nil { // sorted
		w.t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: header.String(), body: string(body)}
}

func (w *walker) get(path string, headers ...string) answer {
	w.t.Helper()
	return w.ask(http.MethodGet, path, "", headers...)
}

func (w *walker) post(path string, pairs ...string) answer {
	w.t.Helper()
	return w.ask(http.MethodPost, path, query(pairs...))
}

// with asks with a bearer token, or the administrator's key.
func (w *walker) with(token, method, path, body string) answer {
	w.t.Helper()
	return w.ask(method, path, body, "Authorization", "Bearer "+token)
}

// leave closes the browser.
func (w *walker) leave() {
	w.jar, _ = cookiejar.New(nil) // without options it cannot fail
	w.page, w.back = nil, nil
}

// form is the form of the page that goes to a path, nil if there is none.
func (w *walker) form(path string) *html.Node {
	if w.page == nil {
		return nil
	}
	for n := range w.page.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && attr(n, "action") == host+path && attr(n, "method") == "post" {
			return n
		}
	}
	return nil
}

// submit sends that form with what is in it, and with pairs; a test fails if it is not there.
func (w *walker) submit(path string, pairs ...string) answer {
	w.t.Helper()
	form := w.form(path)
	if form == nil {
		w.t.Fatalf("%s: there is no form to %s: %s", w.name, path, w.told[len(w.told)-1].answer)
	}
	values := url.Values{}
	for n := range form.Descendants() {
		kind := attr(n, "type")
		if n.Data == "input" && (kind == "hidden" || (kind == "checkbox" || kind == "radio") && slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" })) {
			values.Add(attr(n, "name"), attr(n, "value"))
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return w.ask(http.MethodPost, path, values.Encode())
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// query writes pairs as a query, in the order of their names.
func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// seenBy are the resources of a world that a token sees anything of.
func seenBy(token model.Token) (list []string) {
	for _, v := range modelled(fixed).Touches(token) {
		if at := v.Type + "/" + v.ID; !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return list
}
