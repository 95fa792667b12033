package server

import (
	"net"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store/audit"
)

// audited begins the trail of a request that is an interaction or an operation.
func (x *exchange) audited() *audit.Trail {
	if x.s.o.Audit == nil || x.route.codes == "" && x.route.op == "" {
		return nil
	}
	address := x.client()
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return x.s.o.Audit.Begin(audit.Record{Request: x.id, Address: address})
}

// mostQuery is how much of an address is kept of a request that was refused before it was read.
const mostQuery = 4 << 10

// act is the request as its route knows it: for the log of what was refused before an interaction began.
func (x *exchange) act() audit.Act {
	code, _, _ := strings.Cut(x.route.codes, " ")
	if x.route.op != "" {
		code = "$" + x.route.op
	}
	a := audit.Act{Code: code}
	if typ := x.param("type"); r4.IsResource(typ) {
		a.Type = typ
	}
	if id := x.param("id"); a.Type != "" && fhir.ValidID(id) {
		a.ID = id
	}
	query := x.req.URI().QueryString()
	a.Query = string(query[:min(len(query), mostQuery)])
	return a
}
