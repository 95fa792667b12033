package auth

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits bound what one address, or anybody, may try. A zero field means that of DefaultLimits.
type Limits struct {
	Login        Rate // passwords for one user name from one address, whether or not there is such a user
	User         Rate // passwords for one user name from anywhere
	Address      Rate // wrong passwords from one address, and as many failures to prove a client
	Token        Rate // requests of one address to the token endpoint
	Registration Rate // requests of one address to the registration endpoint
	Authorize    Rate // requests of one address to the authorization endpoint
}

// Rate is so many times within a while.
type Rate struct {
	Most   int
	Within time.Duration
}

// DefaultLimits hold where a field of Options.Limits is zero.
var DefaultLimits = Limits{Login: Rate{10, 15 * time.Minute}, User: Rate{50, 15 * time.Minute}, Address: Rate{100, 15 * time.Minute},
	Token: Rate{60_000, time.Minute}, Registration: Rate{300, time.Hour}, Authorize: Rate{3000, time.Minute}}

// limits slow down whoever guesses. They are kept in memory, a node each: what they are for is to make guessing
// hopeless, not to count.
type limits struct{ login, user, address, token, registration, authorize *limiter }

func newLimits(now func() time.Time, o Limits) limits {
	d := DefaultLimits
	limit := func(given, or Rate) *limiter {
		if given == (Rate{}) {
			given = or
		}
		return newLimiter(now, given)
	}
	return limits{login: limit(o.Login, d.Login), user: limit(o.User, d.User), address: limit(o.Address, d.Address),
		token: limit(o.Token, d.Token), registration: limit(o.Registration, d.Registration), authorize: limit(o.Authorize, d.Authorize)}
}

// limiter is a bucket of tokens for each key: so many, filled up again within a time.
type limiter struct {
	now  func() time.Time
	most float64
	fill float64 // tokens a second

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Time
}

const maxBuckets = 100_000

func newLimiter(now func() time.Time, r Rate) *limiter {
	return &limiter{now: now, most: float64(r.Most), fill: float64(r.Most) / r.Within.Seconds(), buckets: map[string]*bucket{}}
}

// allows says whether there is a token left, without taking it.
func (l *limiter) allows(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket(key).left >= 1
}

// take takes a token; false if there is none.
func (l *limiter) take(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// forget fills a bucket: who signs in rightly begins anew.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.buckets, key)
}

func (l *limiter) bucket(key string) *bucket {
	now := l.now()
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			l.sweep(now)
		}
		b = &bucket{l.most, now}
		l.buckets[key] = b
	}
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.left = min(l.most, b.left+d*l.fill)
	}
	b.at = now
	return b
}

// sweep drops full buckets, and if there are none, half of all.
func (l *limiter) sweep(now time.Time) {
	for key, b := range l.buckets {
		if b.left+now.Sub(b.at).Seconds()*l.fill >= l.most {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets {
		if len(l.buckets) < maxBuckets/2 {
			return
		}
		delete(l.buckets, key)
	}
}

// addressOf is where a request comes from: an address of IPv4, or the network of one of IPv6.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := net.ParseIP(host)
	if ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return host
}
