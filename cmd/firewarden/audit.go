package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"

	"github.com/firewarden/firewarden/store/audit"
)

// newAuditVerify proves that the audit log of a store is what was written to it.
func newAuditVerify(f *flag.FlagSet) runner {
	kept := f.String("since", "", "`sum` that an earlier run has printed: it must still be in the chain")
	return func(ctx context.Context, m *Main, in *input, _ []string) error {
		var since [sha256.Size]byte
		if b, err := hex.DecodeString(*kept); err != nil || len(b) != 0 && len(b) != sha256.Size {
			return usagef("--since %q is no sum of 64 hexadecimal digits", *kept)
		} else {
			copy(since[:], b)
		}
		d, err := existing(ctx, m, in)
		if err != nil {
			return err
		}
		text, err := d.verifyLog(ctx, m, since)
		if err = errors.Join(err, d.close()); err != nil {
			return err
		}
		fmt.Fprintln(m.Stdout, text)
		return nil
	}
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
	text := fmt.Sprintf("audit log: %s in a chain of %s, all as they were written; the sum is %x", plural(proof.Records, "record"), plural(int(proof.Batches), "link"), proof.Sum)
	if proof.Unlinked > 0 {
		text += fmt.Sprintf("; %s not in the chain yet", plural(proof.Unlinked, "record"))
	}
	return text, nil
}
