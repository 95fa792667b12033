package auth

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/store/audit"
)

// ServeHTTP answers everything under /auth and the discovery documents.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Route is a method on a path that a Server or its API answers; {name} is a segment of the path. Kind is what the audit
// log has of it, one of audit.Kinds; "" if it changes nothing and tells what everybody may know. Text says what a row of
// the API does.
type Route struct{ Method, Path, Kind, Text string }

// Routes are all of them, for those who go through what there is.
func Routes() (list []Route) {
	for _, r := range routes() {
		for m := range strings.SplitSeq(r.methods, ", ") {
			list = append(list, Route{m, r.path, r.kind, ""})
		}
	}
	for _, r := range apiRoutes() {
		list = append(list, Route{r.method, r.path, r.kind, r.text})
	}
	return list
}

// route is a row of the table: methods on a path, who asks, and the kind of event that it leaves in the audit log. Pages
// note themselves what has come of a form, which most often is the page again.
type route struct {
	methods, path string
	asker
	kind  string
	serve func(*Server, http.ResponseWriter, *http.Request)
}

// asker is who asks by a route.
type asker uint8

const (
	everybody asker = iota // from any page: nothing in it is secret
	programs               // apps in a browser, too, from the origins that they have registered
	people
)

func routes() []route {
	return []route{
		{"GET", "/fhir/.well-known/smart-configuration", everybody, "", discover(func(d *documents) []byte { return d.smart })},
		{"GET", "/.well-known/openid-configuration", everybody, "", discover(func(d *documents) []byte { return d.openid })},
		{"GET", "/.well-known/oauth-authorization-server", everybody, "", discover(func(d *documents) []byte { return d.oauth })},
		{"GET", "/fhir/.well-known/udap", everybody, "", (*Server).noUDAP},
		{"GET", "/auth/jwks.json", everybody, "", (*Server).jwks},
		{"GET", "/auth/style.json", everybody, "", (*Server).style},

		{"POST", "/auth/token", programs, audit.Token, (*Server).token},
		{"POST", "/auth/introspect", programs, audit.Introspect, (*Server).introspect},
		{"POST", "/auth/revoke", programs, audit.Revoke, (*Server).revoke},
		{"GET, POST", "/auth/userinfo", programs, audit.Introspect, (*Server).userinfo},
		{"POST", "/auth/register", programs, audit.Register, (*Server).register},
		{"GET, PUT, DELETE", "/auth/register/{client}", programs, audit.Register, (*Server).registration},

		{"GET, POST", "/auth/authorize", people, "", (*Server).authorize},
		{"GET", "/auth/flow", people, audit.Consent, (*Server).goOn},
		{"POST", "/auth/flow/login", people, audit.Login, (*Server).login},
		{"POST", "/auth/flow/pick", people, "", (*Server).pick},
		{"POST", "/auth/flow/consent", people, audit.Consent, (*Server).consent},
		{"GET", "/auth/login", people, "", (*Server).signInPage},
		{"POST", "/auth/login", people, audit.Login, (*Server).signInPage},
		{"GET", "/auth/outside/{issuer}", people, audit.Login, (*Server).outside},
		{"GET", "/auth/outside/{issuer}/back", people, audit.Login, (*Server).outsideBack},
		{"GET, POST", "/auth/logout", people, audit.Logout, (*Server).logout},
		{"GET", "/auth/manage", people, audit.Look, (*Server).manage},
		{"POST", "/auth/manage", people, audit.Revoke, (*Server).manage},
		{"GET", "/auth/apps/new", people, "", (*Server).newApp},
		{"POST", "/auth/apps/new", people, audit.Register, (*Server).newApp},
		{"GET", "/auth/setup", people, "", (*Server).setup},
		{"POST", "/auth/setup", people, audit.Change, (*Server).setup},
	}
}

// handler answers the routes.
func (s *Server) handler() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes() {
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.serve(s, w, req) })
		switch r.asker {
		case everybody:
			h = anyOrigin(h)
		case programs:
			h = s.ofClient(h)
		}
		for m := range strings.SplitSeq(r.methods, ", ") {
			mux.Handle(m+" "+r.path, h)
			if r.asker == programs {
				s.kinds[m+" "+r.path] = r.kind
			}
		}
		if r.asker != people {
			mux.Handle("OPTIONS "+r.path, preflight(r.methods))
		}
	}
	return mux
}

// Kind is what the audit log has of a request of a program or of an administrator, whatever becomes of it; "" for those that
// leave nothing, and for pages, which say it themselves.
func (s *Server) Kind(method, path string) string {
	mux := s.mux
	if strings.HasPrefix(path, "/api/") {
		mux = s.api
	}
	_, pattern := mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}})
	return s.kinds[pattern]
}

// anyOrigin lets pages of any origin read an answer.
func anyOrigin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		h.ServeHTTP(w, r)
	})
}

// preflight answers a browser's question before a request (Fetch §3.3): it carries no cookies and says nothing; who may
// read the answer is decided with the answer.
func preflight(methods string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Allow", methods+", OPTIONS")
		if r.Header.Get("Origin") != "" {
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Allow-Methods", methods)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept")
			h.Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// ofClient lets a page read the answer that its own client gets: of an origin that the client has registered.
func (s *Server) ofClient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Vary", "Origin")
		if id := s.claimedClient(r); id != "" {
			c, _, ok, err := s.clients.find(r.Context(), id)
			if err == nil && ok && c.calls(origin) {
				w.Header().Set("Access-Control-Allow-Origin", origin)
			}
		} else if s.o.Sandbox { // registration, and requests that say nothing of who asks
			if u, err := url.Parse(origin); err == nil && onLoopback(u) {
				w.Header().Set("Access-Control-Allow-Origin", origin)
			}
		}
		h.ServeHTTP(w, r)
	})
}

// claimedClient is the client that a request says that it is of. It is believed as far as an origin goes, for what the
// client may read without being it is an error.
func (s *Server) claimedClient(r *http.Request) string {
	if _, _, ok := r.BasicAuth(); ok {
		return s.claimedBy(r, nil)
	}
	if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		if caller, err := s.Bearer(r.Context(), token); err == nil && caller.Issuer == "" {
			return caller.Client
		}
		return ""
	}
	if r.Method != http.MethodPost {
		return ""
	}
	form, err := s.peek(r)
	if err != nil {
		return ""
	}
	return s.claimedBy(r, form)
}

// claimedBy is the client of a form that was read.
func (s *Server) claimedBy(r *http.Request, form url.Values) string {
	if id, _, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(id)
		return id
	}
	claimed, _ := issuer.Claimed(form.Get("client_assertion"))
	if id := cmp.Or(form.Get("client_id"), claimed); id != "" {
		return id
	}
	id, _ := s.named(r.Context(), form)
	return id
}
