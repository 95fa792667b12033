package auth

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// show answers with a page. Answers lists where its forms may lead beside this server: browsers hold form-action
// against the redirects that follow a form.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, page Page, answers ...string) {
	var b bytes.Buffer
	if err := s.o.Pages.Render(&b, page); err != nil {
		s.report(r.Context(), r.URL.Path, &Error{Code: serverError, Text: "draw a page", Err: err})
		http.Error(w, "This page cannot be shown.", http.StatusInternalServerError)
		return
	}
	noStore(w)
	h := w.Header()
	ancestors := "'self'"
	if _, login := page.(LoginPage); login {
		ancestors = "'none'" // nobody may lay a frame over a password
	}
	if len(s.o.FrameAncestors) > 0 {
		ancestors = "'self' " + strings.Join(s.o.FrameAncestors, " ")
	}
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' https: data:; font-src 'self'; base-uri 'none'; form-action "+
		strings.Join(append([]string{"'self'"}, answers...), " ")+"; frame-ancestors "+ancestors)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// leads is where a form may lead in the end whose answer goes to a redirect URI, "" if to none. Browsers hold form-action
// against all redirects that follow, and what an app's server does next is the app's affair: so of an app on the web it
// is every https, of one on this machine everything on this machine, too.
func leads(uri string) []string {
	u, err := url.Parse(uri)
	switch {
	case uri == "":
		return nil
	case err != nil || originOf(uri) == "":
		return []string{source(uri)}
	case u.Scheme == "https":
		return []string{"https:"}
	case strings.Contains(u.Hostname(), ":"): // a policy has no words for an address of IPv6
		return []string{"http:", "https:"}
	}
	return []string{originOf(uri), "http://localhost:*", "http://127.0.0.1:*", "https:"}
}

// source is where a redirect URI leads, as a Content-Security-Policy names it.
func source(uri string) string {
	if o := originOf(uri); o != "" {
		return o
	}
	scheme, _, _ := strings.Cut(uri, ":")
	return scheme + ":"
}

// frame is what every page shows.
func (s *Server) frame(r *http.Request, v *Visitor, c *Client) Frame {
	f := Frame{Language: language(r), Sandbox: s.o.Sandbox, Home: s.o.Base + "/"}
	if v != nil {
		f.User = v.User.display()
	}
	if c != nil {
		f.App = c.app()
	}
	return f
}

// language is the one that the browser prefers, "en" if it says none.
func language(r *http.Request) string {
	list := r.Header.Get("Accept-Language")
	first, _, _ := strings.Cut(list, ",")
	tag, _, _ := strings.Cut(first, ";")
	tag = strings.TrimSpace(tag)
	if tag == "" || tag == "*" || len(tag) > 35 || strings.ContainsFunc(tag, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-'
	}) {
		return "en"
	}
	return tag
}

// stop shows what went wrong to a person who cannot be sent back to an app.
func (s *Server) stop(w http.ResponseWriter, r *http.Request, err error) {
	e := oauth(err)
	s.report(r.Context(), r.URL.Path, e)
	page := ErrorPage{Frame: s.frame(r, nil, nil), Status: e.status(), Code: e.Code, Text: sentence(e.Text)}
	if s.o.Sandbox {
		page.Hint = sentence(e.Hint)
	}
	s.show(w, r, page.Status, page)
}

// sentence begins with a capital and ends with a dot.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// see sends a browser on, to be asked with GET.
func see(w http.ResponseWriter, uri string) {
	noStore(w)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", uri)
	w.WriteHeader(http.StatusSeeOther)
}

// URL is an endpoint of ours: "token" is BASE/auth/token.
func (s *Server) URL(name string) string { return s.url(name) }

// url is an endpoint of ours.
func (s *Server) url(name string) string { return fmt.Sprintf("%s/auth/%s", s.o.Base, name) }
