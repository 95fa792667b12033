package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"
)

func newKeyRotate(f *flag.FlagSet) runner {
	atOnce := f.Bool("at-once", false, "the old keys count no more, nor does what they have signed")
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		if err := a.call(ctx, "POST", "keys/rotate", map[string]bool{"atOnce": *atOnce}, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintln(m.Stdout, "there are new keys: firewarden key list tells them")
		return err
	})
}

func newKeyList(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		var list []struct {
			KID, Alg         string
			From, Ends       time.Time
			Signs, Encrypted bool
		}
		if err := a.call(ctx, "GET", "keys", nil, &list); err != nil {
			return err
		}
		return m.table("KEY\tALGORITHM\tSIGNS FROM\tENDS\t", len(list), func(i int) string {
			k, ends, more := list[i], "", ""
			if !k.Ends.IsZero() {
				ends = k.Ends.UTC().Format(time.RFC3339)
			}
			if k.Signs {
				more = "signs now"
			}
			return strings.Join([]string{k.KID, k.Alg, k.From.UTC().Format(time.RFC3339), ends, more}, "\t")
		})
	})
}
