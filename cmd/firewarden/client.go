package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// registration are the flags of a client.
type registration struct {
	name, scope, jwks, launch, method *string
	redirects, origins                several
}

// several is a flag that may be given several times.
type several []string

func (w *several) String() string     { return strings.Join(*w, " ") }
func (w *several) Set(v string) error { *w = append(*w, strings.Fields(v)...); return nil }

func registrationFlags(f *flag.FlagSet) *registration {
	r := &registration{
		name:   f.String("name", "", "`name` for people"),
		scope:  f.String("scope", "", "`scopes` that it is granted at most"),
		jwks:   f.String("jwks", "", "`URL|FILE` of its public keys (JWK Set)"),
		launch: f.String("launch-uri", "", "`URL` where an EHR launches it"),
		method: f.String("auth-method", "", "`method` by which it proves itself: none, client_secret_basic, client_secret_post, private_key_jwt"),
	}
	f.Var(&r.redirects, "redirect-uri", "`URI` to which it is answered; may be given several times")
	f.Var(&r.origins, "origin", "`origin` from which its pages call, as in https://app.example.org; may be given several times")
	return r
}

// apply puts what was given into a client's metadata.
func (r *registration) apply(c map[string]any) error {
	for name, v := range map[string]string{"client_name": *r.name, "scope": *r.scope, "launch_uri": *r.launch, "token_endpoint_auth_method": *r.method} {
		if v != "" {
			c[name] = v
		}
	}
	if len(r.redirects) > 0 {
		c["redirect_uris"] = r.redirects
	}
	if len(r.origins) > 0 {
		c["allowed_origins"] = r.origins
	}
	switch at := *r.jwks; {
	case at == "":
		return nil
	case strings.HasPrefix(at, "https://") || strings.HasPrefix(at, "http://"):
		delete(c, "jwks")
		c["jwks_uri"] = at
	default:
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		if !json.Valid(text) {
			return fmt.Errorf("%s is no JSON", at)
		}
		delete(c, "jwks_uri")
		c["jwks"] = json.RawMessage(text)
	}
	if *r.method == "" {
		c["token_endpoint_auth_method"] = "private_key_jwt"
	}
	return nil
}

func newClientAdd(f *flag.FlagSet) runner {
	id := f.String("id", "", "`id`; without one it is made up")
	public := f.Bool("public", false, "it can keep no secret: an app in a browser or on a phone")
	backend := f.Bool("backend", false, "it is a backend service: no users, system/ scopes")
	introspects := f.Bool("introspects", false, "it may ask about every token")
	r := registrationFlags(f)
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		if len(args) > 0 {
			return usagef("client add takes no %q: give --id", args[0])
		}
		c := map[string]any{"introspects": *introspects, "grant_types": []string{"authorization_code", "refresh_token"}}
		if *id != "" {
			c["client_id"] = *id
		}
		if *backend {
			c["grant_types"] = []string{"client_credentials"}
		}
		if *public {
			c["token_endpoint_auth_method"] = "none"
		}
		if err := r.apply(c); err != nil {
			return err
		}
		var made struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		if err := a.call(ctx, "POST", "clients", c, &made); err != nil {
			return err
		}
		fmt.Fprintf(m.Stdout, "client_id %s\n", made.ID)
		if made.Secret != "" {
			fmt.Fprintf(m.Stdout, "client_secret %s\n", made.Secret)
		}
		return nil
	})
}

func newClientSet(f *flag.FlagSet) runner {
	r := registrationFlags(f)
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		id, err := one("client set", "id", args)
		if err != nil {
			return err
		}
		return a.alter(ctx, "clients/"+url.PathEscape(id), id, func(c map[string]any) error {
			for _, name := range []string{"created", "by", "anyLoopback"} { // what the server knows itself
				delete(c, name)
			}
			return r.apply(c)
		})
	})
}

func newClientPasswd(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		id, err := one("client passwd", "id", args)
		if err != nil {
			return err
		}
		var made struct {
			Secret string `json:"client_secret"`
		}
		if err := a.call(ctx, "POST", "clients/"+url.PathEscape(id)+"/secret", nil, &made); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		fmt.Fprintf(m.Stdout, "client_secret %s\n", made.Secret)
		return nil
	})
}

func newClientList(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		var list []struct {
			ID     string   `json:"client_id"`
			Name   string   `json:"client_name"`
			Method string   `json:"token_endpoint_auth_method"`
			Grants []string `json:"grant_types"`
			By     string
		}
		if err := a.call(ctx, "GET", "clients", nil, &list); err != nil {
			return err
		}
		return m.table("ID\tNAME\tPROVES ITSELF BY\tGRANTS\tBY", len(list), func(i int) string {
			c := list[i]
			return strings.Join([]string{c.ID, c.Name, c.Method, strings.Join(c.Grants, " "), c.By}, "\t")
		})
	})
}
