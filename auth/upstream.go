package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/store"
)

// upstream is a sign-in by an outside issuer on its way, under the digest of its state.
type upstream struct {
	issuer.Pending
	Browser string `json:"browser"`        // digest of the cookie of the one browser that goes on
	Flow    string `json:"flow,omitempty"` // id of the authorization request that needs it, "" is one of our own pages
	Next    string `json:"next,omitempty"` // path of ours
}

// upstreamLife is how long an issuer's pages may take.
const upstreamLife = 15 * time.Minute

// outsideLogins are the issuers by which one can sign in, for the login page; query says what for.
func (s *Server) outsideLogins(query Field) (list []OutsideLogin) {
	for _, i := range s.issuers {
		if i.Login != nil {
			list = append(list, OutsideLogin{i.Title(), withQuery(s.url("outside/"+i.ID), map[string][]string{query.Name: {query.Value}})})
		}
	}
	return list
}

// loginIssuer is the issuer of a path.
func (s *Server) loginIssuer(r *http.Request) (*issuer.Issuer, error) {
	for _, i := range s.issuers {
		if i.Login != nil && i.ID == r.PathValue("issuer") {
			return i, nil
		}
	}
	return nil, errorf(invalidRequest, "nobody signs in by this here")
}

// outside sends a browser to an issuer, to sign in there.
func (s *Server) outside(w http.ResponseWriter, r *http.Request) {
	i, err := s.loginIssuer(r)
	if err == nil && !s.limits.authorize.take(addressOf(r)) {
		err = errorf(slowDown, "too many requests come from this address: try again later")
	}
	form, err1 := readForm(r)
	if err = errors.Join(err, err1); err != nil {
		s.stop(w, r, err)
		return
	}
	u := upstream{Next: ownPath(form.Get("next"))}
	var hint string
	var since time.Time
	if text := form.Get("request"); text != "" {
		in, err := s.open(w, r, text)
		if err != nil {
			s.halt(w, r, in, err)
			return
		}
		if kind, _ := in.flow.next(in.visitor); kind != stepLogin {
			see(w, s.flowURL(in.id))
			return
		}
		u.Flow, hint, since = in.id, in.flow.Hint, in.flow.Since
	}
	state := s.secret()
	to, pending, err := i.Begin(r.Context(), state, s.url("outside/"+i.ID+"/back"), hint, since)
	if err != nil {
		s.o.Logger.Warn("nobody can sign in by an issuer", "issuer", i.Config.Issuer, "reason", err.Error())
		noteLogin(r.Context(), User{}, i, http.StatusBadGateway)
		s.showOutside(w, r, u, i.Title()+" cannot be reached now: try again later, or sign in here.")
		return
	}
	u.Pending, u.Browser = pending, digest(s.browser(w, r))
	if _, err := s.upstreams.put(r.Context(), digest(state), u, 0, s.now().Add(upstreamLife)); err != nil {
		s.stop(w, r, err)
		return
	}
	see(w, to)
}

// outsideBack takes a browser back from an issuer: once, and the same browser.
func (s *Server) outsideBack(w http.ResponseWriter, r *http.Request) {
	i, err := s.loginIssuer(r)
	form, err1 := readForm(r)
	if err = errors.Join(err, err1); err != nil {
		s.stop(w, r, err)
		return
	}
	ctx := r.Context()
	u, ok, err := s.upstreams.take(ctx, digest(form.Get("state")))
	if err == nil && (!ok || u.Browser != digest(s.browser(w, r))) {
		err = errElsewhere
	}
	if err != nil {
		noteLogin(ctx, User{}, i, oauth(err).status())
		s.stop(w, r, err)
		return
	}
	id, err := i.Finish(ctx, u.Pending, form)
	if err != nil {
		status := http.StatusUnauthorized
		if !errors.Is(err, issuer.ErrInvalid) {
			status = http.StatusBadGateway
			s.o.Logger.Warn("somebody cannot sign in by an issuer", "issuer", i.Config.Issuer, "reason", err.Error())
		}
		noteLogin(ctx, User{}, i, status)
		s.showOutside(w, r, u, "Signing in by "+i.Title()+" has not worked.")
		return
	}
	user, known, err := s.userOf(ctx, i, id)
	switch {
	case err != nil:
		s.stop(w, r, err)
	case !known:
		noteLogin(ctx, User{}, i, http.StatusForbidden)
		s.showOutside(w, r, u, i.Title()+" knows you, and this server does not: ask its administrator.")
	default:
		if _, err := s.enter(ctx, w, user, i); err != nil {
			s.stop(w, r, err)
			return
		}
		if u.Flow != "" {
			see(w, s.flowURL(u.Flow))
			return
		}
		see(w, s.o.Base+u.Next)
	}
}

