package server

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
)

// client is the address that a request comes from, with a port. That of a proxy of ours is the last address of
// X-Forwarded-For that is no proxy of ours: everything before it is the client's own invention.
func (x *exchange) client() string {
	remote := x.c.Context().RemoteAddr().String()
	if len(x.s.o.Proxies) == 0 {
		return remote
	}
	return behind(remote, x.req.Header.PeekAll("X-Forwarded-For"), x.s.o.Proxies)
}

// address is that of the client without a port.
func (x *exchange) address() string {
	if a, ok := x.c.Context().RemoteAddr().(*net.TCPAddr); ok && len(x.s.o.Proxies) == 0 {
		return a.AddrPort().Addr().Unmap().String()
	}
	address := x.client()
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

func behind(remote string, forwarded [][]byte, proxies []netip.Prefix) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil || !within(at.Addr(), proxies) {
		return remote
	}
	list := bytes.Split(bytes.Join(forwarded, []byte(",")), []byte(","))
	for _, text := range slices.Backward(list) {
		ip, err := netip.ParseAddr(string(bytes.TrimSpace(text)))
		if err != nil {
			return remote
		}
		if !within(ip, proxies) {
			return net.JoinHostPort(ip.Unmap().String(), "0")
		}
	}
	return remote
}

func within(ip netip.Addr, networks []netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}
