package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/firewarden/firewarden/auth/launch"
	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// Caller is on whose behalf an access token speaks.
type Caller struct {
	Access search.Access
	// Identity is the same for every token of a client that opens the same to the same user: what one has begun to read
	// in pages another may go on with.
	Identity string
	Issuer   string // of a token that is not ours; "" is this server
	Client   string
	User     string // name, "" for a backend service and with an outside issuer
	Subject  string // the Practitioner, Patient, … that the user is, "Practitioner/1"; "" if that is not said
	Token    string // jti of the token; of ours it begins with the id of the grant
	Scope    string // Scopes as text
	Scopes   scope.Set
	Ceiling  scope.Set // the most that the client may have by its registration, or with an outside issuer by the configuration
	Launch   launch.Context
	Expires  int64
}

// ErrToken is every access token that opens nothing, whatever is wrong with it.
var ErrToken error = errorf(invalidToken, "the access token is not valid")

// opensNothing is ErrToken with what is wrong, for the log.
func opensNothing(why string) error { return fmt.Errorf("%w: %s", ErrToken, why) }

// Bearer finds on whose behalf an access token speaks, one of ours or of an outside issuer that is trusted. A token whose
// grant was revoked, whose client or user is gone, opens nothing with the next request; a change of the client's
// registration, the user's policy or a search parameter that a scope is constrained by counts as soon. What another
// server on the store has changed counts after Options.Recheck. What it gives is shared: do not change it.
func (s *Server) Bearer(ctx context.Context, token string) (*Caller, error) {
	_, caller, err := s.bearerOf(ctx, token)
	return caller, err
}

// bearerOf is Bearer, with what the token itself says.
func (s *Server) bearerOf(ctx context.Context, token string) (*bearer, *Caller, error) {
	key := sha256.Sum256([]byte(token))
	b := s.bearers.get(key)
	if b == nil || b.stale(s.o.Now()) {
		var err error
		if b, err = s.admit(ctx, token); err != nil {
			return nil, nil, err
		}
		s.bearers.put(key, b)
	}
	if s.o.Now().Unix() >= b.claims.Expires {
		return nil, nil, opensNothing("it has expired")
	}
	if b.outside == nil {
		if signed, err := s.ring.Has(ctx, b.key); err != nil || !signed { // the key may be withdrawn
			return nil, nil, cmp.Or(err, opensNothing("the key that signed it is withdrawn"))
		}
	}
	caller, err := s.compile(ctx, b)
	return b, caller, err
}

// admit validates a token that was not seen lately.
func (s *Server) admit(ctx context.Context, token string) (*bearer, error) {
	b := &bearer{}
	id, err := s.verify(ctx, token, &b.claims)
	if err != nil {
		return s.admitOutside(ctx, token)
	}
	b.key = id
	b.grant, _, _ = strings.Cut(b.claims.ID, ".")
	return b, nil
}

// verify reads the claims of an access token of ours that is for this FHIR server; it may be expired or revoked.
func (s *Server) verify(ctx context.Context, token string, c *tokenClaims) (key string, err error) {
	if key, err = s.ring.Verify(ctx, token, accessType, c); err != nil {
		return "", err
	}
	if c.Issuer != s.o.Base || !slices.Contains(c.Audience, s.fhir) {
		return "", opensNothing("it is of another server, or for another one")
	}
	return key, nil
}

// bearer is an access token whose signature has been checked, with what was last found of it.
type bearer struct {
	claims tokenClaims
	key    string // id of the key that signed it
	grant  string // id

	outside *outside // of a token that is not ours; of claims only Expires holds then

	mu      sync.Mutex
	found   *compiled
	checked time.Time // when the records were read last
	changes uint64    // changed, before they were
}

// compiled is a caller, and what it was made from.
type compiled struct {
	caller Caller
	from   []origin
	params *parameters.Set
}

// origin is a record that a caller was made from, as it was.
type origin struct {
	bucket, key string
	version     uint64 // 0: it was not there
}

