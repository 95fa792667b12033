package server

import (
	"net/http"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store/audit"
)

// audited begins the trail of a request that is an interaction or an operation, of an administrator or for the
// authorization server.
func (x *exchange) audited() *audit.Trail {
	if x.s.o.Audit == nil || x.route.codes == "" && x.route.op == "" && !x.route.mounted {
		return nil
	}
	return x.s.o.Audit.Begin(audit.Record{Request: x.id, Address: x.address()})
}

// mostQuery is how much of an address is kept of a request that was refused before it was read.
const mostQuery = 4 << 10

// act is the request as its route knows it: for the log of what was refused before an interaction began.
func (x *exchange) act() audit.Act {
	if x.route.mounted {
		return x.administration()
	}
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

// administration is a request of an administrator. Those for the authorization server say themselves what they were.
func (x *exchange) administration() audit.Act {
	if !strings.HasPrefix(x.route.path, apiPrefix) {
		return audit.Act{}
	}
	a := audit.Act{Code: audit.Change}
	if x.route.method == http.MethodGet || x.route.method == http.MethodHead {
		a.Code = audit.Look
	}
	address := x.req.RequestURI()
	a.Query = x.route.method + " " + string(address[:min(len(address), mostQuery)])
	return a
}
