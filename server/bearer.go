package server

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/interaction"
)

// administrator is the access of the holder of the administrator's key: everything. It loads data and repairs it.
type administrator struct{}

func (administrator) Allowed(search.Interaction, string) search.Expr { return search.All }

// authenticate finds the caller: the administrator by key; without a token whoever the server lets in anonymously.
// Nothing else gets in, and no answer says why (RFC 6750 §3.1).
func (x *exchange) authenticate() error {
	header := x.req.Header.PeekBytes(hAuthorization)
	if len(header) == 0 && x.s.o.Anonymous != nil {
		x.caller = interaction.Caller{Access: x.s.o.Anonymous, Grant: "anonymous"}
		return nil
	}
	if scheme, token := next(header, ' '); x.s.o.AdminKey != "" && bytes.EqualFold(scheme, []byte("Bearer")) {
		// Of hashes, so that the time taken tells nothing of the key, its length neither.
		sum := sha256.Sum256(bytes.TrimSpace(token))
		if subtle.ConstantTimeCompare(sum[:], x.s.key[:]) == 1 {
			x.caller = interaction.Caller{Access: administrator{}, Grant: "administrator"}
			return nil
		}
	}
	return fhir.Errorf(fhir.KindLogin, "", "a valid access token is needed")
}
