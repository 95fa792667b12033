package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/scope"
)

// Config is an issuer as an administrator declares it. Endpoints that are not given are found by discovery.
type Config struct {
	Issuer string `json:"issuer"` // iss, letter for letter
	ID     string `json:"id"`     // in our URLs; needed to sign in by it
	Name   string `json:"name"`   // for people; "" is ID
	Reach  string `json:"reach"`  // public, loopback, private; "" is the server's

	Discovery     string `json:"discovery"` // "" is ISSUER/.well-known/openid-configuration
	JWKS          string `json:"jwks_uri"`
	Introspection string `json:"introspection_endpoint"`
	Authorization string `json:"authorization_endpoint"`
	Endpoint      string `json:"token_endpoint"`

	Claims Claims `json:"claims"`
	// Bases are FHIR bases whose resources are this server's, beside our own: fhirUser and patient may be written by them.
	Bases []string `json:"fhirBases"`
	// Roles give a policy to who has the role, the first that fits; Policy is that of everybody else. Without either
	// nothing bounds patient/ and system/ scopes, and user/ scopes reach nothing.
	Roles  []Role `json:"roles"`
	Policy string `json:"policy"`

	Tokens *Tokens `json:"tokens"` // its access tokens are taken
	Login  *Login  `json:"login"`  // users sign in by it
}

// Role is a role of the issuer's and the policy that it means here.
type Role struct {
	Role   string `json:"role"`
	Policy string `json:"policy"`
}

// Claims are the names by which an issuer says things: of several the first that is there counts. A name with dots is a
// path into objects if there is no claim of the whole name. An empty list is that of usual.
type Claims struct {
	Scope    Names `json:"scope"`
	Patient  Names `json:"patient"`
	FHIRUser Names `json:"fhirUser"`
	Roles    Names `json:"roles"`
	Client   Names `json:"client"`
}

var usual = Claims{Scope: Names{"scope", "scp"}, Patient: Names{"patient"}, FHIRUser: Names{"fhirUser", "extension_fhirUser"},
	Roles: Names{"roles"}, Client: Names{"client_id", "azp", "appid"}}

// Names are written as a list, or as one.
type Names []string

func (n *Names) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*n = Names{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// The ways in which an access token is validated.
const (
	ByKeys          = "jwt"           // it is a JWT, signed by a key of the issuer's JWK Set
	ByIntrospection = "introspection" // the issuer is asked (RFC 7662)
)

// Tokens say which access tokens of the issuer are taken.
type Tokens struct {
	Validate string   `json:"validate"` // ByKeys or ByIntrospection; there is no default
	Audience Names    `json:"audience"` // one of them has to be in aud; none is our FHIR base
	Clients  []string `json:"clients"`  // whose; none is whosever
	Scope    string   `json:"scope"`    // the most that any of them opens
	ClientID string   `json:"client_id"`
	Secret   string   `json:"client_secret"` // of introspection
	// Recheck is how long the answer of an introspection is believed, "" is 5s. A key that the issuer has withdrawn
	// counts no more when its JWK Set is fetched again, after ten minutes at most.
	Recheck string `json:"recheck"`
}

// Login says how users sign in by the issuer.
type Login struct {
	ClientID   string `json:"client_id"`
	Secret     string `json:"client_secret"`
	AuthMethod string `json:"token_endpoint_auth_method"` // none, client_secret_basic, client_secret_post; "" is by the secret
	Scope      string `json:"scope"`                      // "" is "openid profile fhirUser"
	// User is the claim that names the user, "" is sub. With Match and Create it has to be one that the issuer vouches for.
	User  string `json:"user"`
	Users string `json:"users"` // Linked, Match or Create; "" is Linked
}

// Who an issuer's user is here.
const (
	Linked = "linked" // the user whom an administrator has linked with that subject
	Match  = "match"  // or the user of the name that the claim says, who is linked with the subject then
	Create = "create" // or a new one of that name, with the policy of the roles and the fhirUser of the claims
)

// Check refuses what is not safe or could not work.
func (c *Config) Check() error {
	if err := c.check(); err != nil {
		return fmt.Errorf("issuer %s: %w", c.Issuer, err)
	}
	return nil
}

func (c *Config) check() error {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("issuer is no URL, as in https://id.example.org")
	case c.Tokens == nil && c.Login == nil:
		return errors.New("it is good for nothing: say tokens, login, or both")
	case !slices.Contains([]string{"", "public", "loopback", "private"}, c.Reach):
		return errors.New("reach is public, loopback or private")
	case strings.ContainsFunc(c.ID, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) || len(c.ID) > 50:
		return errors.New("id has small letters, digits and - only")
	}
	for _, r := range c.Roles {
		if r.Role == "" || r.Policy == "" {
			return errors.New("each of roles has a role and a policy")
		}
	}
	if c.Tokens != nil {
		if err := c.Tokens.check(); err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
	}
	if c.Login != nil {
		if err := c.Login.check(c); err != nil {
			return fmt.Errorf("login: %w", err)
		}
	}
	return nil
}

func (t *Tokens) check() error {
	switch t.Validate {
	case ByKeys:
	case ByIntrospection:
		if t.ClientID == "" || t.Secret == "" {
			return errors.New("introspection needs client_id and client_secret, by which the issuer knows this server")
		}
	default:
		return errors.New("tokens are never taken unvalidated: validate has to be jwt (by the issuer's keys) or introspection")
	}
	if _, err := t.recheck(); err != nil {
		return err
	}
	set, refused := scope.Parse(t.Scope)
	set, unavailable := set.Available(nil, 0) // an issuer knows no search parameters of this server's own
	if refused = append(refused, unavailable...); len(refused) > 0 {
		return fmt.Errorf("scope: %s", refused[0].Diagnostics)
	}
	if len(set.Data()) == 0 {
		return errors.New("scope has to say the most that its tokens open, as in patient/*.rs user/*.rs")
	}
	return nil
}

func (t *Tokens) recheck() (time.Duration, error) {
	if t.Recheck == "" {
		return 5 * time.Second, nil
	}
	d, err := time.ParseDuration(t.Recheck)
	if err != nil || d < 0 || d > 10*time.Minute {
		return 0, errors.New("recheck is a length of time up to 10m, as in 5s")
	}
	return d, nil
}

func (l *Login) check(c *Config) error {
	switch {
	case c.ID == "":
		return errors.New("the issuer needs an id, which is in our redirect URI: BASE/auth/outside/ID")
	case l.ClientID == "":
		return errors.New("client_id is missing")
	case !slices.Contains([]string{"", "none", "client_secret_basic", "client_secret_post"}, l.AuthMethod):
		return errors.New("token_endpoint_auth_method is none, client_secret_basic or client_secret_post")
	case (l.AuthMethod == "none" || l.AuthMethod == "") != (l.Secret == "") && l.AuthMethod != "":
		return errors.New("token_endpoint_auth_method and client_secret do not fit")
	case l.Scope != "" && !slices.Contains(strings.Fields(l.Scope), "openid"):
		return errors.New("scope has to hold openid")
	case !slices.Contains([]string{"", Linked, Match, Create}, l.Users):
		return errors.New("users is linked, match or create")
	}
	return nil
}

// PolicyOf is the policy of who has these roles; bound is false where the issuer's users have none.
func (c *Config) PolicyOf(roles []string) (policy string, bound bool) {
	for _, r := range c.Roles {
		if slices.Contains(roles, r.Role) {
			return r.Policy, true
		}
	}
	return c.Policy, c.Policy != "" || len(c.Roles) > 0
}
