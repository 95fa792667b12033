package auth_test

import (
	"bytes"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/program"
)

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
	return &browser{w: w, http: &http.Client{Jar: jar, CheckRedirect: noRedirects.CheckRedirect, Timeout: program.Patience}}
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
