package auth

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/firewarden/firewarden/auth/issuer"
)

// ServeHTTP answers everything under /auth and the discovery documents.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Route is a method on a path that a Server or its API answers; {name} is a segment of the path.
type Route struct{ Method, Path string }

// Routes are all of them, for those who go through what there is.
func Routes() (list []Route) {
	for _, r := range routes() {
		for m := range strings.SplitSeq(r.methods, ", ") {
			list = append(list, Route{m, r.path})
		}
	}
	for _, r := range apiRoutes() {
		list = append(list, Route{r.method, r.path})
	}
	return list
}

// route is a row of the table: methods on a path, and who asks.
type route struct {
	methods, path string
	asker
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
		{"GET", "/fhir/.well-known/smart-configuration", everybody, discover(func(d *documents) []byte { return d.smart })},
		{"GET", "/.well-known/openid-configuration", everybody, discover(func(d *documents) []byte { return d.openid })},
		{"GET", "/.well-known/oauth-authorization-server", everybody, discover(func(d *documents) []byte { return d.oauth })},
		{"GET", "/fhir/.well-known/udap", everybody, (*Server).noUDAP},
		{"GET", "/auth/jwks.json", everybody, (*Server).jwks},
		{"GET", "/auth/style.json", everybody, (*Server).style},

		{"POST", "/auth/token", programs, (*Server).token},
		{"POST", "/auth/introspect", programs, (*Server).introspect},
		{"POST", "/auth/revoke", programs, (*Server).revoke},
		{"GET, POST", "/auth/userinfo", programs, (*Server).userinfo},
		{"POST", "/auth/register", programs, (*Server).register},
		{"GET, PUT, DELETE", "/auth/register/{client}", programs, (*Server).registration},

		{"GET, POST", "/auth/authorize", people, (*Server).authorize},
		{"GET", "/auth/flow", people, (*Server).goOn},
		{"POST", "/auth/flow/login", people, (*Server).login},
		{"POST", "/auth/flow/pick", people, (*Server).pick},
		{"POST", "/auth/flow/consent", people, (*Server).consent},
		{"GET, POST", "/auth/login", people, (*Server).signInPage},
		{"GET", "/auth/outside/{issuer}", people, (*Server).outside},
		{"GET", "/auth/outside/{issuer}/back", people, (*Server).outsideBack},
		{"GET, POST", "/auth/logout", people, (*Server).logout},
		{"GET, POST", "/auth/manage", people, (*Server).manage},
		{"GET, POST", "/auth/apps/new", people, (*Server).newApp},
		{"GET, POST", "/auth/setup", people, (*Server).setup},
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
		}
		if r.asker != people {
			mux.Handle("OPTIONS "+r.path, preflight(r.methods))
		}
	}
	return mux
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
	if id, _, ok := r.BasicAuth(); ok {
		if id, err := url.QueryUnescape(id); err == nil {
			return id
		}
		return ""
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
	claimed, _ := issuer.Claimed(form.Get("client_assertion"))
	if id := cmp.Or(form.Get("client_id"), claimed); id != "" {
		return id
	}
	id, _ := s.named(r.Context(), form)
	return id
}
