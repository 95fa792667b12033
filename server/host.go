package server

import (
	"net"
	"net/netip"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// checkHost refuses requests that were sent to another name than this server's: a page of elsewhere whose name was made
// to lead here (DNS rebinding) would otherwise read what a browser on this machine may read.
func (x *exchange) checkHost() error {
	if x.s.o.Hosts == nil || ofHost(string(x.req.Host()), x.s.o.Hosts) {
		return nil
	}
	return fhir.Errorf(fhir.KindForbidden, "", "this server is not called by this name: add it to the key hosts if it is")
}

// ofHost says whether the Host of a request is this machine's loopback or one of the names, each with its port or
// without one, then for every port.
func ofHost(host string, names []string) bool {
	host = strings.ToLower(host)
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if ip, err := netip.ParseAddr(name); name == "localhost" || err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	for _, n := range names {
		if n == host || n == name {
			return true
		}
	}
	return false
}
