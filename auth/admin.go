package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/store"
)

// What an administrator does: users, clients, tokens. The API (api.go), the configuration and the sandbox call it.

// checkUser refuses users that could not work.
func (s *Server) checkUser(ctx context.Context, u *User) error {
	if _, ok, err := s.policies.find(ctx, u.Policy); err != nil {
		return err
	} else if !ok && u.Policy != "" {
		return fmt.Errorf("there is no policy %q", u.Policy)
	}
	return u.check()
}

// ErrThere says that something of the name is there already.
var ErrThere = errors.New("there is one of this name already")

// ErrAbsent says that there is none of the name.
var ErrAbsent = errors.New("there is none of this name")

// AddUser keeps a new user.
func (s *Server) AddUser(ctx context.Context, u User, password string) error {
	if err := s.checkUser(ctx, &u); err != nil {
		return err
	}
	var err error
	if u.Password, err = s.passwords.Hash(ctx, password); err != nil {
		return err
	}
	u.Subject = s.id()
	if err := s.linkUser(ctx, &u); err != nil { // a link to nobody is harmless
		return err
	}
	if _, err = s.users.put(ctx, u.Name, u, 0, time.Time{}); errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("user %s: %w", u.Name, ErrThere)
	}
	if err == nil {
		noteUser(ctx, "POST /api/users", &u)
	}
	return err
}

// noteUser notes that a user was made or changed.
func noteUser(ctx context.Context, request string, u *User) {
	yes := func(is bool) string {
		if is {
			return "true"
		}
		return ""
	}
	noteChange(ctx, request, "", "name", u.Name, "policy", u.Policy, "fhirUser", u.FHIRUser, "administrator", yes(u.Administrator), "disabled", yes(u.Disabled))
}

// PutUser makes a user be as it is declared; the password is kept where it is the same or "", the links where there are
// none, and what was granted. A user whom an issuer has made and this declaration does not say so is another one.
func (s *Server) PutUser(ctx context.Context, u User, password string) error {
	if err := s.checkUser(ctx, &u); err != nil {
		return err
	}
	old, version, ok, err := s.users.get(ctx, u.Name)
	if err != nil {
		return err
	}
	another := old.From != "" && u.From == "" // an issuer has made the one that was there: perhaps somebody else
	u.Subject, u.Password = old.Subject, old.Password
	if u.Links == nil && !another {
		u.Links = old.Links
	}
	if !ok || another {
		u.Subject = s.id()
	}
	if password != "" {
		same, err := s.passwords.Check(ctx, u.Password, password)
		if err == nil && !same {
			u.Password, err = s.passwords.Hash(ctx, password)
		}
		if err != nil {
			return err
		}
	}
	if err := s.linkUser(ctx, &u); err != nil || ok && s.users.same(old, u) {
		return err
	}
	if _, err = s.users.put(ctx, u.Name, u, version, time.Time{}); err == nil {
		noteUser(ctx, "PUT /api/users/"+url.PathEscape(u.Name), &u)
	}
	return err
}

// SetPassword changes a password and ends every login that was begun with the old one.
func (s *Server) SetPassword(ctx context.Context, name, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	there := false
	_, err = s.users.change(ctx, name, func(u *User, ok bool) (bool, time.Time) {
		there = ok
		u.Password = hash
		return ok, time.Time{}
	})
	if err == nil && !there {
		err = fmt.Errorf("user %s: %w", name, ErrAbsent)
	}
	if err != nil {
		return err
	}
	return s.endLogins(ctx, name)
}

func (s *Server) endLogins(ctx context.Context, name string) error {
	var keys []string
	err := s.logins.each(ctx, "", func(key string, l Login) bool {
		if l.User == name {
			keys = append(keys, key)
		}
		return true
	})
	for _, key := range keys {
		err = errors.Join(err, s.logins.remove(ctx, key, store.AnyVersion))
	}
	return err
}

// RemoveUser removes a user, with everything that the user has granted.
func (s *Server) RemoveUser(ctx context.Context, name string) error {
	if _, _, ok, err := s.users.get(ctx, name); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("user %s: %w", name, ErrAbsent))
	}
	list, err := s.grants.of(ctx, name, "")
	if err != nil {
		return err
	}
	if err := s.users.remove(ctx, name, store.AnyVersion); err != nil { // from now on their tokens open nothing
		return err
	}
	for _, g := range list {
		if err := s.grants.revoke(ctx, g.ID, s.now()); err != nil {
			return err
		}
	}
	return s.endLogins(ctx, name)
}

// Users are all users, by name, without their passwords.
func (s *Server) Users(ctx context.Context) (list []User, err error) {
	err = s.users.each(ctx, "", func(_ string, u User) bool {
		u.Password = ""
		list = append(list, u)
		return true
	})
	return list, err
}

