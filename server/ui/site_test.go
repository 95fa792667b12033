package ui_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/keys"
	"github.com/firewarden/firewarden/auth/words"
	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/store/storetest"
)

// site is a whole sandbox with these pages, on a listener of its own.
type site struct {
	t    *testing.T
	url  string
	auth *auth.Server
}

const adminKey = "correct-horse-battery"

// record is what is in it: a patient a with an observation of each of two categories, and a patient b.
var record = []string{
	`{"resourceType":"Practitioner","id":"p","name":[{"family":"Okafor","given":["Ngozi"]}]}`,
	`{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/b"}}`,
	`{"resourceType":"Patient","id":"a","name":[{"family":"Shaw","given":["Amy"]}],"gender":"female","birthDate":"1987-02-20"}`,
	`{"resourceType":"Patient","id":"b","name":[{"family":"Byrne","given":["Ben"]}],"gender":"male","birthDate":"1990-01-01"}`,
	`{"resourceType":"Observation","id":"lab","status":"final","code":{"text":"x"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/a"}}`,
	`{"resourceType":"Observation","id":"vital","status":"final","code":{"text":"x"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],"subject":{"reference":"Patient/a"}}`,
	`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"}}`,
}

// open starts a site; change may alter the options of its authorization server.
func open(t *testing.T, texts words.Texts, change func(*auth.Options)) *site {
	t.Helper()
	ctx := context.Background()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &site{t: t, url: "http://" + ln.Addr().String()}
	m := storetest.NewMemory()
	m.Indexer = &index.Indexer{Base: w.url + "/fhir"}
	seal, err := interaction.OpenSeal(ctx, m.KV(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pages := ui.New(ui.Options{Version: "test", FHIR: w.url + "/fhir", Texts: texts})
	o := auth.Options{Base: w.url, Store: m, Indexer: m.Indexer, Pages: pages, Sandbox: true, Reach: keys.Loopback, Texts: texts}
	if change != nil {
		change(&o)
	}
	if w.auth, err = auth.New(ctx, o); err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Options{Auth: w.auth, AdminKey: adminKey, Sandbox: o.Sandbox, Version: "test", Pages: pages,
		Service: &interaction.Service{Store: m, Indexer: m.Indexer, Base: w.url + "/fhir", Seal: seal, Validation: interaction.ValidateOff}})
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
	for _, body := range record {
		var r struct{ ResourceType, ID string }
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatal(err)
		}
		if status, text := w.call(adminKey, "PUT", "/fhir/"+r.ResourceType+"/"+r.ID, body); status != 201 {
			t.Fatalf("%s: %d %s", body, status, text)
		}
	}
	if err := w.auth.FillSandbox(ctx, "Practitioner/p", "Patient/a", "RelatedPerson/r", auth.SandboxKeys{}); err != nil {
		t.Fatal(err)
	}
	return w
}

var plainClient = &http.Client{Timeout: program.Patience}

// call is a request of a program.
func (w *site) call(token, method, path, body string) (status int, text string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/fhir+json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Del("Authorization")
	}
	res, err := plainClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// browser is one without script, with cookies, in a language.
type browser struct {
	w      *site
	http   *http.Client
	lang   string
	policy string // of the page
	page   *html.Node
	text   string
}

