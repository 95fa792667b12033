package auth

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/store"
)

// code is an authorization code, under its digest: the grant that its redemption makes, and what proves who redeems.
type code struct {
	Grant Grant      `json:"grant"`
	Form  url.Values `json:"form"` // redirect_uri, code_challenge, code_challenge_method
	Ends  time.Time  `json:"ends"`
}

// remembered is how long a code that is over can still be recognised as one that was redeemed.
const remembered = time.Hour

// refreshToken is one, under its digest.
type refreshToken struct {
	Grant      string `json:"grant"`
	Generation int    `json:"generation"`
}

// forgotten is how long the reuse of a refresh token is noticed.
const forgotten = 30 * 24 * time.Hour

// storage is what the engine keeps, on our records. A code is redeemed by adding its grant, which succeeds once; a
// refresh token by moving the grant's generation on, by compare-and-swap. The engine's own two steps (read, then
// invalidate) are not relied on.
type storage struct{ s *Server }

var (
	_ fosite.Storage                     = storage{}
	_ oauth2.CoreStorage                 = storage{}
	_ oauth2.TokenRevocationStorage      = storage{}
	_ openid.OpenIDConnectRequestStorage = storage{}
	_ pkce.PKCERequestStorage            = storage{}
)

// request is a grant as the engine sees it. Without its client there is none.
func (t storage) request(ctx context.Context, g Grant, form url.Values) (*fosite.Request, error) {
	c, _, ok, err := t.s.clients.find(ctx, g.Client)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fosite.ErrNotFound
	}
	scopes := scopeWords(g.Scope)
	return &fosite.Request{ID: g.ID, RequestedAt: g.Created, Client: &asked{Client: c}, RequestedScope: scopes, GrantedScope: scopes,
		Form: form, Session: newSession(g)}, nil
}

// GetClient implements fosite.ClientManager. Only requests whose client has been found by us come here.
func (t storage) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if p, ok := ctx.Value(partKey{}).(*asked); ok && p.ID == id {
		return p, nil
	}
	return nil, fosite.ErrNotFound
}

// partKey is the key of a context's *asked.
type partKey struct{}

// ClientAssertionJWTValid implements fosite.ClientManager; assertion.go does this.
func (t storage) ClientAssertionJWTValid(context.Context, string) error { return fosite.ErrJTIKnown }

// SetClientAssertionJWT implements fosite.ClientManager.
func (t storage) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrJTIKnown
}

// CreateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage.
func (t storage) CreateAuthorizeCodeSession(ctx context.Context, key string, r fosite.Requester) error {
	c := code{Grant: r.GetSession().(*session).grant, Form: url.Values{}, Ends: t.s.now().Add(t.s.o.Life.Code)}
	for _, name := range []string{"redirect_uri", "code_challenge", "code_challenge_method"} {
		if v := r.GetRequestForm().Get(name); v != "" {
			c.Form.Set(name, v)
		}
	}
	_, err := t.s.codes.put(ctx, key, c, 0, c.Ends.Add(remembered))
	return err
}

// GetAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage.
func (t storage) GetAuthorizeCodeSession(ctx context.Context, key string, _ fosite.Session) (fosite.Requester, error) {
	c, _, ok, err := t.s.codes.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fosite.ErrNotFound
	}
	r, err := t.request(ctx, c.Grant, c.Form)
	if err != nil {
		return nil, err
	}
	_, _, redeemed, err := t.s.grants.get(ctx, c.Grant.ID)
	switch {
	case err != nil:
		return nil, err
	case redeemed: // and so it is a replay
		return r, fosite.ErrInvalidatedAuthorizeCode
	case !t.s.now().Before(c.Ends):
		return nil, fosite.ErrNotFound
	}
	return r, nil
}

// InvalidateAuthorizeCodeSession implements oauth2.AuthorizeCodeStorage: it adds the grant, and fails for all but one.
func (t storage) InvalidateAuthorizeCodeSession(ctx context.Context, key string) error {
	c, _, ok, err := t.s.codes.get(ctx, key)
	if err != nil {
		return err
	}
	if !ok {
		return fosite.ErrNotFound
	}
	c.Grant.Used = t.s.now()
	c.Grant.Ends = t.s.ends(&c.Grant, c.Grant.Used)
	err = t.s.grants.add(ctx, c.Grant)
	if errors.Is(err, errKnown) {
		return errors.Join(fosite.ErrInvalidatedAuthorizeCode, t.s.grants.revoke(ctx, c.Grant.ID, t.s.now()))
	}
	return err
}

// CreateAccessTokenSession implements oauth2.AccessTokenStorage. Tokens of users have their grant; those of backend
// services get it here.
func (t storage) CreateAccessTokenSession(ctx context.Context, _ string, r fosite.Requester) error {
	g := r.GetSession().(*session).grant
	if g.Subject != "" {
		return nil
	}
	return t.s.grants.add(ctx, g)
}

// GetAccessTokenSession implements oauth2.AccessTokenStorage; nothing asks for it.
func (t storage) GetAccessTokenSession(context.Context, string, fosite.Session) (fosite.Requester, error) {
	return nil, fosite.ErrNotFound
}

