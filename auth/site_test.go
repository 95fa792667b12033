package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/keys"
	"github.com/firewarden/firewarden/auth/plain"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// signing are keys for every server under test: making one takes a while.
var signing struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

func TestMain(m *testing.M) {
	var err1, err2 error
	signing.rsa, err1 = rsa.GenerateKey(rand.Reader, 2048)
	signing.ec, err2 = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err1 != nil || err2 != nil {
		panic(fmt.Sprint(err1, err2))
	}
	os.Exit(m.Run())
}

// site is a whole server on a listener of its own.
type site struct {
	t     *testing.T
	url   string
	fhir  string
	auth  *auth.Server
	store *storetest.Memory
	log   *audit.Log
	row   string // of the table of routes, while they are tried

	params *interaction.Parameters
	begun  time.Time
	ahead  atomic.Int64 // how long the test has waited since
}

const adminKey = "correct-horse-battery"

func (w *site) now() time.Time       { return w.begun.Add(time.Duration(w.ahead.Load())) }
func (w *site) wait(d time.Duration) { w.ahead.Add(int64(d)) }

// open starts a sandbox; change may alter its options. The record holds two patients, a and b.
func open(t *testing.T, change ...func(*auth.Options)) *site {
	t.Helper()
	ctx := context.Background()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &site{t: t, url: "http://" + ln.Addr().String(), store: storetest.NewMemory(), begun: time.Now()}
	w.fhir = w.url + "/fhir"
	w.store.Now = w.now
	w.store.Indexer = &index.Indexer{Base: w.fhir}
	kv := w.store.KV()
	past := time.Now().Add(-time.Hour)
	if err := keys.Keep(ctx, kv, "RS256", signing.rsa, past); err != nil {
		t.Fatal(err)
	}
	if err := keys.Keep(ctx, kv, "ES256", signing.ec, past); err != nil {
		t.Fatal(err)
	}
	seal, err := interaction.OpenSeal(ctx, kv, nil)
	if err != nil {
		t.Fatal(err)
	}
	if w.log, err = audit.Open(ctx, audit.Options{Store: w.store, Indexer: w.store.Indexer, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	service := &interaction.Service{Store: w.log.Store(), Indexer: w.store.Indexer, Base: w.fhir, Seal: seal, Validation: interaction.ValidateOff}
	if service.Parameters, err = interaction.OpenParameters(ctx, w.store); err != nil {
		t.Fatal(err)
	}
	w.params = service.Parameters
	building, stop := context.WithCancel(ctx)
	built := make(chan struct{})
	go func() {
		defer close(built)
		service.Parameters.Run(building, func(err error) { t.Error(err) })
	}()
	t.Cleanup(func() { stop(); <-built })
	o := auth.Options{Base: w.url, Store: w.store, Indexer: w.store.Indexer, Params: service.Parameters.Set, Pages: plain.Pages{}, Sandbox: true, Reach: keys.Loopback, Now: w.now}
	for _, f := range change {
		f(&o)
	}
	if w.auth, err = auth.New(ctx, o); err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Options{Service: service, Auth: w.auth, AdminKey: adminKey, Audit: w.log, Sandbox: o.Sandbox, Version: "test", Now: w.now, Logger: o.Logger})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), program.Patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-served
	})
	w.fill()
	if err := w.auth.FillSandbox(ctx, "Practitioner/p", "Patient/a", "RelatedPerson/r", auth.SandboxKeys{Set: appKeys.public}); err != nil {
		t.Fatal(err)
	}
	return w
}

// fill writes the record.
func (w *site) fill() {
	w.t.Helper()
	var list []string
	add := func(body string) { list = append(list, body) }
	add(`{"resourceType":"Practitioner","id":"p","name":[{"family":"Okafor","given":["Ngozi"]}]}`)
	add(`{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/b"}}`)
	add(`{"resourceType":"Organization","id":"o","name":"Clinic"}`)
	for _, p := range []string{"a", "b"} {
		add(`{"resourceType":"Patient","id":"` + p + `","name":[{"family":"Shaw","given":["Amy` + p + `"]}],"gender":"female","birthDate":"1987-02-20"}`)
		for i, class := range []string{"AMB", "IMP"} {
			add(fmt.Sprintf(`{"resourceType":"Encounter","id":"%s-e%d","status":"finished","class":{"code":"%s"},"subject":{"reference":"Patient/%s"}}`, p, i, class, p))
		}
		for i, category := range []string{"laboratory", "vital-signs", "survey"} {
			add(fmt.Sprintf(`{"resourceType":"Observation","id":"%s-o%d","status":"final","code":{"text":"x"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"%s"}]}],"subject":{"reference":"Patient/%s"},"encounter":{"reference":"Encounter/%s-e%d"}}`, p, i, category, p, p, i%2))
		}
		add(fmt.Sprintf(`{"resourceType":"Condition","id":"%s-c","subject":{"reference":"Patient/%s"}}`, p, p))
	}
	for _, body := range list {
		var r struct{ ResourceType, ID string }
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			w.t.Fatal(err)
		}
		if a := w.call(adminKey, "PUT", "/fhir/"+r.ResourceType+"/"+r.ID, body); a.status != 201 {
			w.t.Fatalf("%s: %d %s", body, a.status, a.body)
		}
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return v
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: program.Patience}

func send(t *testing.T, c *http.Client, r *http.Request) answer {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, b}
}

// call calls the server as a program does, with a bearer token unless that is "".
func (w *site) call(token, method, path, body string, header ...string) answer {
	w.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = w.url + path
	}
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return send(w.t, noRedirects, r)
}

// api calls the administrator's API and expects success.
func (w *site) api(method, path string, body any) map[string]any {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.call(adminKey, method, "/api/"+path, string(b))
	if a.status >= 300 {
		w.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if len(a.body) == 0 {
		return nil
	}
	return a.json(w.t)
}

// form posts a form as a program does.
func (w *site) form(path string, form url.Values, header ...string) answer {
	w.t.Helper()
	return w.call("", "POST", path, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
}

// reads says what a request with the token is answered.
func (w *site) reads(token, path string) int {
	w.t.Helper()
	return w.call(token, "GET", "/fhir/"+path, "").status
}

// finds are the ids of a search, sorted as they come.
func (w *site) finds(token, query string) []string {
	w.t.Helper()
	a := w.call(token, "GET", "/fhir/"+query, "")
	if a.status != 200 {
		w.t.Fatalf("%s: %d %s", query, a.status, a.body)
	}
	var b struct {
		Entry []struct{ Resource struct{ ID string } }
	}
	if err := json.Unmarshal(a.body, &b); err != nil {
		w.t.Fatal(err)
	}
	ids := []string{}
	for _, e := range b.Entry {
		ids = append(ids, e.Resource.ID)
	}
	return ids
}

// refused expects an error of OAuth.
func (a answer) refused(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%d %s, want %d %s", a.status, a.body, status, code)
		return
	}
	if got := str(a.json(t), "error"); got != code {
		t.Errorf("error %q, want %q: %s", got, code, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers of an error: %v", a.header)
	}
}

// fault is the error of a redirect.
func fault(t *testing.T, uri string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil || u.Query().Get("code") != "" {
		t.Fatalf("redirect %q", uri)
	}
	if u.Query().Get("iss") == "" {
		t.Errorf("redirect without iss: %s", uri)
	}
	return u.Query().Get("error")
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func byID(id string) func(*html.Node) bool {
	return func(n *html.Node) bool { return attr(n, "id") == id }
}
