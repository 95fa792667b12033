package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/firewarden/firewarden/auth/keys"
)

// Issuer is one that is trusted. Its methods may be called by several goroutines. New makes one.
type Issuer struct {
	Config
	o       Options
	fetcher *keys.Fetcher
	bases   []string // FHIR bases of resources that are ours
	believe time.Duration
	asking  chan struct{} // holds whoever introspects: a stranger's tokens must not make us ask without end

	mu    sync.Mutex
	found endpoints
	at    time.Time // when they were looked for
	err   error
}

// Options are what an Issuer needs beside its Config.
type Options struct {
	FHIR   string     // our FHIR base
	Reach  keys.Reach // unless the Config says another
	Now    func() time.Time
	Random io.Reader
}

var reaches = map[string]keys.Reach{"public": keys.Public, "loopback": keys.Loopback, "private": keys.Private}

// New makes an Issuer. It asks nothing yet: an issuer may be down when a server starts.
func New(c Config, o Options) (*Issuer, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Reach != "" {
		o.Reach = reaches[c.Reach]
	}
	i := &Issuer{Config: c, o: o, fetcher: keys.NewFetcher(o.Reach, o.Now), bases: append([]string{o.FHIR}, c.Bases...), asking: make(chan struct{}, 16)}
	for _, at := range []string{c.Issuer, c.Discovery, c.JWKS, c.Introspection, c.Authorization, c.Endpoint} {
		if at == "" {
			continue
		}
		if err := i.fetcher.Check(at); err != nil {
			return nil, fmt.Errorf("issuer %s: %s: %w (the key reach of the issuer opens more)", c.Issuer, at, err)
		}
	}
	if c.Tokens != nil {
		i.believe, _ = c.Tokens.recheck()
	}
	return i, nil
}

// Title is the issuer for people.
func (i *Issuer) Title() string {
	if i.Name != "" {
		return i.Name
	}
	return i.ID
}

// endpoints of an issuer.
type endpoints struct {
	Issuer        string `json:"issuer"`
	JWKS          string `json:"jwks_uri"`
	Introspection string `json:"introspection_endpoint"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	SaysIssuer    bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

const (
	fresh      = 10 * time.Minute // how long a discovery document is used
	impatience = 20 * time.Second // after one that failed
	skew       = 30 * time.Second // between the issuer's clock and ours
)

// errSilent is an issuer that does not say where it does a thing.
var errSilent = errors.New("its discovery document does not say where")

// endpoint is where the issuer does a thing: as the configuration says, or else its discovery document.
func (i *Issuer) endpoint(ctx context.Context, configured string, of func(*endpoints) string) (string, error) {
	if configured != "" {
		return configured, nil
	}
	e, err := i.discover(ctx)
	if err != nil {
		return "", err
	}
	if of(&e) == "" {
		return "", errSilent
	}
	return of(&e), nil
}

// discover reads the discovery document (OpenID Connect Discovery §4): its issuer has to be ours, letter for letter.
func (i *Issuer) discover(ctx context.Context) (endpoints, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	age := i.o.Now().Sub(i.at)
	if !i.at.IsZero() && age >= 0 && (age < impatience || i.err == nil && age < fresh) {
		return i.found, i.err
	}
	at := i.Discovery
	if at == "" {
		at = strings.TrimSuffix(i.Config.Issuer, "/") + "/.well-known/openid-configuration"
	}
	var e endpoints
	body, err := i.get(ctx, at)
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err == nil && e.Issuer != i.Config.Issuer {
		err = fmt.Errorf("it is the document of another issuer: %q", e.Issuer)
	}
	if err != nil {
		err = fmt.Errorf("discover %s: %w", i.Config.Issuer, err)
	}
	if ctx.Err() != nil {
		return e, err // says nothing of the issuer
	}
	i.at = i.o.Now()
	if i.err = err; err == nil || i.found.Issuer == "" {
		i.found = e
	} else {
		i.err = nil // what it said before holds while it is down
	}
	return i.found, i.err
}

func (i *Issuer) get(ctx context.Context, at string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	return i.fetcher.Send(r)
}

// post sends a form as a client: by its secret in the way of method, by its id alone if it has none.
func (i *Issuer) post(ctx context.Context, at string, form url.Values, id, secret, method string) ([]byte, error) {
	if secret == "" || method == "client_secret_post" {
		form.Set("client_id", id)
	}
	if secret != "" && method == "client_secret_post" {
		form.Set("client_secret", secret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if secret != "" && method != "client_secret_post" {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) // RFC 6749 §2.3.1
	}
	return i.fetcher.Send(r)
}

// algorithms are those by which issuers may sign: none of them works with a secret that others have.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// verify reads the claims of a JWT that one of the issuer's keys has signed: of this issuer, now. typ are the types
// that it may have.
func (i *Issuer) verify(ctx context.Context, token string, typ ...string) (map[string]any, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, ErrInvalid
	}
	h := signed.Signatures[0].Protected
	got, _ := h.ExtraHeaders[jose.HeaderType].(string)
	if !oneOf(strings.TrimPrefix(strings.ToLower(got), "application/"), typ) {
		return nil, ErrInvalid
	}
	at, err := i.endpoint(ctx, i.JWKS, func(e *endpoints) string { return e.JWKS })
	if err != nil {
		return nil, err
	}
	candidates, err := i.fetcher.Keys(ctx, at, h.KeyID)
	if err != nil {
		return nil, fmt.Errorf("keys of %s: %w", i.Config.Issuer, err)
	}
	for _, k := range candidates[:min(20, len(candidates))] {
		if k.Algorithm != "" && k.Algorithm != h.Algorithm {
			continue
		}
		payload, err := signed.Verify(k.Key)
		if err != nil {
			continue
		}
		claims, err := object(payload)
		if err != nil || !i.current(claims) {
			return nil, ErrInvalid
		}
		return claims, nil
	}
	return nil, ErrInvalid
}

// current says whether claims are of this issuer and of now. exp is required.
func (i *Issuer) current(claims map[string]any) bool {
	now := i.o.Now()
	instant := func(name string) (time.Time, bool) {
		n, ok := claims[name].(float64)
		return time.Unix(int64(n), 0), ok
	}
	exp, ok := instant("exp")
	if text(claims["iss"]) != i.Config.Issuer || !ok || !now.Before(exp) {
		return false
	}
	for _, name := range []string{"nbf", "iat"} {
		if t, ok := instant(name); ok && t.After(now.Add(skew)) {
			return false
		}
	}
	return true
}

func oneOf(s string, list []string) bool {
	for _, l := range list {
		if s == l {
			return true
		}
	}
	return false
}
