package audit

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// strangers bounds what callers who have not shown who they are can make the log hold. Within a window so many of their
// requests that were refused are told one by one, of one network fewer; the others are counted, and told in one record
// when the window is over. So the log grows by a few hundred kilobytes an hour, however many try.
type strangers struct {
	mu       sync.Mutex
	begun    time.Time
	told     int
	networks map[string]int // that were told of, and how often; one for each told request at most
	untold   int
	from     string // the one address of those that are counted; "" if there are several
}

// Limits of what is told of strangers.
const (
	strangersWindow  = 10 * time.Minute
	mostStrangers    = 1000 // requests in a window
	mostOfOneNetwork = 100  // of them
	mostWords        = 200  // bytes of a query
	mostNamed        = 20   // patients named by an act
)

// tells says whether a request that was refused is told by itself; over is the record of a window that has ended.
func (s *strangers) tells(now time.Time, address string) (told bool, over *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	over = s.turn(now, false)
	network := networkOf(address)
	if s.told < mostStrangers && s.networks[network] < mostOfOneNetwork {
		s.told++
		s.networks[network]++
		return true, over
	}
	if s.untold++; s.untold == 1 {
		s.from = address
	} else if s.from != address {
		s.from = ""
	}
	return false, over
}

// turn ends the window when its time is over, or now if the log ends, and gives the record of what it has counted, nil if
// that is nothing.
func (s *strangers) turn(now time.Time, last bool) (r *Record) {
	if elapsed := now.Sub(s.begun); elapsed >= 0 && elapsed < strangersWindow && !last {
		return nil
	}
	if s.untold > 0 {
		asked := url.Values{"seconds": {strconv.Itoa(int(now.Sub(s.begun) / time.Second))}}
		r = &Record{At: now.UnixMicro(), Address: s.from, Acts: []Act{{Code: Strangers, Query: asked.Encode(), Status: http.StatusTooManyRequests, Count: s.untold}}}
	}
	s.begun, s.told, s.untold, s.networks = now, 0, 0, map[string]int{}
	return r
}

// tellStrangers puts what was counted of strangers into the log, if it is time, or if the log ends.
func (l *Log) tellStrangers(last bool) error {
	l.strangers.mu.Lock()
	r := l.strangers.turn(l.o.Now(), last)
	l.strangers.mu.Unlock()
	if r == nil {
		return nil
	}
	return l.add(r)
}

// bound takes a record of a stranger's request, whose words are cut; false: it was counted only.
func (l *Log) bound(r *Record) (bool, error) {
	told, over := l.strangers.tells(time.UnixMicro(r.At), r.Address)
	if over != nil {
		if err := l.add(over); err != nil {
			return false, err
		}
	}
	for i := range r.Acts {
		a := &r.Acts[i]
		a.Query = a.Query[:min(len(a.Query), mostWords)]
		a.Patients = a.Patients[:min(len(a.Patients), mostNamed)]
	}
	return told, nil
}

// refused says whether nothing of the request was done.
func (r *Record) refused() bool {
	for i := range r.Acts {
		if r.Acts[i].Status < http.StatusBadRequest {
			return false
		}
	}
	return true
}

// networkOf is an address of IPv4, or the network of one of IPv6, of which everybody has many.
func networkOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
