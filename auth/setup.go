package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/firewarden/firewarden/store/audit"
)

// setupLife is how long the link of the first start is good for.
const setupLife = 30 * time.Minute

// SetupLink makes the one-time link by which the first administrator is made; "" if there is one already.
func (s *Server) SetupLink(ctx context.Context) (string, error) {
	there := false
	err := s.users.each(ctx, "", func(_ string, u User) bool {
		there = u.Administrator && !u.Disabled
		return !there
	})
	if err != nil || there {
		return "", err
	}
	token := s.secret()
	if _, err := s.setups.put(ctx, digest(token), struct{}{}, 0, s.now().Add(setupLife)); err != nil {
		return "", fmt.Errorf("make the set-up link: %w", err)
	}
	return s.url("setup") + "?token=" + token, nil
}

// setup makes the first administrator.
func (s *Server) setup(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var form url.Values
	var err error
	if r.Method == http.MethodPost {
		var f map[string][]string
		f, err = s.posted(r, "setup")
		form = f
	} else {
		form, err = readForm(r)
	}
	if err != nil {
		s.stop(w, r, err)
		return
	}
	key := digest(form.Get("token"))
	if _, _, ok, err := s.setups.get(ctx, key); err != nil || !ok {
		if err == nil {
			err = errorf(invalidRequest, "this link is not valid any more: start the server again for a new one")
		}
		s.stop(w, r, err)
		return
	}
	p := SetupPage{Frame: s.frame(r, nil, nil), Values: map[string]string{"name": form.Get("name"), "display": form.Get("display")}, Errors: map[string]string{},
		Form: Form{s.url("setup"), []Field{{"token", form.Get("token")}, {"csrf", s.CSRF(w, r, "setup")}}}}
	if r.Method == http.MethodPost {
		u := User{Name: form.Get("name"), Display: form.Get("display"), Administrator: true, Policy: "all"}
		switch {
		case s.checkUser(ctx, &u) != nil:
			p.Errors["name"] = "This is no name for a user."
		case form.Get("password") != form.Get("again"):
			p.Errors["again"] = "The two passwords differ."
		case checkPassword(form.Get("password")) != nil:
			p.Errors["password"] = sentence(checkPassword(form.Get("password")).Error())
		}
		if len(p.Errors) == 0 {
			if _, ok, err := s.setups.take(ctx, key); err != nil || !ok {
				s.stop(w, r, errForged)
				return
			}
			audit.By(ctx, u.who()) // by the link
			if err := s.AddUser(ctx, u, form.Get("password")); err != nil {
				s.stop(w, r, err)
				return
			}
			see(w, s.url("login"))
			return
		}
	}
	s.show(w, r, http.StatusOK, p)
}

// checkPassword refuses what is guessed first (NIST SP 800-63B §3.1.1.2: length counts, nothing else is asked).
func checkPassword(text string) error {
	switch n := utf8.RuneCountInString(text); {
	case n < 8:
		return fmt.Errorf("a password has 8 characters or more")
	case n > 200:
		return fmt.Errorf("a password has 200 characters at most")
	}
	return nil
}
