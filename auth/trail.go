package auth

import (
	"context"
	"net/http"
	"net/url"

	"github.com/firewarden/firewarden/store/audit"
)

// What the audit log is told of logins and tokens. It never holds what was typed or sent: a name or a client id only of
// one that there is (people type passwords into the wrong field), of a token its jti.

// noteLogin notes a login, or, of a name of ours, that one was refused.
func noteLogin(ctx context.Context, u User, status int) {
	w := audit.Who{User: u.Name}
	if u.Name != "" {
		w.Subject = u.reference().String()
	}
	audit.By(ctx, w)
	audit.Do(ctx, audit.Act{Code: audit.Login}).End(status)
}

// noteLogout notes that a user has signed out.
func noteLogout(ctx context.Context, v Visitor) {
	audit.By(ctx, audit.Who{User: v.User.Name, Subject: v.User.reference().String()})
	audit.Do(ctx, audit.Act{Code: audit.Logout}).End(http.StatusOK)
}

// noteToken notes that a token was given for a grant.
func (s *Server) noteToken(ctx context.Context, kind string, g *Grant, scopes, token string) {
	w := audit.Who{User: g.User, Client: g.Client, Scope: scopes, Patient: g.Launch.Patient}
	if g.User != "" {
		if u, _, ok, err := s.users.find(ctx, g.User); err == nil && ok {
			w.Subject = u.reference().String()
		}
	}
	var c tokenClaims
	if _, err := s.verify(ctx, token, &c); err == nil {
		w.Token = c.ID
	}
	audit.By(ctx, w)
	do := audit.Do(ctx, audit.Act{Code: audit.Token, Query: "grant_type=" + kind, Count: 1})
	do.About(g.Launch.Patient)
	do.End(http.StatusOK)
}

// noteRefused notes that a token was refused to who says to be a client.
func (s *Server) noteRefused(ctx context.Context, client, kind string, status int) {
	if c, _, ok, err := s.clients.find(ctx, client); client != "" && err == nil && ok {
		audit.By(ctx, audit.Who{Client: c.ID})
	}
	a := audit.Act{Code: audit.Token}
	switch kind {
	case grantCode, grantRefresh, grantCredentials:
		a.Query = "grant_type=" + kind
	}
	audit.Do(ctx, a).End(status)
}

// noteMinted notes that an administrator, whom the trail knows, has made a token without any flow.
func noteMinted(ctx context.Context, m *Mint, c *tokenClaims) {
	made := url.Values{"jti": {c.ID}, "client": {m.Client}, "scope": {c.Scope}}
	for name, v := range map[string]string{"user": m.User, "patient": m.Patient} {
		if v != "" {
			made.Set(name, v)
		}
	}
	do := audit.Do(ctx, audit.Act{Code: audit.Token, Query: made.Encode(), Count: 1})
	do.About(m.Patient)
	do.End(http.StatusCreated)
}
