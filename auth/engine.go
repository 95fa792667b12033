package auth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"
	"github.com/ory/fosite/token/jwt"
)

// engine is fosite with our storage (storage.go), tokens (strategy.go) and client authentication. It runs the handlers
// of codes, PKCE, refresh, client credentials and OpenID; what is asked and what is granted was decided before.
type engine struct{ *fosite.Fosite }

func newEngine(s *Server) engine {
	c := &fosite.Config{
		AccessTokenLifespan:      s.o.Life.Access, // fosite tells the time by its own clock: token.go says again what it told
		AuthorizeCodeLifespan:    s.o.Life.Code,
		ScopeStrategy:            func([]string, string) bool { return true }, // scopes were narrowed to the registration
		AudienceMatchingStrategy: func([]string, []string) error { return nil },
		RefreshTokenScopes:       []string{"offline_access", "online_access"},
		SanitationWhiteList:      []string{"code", "redirect_uri", "code_challenge", "code_challenge_method"},
		RedirectSecureChecker:    func(context.Context, *url.URL) bool { return true }, // of the registration
		MinParameterEntropy:      1,
		OmitRedirectScopeParam:   true,
		ClientAuthenticationStrategy: func(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
			c, err := s.authenticate(ctx, r, form)
			if err != nil {
				return nil, err
			}
			if grant := form.Get("grant_type"); !c.may(grant) || grant == grantCredentials && c.public() {
				return nil, errorf(unauthorizedClient, "this client cannot use %s", grant)
			}
			return &asked{Client: c}, nil
		},
	}
	data, tokens := storage{s}, strategy{s}
	ids := &openid.IDTokenHandleHelper{IDTokenStrategy: tokens}
	code := &oauth2.AuthorizeExplicitGrantHandler{AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens, AuthorizeCodeStrategy: tokens,
		CoreStorage: data, TokenRevocationStorage: data, Config: c}
	login := &openid.OpenIDConnectExplicitHandler{OpenIDConnectRequestStorage: data, IDTokenHandleHelper: ids, Config: c,
		OpenIDConnectRequestValidator: openid.NewOpenIDConnectRequestValidator(nil, c)} // prompts are ours, it never sees one
	proof := &pkce.Handler{AuthorizeCodeStrategy: tokens, Storage: data, Config: c}
	c.AuthorizeEndpointHandlers = fosite.AuthorizeEndpointHandlers{code, login, proof}
	c.TokenEndpointHandlers = fosite.TokenEndpointHandlers{
		code,
		&oauth2.ClientCredentialsGrantHandler{Config: c, HandleHelper: &oauth2.HandleHelper{AccessTokenStrategy: tokens, AccessTokenStorage: data, Config: c}},
		&oauth2.RefreshTokenGrantHandler{AccessTokenStrategy: tokens, RefreshTokenStrategy: tokens, TokenRevocationStorage: data, Config: c},
		login,
		&openid.OpenIDConnectRefreshHandler{IDTokenHandleHelper: ids, Config: c},
		proof,
	}
	return engine{fosite.NewOAuth2Provider(data, c)}
}

// asked is a client as the engine sees it: the redirect URI is the one that we have found to be its own.
type asked struct {
	Client
	redirect string
}

var _ fosite.Client = (*asked)(nil)

func (a *asked) GetID() string                      { return a.ID }
func (a *asked) GetHashedSecret() []byte            { return nil }
func (a *asked) GetRedirectURIs() []string          { return []string{a.redirect} }
func (a *asked) GetGrantTypes() fosite.Arguments    { return a.GrantTypes }
func (a *asked) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }
func (a *asked) GetScopes() fosite.Arguments        { return nil }
func (a *asked) IsPublic() bool                     { return a.public() }
func (a *asked) GetAudience() fosite.Arguments      { return nil }

// session is what the engine carries through a request for us: the grant.
type session struct {
	grant   Grant
	claims  jwt.IDTokenClaims // the engine writes at_hash here
	headers jwt.Headers
}

var _ openid.Session = (*session)(nil)

func newSession(g Grant) *session {
	s := &session{grant: g, headers: jwt.Headers{Extra: map[string]any{"alg": "RS256"}}}
	s.claims.Subject = g.Subject
	return s
}

func (s *session) IDTokenClaims() *jwt.IDTokenClaims           { return &s.claims }
func (s *session) IDTokenHeaders() *jwt.Headers                { return &s.headers }
func (s *session) SetExpiresAt(fosite.TokenType, time.Time)    {} // our records know, by our clock
func (s *session) GetExpiresAt(fosite.TokenType) (_ time.Time) { return }
func (s *session) GetUsername() string                         { return s.grant.User }
func (s *session) GetSubject() string                          { return s.grant.Subject }
func (s *session) Clone() fosite.Session                       { return newSession(s.grant) }
