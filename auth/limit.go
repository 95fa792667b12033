package auth

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// limits slow down whoever guesses. They are kept in memory, a node each: what they are for is to make guessing
// hopeless, not to count.
type limits struct {
	login        *limiter // passwords for one user name from one address, whether or not there is such a user
	name         *limiter // passwords for one user name from anywhere
	address      *limiter // wrong passwords and secrets from one address
	token        *limiter // requests of one address to the token endpoint
	registration *limiter // of one address
	begin        *limiter // authorization requests of one address
}

func newLimits(now func() time.Time) limits {
	return limits{
		login:        newLimiter(now, 10, 15*time.Minute),
		name:         newLimiter(now, 50, 15*time.Minute),
		address:      newLimiter(now, 100, 15*time.Minute),
		token:        newLimiter(now, 60_000, time.Minute),
		registration: newLimiter(now, 300, time.Hour),
		begin:        newLimiter(now, 3000, time.Minute),
	}
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

func newLimiter(now func() time.Time, most int, within time.Duration) *limiter {
	return &limiter{now: now, most: float64(most), fill: float64(most) / within.Seconds(), buckets: map[string]*bucket{}}
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
