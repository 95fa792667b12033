package main

import (
	"context"
	"flag"
	"fmt"
	"time"
)

func newTokenMint(f *flag.FlagSet) runner {
	client := f.String("client", "", "`id` of the client that it is for")
	scope := f.String("scope", "", "`scopes`, as in 'patient/*.rs'")
	patient := f.String("patient", "", "`id` of the patient in context")
	user := f.String("user", "", "`name` of the user whose policy bounds it")
	life := f.Duration("life", time.Hour, "`time` that it is good for, an hour at most")
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		if *client == "" || *scope == "" {
			return usageError("token mint needs --client and --scope")
		}
		var made struct {
			Token string `json:"access_token"`
		}
		body := map[string]any{"client": *client, "scope": *scope, "patient": *patient, "user": *user, "life": life.String()}
		if err := a.call(ctx, "POST", "tokens", body, &made); err != nil {
			return err
		}
		fmt.Fprintln(m.Stdout, made.Token)
		return nil
	})
}
