package auth_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
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
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/server/interaction"
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

	params *interaction.Parameters
	ahead  atomic.Int64 // what the clock is ahead of ours
}

const adminKey = "correct-horse-battery"

func (w *site) now() time.Time       { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *site) wait(d time.Duration) { w.ahead.Add(int64(d)) }

// open starts a sandbox; change may alter its options. The record holds two patients, a and b.
func open(t *testing.T, change ...func(*auth.Options)) *site {
	t.Helper()
	ctx := context.Background()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &site{t: t, url: "http://" + ln.Addr().String(), store: storetest.NewMemory()}
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
	service := &interaction.Service{Store: w.store, Indexer: w.store.Indexer, Base: w.fhir, Seal: seal, Validation: interaction.ValidateOff}
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
	s := server.New(server.Options{Service: service, Auth: w.auth, AdminKey: adminKey, Sandbox: o.Sandbox, Version: "test", Now: w.now})
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
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

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 30 * time.Second}

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

// browser is a browser with cookies of its own.
type browser struct {
	w        *site
	http     *http.Client
	at       string // URL of the page
	language string // Accept-Language
	page     *html.Node
	last     answer
}

func (w *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, http: &http.Client{Jar: jar, CheckRedirect: noRedirects.CheckRedirect, Timeout: 30 * time.Second}}
}

