package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// pair are the keys of the apps under test.
type pair struct {
	ec     *ecdsa.PrivateKey
	rsa    *rsa.PrivateKey
	public json.RawMessage // JWK Set of both, without "use"
}

var appKeys = newPair()

func newPair() *pair {
	p := &pair{}
	var err error
	if p.ec, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		panic(err)
	}
	if p.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		panic(err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.rsa.Public(), KeyID: "rsa"}, {Key: p.ec.Public(), KeyID: "ec"}}}
	if p.public, err = json.Marshal(set); err != nil {
		panic(err)
	}
	return p
}

// claimsOf are the claims of a good assertion.
func claimsOf(w *site, id string) map[string]any {
	return map[string]any{"iss": id, "sub": id, "aud": w.url + "/auth/token", "exp": w.now().Add(4 * time.Minute).Unix(), "iat": w.now().Unix(), "jti": random()}
}

func (p *pair) assertion(w *site, id string) string {
	return p.sign(w, jose.ES384, "ec", claimsOf(w, id), nil)
}

func (p *pair) sign(w *site, alg jose.SignatureAlgorithm, kid string, claims map[string]any, header map[jose.HeaderKey]any) string {
	w.t.Helper()
	var key any = p.rsa
	if alg[0] == 'E' {
		key = p.ec
	}
	o := (&jose.SignerOptions{ExtraHeaders: header}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}