// compile gives the caller of a token as its grant, client and user are now.
func (s *Server) compile(ctx context.Context, b *bearer) (*Caller, error) {
	now, changes := s.o.Now(), s.changed.count.Load()
	b.mu.Lock()
	found, age, known := b.found, now.Sub(b.checked), b.changes == changes
	b.mu.Unlock()
	if found != nil {
		if known && age >= 0 && age < s.o.Recheck && found.params == s.params() {
			return &found.caller, nil
		}
		same, err := s.same(ctx, found)
		if err != nil {
			return nil, err
		}
		if !same {
			found = nil
		}
	}
	if found == nil {
		var err error
		if found, err = s.find(ctx, b); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	b.found, b.checked, b.changes = found, now, changes
	b.mu.Unlock()
	return &found.caller, nil
}

// bind gives what a policy opens, and remembers which it was.
func (c *compiled) bind(ctx context.Context, s *Server, policy string, who fhir.Reference) (scope.Bound, error) {
	b, version, err := s.bound(ctx, policy, who)
	if _, ever := builtIn[policy]; !ever && policy != "" {
		c.from = append(c.from, origin{s.policies.bucket, policy, version})
	}
	return b, err
}

// same says whether the records and the search parameters are those that a caller was made from.
func (s *Server) same(ctx context.Context, c *compiled) (bool, error) {
	if c.params != s.params() {
		return false, nil
	}
	for _, o := range c.from {
		now, ok, err := s.grants.kv.Get(ctx, o.bucket, o.key)
		if !ok {
			now.Version = 0
		}
		if err != nil || now.Version != o.version {
			return false, err
		}
	}
	return true, nil
}

// find makes the caller of a token from the records.
func (s *Server) find(ctx context.Context, b *bearer) (*compiled, error) {
	if b.outside != nil {
		return s.findOutside(ctx, b)
	}
	out := &compiled{params: s.params()}
	g, version, ok, err := s.grants.live(ctx, b.grant)
	if err != nil {
		return nil, err
	}
	if !ok || g.Client != b.claims.Client {
		return nil, opensNothing("its grant has ended or was revoked")
	}
	out.from = append(out.from, origin{s.grants.bucket, b.grant, version})
	if err := s.compose(ctx, out, &g, b.claims.Scope, b.claims.Expires); err != nil {
		return out, err
	}
	out.caller.Token = b.claims.ID
	return out, nil
}

// compose makes the caller of a grant from the records of its client and its user.
func (s *Server) compose(ctx context.Context, out *compiled, g *Grant, scopes string, expires int64) error {
	c, version, ok, err := s.clients.find(ctx, g.Client)
	if err != nil {
		return err
	}
	if !ok {
		return opensNothing("its client is gone")
	}
	out.from = append(out.from, origin{s.clients.bucket, g.Client, version})
	subject := ""
	within := scope.Context{Patient: g.Launch.Patient, Params: out.params, Granted: g.Parameters}
	if g.User != "" {
		u, version, ok, err := s.users.find(ctx, g.User)
		if err != nil {
			return err
		}
		if !ok || u.Subject != g.Subject {
			return opensNothing("its user is gone")
		}
		out.from = append(out.from, origin{s.users.bucket, g.User, version})
		if within.User, err = out.bind(ctx, s, u.Policy, u.reference()); err != nil {
			return err
		}
		within.Administrator = u.Administrator
		subject = u.reference().String()
	}
	granted, refused := scope.Parse(scopes)
	within.Refused = refused
	if ceiling, declared := s.ceilingOf(&c, g); declared {
		granted, _ = granted.Narrow(ceiling)
	}
	granted = s.meaning(granted, within.User != nil)
	within.NoDelete = s.o.DeleteNeedsScope && !granted.Has("cdr_fhir_delete")
	out.caller = Caller{Access: granted.Access(within), Client: c.ID, User: g.User, Subject: subject, Scope: granted.String(), Scopes: granted, Ceiling: c.ceiling(), Launch: g.Launch, Expires: expires,
		Identity: strings.Join([]string{c.ID, g.Subject, g.Launch.Patient, granted.String()}, "\n")}
	return nil
}

// meaning adds what scopes mean beyond their words.
func (s *Server) meaning(granted scope.Set, user bool) scope.Set {
	if s.o.AllAuthorities && user && granted.Has(allAuthorities) {
		granted = granted.With("user/*.cruds")
	}
	for _, d := range granted.Data() {
		for written, meant := range s.o.Aliases {
			if text := strings.ReplaceAll(d.Text(), "="+written+"|", "="+meant+"|"); text != d.Text() {
				granted = granted.With(text)
			}
		}
	}
	return granted
}

// allAuthorities is the scope by which an app gets everything that its user may do.
const allAuthorities = "cdr_all_user_authorities"

// ceilingOf is the most that the client is granted; ok is false for a token that an administrator has minted, which may
// hold more.
func (s *Server) ceilingOf(c *Client, g *Grant) (ceiling scope.Set, ok bool) {
	if g.Minted {
		return scope.Set{}, false
	}
	ceiling = c.ceiling()
	if ceiling.Has("launch/*") {
		set, _ := scope.Parse(g.Scope)
		for _, o := range set.Other() {
			if strings.HasPrefix(o, "launch/") {
				ceiling = ceiling.With(o)
			}
		}
	}
	return ceiling, true
}

// bearerCache keeps tokens whose signatures were checked, by their hash.
type bearerCache struct {
	mu      *sync.RWMutex
	entries map[[sha256.Size]byte]*bearer
}

const maxBearers = 20_000

func newBearerCache() bearerCache {
	return bearerCache{&sync.RWMutex{}, map[[sha256.Size]byte]*bearer{}}
}

func (c bearerCache) get(key [sha256.Size]byte) *bearer {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[key]
}

func (c bearerCache) put(key [sha256.Size]byte, b *bearer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= maxBearers {
		n := 0
		for old := range c.entries { // any tenth: what is asked for again comes back
			delete(c.entries, old)
			if n++; n >= maxBearers/10 {
				break
			}
		}
	}
	c.entries[key] = b
}
