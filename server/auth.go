package server

import (
	"bytes"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store/audit"
)

// authMounts are where the authorization server answers, as Fiber writes it.
var authMounts = []string{"/auth/*", "/.well-known/*", "/fhir/.well-known/*"}

const (
	apiPrefix = "/api/"
	apiMount  = apiPrefix + "*"
	maxAuth   = 256 << 10 // bytes of a body for the authorization server
)

// mount gives Fiber the paths of the authorization server, which answers every method itself.
func (s *Server) mount() {
	if s.o.Auth == nil {
		return
	}
	api := s.o.Auth.API()
	for _, m := range fiber.DefaultMethods {
		for _, path := range authMounts {
			s.app.Add(m, path, s.handle(route{method: m, path: path, label: path, open: true, serve: func(x *exchange) error { return x.pass(s.o.Auth) }}))
		}
		s.app.Add(m, whyMount, s.handle(route{method: m, path: whyMount, label: whyMount, open: true, serve: (*exchange).why}))
		s.app.Add(m, whyPagePath, s.handle(route{method: m, path: whyPagePath, label: whyPagePath, open: true, serve: (*exchange).whyPage}))
		if m == http.MethodGet {
			s.app.Add(m, auditMount, s.handle(route{method: m, path: auditMount, label: auditMount, open: true, serve: (*exchange).apiAudit}))
			s.app.Add(m, auditPagePath, s.handle(route{method: m, path: auditPagePath, label: auditPagePath, open: true, serve: (*exchange).auditPage}))
		}
		s.app.Add(m, apiMount, s.handle(route{method: m, path: apiMount, label: apiMount, open: true, serve: func(x *exchange) error { return x.administer(api) }}))
	}
}

// administer passes on what an administrator asks, by the key or by a page of ours.
func (x *exchange) administer(api http.Handler) error {
	r, err := x.request()
	if err != nil {
		return err
	}
	if !x.isAdministrator(r) {
		return errLogin()
	}
	x.hand(api, r)
	return nil
}

// isAdministrator says whether an administrator asks, and the audit log who it is.
func (x *exchange) isAdministrator(r *http.Request) bool {
	if x.holdsKey() {
		x.by(audit.Who{Client: "administrator"})
		return true
	}
	if !x.s.o.Auth.Administrator(r) {
		return false
	}
	if v, ok, err := x.s.o.Auth.Visitor(r); err == nil && ok {
		x.by(audit.Who{User: v.User.Name})
	}
	return true
}

// pass hands the request to a handler of net/http.
func (x *exchange) pass(h http.Handler) error {
	r, err := x.request()
	if err != nil {
		return err
	}
	x.hand(h, r)
	return nil
}

// request is the request for net/http, all of it copied: fasthttp uses its memory again, and handlers may keep what
// they read. (Fiber's adaptor does not copy, and keeps one of several headers of a name.)
func (x *exchange) request() (*http.Request, error) {
	body, err := x.content(maxAuth)
	if err != nil {
		return nil, err
	}
	u, err := url.ParseRequestURI(string(x.req.RequestURI()))
	if err != nil {
		return nil, fhir.Errorf(fhir.KindInvalid, "", "the address cannot be read")
	}
	r, err := http.NewRequestWithContext(x.context(), string(x.req.Header.Method()), "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.URL, r.RequestURI = u, u.RequestURI()
	r.Host = string(x.req.Host())
	r.RemoteAddr = x.client()
	x.req.Header.VisitAll(func(name, value []byte) { r.Header.Add(string(name), string(value)) })
	return r, nil
}

// hand lets h answer.
func (x *exchange) hand(h http.Handler, r *http.Request) {
	w := &recorder{header: http.Header{}}
	h.ServeHTTP(w, r)
	for name, values := range w.header {
		x.res.Header.Del(name)
		for _, v := range values {
			x.res.Header.Add(name, v)
		}
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	x.res.SetStatusCode(w.status)
	x.res.SetBodyRaw(w.body.Bytes())
}

// recorder is an answer of net/http until it is whole.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
