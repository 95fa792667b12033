package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"strings"
)

// mac proves that this server said these words, for this purpose.
func (s *Server) mac(purpose string, words ...string) string {
	h := hmac.New(sha256.New, s.sealing)
	io.WriteString(h, purpose)
	for _, w := range words {
		h.Write([]byte{0})
		io.WriteString(h, w)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

func (s *Server) proves(mac, purpose string, words ...string) bool {
	return subtle.ConstantTimeCompare([]byte(mac), []byte(s.mac(purpose, words...))) == 1
}

// sign makes of an id what may stand in a URL: others cannot make up one.
func (s *Server) sign(purpose, id string) string { return id + "." + s.mac(purpose, id) }

// signed is the id of what sign made.
func (s *Server) signed(purpose, text string) (id string, ok bool) {
	id, mac, _ := strings.Cut(text, ".")
	return id, s.proves(mac, purpose, id)
}
