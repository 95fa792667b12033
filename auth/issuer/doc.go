// Package issuer is the outside issuers that a server trusts (OpenID Connect, SMART): it validates their access tokens,
// by their keys or by introspection, reads what their claims say, whatever these are called, and lets people sign in by
// them. What it finds is an Identity.
//
// Nothing of an issuer is believed that was not validated: there is no mode without. Requests to an issuer go through a
// keys.Fetcher, bounded in size, time, redirects and reach.
//
// What never belongs here: this server's own tokens, users, policies, pages.
//
//	i, err := issuer.New(issuer.Config{Issuer: "https://id.example.org", Tokens: &issuer.Tokens{Validate: "jwt", Scope: "patient/*.rs"}}, o)
//	id, until, err := i.Token(ctx, token)                        // ErrInvalid, or an Identity: Scope, Patient, FHIRUser, Roles
//	to, pending, err := i.Begin(ctx, state, back, hint, since)   // send the browser there, keep pending
//	id, err = i.Finish(ctx, pending, query)                      // it came back with state
package issuer
