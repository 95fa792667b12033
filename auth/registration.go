package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/keys"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
)

// initialToken lets whoever holds it register clients (RFC 7591 §3), under its digest.
type initialToken struct {
	Left int    `json:"left"` // clients that it is still good for; less than 0 is without end
	By   string `json:"by"`
}

const (
	invalidMetadata = "invalid_client_metadata"
	invalidRedirect = "invalid_redirect_uri"
)

// register registers a client (RFC 7591 §3). Options.Registration says who may.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	if !s.limits.registration.take(addressOf(r)) {
		s.fail(w, r, errorf(slowDown, "too many registrations: try again later"))
		return
	}
	c, err := s.newClient(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	secret, token := s.credentials(&c)
	if _, err := s.clients.put(r.Context(), c.ID, c, 0, time.Time{}); err != nil {
		s.fail(w, r, err)
		return
	}
	audit.By(r.Context(), audit.Who{Client: c.ID})
	noteRegistered(r.Context(), "POST /auth/register", &c)
	noStore(w)
	writeJSON(w, http.StatusCreated, s.registered(&c, secret, token))
}

// newClient reads the client of a registration and sees that it may be registered.
func (s *Server) newClient(r *http.Request) (Client, error) {
	ctx := r.Context()
	m, err := readMetadata(r)
	if err != nil {
		return Client{}, err
	}
	c := Client{ID: s.id(), Metadata: m.Metadata, Created: s.now()}
	if err := s.check(&c, c.AnyLoopback); err != nil {
		return Client{}, err
	}
	scheme, token, given := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case given && strings.EqualFold(scheme, "Bearer"):
		t, err := s.spend(ctx, strings.TrimSpace(token))
		if err != nil {
			return Client{}, err
		}
		c.By = t.By
	case s.o.Registration == RegisterOpen:
	case s.o.Registration == RegisterByApproval:
		c.Pending = true
	default:
		return Client{}, errorf(invalidToken, "registration needs an initial access token")
	}
	return c, nil
}

// spend uses an initial access token once more.
func (s *Server) spend(ctx context.Context, token string) (initialToken, error) {
	bad := false
	t, err := s.initial.change(ctx, digest(token), func(t *initialToken, ok bool) (bool, time.Time) {
		bad = !ok || t.Left == 0
		if bad || t.Left < 0 {
			return false, time.Time{}
		}
		t.Left--
		return true, time.Time{}
	})
	if err == nil && bad {
		err = errorf(invalidToken, "the initial access token is not valid")
	}
	return t, err
}

// InitialToken makes a token by which so many clients can be registered; less than 0 is without end.
func (s *Server) InitialToken(ctx context.Context, by string, clients int) (string, error) {
	token := s.secret()
	_, err := s.initial.put(ctx, digest(token), initialToken{clients, by}, 0, time.Time{})
	return token, err
}

// sent is the body of a registration or its change.
type sent struct {
	Metadata
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func readMetadata(r *http.Request) (sent, error) {
	var m sent
	body, err := readBody(r)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, errorf(invalidMetadata, "the body is no JSON object with the members of RFC 7591").hint("%v", err)
	}
	return m, nil
}

