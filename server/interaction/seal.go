package interaction

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/firewarden/firewarden/store"
)

// Seal encrypts the positions that page links carry, so that they tell nothing and cannot be made up: AES-256-GCM
// under a key that the store keeps, so links survive a restart. A position is bound to what it was sealed with (the
// type, the query and the caller's grant): opened with anything else it is refused.
type Seal struct {
	aead cipher.AEAD
	rand io.Reader
}

// NewSeal makes a Seal of a 32-byte key; random gives the nonces, nil is crypto/rand.
func NewSeal(key []byte, random io.Reader) (*Seal, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("seal: the key has %d bytes instead of 32", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if random == nil {
		random = rand.Reader
	}
	return &Seal{aead, random}, nil
}

// OpenSeal makes a Seal of the key that kv keeps; the first one makes the key.
func OpenSeal(ctx context.Context, kv store.KV, random io.Reader) (*Seal, error) {
	if random == nil {
		random = rand.Reader
	}
	for {
		r, ok, err := kv.Get(ctx, "server", "cursor-key")
		if err != nil {
			return nil, fmt.Errorf("read cursor key: %w", err)
		}
		if ok {
			return NewSeal(r.Value, random)
		}
		key := make([]byte, 32)
		if _, err := io.ReadFull(random, key); err != nil {
			return nil, fmt.Errorf("make cursor key: %w", err)
		}
		_, err = kv.Put(ctx, store.Record{Bucket: "server", Key: "cursor-key", Value: key}, 0)
		if err == nil {
			return NewSeal(key, random)
		}
		if !errors.Is(err, store.ErrConflict) { // else another process made one: read it
			return nil, fmt.Errorf("keep cursor key: %w", err)
		}
	}
}

// block is what the length of a cursor is rounded up to: it must not tell how large the numbers in a position are.
const block = 64

func (s *Seal) seal(position []byte, bound string) (string, error) {
	plain := make([]byte, (len(position)/block+1)*block)
	plain[copy(plain, position)] = 1 // where the position ends
	out := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	if _, err := io.ReadFull(s.rand, out); err != nil {
		return "", fmt.Errorf("seal cursor: %w", err)
	}
	out = s.aead.Seal(out, out, plain, []byte(bound))
	return base64.RawURLEncoding.EncodeToString(out), nil
}

// open says nothing of why it failed: a stranger learns nothing from it.
func (s *Seal) open(sealed, bound string) ([]byte, bool) {
	in, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(in) < s.aead.NonceSize() {
		return nil, false
	}
	nonce := in[:s.aead.NonceSize()]
	plain, err := s.aead.Open(nil, nonce, in[len(nonce):], []byte(bound))
	end := bytes.LastIndexByte(plain, 1)
	if err != nil || end < 0 {
		return nil, false
	}
	return plain[:end], true
}
