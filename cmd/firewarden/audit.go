package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/url"

	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/embedded"
)

// newAuditVerify proves that the audit log of a store is what was written to it: the store itself, or, where a server has it
// open, by that server.
func newAuditVerify(f *flag.FlagSet) runner {
	kept := f.String("since", "", "`sum` that an earlier run has printed: it must still be in the chain")
	server := f.String("server", "", "`URL` of the server whose log it is; without it the store is read, or, if a server has it open, this machine's server is asked")
	return func(ctx context.Context, m *Main, in *input, _ []string) error {
		var since [sha256.Size]byte
		if b, err := hex.DecodeString(*kept); err != nil || len(b) != 0 && len(b) != sha256.Size {
			return usagef("--since %q is no sum of 64 hexadecimal digits", *kept)
		} else {
			copy(since[:], b)
		}
		text, err := verifyAnywhere(ctx, m, in, *server, since)
		if err != nil {
			return err
		}
		fmt.Fprintln(m.Stdout, text)
		return nil
	}
}

func verifyAnywhere(ctx context.Context, m *Main, in *input, server string, since [sha256.Size]byte) (string, error) {
	if server == "" {
		d, err := existing(ctx, m, in)
		if err == nil {
			text, err := d.verifyLog(ctx, m, since)
			return text, errors.Join(err, d.close())
		}
		if !errors.Is(err, embedded.ErrInUse) {
			return "", err
		}
		c, err := config.Load(in.Input)
		if err != nil {
			return "", usageError(err.Error())
		}
		server = c.URL(reach(c.Listen))
		if c.TLS() {
			server = baseOf(c, reach(c.Listen)) // by the name that its certificate has
		}
		fmt.Fprintf(m.Stderr, "firewarden: a server has the store open: %s is asked\n", server)
	}
	a, err := openAdministration(ctx, in, server)
	if err != nil {
		return "", err
	}
	return a.verifyLog(ctx, m, since)
}

// verifyLog proves the audit log and says what it holds.
func (d *data) verifyLog(ctx context.Context, m *Main, since [sha256.Size]byte) (string, error) {
	p := startProgress(m, 0)
	p.noun = "batches of the audit log"
	proof, err := audit.Verify(ctx, d.store.KV(), since, p.set)
	p.stop()
	if err != nil {
		return "", err
	}
	return proved(proof.Records, int(proof.Batches), proof.Unlinked, hex.EncodeToString(proof.Sum[:])), nil
}

// verifyLog has the server prove its log, step by step.
func (a *administration) verifyLog(ctx context.Context, m *Main, since [sha256.Size]byte) (string, error) {
	p := startProgress(m, 0)
	p.noun = "batches of the audit log"
	defer p.stop()
	ask := url.Values{"since": {hex.EncodeToString(since[:])}}
	if since == [sha256.Size]byte{} {
		ask = nil
	}
	for {
		var step struct {
			Batches, Of, Records, Unlinked int
			Sum, Fault, Next               string
		}
		if err := a.call(ctx, "GET", "audit/verify?"+ask.Encode(), nil, &step); err != nil {
			return "", err
		}
		p.set(step.Batches, step.Of)
		switch {
		case step.Fault != "":
			return "", errors.New(step.Fault)
		case step.Next == "":
			return proved(step.Records, step.Batches, step.Unlinked, step.Sum), nil
		}
		ask = url.Values{"after": {step.Next}}
	}
}

// proved is a log that is what was written, in words.
func proved(records, batches, unlinked int, sum string) string {
	text := fmt.Sprintf("audit log: %s in a chain of %s, all as they were written; the sum is %s", plural(records, "record"), plural(batches, "link"), sum)
	if unlinked > 0 {
		text += fmt.Sprintf("; %s not in the chain yet", plural(unlinked, "record"))
	}
	return text
}
