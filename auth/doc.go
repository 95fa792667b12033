// Package auth is the authorization server: who a caller is, what was granted to it, and how it came to be granted.
// SMART App Launch 2.2 (and clients of 1.0 and 2.0), Backend Services, OpenID Connect, on OAuth 2.0 with PKCE.
//
// The language of grants is auth/scope; what an app is launched with is auth/launch. fosite is the engine for codes,
// refresh, client credentials, PKCE and OpenID handlers (engine.go, storage.go, strategy.go), and everything around it
// is ours: client authentication, keys, pages, launches, introspection, registration. Everything is kept in store.KV,
// as JSON, each change by compare-and-swap:
//
//	Client   who asks: an app or a backend service, its registration
//	User     who signs in: a password, a policy, the Practitioner, Patient, … that the person is
//	Login    a browser in which a user has signed in
//	flow     an authorization request on its way: login → picker → consent → code. The steps know nothing of one another:
//	         a dispatcher (flow.go) decides the next one from what is stored, and every step returns to it
//	Launch   what an EHR has put aside for an app: opaque, single use, bound, short
//	code     what consent was given to, for one minute
//	Grant    what was granted, until it ends or is revoked: the one record that every token of it depends on
//	refresh  tokens by their hash, with their generation in the grant
//
// Outside issuers that the configuration trusts (auth/issuer) stand beside ours: their access tokens are callers without
// a grant (outside.go), and users may sign in by them (upstream.go), then with our own consent and tokens.
//
// An access token is a JWT (RFC 9068) whose jti begins with the id of its grant: revoking the grant kills it with the
// next request.
//
// A second factor (TOTP, a passkey) has its room and is not built: signIn says who knows the password, enter makes the
// login, and flow.next decides the step between from what is stored. So a factor is a record beside User, a step with its
// page in page.go, and a mark in Login of what was shown, which max_age and acr can ask for; nothing else has to know.
//
// What never belongs here: FHIR interactions, storage engines, templates. Pages are declared here (page.go) and drawn
// elsewhere: auth/plain has the plainest ones.
//
//	s, err := auth.New(ctx, auth.Options{Base: "http://127.0.0.1:8080", Store: st, Indexer: x, Pages: plain.Pages{}})
//	mux.Handle("/auth/", s)                          // and the three discovery documents
//	caller, err := s.Bearer(ctx, token)              // a verified access token: its Access and its grant
package auth
