package interaction

import (
	"crypto/rand"
	"encoding/hex"
)

// RandomID is an id of a resource: a version 4 UUID, 122 random bits. Ids tell nothing of how many there are.
func RandomID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var t [36]byte
	hex.Encode(t[:], b[:4])
	t[8], t[13], t[18], t[23] = '-', '-', '-', '-'
	hex.Encode(t[9:], b[4:6])
	hex.Encode(t[14:], b[6:8])
	hex.Encode(t[19:], b[8:10])
	hex.Encode(t[24:], b[10:])
	return string(t[:])
}