// check completes a client's metadata by the defaults and refuses what is not safe or cannot work.
func (s *Server) check(c *Client, anyRedirect bool) error {
	m := &c.Metadata
	if m.AuthMethod == "" {
		m.AuthMethod = authBasic
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{grantCode}
	}
	for _, g := range m.GrantTypes {
		if !slices.Contains(offeredGrants, g) {
			return errorf(invalidMetadata, "grant_types holds what is not supported").hint("supported are %s", strings.Join(offeredGrants, ", "))
		}
	}
	if len(m.ResponseTypes) == 0 && c.may(grantCode) {
		m.ResponseTypes = []string{"code"}
	}
	switch {
	case !slices.Contains(offeredMethods, m.AuthMethod):
		return errorf(invalidMetadata, "token_endpoint_auth_method is not supported").hint("supported are %s", strings.Join(offeredMethods, ", "))
	case c.may(grantCredentials) && m.AuthMethod == authNone:
		return errorf(invalidMetadata, "client_credentials is for clients that prove who they are")
	case slices.ContainsFunc(m.ResponseTypes, func(t string) bool { return t != "code" }):
		return errorf(invalidMetadata, "response_types is code and nothing else")
	case m.IDTokenAlg != "" && !slices.Contains(offeredMetadata, m.IDTokenAlg):
		return errorf(invalidMetadata, "id_token_signed_response_alg is not supported")
	case m.SMARTVersion != "" && m.SMARTVersion != "1.0" && m.SMARTVersion != "2.0" && m.SMARTVersion != "2.2":
		return errorf(invalidMetadata, "smart_version is 1.0, 2.0 or 2.2")
	case strings.ContainsFunc(c.ID, func(r rune) bool { return r <= ' ' || r > '~' }) || c.ID == "" || len(c.ID) > 200:
		return errorf(invalidMetadata, "client_id has 1 to 200 signs of ASCII and no blanks")
	}
	if err := s.checkKeys(m); err != nil {
		return err
	}
	if c.may(grantCode) && len(m.RedirectURIs) == 0 && !anyRedirect {
		return errorf(invalidRedirect, "redirect_uris is missing")
	}
	for _, u := range m.RedirectURIs {
		if err := checkRedirect(u); err != nil {
			return errorf(invalidRedirect, "a redirect URI is not allowed").hint("%s: %v", u, err)
		}
	}
	if err := checkRest(m); err != nil {
		return err
	}
	return s.checkScopes(c)
}

// checkScopes refuses scopes that cannot be granted. What the configuration declares may wait for a search parameter that
// is being indexed: until then it is not granted.
func (s *Server) checkScopes(c *Client) error {
	set, refused := scope.Parse(c.Scope)
	params := s.params()
	if _, unavailable := set.Available(params, params.Record().Generation); c.By != "configuration" {
		refused = append(refused, unavailable...)
	} else if len(unavailable) > 0 {
		s.o.Logger.Warn("a declared scope cannot be granted now", slog.String("client", c.ID), slog.String("error", unavailable.Error()))
	}
	if len(refused) > 0 {
		return errorf(invalidMetadata, "scope holds what cannot be granted").hint("%s", refused[0].Diagnostics)
	}
	return nil
}

func (s *Server) checkKeys(m *Metadata) error {
	switch {
	case len(m.JWKS) > 0 && m.JWKSURI != "":
		return errorf(invalidMetadata, "jwks and jwks_uri exclude each other")
	case m.AuthMethod == authKey && len(m.JWKS) == 0 && m.JWKSURI == "":
		return errorf(invalidMetadata, "private_key_jwt needs jwks or jwks_uri")
	case m.JWKSURI != "":
		if err := s.fetcher.Check(m.JWKSURI); err != nil {
			return errorf(invalidMetadata, "jwks_uri cannot be used").hint("%v", err)
		}
	case len(m.JWKS) > 0:
		if _, err := keys.ParseSet(m.JWKS); err != nil {
			return errorf(invalidMetadata, "jwks cannot be used").hint("%v", err)
		}
	}
	return nil
}

// checkRest looks at what else is shown or followed.
func checkRest(m *Metadata) error {
	for name, uri := range map[string]string{"client_uri": m.URI, "logo_uri": m.LogoURI, "tos_uri": m.TosURI, "policy_uri": m.PolicyURI, "launch_uri": m.LaunchURI} {
		if uri != "" && originOf(uri) == "" {
			return errorf(invalidMetadata, "%s is no URL of http or https", name)
		}
	}
	for _, o := range m.Origins {
		if originOf(o) != o {
			return errorf(invalidMetadata, "allowed_origins holds what is no origin").hint("as in https://app.example.org")
		}
	}
	for _, u := range m.LogoutURIs {
		if err := checkRedirect(u); err != nil {
			return errorf(invalidMetadata, "a post_logout_redirect_uri is not allowed")
		}
	}
	if len(m.Name) > 200 || len(m.Scope) > 16<<10 || len(m.RedirectURIs) > 100 || len(m.Origins) > 100 {
		return errorf(invalidMetadata, "the metadata is too long")
	}
	return nil
}

