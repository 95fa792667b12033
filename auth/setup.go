package auth

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/firewarden/firewarden/store/audit"
)

// setupLife is how long the link of the first start is good for.
const setupLife = 30 * time.Minute

// setupLinks are the links that are good, by the digest of their tokens, with the time when each ends. They are one
// record: each start of a server adds its own, and whoever uses one takes them all.
type setupLinks map[string]time.Time

// firstAdministrator is the key of that record.
const firstAdministrator = "administrator"

// SetupLink makes the one-time link by which the first administrator is made; "" if there is one already.
func (s *Server) SetupLink(ctx context.Context) (string, error) {
	if there, err := s.administered(ctx); err != nil || there {
		return "", err
	}
	token, now := s.secret(), s.now()
	ends := now.Add(setupLife)
	_, err := s.setups.change(ctx, firstAdministrator, func(links *setupLinks, ok bool) (bool, time.Time) {
		if !ok {
			*links = setupLinks{}
		}
		maps.DeleteFunc(*links, func(_ string, ends time.Time) bool { return !now.Before(ends) })
		(*links)[digest(token)] = ends
		return true, ends
	})
	if err != nil {
		return "", fmt.Errorf("make the set-up link: %w", err)
	}
	return s.url("setup") + "?token=" + token, nil
}

// administered says whether somebody is an administrator.
func (s *Server) administered(ctx context.Context) (there bool, err error) {
	err = s.users.each(ctx, "", func(_ string, u User) bool {
		there = u.Administrator && !u.Disabled
		return !there
	})
	return there, err
}

// leads says whether a link is good: until its time, until one of them was used, and until there is an administrator
// from elsewhere.
func (s *Server) leads(ctx context.Context, token string) (bool, error) {
	links, _, _, err := s.setups.get(ctx, firstAdministrator)
	if err != nil || !s.now().Before(links[digest(token)]) {
		return false, err
	}
	there, err := s.administered(ctx)
	return !there, err
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
	if ok, err := s.leads(ctx, form.Get("token")); err != nil || !ok {
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
		fault, taken := s.checkUser(ctx, &u), false
		if fault == nil {
			if _, _, taken, err = s.users.get(ctx, u.Name); err != nil {
				s.stop(w, r, err)
				return
			}
		}
		switch {
		case fault != nil:
			p.Errors["name"] = "This is no name for a user."
		case taken:
			p.Errors["name"] = "Somebody else has this name."
		case form.Get("password") != form.Get("again"):
			p.Errors["again"] = "The two passwords differ."
		case checkPassword(form.Get("password")) != nil:
			p.Errors["password"] = sentence(checkPassword(form.Get("password")).Error())
		}
		if len(p.Errors) == 0 {
			if _, ok, err := s.setups.take(ctx, firstAdministrator); err != nil || !ok {
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
