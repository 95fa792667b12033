package server

import (
	"bytes"
	"io"
	"net/http"
	"net/url"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store/audit"
)

const (
	apiPrefix = "/api/"
	maxAuth   = 256 << 10 // bytes of a body for the authorization server
)

// administer passes on what an administrator asks, by the key or by a page of ours.
func (x *exchange) administer() error {
	r, err := x.byAdministrator()
	if err != nil {
		return err
	}
	x.hand(x.s.api, r)
	return nil
}

// byAdministrator is the request of an administrator; anybody else is to log in.
func (x *exchange) byAdministrator() (*http.Request, error) {
	r, err := x.request()
	if err == nil && !x.isAdministrator(r) {
		err = errLogin()
	}
	return r, err
}

// isAdministrator says whether an administrator asks, and the audit log who it is.
func (x *exchange) isAdministrator(r *http.Request) bool {
	if x.holdsKey() {
		x.by(audit.Who{Client: "administrator"})
		return true
	}
	if x.s.o.Auth == nil || !x.s.o.Auth.Administrator(r) {
		return false
	}
	if v, ok, err := x.s.o.Auth.Visitor(r); err == nil && ok {
		x.by(audit.Who{User: v.User.Name})
	}
	return true
}

// authorization hands the request to the authorization server.
func (x *exchange) authorization() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	x.hand(x.s.o.Auth, r)
	return nil
}

// request is the request for net/http, all of it copied: fasthttp uses its memory again, and handlers may keep what
// they read. (Fiber's adaptor does not copy, and keeps one of several headers of a name.) A body that cannot be taken is
// one that cannot be read: the handler says so as its protocol has it.
func (x *exchange) request() (*http.Request, error) {
	var in io.Reader
	if body, err := x.content(maxAuth); err == nil {
		in = bytes.NewReader(body)
	} else {
		in = unreadable{err}
	}
	u, err := url.ParseRequestURI(string(x.req.RequestURI()))
	if err != nil {
		return nil, fhir.Errorf(fhir.KindInvalid, "", "the address cannot be read")
	}
	r, err := http.NewRequestWithContext(x.context(), string(x.req.Header.Method()), "/", in)
	if err != nil {
		return nil, err
	}
	r.URL, r.RequestURI = u, u.RequestURI()
	r.Host = string(x.req.Host())
	r.RemoteAddr = x.client()
	x.req.Header.VisitAll(func(name, value []byte) { r.Header.Add(string(name), string(value)) })
	return r, nil
}

// unreadable is a body that fails.
type unreadable struct{ error }

func (u unreadable) Read([]byte) (int, error) { return 0, u.error }

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
