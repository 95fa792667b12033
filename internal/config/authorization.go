package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Auth is the part of a Config that is the authorization server's.
type Auth struct {
	Registration     string // token, approval, open
	OldScopesOnly    bool
	OnlineIsOffline  bool
	DeleteNeedsScope bool
	AllAuthorities   bool
	Aliases          map[string]string // systems in scopes that mean another system, too
	FrameAncestors   []string          // origins
	StyleURL         string
	KeySecret        string          // "" leaves signing keys as they are
	Reach            string          // public, loopback, private
	Issuers          json.RawMessage // a list of issuers that are trusted; nil if there are none

	AccessLife, BackendLife, CodeLife, RefreshLife, RefreshGrace time.Duration
	LoginLife, FlowLife, LaunchLife, KeyLife                     time.Duration

	LoginLimit, UserLimit, AddressLimit, TokenLimit, RegistrationLimit, AuthorizeLimit Rate
}

// Rate is so many times within a while.
type Rate struct {
	Most   int
	Within time.Duration
}

// longest is for what an administrator may let live as long as they want.
const longest = 10 * 365 * 24 * time.Hour

var authKeys = []Key{
	{Name: "registration", Default: "token", sandbox: "open", Usage: "`who` may register clients by themselves: token (who has an initial access token), approval (everybody, and an administrator approves), or open (a sandbox only)",
		set: func(c *Config, v string) error { return oneOf(&c.Auth.Registration, v, "token", "approval", "open") }},
	{Name: "old-scopes-only", Default: "false", Switch: true, Usage: "take scopes of SMART v1 only, as in patient/*.read",
		set: func(c *Config, v string) error { return truth(&c.Auth.OldScopesOnly, v) }},
	{Name: "online-is-offline", Default: "false", Switch: true, Usage: "let online_access outlive the login, as offline_access does",
		set: func(c *Config, v string) error { return truth(&c.Auth.OnlineIsOffline, v) }},
	{Name: "delete-needs-scope", Default: "false", Switch: true, Usage: "delete only with the scope cdr_fhir_delete beside the data scope",
		set: func(c *Config, v string) error { return truth(&c.Auth.DeleteNeedsScope, v) }},
	{Name: "all-authorities", Default: "false", Switch: true, Usage: "grant cdr_all_user_authorities: all that the user may do",
		set: func(c *Config, v string) error { return truth(&c.Auth.AllAuthorities, v) }},
	{Name: "scope-aliases", mapping: true, Usage: "`systems` in the constraints of scopes that mean another system, too: a mapping in the file, JSON elsewhere",
		set: func(c *Config, v string) error { return aliases(&c.Auth.Aliases, v) }},
	{Name: "frame-ancestors", Usage: "`origins` whose pages may hold the pages of a launch, the login too, in a frame, as in https://ehr.example.org",
		set: func(c *Config, v string) error { return origins(&c.Auth.FrameAncestors, v) }},
	{Name: "style-url", Usage: "`URL` of smart_style_url where a launch has none of its own (default BASE/auth/style.json)",
		set: func(c *Config, v string) error { return webURL(&c.Auth.StyleURL, v) }},
	{Name: "access-life", Default: "1h", Usage: "`time` that access tokens of apps are good for, an hour at most",
		set: func(c *Config, v string) error { return duration(&c.Auth.AccessLife, v, time.Second, time.Hour) }},
	{Name: "backend-life", Default: "5m", Usage: "`time` that access tokens of backend services are good for, an hour at most",
		set: func(c *Config, v string) error { return duration(&c.Auth.BackendLife, v, time.Second, time.Hour) }},
	{Name: "code-life", Default: "1m", Usage: "`time` that an authorization code is good for",
		set: func(c *Config, v string) error { return duration(&c.Auth.CodeLife, v, time.Second, 10*time.Minute) }},
	{Name: "refresh-life", Default: "0s", Usage: "`time` after which a refresh token ends that nobody uses; 0s: when it is revoked",
		set: func(c *Config, v string) error { return duration(&c.Auth.RefreshLife, v, 0, longest) }},
	{Name: "refresh-grace", Default: "30s", Usage: "`time` within which a client may repeat a refresh whose answer it has lost",
		set: func(c *Config, v string) error { return duration(&c.Auth.RefreshGrace, v, time.Second, time.Hour) }},
	{Name: "login-life", Default: "12h", Usage: "`time` that a browser stays signed in",
		set: func(c *Config, v string) error { return duration(&c.Auth.LoginLife, v, time.Second, longest) }},
	{Name: "flow-life", Default: "30m", Usage: "`time` from an app's request to the end of the consent",
		set: func(c *Config, v string) error { return duration(&c.Auth.FlowLife, v, time.Second, 24*time.Hour) }},
	{Name: "launch-life", Default: "5m", Usage: "`time` that a launch waits for its app",
		set: func(c *Config, v string) error { return duration(&c.Auth.LaunchLife, v, time.Second, 24*time.Hour) }},
	{Name: "key-life", Default: "2160h", Usage: "`time` after which a new key signs our tokens; 0s: when an administrator says so",
		set: func(c *Config, v string) error {
			if v == "0s" || v == "0" {
				c.Auth.KeyLife = 0
				return nil
			}
			return duration(&c.Auth.KeyLife, v, 72*time.Hour, longest)
		}},
	{Name: "key-secret", Usage: "`secret` that encrypts our signing keys in the store, 16 characters or more; the same for all servers on a store", mask: mask,
		set: func(c *Config, v string) error {
			if v != "" && len(v) < 16 {
				return errors.New("a secret for keys has 16 characters or more")
			}
			return secret(&c.Auth.KeySecret, v)
		}},
	{Name: "reach", Default: "public", sandbox: "loopback", Usage: "`where` JWK Sets of clients and documents of issuers may be fetched from: public (https), loopback (this machine, too), private (everywhere)",
		set: func(c *Config, v string) error { return oneOf(&c.Auth.Reach, v, "public", "loopback", "private") }},
	{Name: "login-limit", Default: "10/15m", Usage: "`tries` to sign in as one user from one address",
		set: func(c *Config, v string) error { return rate(&c.Auth.LoginLimit, v) }},
	{Name: "user-limit", Default: "50/15m", Usage: "`tries` to sign in as one user from everywhere",
		set: func(c *Config, v string) error { return rate(&c.Auth.UserLimit, v) }},
	{Name: "address-limit", Default: "100/15m", Usage: "`failures` of one address to prove a user or a client",
		set: func(c *Config, v string) error { return rate(&c.Auth.AddressLimit, v) }},
	{Name: "token-limit", Default: "60000/1m", Usage: "`requests` of one address to the token endpoint",
		set: func(c *Config, v string) error { return rate(&c.Auth.TokenLimit, v) }},
	{Name: "registration-limit", Default: "300/1h", Usage: "`requests` of one address to the registration endpoint",
		set: func(c *Config, v string) error { return rate(&c.Auth.RegistrationLimit, v) }},
	{Name: "authorize-limit", Default: "3000/1m", Usage: "`requests` of one address to the authorization endpoint",
		set: func(c *Config, v string) error { return rate(&c.Auth.AuthorizeLimit, v) }},
	{Name: "issuers", Usage: "issuers whose access tokens are taken, or by whom users sign in, a `list` in the file", mask: count,
		set: func(c *Config, v string) error { return list(&c.Auth.Issuers, v) }},
}

func rate(to *Rate, v string) error {
	most, within, ok := strings.Cut(v, "/")
	n, err := strconv.Atoi(most)
	if !ok || err != nil || n < 1 {
		return fmt.Errorf("%q is no rate: write how many within which time, as in 10/15m", v)
	}
	to.Most = n
	return duration(&to.Within, within, time.Second, 24*time.Hour)
}

func aliases(to *map[string]string, v string) error {
	*to = nil
	if v == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(v), to); err != nil {
		return errors.New("a mapping of systems to systems was expected")
	}
	for written, meant := range *to {
		if written == "" || meant == "" {
			return errors.New("a system is empty")
		}
	}
	return nil
}

func origins(to *[]string, v string) error {
	*to = strings.Fields(v)
	for _, o := range *to {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ToLower(u.Scheme+"://"+u.Host) != o {
			return fmt.Errorf("%q is no origin, as in https://ehr.example.org", o)
		}
	}
	return nil
}

func webURL(to *string, v string) error {
	u, err := url.Parse(v)
	if v != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return fmt.Errorf("%q is no URL of http or https", v)
	}
	*to = v
	return nil
}
