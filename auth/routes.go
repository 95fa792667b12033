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

// Paths are the patterns that a Server answers.
var Paths = []string{"/auth/", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/fhir/.well-known/smart-configuration"}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	each := func(methods, path string, h http.Handler) {
		for m := range strings.SplitSeq(methods, ", ") {
			mux.Handle(m+" "+path, h)
		}
	}

	// For everybody, from any page: nothing in it is secret.
	open := func(path string, h http.HandlerFunc) {
		mux.Handle("GET "+path, anyOrigin(h))
		mux.Handle("OPTIONS "+path, preflight("GET"))
	}
	open("/fhir/.well-known/smart-configuration", s.discover(func(d *documents) []byte { return d.smart }))
	open("/.well-known/openid-configuration", s.discover(func(d *documents) []byte { return d.openid }))
	open("/.well-known/oauth-authorization-server", s.discover(func(d *documents) []byte { return d.oauth }))
	open("/auth/jwks.json", s.jwks)
	open("/auth/style.json", s.style)
	open("/fhir/.well-known/udap", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "not_supported", "error_description": "UDAP (FAST security) is not supported: clients register by " + s.url("register")})
	})

	// For programs: apps in a browser, too, from the origins that they have registered.
	called := func(methods, path string, h http.HandlerFunc) {
		each(methods, path, s.ofClient(h))
		mux.Handle("OPTIONS "+path, preflight(methods))
	}
	called("POST", "/auth/token", s.token)
	called("POST", "/auth/introspect", s.introspect)
	called("POST", "/auth/revoke", s.revoke)
	called("GET, POST", "/auth/userinfo", s.userinfo)
	called("POST", "/auth/register", s.register)
	called("GET, PUT, DELETE", "/auth/register/{client}", s.registration)

	// For people.
	pages := func(methods, path string, h http.HandlerFunc) { each(methods, path, h) }
	pages("GET, POST", "/auth/authorize", s.authorize)
	pages("GET", "/auth/flow", s.goOn)
	pages("POST", "/auth/flow/login", s.login)
	pages("POST", "/auth/flow/pick", s.pick)
	pages("POST", "/auth/flow/consent", s.consent)
	pages("GET, POST", "/auth/login", s.signInPage)
	pages("GET", "/auth/outside/{issuer}", s.outside)
	pages("GET", "/auth/outside/{issuer}/back", s.outsideBack)
	pages("GET, POST", "/auth/logout", s.logout)
	pages("GET, POST", "/auth/manage", s.manage)
	pages("GET, POST", "/auth/apps/new", s.newApp)
	pages("GET, POST", "/auth/setup", s.setup)
	return mux
}

// anyOrigin lets pages of any origin read an answer.
func anyOrigin(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		h(w, r)
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
func (s *Server) ofClient(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" {
			h(w, r)
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
		h(w, r)
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
