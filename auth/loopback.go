package auth

import (
	"net/netip"
	"net/url"
)

// onLoopback says whether the URL's host is this machine.
func onLoopback(u *url.URL) bool {
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