// DeleteAccessTokenSession implements oauth2.AccessTokenStorage; tokens end with their grants.
func (t storage) DeleteAccessTokenSession(context.Context, string) error { return nil }

// GetRefreshTokenSession implements oauth2.RefreshTokenStorage.
func (t storage) GetRefreshTokenSession(ctx context.Context, key string, _ fosite.Session) (fosite.Requester, error) {
	token, _, ok, err := t.s.refresh.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fosite.ErrNotFound
	}
	g, _, ok, err := t.s.grants.live(ctx, token.Grant)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fosite.ErrNotFound
	}
	r, err := t.request(ctx, g, url.Values{})
	if err != nil {
		return nil, err
	}
	if !t.s.counts(token, &g) {
		return r, fosite.ErrInactiveToken // the engine revokes the grant then
	}
	return r, nil
}

// counts says whether the token is the one of its grant, or the one before it, just now: a client may have lost the
// answer.
func (s *Server) counts(token refreshToken, g *Grant) bool {
	return token.Generation == g.Generation ||
		token.Generation == g.Generation-1 && s.now().Before(g.Rotated.Add(s.o.Life.Grace))
}

// RotateRefreshToken implements oauth2.RefreshTokenStorage: the next generation begins, unless it has begun already.
func (t storage) RotateRefreshToken(ctx context.Context, grant, key string) error {
	token, version, ok, err := t.s.refresh.get(ctx, key)
	if err != nil {
		return err
	}
	if !ok {
		return fosite.ErrNotFound
	}
	now, lost := t.s.now(), false
	_, err = t.s.grants.change(ctx, grant, func(g *Grant, ok bool) (bool, time.Time) {
		if lost = !ok || g.Revoked || !t.s.counts(token, g); lost {
			return false, time.Time{}
		}
		if token.Generation == g.Generation {
			g.Generation++
			g.Rotated = now
		}
		g.Used = now
		g.Ends = t.s.ends(g, now)
		return true, g.Ends
	})
	if err != nil {
		return err
	}
	if lost {
		return fosite.ErrInactiveToken
	}
	// From now on it only serves to notice that it is used again.
	if _, err = t.s.refresh.put(ctx, key, token, version, now.Add(forgotten)); errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// CreateRefreshTokenSession implements oauth2.RefreshTokenStorage: the token is of the grant's present generation.
func (t storage) CreateRefreshTokenSession(ctx context.Context, key, _ string, r fosite.Requester) error {
	g, _, ok, err := t.s.grants.live(ctx, r.GetID())
	if err != nil {
		return err
	}
	if !ok {
		return fosite.ErrNotFound // revoked since
	}
	_, err = t.s.refresh.put(ctx, key, refreshToken{g.ID, g.Generation}, 0, g.Ends)
	return err
}

// DeleteRefreshTokenSession implements oauth2.RefreshTokenStorage; tokens end with their grants.
func (t storage) DeleteRefreshTokenSession(context.Context, string) error { return nil }

// RevokeRefreshToken implements oauth2.TokenRevocationStorage.
func (t storage) RevokeRefreshToken(ctx context.Context, grant string) error {
	return t.s.grants.revoke(ctx, grant, t.s.now())
}

// RevokeAccessToken implements oauth2.TokenRevocationStorage.
func (t storage) RevokeAccessToken(ctx context.Context, grant string) error {
	return t.s.grants.revoke(ctx, grant, t.s.now())
}

// CreateOpenIDConnectSession implements openid.OpenIDConnectRequestStorage: the code's record has it all.
func (t storage) CreateOpenIDConnectSession(context.Context, string, fosite.Requester) error {
	return nil
}

// GetOpenIDConnectSession implements openid.OpenIDConnectRequestStorage.
func (t storage) GetOpenIDConnectSession(ctx context.Context, text string, _ fosite.Requester) (fosite.Requester, error) {
	c, _, ok, err := t.s.codes.get(ctx, digest(text))
	if err != nil {
		return nil, err
	}
	if set, _ := scope.Parse(c.Grant.Scope); !ok || !set.Has("openid") {
		return nil, openid.ErrNoSessionFound
	}
	return t.request(ctx, c.Grant, url.Values{})
}

// DeleteOpenIDConnectSession implements openid.OpenIDConnectRequestStorage.
func (t storage) DeleteOpenIDConnectSession(context.Context, string) error { return nil }

// CreatePKCERequestSession implements pkce.PKCERequestStorage: the code's record has it all.
func (t storage) CreatePKCERequestSession(context.Context, string, fosite.Requester) error {
	return nil
}

// GetPKCERequestSession implements pkce.PKCERequestStorage. A code without a challenge was given to a client that may
// do without.
func (t storage) GetPKCERequestSession(ctx context.Context, key string, _ fosite.Session) (fosite.Requester, error) {
	c, _, ok, err := t.s.codes.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if !ok || c.Form.Get("code_challenge") == "" {
		return nil, fosite.ErrNotFound
	}
	return t.request(ctx, c.Grant, c.Form)
}

// DeletePKCERequestSession implements pkce.PKCERequestStorage. The challenge stays with the code: a wrong verifier
// must not turn it into a code that asks for none.
func (t storage) DeletePKCERequestSession(context.Context, string) error { return nil }
