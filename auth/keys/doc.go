// Package keys holds the keys of the authorization server and those of its clients: a Ring signs what we issue (RS256
// and ES256, kept in store.KV, rotated, published as a JWK Set), a Fetcher gets the JWK Sets of clients from where they
// publish them, bounded in size, time and redirects, and without reach into private networks.
//
// What never belongs here: what a token says, who a client is.
//
//	ring, err := keys.Open(ctx, keys.Options{KV: kv})
//	token, err := ring.Sign("ES256", "at+jwt", claims)
//	_, err = ring.Verify(token, "at+jwt", &claims)
package keys
