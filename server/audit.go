package server

import (
	"context"
	"net/url"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/audit"
)

// audited begins the trail of a request that is an interaction or an operation, of an administrator or for the
// authorization server.
func (x *exchange) audited() *audit.Trail {
	access := (x.route.codes != "" || x.route.op != "") && !x.route.open // what everybody may know is no access
	if x.s.o.Audit == nil || !access && !x.route.mounted {
		return nil
	}
	return x.s.o.Audit.Begin(audit.Record{Request: x.id, Address: x.address()})
}

// mostQuery is how much of an address is kept of a request that was refused before it was read.
const mostQuery = 4 << 10

// ended ends the trail of the request: what became of it is in the log, also if it was refused before anything began.
func (x *exchange) ended() {
	if x.trail == nil {
		return
	}
	status := x.res.StatusCode()
	if x.route.mounted {
		if a := x.administration(); a.Code != "" && !x.trail.Has(a.Code) {
			audit.Do(x.trail.In(context.Background()), a).End(status)
		}
	}
	if err := x.trail.End(status, x.act); err != nil {
		x.fail(err) // what is not in the log is not answered
	}
}

// act is the request as its route knows it: for the log of what was refused before an interaction began.
func (x *exchange) act() audit.Act {
	if x.route.mounted {
		return audit.Act{}
	}
	code, _, _ := strings.Cut(x.route.codes, " ")
	if x.route.op != "" {
		code = "$" + x.route.op
	}
	a := audit.Act{Code: code, Query: harmless(x.req.URI().QueryString())}
	if typ := x.param("type"); r4.IsResource(typ) {
		a.Type = typ
	}
	if id := x.param("id"); a.Type != "" && fhir.ValidID(id) {
		a.ID = id
	}
	if params, err := interaction.Pairs(a.Query); err == nil {
		a.Patients = x.s.o.Service.Named(a.Type, params)
	}
	return a
}

// administration is a request of an administrator, or of a program to the authorization server, as the tables of routes
// know it; an Act without a Code is not written.
func (x *exchange) administration() audit.Act {
	path := string(x.req.URI().Path())
	a := audit.Act{Code: x.route.kind, Query: x.route.method + " " + path[:min(len(path), mostQuery)]}
	if a.Code == "" {
		a.Code = x.s.o.Auth.Kind(x.route.method, path)
	}
	if query := harmless(x.req.URI().QueryString()); query != "" && strings.HasPrefix(path, apiPrefix) {
		a.Query += "?" + query
	}
	return a
}

// harmless is a query without the values of what is secret.
func harmless(query []byte) string {
	var b strings.Builder
	for pair := range strings.SplitSeq(string(query[:min(len(query), mostQuery)]), "&") {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		name, _, valued := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); valued && (err != nil || audit.Secret(plain)) {
			pair = name + "="
		}
		b.WriteString(pair)
	}
	return b.String()
}
