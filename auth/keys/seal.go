package keys

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/firewarden/firewarden/store"
)

// seal encrypts private keys for the store (AES-256-GCM, bound to the key's id). The zero seal leaves them as they are.
type seal struct{ aead cipher.AEAD }

func newSeal(secret string) seal {
	if secret == "" {
		return seal{}
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "firewarden signing keys", 32)
	if err != nil {
		panic(err) // of a length that is too large
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // of a length that no key has
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // likewise
	}
	return seal{aead}
}

// close is the record as it is kept.
func (s seal) close(id string, r record) record {
	if s.aead == nil {
		return r
	}
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce) // never fails
	r.Sealed, r.Private = s.aead.Seal(nonce, nonce, r.Private, []byte(id)), nil
	return r
}

var errSealed = errors.New("it is encrypted with another secret than the key-secret of the configuration")

// open is the record with its private key.
func (s seal) open(id string, r record) (record, error) {
	if r.Sealed == nil {
		return r, nil
	}
	if s.aead == nil || len(r.Sealed) < s.aead.NonceSize() {
		return r, errSealed
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, r.Sealed[:n], r.Sealed[n:], []byte(id))
	if err != nil {
		return r, errSealed
	}
	r.Private, r.Sealed = plain, nil
	return r, nil
}

// sealed says whether a key is encrypted in the store.
func sealed(rec store.Record) bool {
	var v record
	return json.Unmarshal(rec.Value, &v) == nil && v.Sealed != nil
}

// encrypt closes keys that were kept before there was a secret.
func (r *Ring) encrypt(ctx context.Context) error {
	if r.seal.aead == nil {
		return nil
	}
	list, err := r.o.KV.List(ctx, bucket, "", "", 1000)
	if err != nil {
		return fmt.Errorf("encrypt the signing keys: %w", err)
	}
	for _, rec := range list {
		var v record
		if sealed(rec) || json.Unmarshal(rec.Value, &v) != nil {
			continue
		}
		if rec.Value, err = json.Marshal(r.seal.close(rec.Key, v)); err == nil {
			_, err = r.o.KV.Put(ctx, rec, rec.Version)
		}
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("encrypt the signing keys: %w", err)
		}
	}
	return nil
}
