package auth

import (
	"context"
	"net/http"
	"net/url"

	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/store/audit"
)

// What the audit log is told: each row of the tables of routes says which kind of event it leaves, and a handler what is
// known of it here. It never holds what was typed or sent: a name or a client id only of one that there is (people type
// passwords into the wrong field), of a token its jti.

// who is a user who has signed in.
func (u *User) who() audit.Who {
	w := audit.Who{User: u.Name}
	if u.Name != "" {
		w.Subject = u.reference().String()
	}
	return w
}

// Who is the caller, for the audit log.
func (c *Caller) Who() audit.Who {
	return audit.Who{User: c.User, Subject: c.Subject, Issuer: c.Issuer, Client: c.Client, Token: c.Token, Patient: c.Launch.Patient, Scope: c.Scope}
}

// noteLogin notes a login, here or by an outside issuer, or, of a name of ours, that one was refused.
func noteLogin(ctx context.Context, u User, by *issuer.Issuer, status int) {
	if status < http.StatusBadRequest {
		audit.By(ctx, u.who())
	} else {
		audit.Claims(ctx, u.who())
	}
	a := audit.Act{Code: audit.Login}
	if by != nil {
		a.Query = url.Values{"issuer": {by.Config.Issuer}}.Encode()
	}
	audit.Do(ctx, a).End(status)
}

// noteLogout notes that a user has signed out.
func noteLogout(ctx context.Context, v Visitor) {
	audit.By(ctx, v.User.who())
	audit.Do(ctx, audit.Act{Code: audit.Logout}).End(http.StatusOK)
}

// noteConsent notes that the user of a flow has allowed the app what it asks for, or some of it, or was not asked; or has
// said no.
func noteConsent(ctx context.Context, in *running, asked bool, status int) {
	w := in.visitor.User.who()
	w.Client, w.Patient, w.Scope = in.client.ID, in.flow.Launch.Patient, in.flow.Granted
	audit.By(ctx, w)
	a := audit.Act{Code: audit.Consent}
	if !asked {
		a.Query = "asked=no"
	}
	do := audit.Do(ctx, a)
	do.About(in.flow.Launch.Patient)
	do.End(status)
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
	s.noteClaim(ctx, client)
	a := audit.Act{Code: audit.Token}
	switch kind {
	case grantCode, grantRefresh, grantCredentials:
		a.Query = "grant_type=" + kind
	}
	audit.Do(ctx, a).End(status)
}

// noteClaim notes which client a request says that it is of, if there is one.
func (s *Server) noteClaim(ctx context.Context, client string) {
	if c, _, ok, err := s.clients.find(ctx, client); client != "" && err == nil && ok {
		audit.Claims(ctx, audit.Who{Client: c.ID})
	}
}

// noteMinted notes that an administrator, whom the trail knows, has made a token without any flow.
func noteMinted(ctx context.Context, m *Mint, c *tokenClaims) {
	do := audit.Do(ctx, audit.Act{Code: audit.Token, Count: 1, Query: pairs("jti", c.ID, "client", m.Client, "scope", c.Scope, "user", m.User, "patient", m.Patient)})
	do.About(m.Patient)
	do.End(http.StatusCreated)
}

// noteChange notes what was changed of the server, in the words of the administrators' interface, whichever way it was
// done: the request, a patient whom it is about, and of what was sent what is no secret.
func noteChange(ctx context.Context, request, patient string, sent ...string) {
	if more := pairs(sent...); more != "" {
		request += "?" + more
	}
	do := audit.Do(ctx, audit.Act{Code: audit.Change, Query: request})
	do.About(patient)
	do.End(http.StatusOK)
}

// noteRegistered notes that a client was registered.
func noteRegistered(ctx context.Context, request string, c *Client) {
	audit.Do(ctx, audit.Act{Code: audit.Register, Query: request + "?" + pairs("client_id", c.ID, "by", c.By)}).End(http.StatusCreated)
}

// pairs are names and values as a query, without those that are "".
func pairs(list ...string) string {
	v := url.Values{}
	for i := 0; i < len(list); i += 2 {
		if list[i+1] != "" {
			v.Set(list[i], list[i+1])
		}
	}
	return v.Encode()
}
