package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth/issuer"
	"github.com/firewarden/firewarden/auth/keys"
	"github.com/firewarden/firewarden/auth/password"
	"github.com/firewarden/firewarden/auth/words"
	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/store"
)

// Server is the authorization server. New makes one. Its methods may be called by several goroutines.
type Server struct {
	o      Options
	fhir   string // FHIR base: aud of access tokens, iss of launches
	path   string // of the issuer's URL, without a final slash: where cookies are good for
	secure bool   // https

	ring      *keys.Ring
	fetcher   *keys.Fetcher
	passwords *password.Hasher
	chart     chart
	engine    engine
	mux, api  *http.ServeMux
	kinds     map[string]string // of events, by the patterns of both
	documents documents
	sealing   []byte // key of tokens against forgery and of signed URLs
	bearers   bearerCache
	issuers   []*issuer.Issuer
	changed   *changed
	limits    limits

	clients   clients
	users     users
	policies  policies
	grants    grants
	logins    table[Login]
	flows     table[flow]
	launches  table[Ticket]
	codes     table[code]
	refresh   table[refreshToken]
	consents  table[consented]
	seen      table[struct{}] // assertions of clients: issuer and jti
	initial   table[initialToken]
	setups    table[setupLinks]
	upstreams table[upstream]
	links     table[string] // names of users
}

// Options are what a Server needs: Base, Store, Indexer and Pages are required.
type Options struct {
	Base    string // issuer, without a final slash; FHIR is at Base/fhir
	Store   store.Store
	Indexer *index.Indexer // the one that Store indexes with
	Pages   Pages
	// Params are the search parameters that scopes can be constrained by, at the moment; nil: R4's.
	Params  func() *parameters.Set
	Sandbox bool // hints for developers, demo users on the login page, open registration, clients may be on loopback

	// Registration says who may register clients by RFC 7591; "" is RegisterOpen in the sandbox, RegisterByToken elsewhere.
	Registration Registration
	// OldScopesOnly refuses scopes of SMART v2 (stores that serve v1 apps only).
	OldScopesOnly bool
	// DeleteNeedsScope asks for the scope cdr_fhir_delete beside a data scope that deletes.
	DeleteNeedsScope bool
	// AllAuthorities grants cdr_all_user_authorities: everything that the user may do, whatever else was asked for.
	AllAuthorities bool
	// Aliases are systems in the constraints of scopes that mean another system, too: what a guide misspells.
	Aliases map[string]string
	// OnlineIsOffline makes online_access what offline_access is, as some servers have it.
	OnlineIsOffline bool
	// FrameAncestors are origins whose pages may hold our pages in a frame. Without any only this server's own pages
	// hold those of a running launch, and nobody the login.
	FrameAncestors []string
	// Texts say scopes in words: other languages, and sentences of one's own for single scopes.
	Texts words.Texts
	// StyleURL is smart_style_url where a launch has none of its own.
	StyleURL string

	// Recheck is how long what was found of an access token holds before its records are read again: what another server
	// on the store revokes is dead here by then. What this one revokes is at once. 0: they are read for each request.
	Recheck time.Duration

	KeySecret string // encrypts our signing keys in the store; "" leaves them as they are

	Life   Life
	Limits Limits
	// Issuers are the outside issuers that are trusted.
	Issuers []issuer.Config
	Reach   keys.Reach // of JWK Sets of clients and documents of issuers
	Logger  *slog.Logger
	Now     func() time.Time // nil is time.Now
	Random  io.Reader        // nil is crypto/rand
}

// Life are how long things live. A zero field means that of DefaultLife.
type Life struct {
	Access  time.Duration // access tokens of apps
	Backend time.Duration // access tokens of backend services
	Code    time.Duration
	Refresh time.Duration // a refresh token that nobody uses; 0 lives until it is revoked
	Grace   time.Duration // a client may repeat a refresh whose answer it has lost
	Login   time.Duration // a browser stays signed in
	Flow    time.Duration // from the request of an app to the consent
	Launch  time.Duration // a launch that an EHR has put aside
	Key     time.Duration // a key signs, until Maintain makes a new one; 0: until an administrator does
}

// Registration says who may register clients by RFC 7591.
type Registration string

const (
	RegisterByToken    Registration = "token"    // whoever has an initial access token
	RegisterByApproval Registration = "approval" // everybody, and an administrator approves
	RegisterOpen       Registration = "open"     // everybody
)

