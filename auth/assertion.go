package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/firewarden/firewarden/auth/keys"
	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/audit"
)

// assertionType is the client_assertion_type of private_key_jwt (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertionAlgorithms are those by which clients may sign (RFC 7518 §3.1): SMART asks for RS384 and ES384.
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS384, jose.ES384, jose.RS256, jose.RS512, jose.ES256, jose.ES512,
	jose.PS256, jose.PS384, jose.PS512, jose.EdDSA}

const (
	maxAssertion = 5 * time.Minute  // how far ahead exp may be (SMART App Launch, "Client Authentication: Asymmetric")
	skew         = 30 * time.Second // between the client's clock and ours
)

// errClient is the one answer to everything that is wrong with how a client proves who it is: it does not tell whether
// there is such a client.
func errClient() *Error {
	return errorf(invalidClient, "the client could not be authenticated")
}

// authenticate finds out which client calls (RFC 6749 §2.3): by one method only, and one that it has registered.
func (s *Server) authenticate(ctx context.Context, r *http.Request, form url.Values) (Client, error) {
	if !s.limits.address.allows("client " + addressOf(r)) {
		return Client{}, errorf(slowDown, "too many failed attempts: try again later")
	}
	c, err := s.prove(ctx, r, form)
	switch {
	case err != nil:
		s.noteClaim(ctx, s.claimedBy(r, form))
	case c.public(): // whoever calls says so
		audit.Claims(ctx, audit.Who{Client: c.ID})
	default:
		audit.By(ctx, audit.Who{Client: c.ID})
	}
	if e := oauth2Error(err); e != nil && e.Code == invalidClient {
		s.limits.address.take("client " + addressOf(r))
	}
	return c, err
}

func oauth2Error(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}

func (s *Server) prove(ctx context.Context, r *http.Request, form url.Values) (Client, error) {
	id, secret, basic := r.BasicAuth()
	if !basic && r.Header.Get("Authorization") != "" {
		return Client{}, errClient().hint("Authorization has to be Basic, with the client's id and secret")
	}
	asserted, posted := form.Get("client_assertion") != "" || form.Get("client_assertion_type") != "", form.Get("client_secret") != ""
	if basic && (asserted || posted) || asserted && posted {
		return Client{}, errorf(invalidRequest, "the client uses several ways of authentication at once")
	}
	switch {
	case asserted:
		return s.proveByKey(ctx, form)
	case basic:
		var err1, err2 error
		id, err1 = url.QueryUnescape(id) // RFC 6749 §2.3.1
		secret, err2 = url.QueryUnescape(secret)
		if err1 != nil || err2 != nil {
			return Client{}, errClient().hint("id and secret have to be form-encoded before they are put into Authorization")
		}
		if given := form.Get("client_id"); given != "" && given != id {
			return Client{}, errorf(invalidRequest, "client_id and the client of Authorization differ")
		}
		return s.proveBySecret(ctx, id, secret)
	case posted:
		return s.proveBySecret(ctx, form.Get("client_id"), form.Get("client_secret"))
	}
	id, err := s.named(ctx, form)
	if err != nil {
		return Client{}, err
	}
	c, _, ok, err := s.clients.find(ctx, id)
	switch {
	case err != nil:
		return Client{}, err
	case id == "":
		return Client{}, errClient().hint("there is no client_id, client_assertion or Authorization")
	case !ok:
		return Client{}, errClient().hint("there is no client with this id")
	case !c.public():
		return Client{}, errClient().hint("this client has to authenticate by %s", c.AuthMethod)
	}
	return c, nil
}

// named is the client that a form without any proof is of, "" if it does not say. A public client that refreshes need
// not name itself (RFC 6749 §6): it is the one that the refresh token was given to.
func (s *Server) named(ctx context.Context, form url.Values) (id string, err error) {
	if id = form.Get("client_id"); id != "" || form.Get("grant_type") != grantRefresh {
		return id, nil
	}
	t, _, ok, err := s.refresh.get(ctx, digest(form.Get("refresh_token")))
	if err != nil || !ok {
		return "", err
	}
	g, _, _, err := s.grants.get(ctx, t.Grant)
	return g.Client, err
}

func (s *Server) proveBySecret(ctx context.Context, id, secret string) (Client, error) {
	c, _, ok, err := s.clients.find(ctx, id)
	if err != nil {
		return Client{}, err
	}
	knows := c.knows(secret) // also if there is no such client
	switch {
	case !ok:
		return Client{}, errClient().hint("there is no client with this id")
	case c.AuthMethod != authBasic && c.AuthMethod != authPost:
		return Client{}, errClient().hint("this client is registered for %s", c.AuthMethod)
	case !knows:
		return Client{}, errClient().hint("the secret is not the client's")
	}
	return c, nil
}

// assertion are the claims of a client's JWT (RFC 7523 §3).
type assertion struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expires  numeric  `json:"exp"`
	NotYet   numeric  `json:"nbf"`
	Issued   numeric  `json:"iat"`
	ID       string   `json:"jti"`
}