// showOutside shows the login page that somebody came from, with what went wrong.
func (s *Server) showOutside(w http.ResponseWriter, r *http.Request, u upstream, fault string) {
	if u.Flow == "" {
		s.showSignIn(w, r, u.Next, "", fault)
		return
	}
	in, err := s.open(w, r, s.sign("flow", u.Flow))
	if err != nil {
		s.halt(w, r, in, err)
		return
	}
	s.showLogin(w, r, in, "", fault)
}

// Link says that a user is who an outside issuer calls so.
type Link struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"` // sub
}

func (l Link) key() string { return digest(l.Issuer + "\n" + l.Subject) }

// userOf is the user who has signed in by an issuer: who is linked with that subject, or, as the issuer's configuration
// has it, who is called so, or somebody new. What an issuer says never makes anybody an administrator.
func (s *Server) userOf(ctx context.Context, i *issuer.Issuer, id issuer.Identity) (u User, known bool, err error) {
	link := Link{i.Config.Issuer, id.Subject}
	name, _, ok, err := s.links.get(ctx, link.key())
	if err != nil {
		return u, false, err
	}
	if ok {
		if u, _, ok, err = s.users.find(ctx, name); err != nil {
			return u, false, err
		}
		if ok && slices.Contains(u.Links, link) {
			u, err = s.renew(ctx, i, id, u)
			return u, err == nil, err
		}
	}
	name = i.NameOf(id)
	switch i.Login.Users {
	case issuer.Match:
		return s.match(ctx, name, link)
	case issuer.Create:
		u = User{Name: name, Subject: s.id(), From: i.Config.Issuer, Links: []Link{link}}
		told(&u, i, id)
		if u.check() != nil {
			return u, false, nil
		}
		if _, err = s.users.put(ctx, name, u, 0, time.Time{}); errors.Is(err, store.ErrConflict) {
			return u, false, nil // somebody else has the name
		}
		if err == nil {
			noteChange(ctx, "POST /api/users", "", "name", name, "issuer", i.Config.Issuer, "policy", u.Policy)
			err = s.linkUser(ctx, &u)
		}
		return u, err == nil, err
	}
	return u, false, nil
}

// match links the user of a name, unless the user is an administrator or linked with another subject of the issuer's.
func (s *Server) match(ctx context.Context, name string, link Link) (u User, known bool, err error) {
	if _, _, ok, err := s.users.find(ctx, name); err != nil || !ok {
		return u, false, err
	}
	u, err = s.users.change(ctx, name, func(u *User, ok bool) (bool, time.Time) {
		known = ok && !u.Disabled && !u.Administrator && !slices.ContainsFunc(u.Links, func(l Link) bool { return l.Issuer == link.Issuer })
		if known {
			u.Links = append(u.Links, link)
		}
		return known, time.Time{}
	})
	if err == nil && known {
		noteChange(ctx, "PUT /api/users/"+url.PathEscape(name), "", "issuer", link.Issuer)
		err = s.linkUser(ctx, &u)
	}
	return u, known && err == nil, err
}

// renew makes a user whom an issuer has made be as it says now: a role that was taken away counts no more.
func (s *Server) renew(ctx context.Context, i *issuer.Issuer, id issuer.Identity, u User) (User, error) {
	if u.From != i.Config.Issuer {
		return u, nil
	}
	return s.users.change(ctx, u.Name, func(u *User, ok bool) (bool, time.Time) {
		before := *u
		told(u, i, id)
		other := ok && (u.Display != before.Display || u.FHIRUser != before.FHIRUser || u.Policy != before.Policy)
		if other {
			noteChange(ctx, "PUT /api/users/"+url.PathEscape(u.Name), "", "issuer", i.Config.Issuer, "policy", u.Policy)
		}
		return other, time.Time{}
	})
}

// told puts what the issuer says into a user.
func told(u *User, i *issuer.Issuer, id issuer.Identity) {
	u.Display, _ = id.Claims["name"].(string)
	u.FHIRUser = id.FHIRUser.String()
	if typ, _ := u.person(); typ == "" {
		u.FHIRUser = ""
	}
	u.Policy, _ = i.PolicyOf(id.Roles)
}

// linkUser makes a user be found by the links that the user has. A link that somebody else has is refused.
func (s *Server) linkUser(ctx context.Context, u *User) error {
	for _, l := range u.Links {
		if l.Issuer == "" || l.Subject == "" {
			return errors.New("a link has an issuer and a subject")
		}
		name, _, ok, err := s.links.get(ctx, l.key())
		if err != nil {
			return err
		}
		if ok && name != u.Name {
			if other, _, ok, err := s.users.get(ctx, name); err != nil || ok && slices.Contains(other.Links, l) {
				return errors.Join(err, fmt.Errorf("user %s has this link: %w", name, ErrThere))
			}
		}
		if _, err := s.links.put(ctx, l.key(), u.Name, store.AnyVersion, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}