// open goes to a URL and follows redirects as long as they stay on the site; the URL of the first that leaves it is
// the result, "" if a page is shown.
func (b *browser) open(uri string) string {
	b.w.t.Helper()
	r, err := http.NewRequest("GET", uri, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.follow(r)
}

func (b *browser) post(uri string, form url.Values) string {
	b.w.t.Helper()
	r, err := http.NewRequest("POST", uri, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.follow(r)
}

func (b *browser) follow(r *http.Request) string {
	b.w.t.Helper()
	for range 10 {
		b.at = r.URL.String()
		if b.language != "" {
			r.Header.Set("Accept-Language", b.language)
		}
		b.last = send(b.w.t, b.http, r)
		if b.last.status != 303 {
			page, err := html.Parse(bytes.NewReader(b.last.body))
			if err != nil {
				b.w.t.Fatal(err)
			}
			b.page = page
			return ""
		}
		to, err := r.URL.Parse(b.last.header.Get("Location"))
		if err != nil {
			b.w.t.Fatal(err)
		}
		if to.Scheme+"://"+to.Host != b.w.url {
			return b.last.header.Get("Location")
		}
		if r, err = http.NewRequest("GET", to.String(), nil); err != nil {
			b.w.t.Fatal(err)
		}
	}
	b.w.t.Fatal("redirects without end")
	return ""
}

// find is the first element that fits, nil if there is none.
func find(n *html.Node, fits func(*html.Node) bool) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && fits(d) {
			return d
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// title is the heading of the page.
func (b *browser) title() string {
	h := find(b.page, func(n *html.Node) bool { return n.Data == "h1" })
	if h == nil {
		return ""
	}
	return text(h)
}

func text(n *html.Node) string {
	var s strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			s.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(s.String()), " ")
}

// form are the values of the form with that id, as the page has filled it.
func (b *browser) form(id string) (action string, values url.Values) {
	b.w.t.Helper()
	f := find(b.page, func(n *html.Node) bool { return n.Data == "form" && attr(n, "id") == id })
	if f == nil {
		b.w.t.Fatalf("%s has no form %q: %s", b.at, id, b.last.body)
	}
	values = url.Values{}
	for d := range f.Descendants() {
		if d.Type != html.ElementNode || attr(d, "name") == "" || has(d, "disabled") {
			continue
		}
		switch {
		case d.Data == "textarea":
			values.Add(attr(d, "name"), text(d))
		case d.Data != "input":
		case (attr(d, "type") == "checkbox" || attr(d, "type") == "radio") && !has(d, "checked"):
		default:
			values.Add(attr(d, "name"), attr(d, "value"))
		}
	}
	return attr(f, "action"), values
}

// submit sends a form, changed.
func (b *browser) submit(id string, change ...string) string {
	b.w.t.Helper()
	action, values := b.form(id)
	for i := 0; i < len(change); i += 2 {
		values.Set(change[i], change[i+1])
	}
	return b.post(action, values)
}

// signIn signs in at the page that asks for it.
func (b *browser) signIn(user string) string {
	b.w.t.Helper()
	return b.submit("login", "name", user, "password", "sandbox")
}

// app is a client under test.
type app struct {
	w        *site
	id       string
	secret   string // client_secret_basic
	key      bool   // private_key_jwt
	redirect string
	verifier string
}

func (w *site) app(id string) *app {
	a := &app{w: w, id: id, redirect: "http://127.0.0.1:4567/callback", verifier: random(), key: strings.HasSuffix(id, "-key") || strings.HasSuffix(id, "-backend")}
	if strings.HasSuffix(id, "-secret") {
		a.secret = id
	}
	return a
}

func random() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request are the parameters of an authorization request, as SMART wants them.
func (a *app) request(scopes string, change ...string) url.Values {
	p := url.Values{"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {a.redirect}, "scope": {scopes}, "state": {random()}, "aud": {a.w.fhir},
		"code_challenge": {challenge(a.verifier)}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == "" {
			p.Del(change[i])
		} else {
			p.Set(change[i], change[i+1])
		}
	}
	return p
}

// code is the code of a redirect, checked for what has to come with it.
func (a *app) code(uri string, asked url.Values) string {
	a.w.t.Helper()
	u, err := url.Parse(uri)
	if err != nil || !strings.HasPrefix(uri, a.redirect) {
		a.w.t.Fatalf("redirect %q: %v", uri, err)
	}
	q := u.Query()
	if q.Get("state") != asked.Get("state") || q.Get("iss") != a.w.url || q.Get("code") == "" || len(q["code"]) != 1 {
		a.w.t.Fatalf("redirect %s", uri)
	}
	return q.Get("code")
}

// run goes through the whole flow as a user who allows everything and chooses patient a, and gives the token answer.
func (a *app) run(user, scopes string, change ...string) map[string]any {
	a.w.t.Helper()
	return a.redeem(a.approve(a.w.browser(), user, scopes, change...))
}

// approve goes through the pages and gives the code.
func (a *app) approve(b *browser, user, scopes string, change ...string) string {
	a.w.t.Helper()
	p := a.request(scopes, change...)
	to := b.open(a.w.url + "/auth/authorize?" + p.Encode())
	for range 6 {
		if to != "" {
			return a.code(to, p)
		}
		switch title := b.title(); {
		case strings.HasPrefix(title, "Sign in"):
			to = b.signIn(user)
		case title == "Choose: Patient":
			to = b.submit("pick", "choice", "a", "action", "choose")
		case title == "Choose: Encounter":
			to = b.submit("pick", "choice", "a-e0", "action", "choose")
		case strings.HasPrefix(title, "Allow"):
			to = b.submit("consent", "action", "allow")
		default:
			a.w.t.Fatalf("%s: %s", b.at, b.last.body)
		}
	}
	a.w.t.Fatalf("pages without end: %s", b.last.body)
	return ""
}

// token calls the token endpoint, authenticated.
func (a *app) token(form url.Values) answer {
	a.w.t.Helper()
	return a.post("/auth/token", form)
}

func (a *app) post(path string, form url.Values) answer {
	a.w.t.Helper()
	var header []string
	switch {
	case a.key:
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", appKeys.assertion(a.w, a.id))
	case a.secret != "":
		header = []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.id)+":"+url.QueryEscape(a.secret)))}
	default:
		form.Set("client_id", a.id)
	}
	return a.w.form(path, form, header...)
}

// form posts a form as a program does.
func (w *site) form(path string, form url.Values, header ...string) answer {
	w.t.Helper()
	return w.call("", "POST", path, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
}

func (a *app) exchange(code string) answer {
	a.w.t.Helper()
	return a.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier}})
}

// redeem gives the token answer for a code.
func (a *app) redeem(code string) map[string]any {
	a.w.t.Helper()
	res := a.exchange(code)
	if res.status != 200 {
		a.w.t.Fatalf("token endpoint: %d %s", res.status, res.body)
	}
	return res.json(a.w.t)
}

func (a *app) refresh(token string, change ...string) answer {
	a.w.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return a.token(form)
}

// text is a member of a token answer.
func str(answer map[string]any, name string) string {
	s, _ := answer[name].(string)
	return s
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

// visitor is who has signed in in the browser.
func (b *browser) visitor() (auth.Visitor, bool) {
	b.w.t.Helper()
	r, err := http.NewRequest("GET", b.w.url, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	v, ok, err := b.w.auth.Visitor(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return v, ok
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
