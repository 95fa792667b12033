package auth

import (
	"net/http"
	"net/url"
	"slices"
)

// signInPage is where people sign in for this server's own pages: then they are sent to "next", a path of ours.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		form, err := readForm(r)
		if err != nil {
			s.stop(w, r, err)
			return
		}
		s.showSignIn(w, r, form.Get("next"), "", "")
		return
	}
	form, err := s.posted(r, "login")
	if err != nil {
		s.stop(w, r, err)
		return
	}
	f := url.Values(form)
	u, fault, err := s.signIn(r.Context(), r, f.Get("name"), f.Get("password"))
	if err == nil && fault != "" {
		s.showSignIn(w, r, f.Get("next"), f.Get("name"), fault)
		return
	}
	if err == nil {
		_, err = s.enter(r.Context(), w, u, nil)
	}
	if err != nil {
		s.stop(w, r, err)
		return
	}
	see(w, s.o.Base+ownPath(f.Get("next")))
}

// ownPath is a path of this server that somebody wants to be sent to; "/" for everything else.
func ownPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || len(next) < 1 || next[0] != '/' ||
		len(next) > 1 && (next[1] == '/' || next[1] == '\\') {
		return "/"
	}
	for i := range len(next) {
		if next[i] <= ' ' || next[i] == '\\' {
			return "/"
		}
	}
	return next
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request, next, name, fault string) {
	s.show(w, r, http.StatusOK, LoginPage{Frame: s.frame(r, nil, nil), Name: name, Error: fault, Demo: s.demo(), Outside: s.outsideLogins(Field{"next", ownPath(next)}),
		Form: Form{s.url("login"), []Field{{"next", ownPath(next)}, {"csrf", s.CSRF(w, r, "login")}}}})
}

// logout ends a login, by our own pages or by an app (OpenID Connect RP-Initiated Logout): an app that shows an id token
// of the user who is signed in need not ask.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	ctx := r.Context()
	v, in, err := s.Visitor(r)
	if err != nil {
		s.stop(w, r, err)
		return
	}
	var hint struct {
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
	}
	_, bad := s.ring.Verify(ctx, form.Get("id_token_hint"), "JWT", &hint)
	hinted := bad == nil
	client := form.Get("client_id")
	if hinted {
		client = hint.Audience
	}
	back := s.after(r, client, form.Get("post_logout_redirect_uri"), form.Get("state"))
	confirmed := hinted && hint.Subject == v.User.Subject || r.Method == http.MethodPost && s.CheckCSRF(r, "logout", form.Get("csrf"))
	if in && !confirmed {
		hidden := []Field{{"csrf", s.CSRF(w, r, "logout")}}
		for _, name := range []string{"client_id", "id_token_hint", "post_logout_redirect_uri", "state"} {
			if form.Get(name) != "" {
				hidden = append(hidden, Field{name, form.Get(name)})
			}
		}
		s.show(w, r, http.StatusOK, LogoutPage{s.frame(r, &v, nil), Form{s.url("logout"), hidden}}, leads(back)...)
		return
	}
	if in {
		if err := s.leave(ctx, w, v); err != nil {
			s.stop(w, r, err)
			return
		}
	}
	if back != "" {
		see(w, back)
		return
	}
	s.show(w, r, http.StatusOK, LoggedOutPage{s.frame(r, nil, nil)})
}

// after is where an app wants its user after logging out, if it has registered that; "" otherwise.
func (s *Server) after(r *http.Request, client, uri, state string) string {
	if uri == "" {
		return ""
	}
	c, _, ok, err := s.clients.find(r.Context(), client)
	if err != nil || !ok || !slices.Contains(c.LogoutURIs, uri) && !(c.AnyLoopback && c.redirects(uri)) {
		return ""
	}
	if state != "" {
		uri = withQuery(uri, url.Values{"state": {state}})
	}
	return uri
}
