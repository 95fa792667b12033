package browser

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// keyPair makes a key for an algorithm: the private JWK, and a file with the JWK Set that has its public half.
func keyPair(t *testing.T, alg string) (private json.RawMessage, public string) {
	t.Helper()
	var key crypto.Signer
	var err error
	if alg == "RS384" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	if private, err = json.Marshal(jose.JSONWebKey{Key: key, KeyID: "1", Algorithm: alg}); err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: alg}}})
	if err != nil {
		t.Fatal(err)
	}
	return private, file(t, "jwks.json", string(set))
}
