package auth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
)

// Metadata is what a client says of itself when it is registered (RFC 7591 §2), with our own members at the end.
type Metadata struct {
	Name          string          `json:"client_name,omitempty"`
	URI           string          `json:"client_uri,omitempty"`
	LogoURI       string          `json:"logo_uri,omitempty"`
	TosURI        string          `json:"tos_uri,omitempty"`
	PolicyURI     string          `json:"policy_uri,omitempty"`
	Contacts      []string        `json:"contacts,omitempty"`
	RedirectURIs  []string        `json:"redirect_uris,omitempty"`
	AuthMethod    string          `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes    []string        `json:"grant_types,omitempty"`
	ResponseTypes []string        `json:"response_types,omitempty"`
	Scope         string          `json:"scope,omitempty"` // the most that it is ever granted
	JWKSURI       string          `json:"jwks_uri,omitempty"`
	JWKS          json.RawMessage `json:"jwks,omitempty"`
	SoftwareID    string          `json:"software_id,omitempty"`
	SoftwareVer   string          `json:"software_version,omitempty"`
	IDTokenAlg    string          `json:"id_token_signed_response_alg,omitempty"` // RS256 or ES256
	LogoutURIs    []string        `json:"post_logout_redirect_uris,omitempty"`

	LaunchURI    string   `json:"launch_uri,omitempty"`      // where an EHR launches it
	Origins      []string `json:"allowed_origins,omitempty"` // from which its pages call our endpoints, beside those of its redirect URIs
	SMARTVersion string   `json:"smart_version,omitempty"`   // "1.0": an old app, which may do without PKCE
}

// The ways in which a client proves who it is (token_endpoint_auth_method).
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
)

// The grants of the token endpoint.
const (
	grantCode        = "authorization_code"
	grantRefresh     = "refresh_token"
	grantCredentials = "client_credentials"
)

// Client is a registered client.
type Client struct {
	ID string `json:"client_id"`
	Metadata
	Secrets []string `json:"secrets,omitempty"` // digests; several while one replaces another

	Created time.Time `json:"created"`
	By      string    `json:"by,omitempty"` // who registered it: a user's name, "configuration", "sandbox", "" for a stranger
	// Verified: an administrator vouches for it, and consent says so.
	Verified bool `json:"verified,omitempty"`
	// Pending: it was registered by a stranger and waits for an administrator.
	Pending bool `json:"pending,omitempty"`
	// Introspects: it may ask about every token, as resource servers do.
	Introspects bool `json:"introspects,omitempty"`
	// AnyLoopback: every redirect URI and origin on loopback is its own. Of the sandbox's own clients only.
	AnyLoopback bool `json:"anyLoopback,omitempty"`
	// AutoApprove are scopes that nobody is asked about.
	AutoApprove string `json:"autoApprove,omitempty"`
	// Registration is the digest of the token by which the client manages itself (RFC 7592).
	Registration string `json:"registration,omitempty"`
	// AccessLife and RefreshLife are lifetimes other than the server's.
	AccessLife  time.Duration `json:"accessLife,omitempty"`
	RefreshLife time.Duration `json:"refreshLife,omitempty"`
}

// public says whether the client cannot prove who it is.
func (c *Client) public() bool { return c.AuthMethod == authNone }

func (c *Client) may(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

// ceiling is the most that the client is granted.
func (c *Client) ceiling() scope.Set {
	set, _ := scope.Parse(c.Scope) // what is malformed grants nothing
	return set
}

// app is the client for people.
func (c *Client) app() App {
	a := App{ID: c.ID, Name: c.Name, Homepage: c.URI, Logo: c.LogoURI, Verified: c.Verified}
	if a.Name == "" {
		a.Name = c.ID
	}
	return a
}

// knows says whether the secret is one of the client's. It takes as long whichever it is.
func (c *Client) knows(secret string) bool {
	have, ok := []byte(digest(secret)), 0
	for _, s := range c.Secrets {
		ok |= subtle.ConstantTimeCompare(have, []byte(s))
	}
	return ok == 1
}

// redirects says whether the client may be answered at the URI: by simple string comparison (RFC 9700 §4.1.3), but for
// the port of an app on this machine (RFC 8252 §7.3).
func (c *Client) redirects(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.Opaque != "" || u.User != nil || u.Fragment != "" || strings.Contains(uri, "#") {
		return false
	}
	if c.AnyLoopback && onLoopback(u) {
		return true
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		r, err := url.Parse(registered)
		if err != nil || !samePlace(r, u) {
			return false
		}
		r.Host = u.Host
		return r.String() == uri
	})
}

// samePlace says whether two URLs are of an app on this machine, whatever its port: that is free only where the address
// is written as a number (RFC 8252 §7.3 and §8.3).
func samePlace(a, b *url.URL) bool {
	return a.Scheme == "http" && b.Scheme == "http" && a.Hostname() == b.Hostname() && a.Hostname() != "localhost" && onLoopback(a)
}

// calls says whether pages of the origin are the client's.
func (c *Client) calls(origin string) bool {
	if slices.Contains(c.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	if c.AnyLoopback && (u.Scheme == "http" || u.Scheme == "https") && onLoopback(u) {
		return true
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		r, err := url.Parse(registered)
		return err == nil && (originOf(registered) == origin || samePlace(r, u))
	})
}

// originOf is scheme://host[:port] of a URL of http or https, "" of others.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// clients are the registered clients.
type clients struct{ table[Client] }

// find gives a client that may be used; ok is false for one that waits for approval, too.
func (t clients) find(ctx context.Context, id string) (c Client, version uint64, ok bool, err error) {
	if id == "" || len(id) > 200 {
		return c, 0, false, nil
	}
	c, version, ok, err = t.get(ctx, id)
	if err != nil {
		return c, 0, false, fmt.Errorf("find a client: %w", err)
	}
	return c, version, ok && !c.Pending, nil
}