// DefaultLife holds where a field of Options.Life is zero.
var DefaultLife = Life{Access: time.Hour, Backend: 5 * time.Minute, Code: time.Minute, Grace: 30 * time.Second,
	Login: 12 * time.Hour, Flow: 30 * time.Minute, Launch: 5 * time.Minute}

// New makes a Server on a store: keys that it lacks are made.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registration == "" {
		o.Registration = RegisterByToken
		if o.Sandbox {
			o.Registration = RegisterOpen
		}
	}
	o.Life = o.Life.orDefault()
	u, err := url.Parse(o.Base)
	if err != nil || u.Host == "" || strings.HasSuffix(o.Base, "/") {
		return nil, fmt.Errorf("authorization server: %q is no base URL", o.Base)
	}
	kv := &changed{KV: o.Store.KV()}
	s := &Server{
		changed: kv, o: o, fhir: o.Base + "/fhir", path: u.Path, secure: u.Scheme == "https",
		fetcher:   keys.NewFetcher(o.Reach, o.Now),
		passwords: password.New(2),
		chart:     chart{store: o.Store, indexer: o.Indexer, base: o.Base + "/fhir"},
		clients:   clients{table[Client]{kv, "client"}},
		users:     users{table[User]{kv, "user"}},
		policies:  policies{table: table[Policy]{kv, "policy"}},
		grants:    newGrants(kv),
		logins:    table[Login]{kv, "login"},
		flows:     table[flow]{kv, "flow"},
		launches:  table[Ticket]{kv, "launch"},
		codes:     table[code]{kv, "code"},
		refresh:   table[refreshToken]{kv, "refresh"},
		consents:  table[consented]{kv, "consent"},
		seen:      table[struct{}]{kv, "assertion"},
		initial:   table[initialToken]{kv, "initial-token"},
		setups:    table[setupLinks]{kv, "setup"},
		upstreams: table[upstream]{kv, "upstream"},
		links:     table[string]{kv, "link"},
	}
	if s.ring, err = keys.Open(ctx, keys.Options{KV: kv, Now: o.Now, Secret: o.KeySecret}); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	if s.sealing, err = s.openSealing(ctx); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	if s.issuers, err = s.openIssuers(); err != nil {
		return nil, fmt.Errorf("authorization server: %w", err)
	}
	s.limits = newLimits(o.Now, o.Limits)
	s.bearers = newBearerCache()
	s.engine = newEngine(s)
	s.documents = s.makeDocuments()
	s.kinds = map[string]string{}
	s.mux, s.api = s.handler(), s.makeAPI()
	return s, nil
}

// params are the search parameters of the moment.
func (s *Server) params() *parameters.Set {
	if s.o.Params == nil {
		return nil
	}
	return s.o.Params()
}

// Maintain does what is due: it makes new signing keys when the old ones have signed for Life.Key. It is to be called now
// and then, an hour apart at most; several servers on a store may.
func (s *Server) Maintain(ctx context.Context) error { return s.ring.Maintain(ctx, s.o.Life.Key) }

// openSealing gives the key that the store keeps, and makes it the first time.
func (s *Server) openSealing(ctx context.Context) ([]byte, error) {
	t := table[[]byte]{s.o.Store.KV(), "server"}
	for {
		key, _, ok, err := t.get(ctx, "auth-key")
		if err != nil || ok {
			return key, err
		}
		key = make([]byte, 32)
		if _, err := io.ReadFull(s.o.Random, key); err != nil {
			return nil, err
		}
		if _, err := t.put(ctx, "auth-key", key, 0, time.Time{}); err == nil {
			return key, nil
		} else if !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}

// now is the time in whole seconds, as tokens tell it.
func (s *Server) now() time.Time { return s.o.Now().UTC().Truncate(time.Second) }

func (l Life) orDefault() Life {
	for _, f := range []struct{ to, from *time.Duration }{
		{&l.Access, &DefaultLife.Access}, {&l.Backend, &DefaultLife.Backend}, {&l.Code, &DefaultLife.Code}, {&l.Grace, &DefaultLife.Grace},
		{&l.Login, &DefaultLife.Login}, {&l.Flow, &DefaultLife.Flow}, {&l.Launch, &DefaultLife.Launch},
	} {
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	return l
}
