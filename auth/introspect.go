package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/store/audit"
)

// introspect says what a token is (RFC 7662, with SMART's context): to resource servers that were allowed to ask, and
// to a client of its own tokens. Whatever is wrong with a token, and whoever may not ask about it, the answer is the
// same: it is not active.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	ctx := r.Context()
	c, err := s.authenticate(ctx, r, form)
	if err == nil && c.public() {
		err = errClient().hint("a public client cannot introspect")
	}
	var answer map[string]any
	if err == nil {
		answer, err = s.introspection(ctx, &c, form.Get("token"))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	noStore(w)
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) introspection(ctx context.Context, c *Client, token string) (map[string]any, error) {
	inactive := map[string]any{"active": false}
	note := audit.Do(ctx, audit.Act{Code: audit.Introspect})
	note.End(http.StatusOK)
	b, caller, err := s.bearerOf(ctx, token)
	if err == nil {
		if caller.Issuer != "" || !c.Introspects && caller.Client != c.ID {
			return inactive, nil
		}
		note.Tells(pairs("jti", b.claims.ID), caller.Launch.Patient)
		return s.describeAccess(ctx, caller, b.claims)
	}
	if !errors.Is(err, ErrToken) {
		return nil, err
	}
	t, _, ok, err := s.refresh.get(ctx, digest(token))
	if err != nil || !ok {
		return inactive, err
	}
	g, _, ok, err := s.grants.live(ctx, t.Grant)
	if err != nil || !ok || !c.Introspects && g.Client != c.ID || !s.counts(t, &g) {
		return inactive, err
	}
	if s.stillHolds(ctx, &g, &Client{ID: g.Client}) != nil {
		return inactive, nil
	}
	note.Tells(pairs("grant", g.ID), "")
	answer := map[string]any{"active": true, "scope": g.Scope, "client_id": g.Client, "sub": g.Subject, "iss": s.o.Base, "iat": g.Created.Unix()}
	if !g.Ends.IsZero() {
		answer["exp"] = g.Ends.Unix()
	}
	return answer, nil
}

// describeAccess are the members of an active access token.
func (s *Server) describeAccess(ctx context.Context, caller *Caller, c tokenClaims) (map[string]any, error) {
	answer := caller.Launch.Parameters()
	for name, v := range map[string]any{"active": true, "scope": caller.Scopes.Text(), "client_id": c.Client, "sub": c.Subject, "iss": c.Issuer,
		"aud": s.fhir, "exp": c.Expires, "iat": c.Issued, "jti": c.ID, "token_type": "Bearer"} {
		answer[name] = v
	}
	if caller.User != "" {
		u, _, ok, err := s.users.find(ctx, caller.User)
		if err != nil {
			return nil, err
		}
		if ok && u.FHIRUser != "" && caller.Scopes.Has("openid") && (caller.Scopes.Has("fhirUser") || caller.Scopes.Has("profile")) {
			answer["fhirUser"] = s.fhir + "/" + u.FHIRUser
		}
	}
	return answer, nil
}

// revoke ends a grant by one of its tokens (RFC 7009). A token that is not known, or of another client, is answered as
// one that was revoked.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	form, err := readForm(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	ctx := r.Context()
	c, err := s.authenticate(ctx, r, form)
	if err == nil && form.Get("token") == "" {
		err = errorf(invalidRequest, "token is missing")
	}
	if err == nil {
		err = s.revokeToken(ctx, &c, form.Get("token"))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	noStore(w)
	w.WriteHeader(http.StatusOK)
}

func (s *Server) revokeToken(ctx context.Context, c *Client, token string) error {
	var id string
	var claims tokenClaims
	if _, err := s.verify(ctx, token, &claims); err == nil {
		id, _, _ = strings.Cut(claims.ID, ".")
	} else {
		t, _, ok, err := s.refresh.get(ctx, digest(token))
		if err != nil || !ok {
			return err
		}
		id = t.Grant
	}
	g, _, ok, err := s.grants.live(ctx, id)
	if err != nil || !ok || g.Client != c.ID {
		return err
	}
	note := audit.Do(ctx, audit.Act{Code: audit.Revoke})
	note.Tells(pairs("grant", g.ID, "user", g.User), g.Launch.Patient)
	note.End(http.StatusOK)
	return s.grants.revoke(ctx, id, s.now())
}

// userinfo says who the user of an access token is (OpenID Connect Core §5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	ctx := r.Context()
	if !strings.EqualFold(scheme, "Bearer") {
		s.fail(w, r, ErrToken)
		return
	}
	caller, err := s.Bearer(ctx, strings.TrimSpace(token))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	audit.By(ctx, caller.Who())
	u, _, ok, err := s.users.find(ctx, caller.User)
	switch {
	case err != nil:
		s.fail(w, r, err)
		return
	case !ok:
		s.fail(w, r, ErrToken)
		return
	case !caller.Scopes.Has("openid"):
		s.fail(w, r, errorf("insufficient_scope", "the scope openid is needed"))
		return
	}
	noStore(w)
	writeJSON(w, http.StatusOK, s.person(&u, caller.Scopes))
}

// person are the claims about a user that the scopes open.
func (s *Server) person(u *User, set scope.Set) map[string]any {
	claims := map[string]any{"sub": u.Subject}
	url := ""
	if u.FHIRUser != "" {
		url = s.fhir + "/" + u.FHIRUser
	}
	if url != "" && (set.Has("fhirUser") || set.Has("profile")) {
		claims["fhirUser"] = url
	}
	if set.Has("profile") {
		claims["name"], claims["preferred_username"] = u.display(), u.Name
		if url != "" {
			claims["profile"] = url // what SMART 1.0 had before there was fhirUser
		}
	}
	return claims
}

// idToken says who signed in (OpenID Connect Core §2).
func (s *Server) idToken(ctx context.Context, c Client, g Grant, scopes, accessHash string) (string, error) {
	u, _, ok, err := s.users.find(ctx, g.User)
	if err != nil || !ok {
		return "", errorf(invalidGrant, "it is not valid any more")
	}
	set, _ := scope.Parse(scopes)
	claims := s.person(&u, set)
	now := s.now()
	for name, v := range map[string]any{"iss": s.o.Base, "aud": g.Client, "iat": now.Unix(), "exp": now.Add(s.o.Life.Access).Unix(),
		"auth_time": g.AuthTime.Unix(), "at_hash": accessHash} {
		claims[name] = v
	}
	if g.Nonce != "" {
		claims["nonce"] = g.Nonce
	}
	alg := c.IDTokenAlg
	if alg != "ES256" {
		alg = "RS256"
	}
	return s.ring.Sign(ctx, alg, "JWT", claims)
}
