package auth

import (
	"bytes"
	"testing"
)

// TestNamesAreNoFlags: a name that the server draws can be given to a command: client passwd -Ocr… was a flag.
func TestNamesAreNoFlags(t *testing.T) {
	drawn := append(bytes.Repeat([]byte{0xf8}, 16), make([]byte, 16)...) // base64url: -Pj4…, then AAA…
	s := &Server{o: Options{Random: bytes.NewReader(drawn)}}
	if id := s.id(); id != "AAAAAAAAAAAAAAAAAAAAAA" {
		t.Errorf("the id is %q", id)
	}
}