// audience is a string or an array of them.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// numeric is a NumericDate (RFC 7519 §2), perhaps with a fraction.
type numeric float64

func (n numeric) time() time.Time { return time.Unix(int64(n), 0) }

func (s *Server) proveByKey(ctx context.Context, form url.Values) (Client, error) {
	if form.Get("client_assertion_type") != assertionType {
		return Client{}, errClient().hint("client_assertion_type has to be %s", assertionType)
	}
	signed, err := jose.ParseSignedCompact(form.Get("client_assertion"), assertionAlgorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return Client{}, errClient().hint("client_assertion is no JWT signed by RS384 or ES384")
	}
	var claimed assertion // not yet believed: it only says whose keys to try
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claimed); err != nil {
		return Client{}, errClient().hint("the assertion's claims cannot be read")
	}
	if claimed.Issuer == "" || claimed.Issuer != claimed.Subject {
		return Client{}, errClient().hint("iss and sub of the assertion both have to be the client's id")
	}
	if id := form.Get("client_id"); id != "" && id != claimed.Issuer {
		return Client{}, errClient().hint("client_id is not the assertion's issuer")
	}
	c, _, ok, err := s.clients.find(ctx, claimed.Issuer)
	switch {
	case err != nil:
		return Client{}, err
	case !ok:
		return Client{}, errClient().hint("there is no client with this id")
	case c.AuthMethod != authKey:
		return Client{}, errClient().hint("this client is registered for %s", c.AuthMethod)
	}
	if err := s.verifyAssertion(ctx, &c, signed); err != nil {
		return Client{}, err
	}
	if err := s.checkAssertion(claimed); err != nil {
		return Client{}, err
	}
	return c, s.once(ctx, claimed)
}

// verifyAssertion tries the client's registered keys: its set or the set at its registered URL; a jku in the assertion
// counts only if it is that URL, and names nothing else.
func (s *Server) verifyAssertion(ctx context.Context, c *Client, signed *jose.JSONWebSignature) error {
	h := signed.Signatures[0].Protected
	if jku, _ := h.ExtraHeaders["jku"].(string); jku != "" && jku != c.JWKSURI && len(c.JWKS) == 0 {
		return errClient().hint("jku is not the registered jwks_uri")
	}
	var candidates []jose.JSONWebKey
	if len(c.JWKS) > 0 {
		set, err := keys.ParseSet(c.JWKS)
		if err != nil {
			return errClient().hint("the registered jwks: %v", err)
		}
		candidates = keys.Candidates(set, h.KeyID)
	} else {
		var err error
		if candidates, err = s.fetcher.Keys(ctx, c.JWKSURI, h.KeyID); err != nil {
			return errClient().hint("jwks_uri: %v", err)
		}
	}
	const most = 20 // signatures that one request makes us check
	for i, k := range candidates {
		if i == most {
			break
		}
		if k.Algorithm != "" && k.Algorithm != h.Algorithm {
			continue
		}
		if _, err := signed.Verify(k.Key); err == nil {
			return nil
		}
	}
	if len(candidates) == 0 {
		return errClient().hint("the client has no key with the kid %s", h.KeyID)
	}
	return errClient().hint("the signature is not of one of the client's keys")
}

// checkAssertion looks at whom the assertion is for and when.
func (s *Server) checkAssertion(a assertion) error {
	now := s.o.Now()
	meant := false
	for _, aud := range a.Audience {
		meant = meant || aud == s.url("token") || aud == s.o.Base // RFC 7523bis: the issuer, too
	}
	switch {
	case !meant:
		return errClient().hint("aud of the assertion has to be %s", s.url("token"))
	case a.Expires == 0:
		return errClient().hint("the assertion has no exp")
	case !now.Before(a.Expires.time().Add(skew)):
		return errClient().hint("the assertion is expired")
	case a.Expires.time().After(now.Add(maxAssertion + skew)):
		return errClient().hint("exp of the assertion is more than five minutes ahead")
	case a.NotYet != 0 && a.NotYet.time().After(now.Add(skew)), a.Issued != 0 && a.Issued.time().After(now.Add(skew)):
		return errClient().hint("nbf or iat of the assertion is ahead of the server's clock")
	case a.ID == "" || len(a.ID) > 1000:
		return errClient().hint("the assertion needs a jti of its own")
	}
	return nil
}

// once lets an assertion pass one time: of several requests with the same one, also at once, one gets through.
func (s *Server) once(ctx context.Context, a assertion) error {
	key := digest(a.Issuer + "\n" + a.ID)
	_, err := s.seen.put(ctx, key, struct{}{}, 0, a.Expires.time().Add(skew+time.Minute))
	if errors.Is(err, store.ErrConflict) {
		return errClient().hint("the assertion's jti was used before")
	}
	return err
}

// scopeWords are scopes as a list.
func scopeWords(text string) []string { return strings.Fields(text) }
