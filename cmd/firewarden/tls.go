package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/firewarden/firewarden/internal/config"
)

// A certificate is what the server shows to those who call it by https: that of two files, read again when one of them has
// changed. A pair that cannot be read, half of it written perhaps, leaves the one before in force.
type certificate struct {
	chain, key string // files, PEM
	log        *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	written [2]time.Time // when the files were, of the pair or of the last attempt at one
}

// newCertificate reads the files that the keys tls-certificate and tls-key name.
func newCertificate(c *config.Config, log *slog.Logger) (*certificate, error) {
	t := &certificate{chain: c.TLSCertificate, key: c.TLSKey, log: log}
	if err := t.read(); err != nil {
		return nil, fmt.Errorf("tls-certificate, tls-key: %w", err)
	}
	return t, nil
}

// settings are those of the listener: TLS 1.2 or later (RFC 9325), and HTTP/1.1, which is what the server speaks.
func (t *certificate) settings() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: t.get}
}

// get is the certificate for one handshake.
func (t *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.read(); err != nil {
		t.log.Error("the certificate stays the one before", slog.String("error", err.Error()))
	}
	return t.pair, nil
}

// read reads the files unless it has read them as they are.
func (t *certificate) read() error {
	var written [2]time.Time
	for i, name := range []string{t.chain, t.key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		written[i] = info.ModTime()
	}
	if written == t.written {
		return nil
	}
	t.written = written
	pair, err := tls.LoadX509KeyPair(t.chain, t.key)
	if err == nil {
		t.pair = &pair
	}
	return err
}
