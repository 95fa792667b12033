package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
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

func newTokenExplain(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		token, err := one("token explain", "token", args)
		if err != nil {
			return err
		}
		if token == "-" {
			text, err := io.ReadAll(io.LimitReader(m.Stdin, 1<<20))
			if err != nil {
				return err
			}
			token = strings.TrimSpace(string(text))
		}
		var e struct {
			Active                bool
			Client, User, Patient string
			Expires               int64
			Scopes                []struct{ Scope, Text string }
			Types                 []struct {
				Type string
				Sets map[string]string
			}
		}
		if err := a.call(ctx, "POST", "tokens/explain", map[string]any{"token": token}, &e); err != nil {
			return err
		}
		if !e.Active {
			return errors.New("the token opens nothing: it is expired, revoked, or not one of this server")
		}
		fmt.Fprintf(m.Stdout, "client %s, user %s, patient %s, until %s\n\n", orNone(e.Client), orNone(e.User), orNone(e.Patient), time.Unix(e.Expires, 0).UTC().Format(time.RFC3339))
		if err := m.table("SCOPE\tMEANS", len(e.Scopes), func(i int) string { return e.Scopes[i].Scope + "\t" + e.Scopes[i].Text }); err != nil {
			return err
		}
		fmt.Fprintln(m.Stdout)
		var rows []string
		for _, t := range e.Types {
			for _, letters := range alike(t.Sets) {
				rows = append(rows, t.Type+"\t"+letters+"\t"+t.Sets[letters[:1]])
			}
		}
		return m.table("TYPE\tMAY\tWHERE", len(rows), func(i int) string { return rows[i] })
	})
}

// alike are the letters of equal sets together, in the order of cruds.
func alike(sets map[string]string) (groups []string) {
	for _, l := range strings.Split("cruds", "") {
		set, ok := sets[l]
		if !ok {
			continue
		}
		found := false
		for i, g := range groups {
			if sets[g[:1]] == set {
				groups[i], found = g+l, true
			}
		}
		if !found {
			groups = append(groups, l)
		}
	}
	return groups
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
