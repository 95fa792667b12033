package server

import (
	"net/http"
	"strings"
)

// cors lets pages of any origin in: who may do what is decided by tokens, which no browser sends by itself, so no
// credentials are allowed and the origin does not matter.
func (x *exchange) cors() {
	x.setBytes(hVary, vVary)
	if len(x.req.Header.PeekBytes(hOrigin)) > 0 {
		x.setBytes(hAllowOrigin, vAny)
		x.setBytes(hExpose, vExposed)
	}
}

// options answers OPTIONS on a known path, which is also a browser's question before a request (Fetch §3.3).
func (x *exchange) options() error {
	x.set(hAllow, x.route.allow)
	if strings.Contains(x.route.allow, http.MethodPatch) {
		x.set(hAcceptPatch, strings.Join(patchFormats, ", ")) // RFC 5789 §3.1
	}
	if len(x.req.Header.PeekBytes(hOrigin)) > 0 && len(x.req.Header.PeekBytes(hAskMethod)) > 0 {
		x.set(hAllowMethods, x.route.allow)
		x.setBytes(hAllowHeaders, vAllowedHeaders)
		x.setBytes(hMaxAge, vHour)
	}
	x.res.SetStatusCode(http.StatusNoContent)
	return nil
}