// Clients are all clients, by id, without their secrets.
func (s *Server) Clients(ctx context.Context) (list []Client, err error) {
	err = s.clients.each(ctx, "", func(_ string, c Client) bool {
		c.Secrets, c.Registration = nil, ""
		list = append(list, c)
		return true
	})
	return list, err
}

// PutClient makes a client be as it is declared. A secret replaces those that it had; "" keeps them.
func (s *Server) PutClient(ctx context.Context, c Client, secret string) error {
	old, version, ok, err := s.clients.get(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.Created = old.Created; !ok {
		c.Created = s.now()
	}
	c.Secrets, c.Registration = old.Secrets, old.Registration
	if secret != "" {
		c.Secrets = []string{digest(secret)}
	}
	if err := s.check(&c, c.AnyLoopback); err != nil {
		e := oauth(err)
		return fmt.Errorf("client %s: %s (%s)", c.ID, e.Text, e.Hint)
	}
	if (c.AuthMethod == authBasic || c.AuthMethod == authPost) && len(c.Secrets) == 0 {
		return fmt.Errorf("client %s: it needs a secret", c.ID)
	}
	if ok && s.clients.same(old, c) {
		return nil
	}
	if _, err = s.clients.put(ctx, c.ID, c, version, time.Time{}); err == nil {
		noteChange(ctx, "PUT /api/clients/"+url.PathEscape(c.ID), "", "scope", c.Scope)
	}
	return err
}

// NewClient registers a client for an administrator and gives its secret, "" if it has none.
func (s *Server) NewClient(ctx context.Context, c Client) (Client, string, error) {
	if c.ID == "" {
		c.ID = s.id()
	}
	c.Created, c.Verified = s.now(), true
	if err := s.check(&c, c.AnyLoopback); err != nil {
		return c, "", err
	}
	secret, _ := s.credentials(&c)
	c.Registration = ""
	_, err := s.clients.put(ctx, c.ID, c, 0, time.Time{})
	if errors.Is(err, store.ErrConflict) {
		err = fmt.Errorf("client %s: %w", c.ID, ErrThere)
	}
	if err == nil {
		noteChange(ctx, "POST /api/clients", "", "client_id", c.ID, "scope", c.Scope)
	}
	return c, secret, err
}

// A Mint is what an administrator wants an access token for, without any flow: for scripts and tests.
type Mint struct {
	Client  string        `json:"client"`
	Scope   string        `json:"scope"`
	Patient string        `json:"patient"`
	User    string        `json:"user"`
	Life    time.Duration `json:"-"`
}

// Mint makes an access token. It is bound by its scopes and, with a user, by the user's policy; without a user by no
// policy, and user/ scopes reach nothing.
func (s *Server) Mint(ctx context.Context, m Mint) (string, error) {
	if m.Life <= 0 || m.Life > time.Hour {
		m.Life = time.Hour
	}
	g, err := s.mintable(ctx, m)
	if err == nil {
		err = s.grants.add(ctx, g)
	}
	if err != nil {
		return "", err
	}
	return s.accessToken(ctx, g, g.Scope, m.Life)
}

// mintable is the grant of a token to be minted.
func (s *Server) mintable(ctx context.Context, m Mint) (g Grant, err error) {
	params := s.params()
	set, refused := scope.Parse(m.Scope)
	if _, unavailable := set.Available(params, params.Record().Generation); len(unavailable) > 0 {
		refused = append(refused, unavailable...)
	}
	if len(refused) > 0 {
		return g, refused
	}
	c, _, ok, err := s.clients.find(ctx, m.Client)
	if err != nil || !ok {
		return g, errors.Join(err, fmt.Errorf("client %s: %w", m.Client, ErrAbsent))
	}
	now := s.now()
	g = Grant{ID: s.id(), Client: c.ID, Scope: set.Text(), Minted: true, Created: now, Used: now, AuthTime: now, Ends: now.Add(m.Life),
		Parameters: params.Record().Generation}
	g.Launch.Patient = m.Patient
	if m.User != "" {
		u, _, ok, err := s.users.find(ctx, m.User)
		if err != nil || !ok {
			return g, errors.Join(err, fmt.Errorf("user %s: %w", m.User, ErrAbsent))
		}
		g.User, g.Subject = u.Name, u.Subject
	}
	switch {
	case len(set.Data()) == 0:
		return g, errors.New("no scope opens any data")
	case set.NeedsPatient() && m.Patient == "":
		return g, errors.New("patient/ scopes need a patient")
	case m.User == "" && slices.ContainsFunc(set.Data(), func(d scope.Scope) bool { return d.Level == scope.User }):
		return g, errors.New("user/ scopes need a user")
	}
	return g, g.Launch.Check()
}