func (w *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, http: &http.Client{Jar: jar, Timeout: program.Patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// visit goes to an address and on as long as it stays on the site; the result is where it leads outside, "" if a page
// is shown, which is held to everything that a page is held to.
func (b *browser) visit(method, uri string, form url.Values) string {
	b.w.t.Helper()
	for range 10 {
		r, err := http.NewRequest(method, uri, strings.NewReader(form.Encode()))
		if err != nil {
			b.w.t.Fatal(err)
		}
		r.Header.Set("Accept-Language", b.lang)
		if method == "POST" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := b.http.Do(r)
		if err != nil {
			b.w.t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			b.w.t.Fatal(err)
		}
		if res.StatusCode != 303 {
			b.policy, b.text = res.Header.Get("Content-Security-Policy"), string(text)
			if b.page, err = html.Parse(bytes.NewReader(text)); err != nil {
				b.w.t.Fatal(err)
			}
			if res.Header.Get("Content-Type") == "text/html; charset=utf-8" {
				for _, fault := range ui.FaultsOf(strings.ReplaceAll(b.text, b.w.url, "")) {
					b.w.t.Errorf("%s: %s", uri, fault)
				}
			}
			return ""
		}
		to, err := r.URL.Parse(res.Header.Get("Location"))
		if err != nil {
			b.w.t.Fatal(err)
		}
		if to.Scheme+"://"+to.Host != b.w.url {
			return to.String()
		}
		method, uri, form = "GET", to.String(), nil
	}
	b.w.t.Fatal("redirects without end")
	return ""
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func textOf(n *html.Node) string {
	var s strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			s.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(s.String()), " ")
}

// all are the elements of a kind.
func (b *browser) all(kind string) (list []*html.Node) {
	for d := range b.page.Descendants() {
		if d.Type == html.ElementNode && d.Data == kind {
			list = append(list, d)
		}
	}
	return list
}

func (b *browser) title() string { return textOf(b.all("h1")[0]) }

// control is the input or button that a person finds by its words.
func (b *browser) control(words string) *html.Node {
	b.w.t.Helper()
	for _, l := range b.all("label") {
		if textOf(l) != words {
			continue
		}
		id, _ := attr(l, "for")
		for d := range b.page.Descendants() {
			if v, ok := attr(d, "id"); ok && v == id && d.Type == html.ElementNode {
				return d
			}
		}
	}
	for _, l := range b.all("button") {
		if strings.HasPrefix(textOf(l), words) {
			return l
		}
	}
	b.w.t.Fatalf("%s has no %q: %s", b.title(), words, b.text)
	return nil
}

// tick ticks a box or a radio, or takes its tick away.
func (b *browser) tick(words string, on bool) {
	b.w.t.Helper()
	n := b.control(words)
	set(n, "checked", "", on)
}

// set gives an element an attribute, or takes it away.
func set(n *html.Node, name, value string, on bool) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
	if on {
		n.Attr = append(n.Attr, html.Attribute{Key: name, Val: value})
	}
}

// ticked says whether a box is ticked.
func (b *browser) ticked(words string) bool {
	b.w.t.Helper()
	_, ok := attr(b.control(words), "checked")
	return ok
}

// write fills an input.
func (b *browser) write(words, text string) {
	b.w.t.Helper()
	n := b.control(words)
	if n.Data != "textarea" {
		set(n, "value", text, true)
		return
	}
	for n.FirstChild != nil {
		n.RemoveChild(n.FirstChild)
	}
	n.AppendChild(&html.Node{Type: html.TextNode, Data: text})
}

// press presses a button: its form is sent as browsers do, the button with it.
func (b *browser) press(words string) string {
	b.w.t.Helper()
	button := b.control(words)
	form := button
	for form.Data != "form" {
		form = form.Parent
	}
	values := url.Values{}
	for d := range form.Descendants() {
		name, ok := attr(d, "name")
		_, off := attr(d, "disabled")
		_, checked := attr(d, "checked")
		typ, _ := attr(d, "type")
		value, _ := attr(d, "value")
		switch {
		case !ok || off || d.Type != html.ElementNode:
		case d.Data == "textarea":
			values.Add(name, textOf(d))
		case d.Data == "input" && (typ == "checkbox" || typ == "radio") && !checked:
		case d.Data == "input" || d == button:
			values.Add(name, value)
		}
	}
	method, _ := attr(form, "method")
	action, _ := attr(form, "action")
	if method == "get" {
		return b.visit("GET", action+"?"+values.Encode(), nil)
	}
	return b.visit("POST", action, values)
}

const (
	redirect = "http://127.0.0.1:4567/callback"
	verifier = "a-verifier-of-enough-letters-0123456789-abcdef"
)

// authorize begins a request of the sandbox's public app.
func (b *browser) authorize(scopes string, more ...string) string {
	b.w.t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	p := url.Values{"response_type": {"code"}, "client_id": {"sandbox-public"}, "redirect_uri": {redirect}, "scope": {scopes}, "state": {"a-state-of-some-length"},
		"aud": {b.w.url + "/fhir"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for i := 0; i < len(more); i += 2 {
		p.Set(more[i], more[i+1])
	}
	return b.visit("GET", b.w.url+"/auth/authorize?"+p.Encode(), nil)
}

// redeem gives the token answer for the code of a redirect.
func (w *site) redeem(to string) map[string]any {
	w.t.Helper()
	u, err := url.Parse(to)
	if err != nil || !strings.HasPrefix(to, redirect) || u.Query().Get("code") == "" {
		w.t.Fatalf("redirect %q", to)
	}
	status, text := w.call("", "POST", "/auth/token", url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
		"redirect_uri": {redirect}, "code_verifier": {verifier}, "client_id": {"sandbox-public"}}.Encode())
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 {
		w.t.Fatalf("%d %s", status, text)
	}
	return answer
}
