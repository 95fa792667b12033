package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/audit"
)

// administrator is the access of the holder of the administrator's key: everything. It loads data and repairs it.
type administrator struct{}

func (administrator) Allowed(search.Interaction, string) search.Expr { return search.All }

// authenticate finds the caller: the administrator by key, others by an access token; without a token whoever the
// server lets in anonymously. Nothing else gets in, and no answer says why (RFC 6750 §3.1).
func (x *exchange) authenticate() error {
	header := x.req.Header.PeekBytes(hAuthorization)
	if len(header) == 0 && x.s.o.Anonymous != nil {
		x.caller = interaction.Caller{Access: x.s.o.Anonymous, Grant: "anonymous", Explain: x.s.o.Sandbox}
		x.who = audit.Who{Client: "anonymous"}
		x.trail.Claims(x.who)
		return nil
	}
	if x.holdsKey() {
		x.caller = interaction.Caller{Access: administrator{}, Grant: "administrator", Explain: true}
		x.by(audit.Who{Client: "administrator"})
		return nil
	}
	scheme, token := next(header, ' ')
	if x.s.o.Auth == nil || !bytes.EqualFold(scheme, []byte("Bearer")) {
		return errLogin()
	}
	caller, err := x.s.o.Auth.Bearer(context.Background(), string(bytes.TrimSpace(token)))
	switch {
	case errors.Is(err, auth.ErrToken):
		return &fhir.Error{Kind: fhir.KindLogin, Diagnostics: noToken, Err: err}
	case err != nil:
		return fmt.Errorf("check an access token: %w", err)
	}
	x.caller = interaction.Caller{Access: caller.Access, Grant: caller.Identity}
	x.by(caller.Who())
	return nil
}

// by remembers who asks, for both logs.
func (x *exchange) by(who audit.Who) {
	x.who = who
	x.trail.By(who)
}

// holdsKey says whether the request has the administrator's key.
func (x *exchange) holdsKey() bool {
	scheme, token := next(x.req.Header.PeekBytes(hAuthorization), ' ')
	if x.s.o.AdminKey == "" || !bytes.EqualFold(scheme, []byte("Bearer")) {
		return false
	}
	// Of hashes, so that the time taken tells nothing of the key, its length neither.
	sum := sha256.Sum256(bytes.TrimSpace(token))
	return subtle.ConstantTimeCompare(sum[:], x.s.key[:]) == 1
}

const noToken = "a valid access token is needed"

func errLogin() error { return fhir.Errorf(fhir.KindLogin, "", noToken) }
