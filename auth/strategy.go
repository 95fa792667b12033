package auth

import (
	"context"
	"strings"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
)

// strategy makes tokens. Codes and refresh tokens are random, kept by their digest; access and id tokens are JWTs.
type strategy struct{ s *Server }

var (
	_ oauth2.CoreStrategy               = strategy{}
	_ openid.OpenIDConnectTokenStrategy = strategy{}
)

// AuthorizeCodeSignature implements oauth2.AuthorizeCodeStrategy.
func (t strategy) AuthorizeCodeSignature(_ context.Context, code string) string { return digest(code) }

// GenerateAuthorizeCode implements oauth2.AuthorizeCodeStrategy.
func (t strategy) GenerateAuthorizeCode(context.Context, fosite.Requester) (token, key string, err error) {
	token = t.s.secret()
	return token, digest(token), nil
}

// ValidateAuthorizeCode implements oauth2.AuthorizeCodeStrategy; the storage knows whether the code is good.
func (t strategy) ValidateAuthorizeCode(context.Context, fosite.Requester, string) error { return nil }

// RefreshTokenSignature implements oauth2.RefreshTokenStrategy.
func (t strategy) RefreshTokenSignature(_ context.Context, token string) string { return digest(token) }

// GenerateRefreshToken implements oauth2.RefreshTokenStrategy.
func (t strategy) GenerateRefreshToken(context.Context, fosite.Requester) (token, key string, err error) {
	token = t.s.secret()
	return token, digest(token), nil
}

// ValidateRefreshToken implements oauth2.RefreshTokenStrategy; the storage knows.
func (t strategy) ValidateRefreshToken(context.Context, fosite.Requester, string) error { return nil }

// AccessTokenSignature implements oauth2.AccessTokenStrategy.
func (t strategy) AccessTokenSignature(_ context.Context, token string) string { return digest(token) }

// GenerateAccessToken implements oauth2.AccessTokenStrategy.
func (t strategy) GenerateAccessToken(ctx context.Context, r fosite.Requester) (token, key string, err error) {
	g := r.GetSession().(*session).grant
	token, err = t.s.accessToken(ctx, g, strings.Join(r.GetGrantedScopes(), " "), t.s.life(&r.GetClient().(*asked).Client, g.Subject == ""))
	return token, "", err
}

// ValidateAccessToken implements oauth2.AccessTokenStrategy; bearer.go does this.
func (t strategy) ValidateAccessToken(context.Context, fosite.Requester, string) error {
	return fosite.ErrInvalidRequest
}

// GenerateIDToken implements openid.OpenIDConnectTokenStrategy.
func (t strategy) GenerateIDToken(ctx context.Context, _ time.Duration, r fosite.Requester) (string, error) {
	se := r.GetSession().(*session)
	return t.s.idToken(ctx, r.GetClient().(*asked).Client, se.grant, strings.Join(r.GetGrantedScopes(), " "), se.claims.AccessTokenHash)
}

// life is how long an access token of the client lives; with a user or, for a backend service, without.
func (s *Server) life(c *Client, backend bool) time.Duration {
	switch {
	case c.AccessLife > 0:
		return min(c.AccessLife, time.Hour)
	case backend:
		return s.o.Life.Backend
	}
	return s.o.Life.Access
}