// checkRedirect refuses URIs to which a code must not be sent (RFC 9700 §2.1, RFC 8252 §7).
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "":
		return errors.New("it is no absolute URI")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("it has a fragment")
	case u.User != nil:
		return errors.New("it has a user")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\^{|}`+"`", r) }):
		return errors.New("it has signs that a URI cannot have")
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && u.Host != "" && onLoopback(u):
		return nil
	case u.Scheme == "http":
		return errors.New("http is for this machine only")
	case strings.Contains(u.Scheme, ".") && u.Opaque == "": // an app's own scheme, by a name that it owns
		return nil
	}
	return errors.New("it is neither https, nor http on this machine, nor an app's own scheme as in org.example.app:/callback")
}

// credentials gives a client its secret and the token by which it manages itself; both are told once.
func (s *Server) credentials(c *Client) (secret, token string) {
	if c.AuthMethod == authBasic || c.AuthMethod == authPost {
		secret = s.secret()
		c.Secrets = []string{digest(secret)}
	}
	token = s.secret()
	c.Registration = digest(token)
	return secret, token
}

// registered is the answer about a client (RFC 7591 §3.2.1, RFC 7592 §3).
func (s *Server) registered(c *Client, secret, token string) map[string]any {
	answer := c.members()
	answer["client_id"] = c.ID
	answer["client_id_issued_at"] = c.Created.Unix()
	if secret != "" {
		answer["client_secret"], answer["client_secret_expires_at"] = secret, 0
	}
	if token != "" {
		answer["registration_access_token"] = token
		answer["registration_client_uri"] = s.url("register/" + url.PathEscape(c.ID))
	}
	return answer
}

// members are the metadata as JSON has them.
func (m Metadata) members() map[string]any {
	b, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Errorf("write a client: %w", err)) // strings only, and a set that was read before
	}
	var out map[string]any
	json.Unmarshal(b, &out)
	return out
}

// registration reads, changes or removes a client, by its own token (RFC 7592).
func (s *Server) registration(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	id := r.PathValue("client")
	c, version, err := s.itself(ctx, r, id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	token := s.secret()
	switch r.Method {
	case http.MethodDelete:
		if err := s.RemoveClient(ctx, id); err != nil {
			s.fail(w, r, err)
			return
		}
		noStore(w)
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPut:
		if err = s.changeClient(r, &c); err == nil {
			c.Registration = digest(token) // RFC 7592 §5: a new one with every change
			_, err = s.clients.put(ctx, id, c, version, time.Time{})
		}
	default:
		token = ""
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	noStore(w)
	writeJSON(w, http.StatusOK, s.registered(&c, "", token))
}

// itself is the client whose token the request has; the same answer whatever is wrong.
func (s *Server) itself(ctx context.Context, r *http.Request, id string) (Client, uint64, error) {
	c, version, ok, err := s.clients.get(ctx, id)
	if err != nil {
		return c, 0, err
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || c.Registration == "" || !strings.EqualFold(scheme, "Bearer") || digest(strings.TrimSpace(token)) != c.Registration {
		s.noteClaim(ctx, id)
		return c, 0, errorf(invalidToken, "the registration access token is not valid")
	}
	audit.By(ctx, audit.Who{Client: c.ID})
	return c, version, nil
}

// changeClient replaces a client's metadata. What an administrator has decided about it stays.
func (s *Server) changeClient(r *http.Request, c *Client) error {
	m, err := readMetadata(r)
	if err != nil {
		return err
	}
	if m.ID != c.ID || m.Secret != "" && !c.knows(m.Secret) {
		return errorf(invalidMetadata, "client_id and client_secret have to be those of the client")
	}
	method := c.AuthMethod
	c.Metadata = m.Metadata
	if err := s.check(c, c.AnyLoopback); err != nil {
		return err
	}
	secret := func(m string) bool { return m == authBasic || m == authPost }
	if secret(c.AuthMethod) && !secret(method) {
		return errorf(invalidMetadata, "a client without a secret cannot come to one: register it anew")
	}
	if !secret(c.AuthMethod) {
		c.Secrets = nil
	}
	return nil
}

// RemoveClient removes a client and everything that was granted to it.
func (s *Server) RemoveClient(ctx context.Context, id string) error {
	list, err := s.grants.of(ctx, "", id)
	if err != nil {
		return err
	}
	if err := s.clients.remove(ctx, id, store.AnyVersion); err != nil { // from now on its tokens open nothing
		return err
	}
	for _, g := range list {
		if err := s.grants.revoke(ctx, g.ID, s.now()); err != nil {
			return err
		}
	}
	return nil
}
