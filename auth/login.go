package auth

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/store"
)

// Login is a browser in which a user has signed in, under the digest of what its cookie holds.
type Login struct {
	User    string    `json:"user"` // name
	Subject string    `json:"subject"`
	At      time.Time `json:"at"` // when the password was given
	Ends    time.Time `json:"ends"`
	// Context is what the user is working with in this browser; apps that bring no launch of their own get it.
	Context launch.Context `json:"context,omitzero"`
}

// Visitor is who uses a browser.
type Visitor struct {
	User  User
	Login Login
	key   string // of Login
}

// Visitor gives who has signed in in the browser that sends r; ok is false if nobody has.
func (s *Server) Visitor(r *http.Request) (v Visitor, ok bool, err error) {
	c, err := r.Cookie(s.cookieName("login"))
	if err != nil || c.Value == "" {
		return v, false, nil
	}
	v.key = digest(c.Value)
	ctx := r.Context()
	v.Login, _, ok, err = s.logins.get(ctx, v.key)
	if err != nil || !ok || !s.now().Before(v.Login.Ends) {
		return v, false, err
	}
	v.User, _, ok, err = s.users.find(ctx, v.Login.User)
	return v, ok && v.User.Subject == v.Login.Subject, err
}

// SetContext changes what the user is working with in this browser.
func (s *Server) SetContext(ctx context.Context, v Visitor, c launch.Context) error {
	if err := c.Check(); err != nil {
		return err
	}
	_, err := s.logins.change(ctx, v.key, func(l *Login, ok bool) (bool, time.Time) {
		l.Context = c
		return ok, l.Ends
	})
	return err
}

// errPassword does not tell which of the two was wrong.
const errPassword = "The user name or the password is wrong."

// signIn checks a password. The text says why not, for people; "" is success.
func (s *Server) signIn(ctx context.Context, r *http.Request, name, typed string) (u User, text string, err error) {
	address := addressOf(r)
	if !s.limits.address.allows("login "+address) || !s.limits.user.take(name) || !s.limits.login.take(name+"\n"+address) {
		noteLogin(ctx, u, nil, http.StatusTooManyRequests)
		return u, "Too many attempts: wait some minutes and try again.", nil
	}
	u, _, ok, err := s.users.find(ctx, name)
	if err != nil {
		return u, "", err
	}
	hash := u.Password
	if !ok {
		hash = "" // as long as with a user
	}
	right, err := s.passwords.Check(ctx, hash, typed)
	if err != nil {
		return u, "", fmt.Errorf("check a password: %w", err)
	}
	if !right {
		s.limits.address.take("login " + address)
		if !ok {
			u = User{}
		}
		noteLogin(ctx, u, nil, http.StatusUnauthorized)
		return u, errPassword, nil
	}
	s.limits.user.forget(name)
	s.limits.login.forget(name + "\n" + address)
	return u, "", nil
}

// enter makes the browser one in which the user has signed in, here or by an outside issuer.
func (s *Server) enter(ctx context.Context, w http.ResponseWriter, u User, by *issuer.Issuer) (Visitor, error) {
	cookie, now := s.secret(), s.now()
	v := Visitor{User: u, Login: Login{User: u.Name, Subject: u.Subject, At: now, Ends: now.Add(s.o.Life.Login)}, key: digest(cookie)}
	if _, err := s.logins.put(ctx, v.key, v.Login, 0, v.Login.Ends); err != nil {
		return v, fmt.Errorf("keep a login: %w", err)
	}
	s.setCookie(w, "login", cookie, v.Login.Ends)
	noteLogin(ctx, u, by, http.StatusOK)
	return v, nil
}

// leave ends a login; what rests on it ends with it.
func (s *Server) leave(ctx context.Context, w http.ResponseWriter, v Visitor) error {
	s.setCookie(w, "login", "", time.Unix(1, 0))
	noteLogout(ctx, v)
	return s.logins.remove(ctx, v.key, store.AnyVersion)
}

// cookieName says where a cookie is good for (RFC 6265bis §4.1.3): names of https cannot be set from elsewhere.
func (s *Server) cookieName(name string) string {
	if s.secure && s.path == "" {
		return "__Host-firewarden-" + name
	}
	return "firewarden-" + name
}

func (s *Server) setCookie(w http.ResponseWriter, name, value string, ends time.Time) {
	c := &http.Cookie{Name: s.cookieName(name), Value: value, Path: s.path + "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
	if !ends.IsZero() {
		if c.MaxAge = int(ends.Sub(s.now()).Seconds()); c.MaxAge <= 0 {
			c.MaxAge = -1
		}
	}
	if s.secure && len(s.o.FrameAncestors) > 0 { // our pages are in frames of others, who send no cookies otherwise
		c.SameSite = http.SameSiteNoneMode
	}
	http.SetCookie(w, c)
}

// browser is a name for the browser, which forms are bound to. The first page gives it.
func (s *Server) browser(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(s.cookieName("browser")); err == nil && len(c.Value) >= 20 && len(c.Value) < 100 {
		return c.Value
	}
	for _, line := range w.Header().Values("Set-Cookie") { // this answer has given it a name
		if rest, ok := strings.CutPrefix(line, s.cookieName("browser")+"="); ok {
			name, _, _ := strings.Cut(rest, ";")
			return name
		}
	}
	name := s.id()
	s.setCookie(w, "browser", name, time.Time{})
	return name
}

// CSRF is the token that forms of this browser carry for a purpose: another site cannot make one. It may set a cookie,
// so call it before the answer begins.
func (s *Server) CSRF(w http.ResponseWriter, r *http.Request, purpose string) string {
	return s.mac("csrf", s.browser(w, r), purpose)
}

// CheckCSRF says whether the token is one that CSRF gave to the browser that sends r.
func (s *Server) CheckCSRF(r *http.Request, purpose, token string) bool {
	c, err := r.Cookie(s.cookieName("browser"))
	return err == nil && token != "" && s.proves(token, "csrf", c.Value, purpose)
}

// errForged is a form that was not ours, or is too old.
var errForged = errorf(invalidRequest, "this form is not valid any more: go back and load the page again")

// posted reads a form that a page of ours has sent.
func (s *Server) posted(r *http.Request, purpose string, repeated ...string) (map[string][]string, error) {
	form, err := readForm(r, repeated...)
	if err != nil {
		return nil, err
	}
	// An Origin that is not ours says that another page has sent it; some browsers send none, or null.
	if o := r.Header.Get("Origin"); o != "" && o != "null" && !strings.EqualFold(o, originOf(s.o.Base)) {
		return nil, errForged
	}
	if !s.CheckCSRF(r, purpose, form.Get("csrf")) {
		return nil, errForged
	}
	return form, nil
}
