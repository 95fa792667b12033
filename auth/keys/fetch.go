package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Fetcher gets JWK Sets of clients by URL, and what outside issuers answer. What a client registers decides where we
// send a request to, so a Fetcher never follows it into networks that only this server reaches (RFC 9700 §4.9, RFC 7591
// §5). Its methods may be called by several goroutines. NewFetcher makes one.
type Fetcher struct {
	reach  Reach
	now    func() time.Time
	client *http.Client

	mu     sync.Mutex
	cached map[string]*fetched
}

// Reach says which addresses beside public ones a Fetcher may call.
type Reach uint8

const (
	Public   Reach = iota // https to public addresses only
	Loopback              // this machine, too, also without TLS: the sandbox
	Private               // every address: the administrator's decision
)

const (
	maxSet     = 256 << 10        // bytes of an answer
	maxTime    = 5 * time.Second  // of one request, redirects together
	maxHops    = 2                // redirects
	maxCached  = 1000             // sets
	fresh      = 10 * time.Minute // how long a set is used without asking again
	impatience = 20 * time.Second // between two requests for one URL, whoever wants what
)

// fetched is a set, or what went wrong when it was fetched.
type fetched struct {
	mu  sync.Mutex // held while it is fetched
	at  time.Time
	set jose.JSONWebKeySet
	err error
}

// NewFetcher makes a Fetcher; a nil now is time.Now.
func NewFetcher(reach Reach, now func() time.Time) *Fetcher {
	if now == nil {
		now = time.Now
	}
	f := &Fetcher{reach: reach, now: now, cached: map[string]*fetched{}}
	dialer := &net.Dialer{Timeout: maxTime, ControlContext: f.control}
	f.client = &http.Client{
		Timeout: maxTime,
		Transport: &http.Transport{ // no proxy: it would be asked to reach what we may not
			DialContext: dialer.DialContext, TLSHandshakeTimeout: maxTime, ResponseHeaderTimeout: maxTime,
			MaxResponseHeaderBytes: 16 << 10, MaxIdleConns: 16, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxHops {
				return errors.New("too many redirects")
			}
			if via[0].Method != http.MethodGet {
				return errors.New("what is posted is not sent on elsewhere")
			}
			return f.Check(r.URL.String())
		},
	}
	return f
}

// Check refuses URLs that are never fetched, whatever they resolve to.
func (f *Fetcher) Check(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return errors.New("it is no URL, as in https://app.example.org/jwks.json")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (f.reach == Private || f.reach == Loopback && loopback(u.Hostname())):
		return nil
	}
	return errors.New("it is fetched by https only")
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

var errUnreachable = errors.New("the address is not a public one")

// control sees the address that a name has resolved to, just before it is called: nothing can change it afterwards.
func (f *Fetcher) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errUnreachable
	}
	ip := at.Addr().Unmap()
	switch {
	case f.reach == Private, f.reach == Loopback && ip.IsLoopback():
		return nil
	case !ip.IsGlobalUnicast() || ip.IsPrivate() || reserved(ip):
		return errUnreachable
	}
	return nil
}

// special are ranges that are no public addresses though they look so, or that hide other addresses
// (IANA special-purpose registries).
var special = func() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10"} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

func reserved(ip netip.Addr) bool {
	for _, p := range special {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// Keys are the keys of the set at the URL that may have made a signature: those of that id, or all if id is "". A set
// that lacks the id is fetched again, unless that was just done.
func (f *Fetcher) Keys(ctx context.Context, url, id string) ([]jose.JSONWebKey, error) {
	if err := f.Check(url); err != nil {
		return nil, err
	}
	c := f.entry(url)
	c.mu.Lock()
	defer c.mu.Unlock()
	age := f.now().Sub(c.at)
	if c.at.IsZero() || age < 0 || age > fresh || age > impatience && (c.err != nil || len(Candidates(c.set, id)) == 0) {
		set, err := f.fetch(ctx, url)
		if ctx.Err() != nil {
			return nil, ctx.Err() // of the caller, says nothing of the URL
		}
		c.at = f.now()
		if err == nil || c.set.Keys == nil {
			c.set, c.err = set, err
		} // else the old set stays while the client's server is down
	}
	if c.err != nil {
		return nil, c.err
	}
	return Candidates(c.set, id), nil
}

func (f *Fetcher) entry(url string) *fetched {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.cached[url]
	if c == nil {
		if len(f.cached) >= maxCached {
			for old := range f.cached { // any one
				delete(f.cached, old)
				break
			}
		}
		c = &fetched{}
		f.cached[url] = c
	}
	return c
}

func (f *Fetcher) fetch(ctx context.Context, url string) (set jose.JSONWebKeySet, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return set, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	body, err := f.Send(req)
	if err != nil {
		return set, fmt.Errorf("fetch a JWK Set: %w", err)
	}
	return ParseSet(body)
}

// Send sends a request within the bounds of the Fetcher and gives the body of an answer of status 200.
func (f *Fetcher) Send(r *http.Request) ([]byte, error) {
	if err := f.Check(r.URL.String()); err != nil {
		return nil, err
	}
	res, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxSet+1))
	if err == nil && len(body) > maxSet {
		err = errors.New("the answer is too large")
	}
	return body, err
}

// ParseSet reads a JWK Set. Keys of kinds that are not known are left out, as RFC 7517 §5 asks; private and symmetric
// ones too, for nobody should have sent them. A set without keys that verify is an error.
func ParseSet(text []byte) (jose.JSONWebKeySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &raw); err != nil || raw.Keys == nil {
		return set, errors.New("it is no JWK Set: an object with keys was expected")
	}
	for _, r := range raw.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(r) == nil && k.IsPublic() && k.Valid() && k.Use != "enc" {
			set.Keys = append(set.Keys, k)
		}
	}
	if len(set.Keys) == 0 {
		return set, errors.New("the JWK Set holds no public key that verifies signatures")
	}
	return set, nil
}

// Candidates are the keys of the set with that id, all of them if id is "".
func Candidates(set jose.JSONWebKeySet, id string) []jose.JSONWebKey {
	if id == "" {
		return set.Keys
	}
	return set.Key(id)
}
