// Package password hashes what people type: argon2id (RFC 9106), a few at a time, for each takes memory and time on
// purpose. Secrets that the server makes itself have enough entropy for a plain hash and do not come here.
//
// What never belongs here: who the person is.
//
//	h := password.New(2)
//	hash, err := h.Hash(ctx, "correct horse battery staple")
//	ok, err := h.Check(ctx, hash, typed)
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Hasher hashes passwords, at most so many at once. New makes one.
type Hasher struct{ slots chan struct{} }

// The parameters of new hashes (OWASP's first choice): 19 MiB, two passes, one lane.
const (
	memory = 19 << 10 // KiB
	passes = 2
	lanes  = 1
	size   = 32
)

// New makes a Hasher that works on so many passwords at once.
func New(atOnce int) *Hasher { return &Hasher{make(chan struct{}, atOnce)} }

// Hash is what is kept of a password, as $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	var salt [16]byte
	rand.Read(salt[:]) // never fails
	key, err := h.key(ctx, password, salt[:], passes, memory, lanes, size)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes, b64.EncodeToString(salt[:]), b64.EncodeToString(key)), nil
}

// Check says whether the password is the one of the hash. An empty hash fits none, and takes as long to say so.
func (h *Hasher) Check(ctx context.Context, hash, password string) (bool, error) {
	p, err := parse(hash)
	if hash == "" {
		p, err = parsed{passes: passes, memory: memory, lanes: lanes, salt: make([]byte, 16), key: make([]byte, size)}, nil
	}
	if err != nil {
		return false, err
	}
	key, err := h.key(ctx, password, p.salt, p.passes, p.memory, p.lanes, uint32(len(p.key)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, p.key) == 1 && hash != "", nil
}

func (h *Hasher) key(ctx context.Context, password string, salt []byte, passes, memory uint32, lanes uint8, size uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("hash a password: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, size), nil
}

type parsed struct {
	passes, memory uint32
	lanes          uint8
	salt, key      []byte
}

var errHash = errors.New("it is no hash of a password")

func parse(hash string) (p parsed, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil {
		return p, errHash
	}
	b64 := base64.RawStdEncoding.Strict()
	var err1, err2 error
	p.salt, err1 = b64.DecodeString(parts[4])
	p.key, err2 = b64.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(p.key) < 16 || len(p.salt) < 8 || p.passes == 0 || p.passes > 10 || p.lanes == 0 || p.memory > 1<<20 {
		return p, errHash
	}
	return p, nil
}
