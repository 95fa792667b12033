package server

import "github.com/firewarden/firewarden/server/ui"

// Names and values of headers as bytes, in the form that fasthttp compares with.
var (
	hAcceptEncoding  = []byte("Accept-Encoding")
	hAcceptPatch     = []byte("Accept-Patch")
	hAllow           = []byte("Allow")
	hAllowHeaders    = []byte("Access-Control-Allow-Headers")
	hAllowMethods    = []byte("Access-Control-Allow-Methods")
	hAllowOrigin     = []byte("Access-Control-Allow-Origin")
	hAskMethod       = []byte("Access-Control-Request-Method")
	hAuthenticate    = []byte("WWW-Authenticate")
	hAuthorization   = []byte("Authorization")
	hCacheControl    = []byte("Cache-Control")
	hContentEncoding = []byte("Content-Encoding")
	hETag            = []byte("ETag")
	hExpose          = []byte("Access-Control-Expose-Headers")
	hIfMatch         = []byte("If-Match")
	hIfModifiedSince = []byte("If-Modified-Since")
	hIfNoneExist     = []byte("If-None-Exist")
	hIfNoneMatch     = []byte("If-None-Match")
	hLastModified    = []byte("Last-Modified")
	hLocation        = []byte("Location")
	hMaxAge          = []byte("Access-Control-Max-Age")
	hNoSniff         = []byte("X-Content-Type-Options")
	hOrigin          = []byte("Origin")
	hPolicy          = []byte("Content-Security-Policy")
	hReferrer        = []byte("Referrer-Policy")
	hRequestID       = []byte("X-Request-Id")
	hRetryAfter      = []byte("Retry-After")
	hScope           = []byte("X-Firewarden-Scope")
	hVary            = []byte("Vary")

	vAllowedHeaders = []byte("Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-Request-Id")
	vAny            = []byte("*")
	vBearer         = []byte("Bearer")
	vExposed        = []byte("Content-Location, ETag, Last-Modified, Location, X-Request-Id")
	vFHIR           = []byte("application/fhir+json; charset=utf-8")
	vForever        = []byte("public, max-age=31536000, immutable")
	vGzip           = []byte("gzip")
	vHour           = []byte("3600")
	vHTML           = []byte("text/html; charset=utf-8")
	vJSON           = []byte("application/json")
	vNoReferrer     = []byte("no-referrer")
	vNoSniff        = []byte("nosniff")
	vNoStore        = []byte("no-store")
	vPolicy         = []byte(ui.Policy)
	vRevalidate     = []byte("private, no-cache") // kept by the caller's own cache only, never used without asking
	vSecond         = []byte("1")
	vText           = []byte("text/plain; charset=utf-8")
	vTrue           = []byte("true")
	vVary           = []byte("Accept-Encoding, Origin")

	pFormat = []byte("_format")
	pPretty = []byte("_pretty")
)

// set sets a header. Names are in canonical form.
func (x *exchange) set(name []byte, value string) {
	x.setBytes(name, append(x.text[:0], value...))
}

func (x *exchange) setBytes(name, value []byte) { x.res.Header.SetCanonical(name, value) }
