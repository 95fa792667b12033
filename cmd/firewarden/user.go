package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
)

// password is what was given, or one that is made up and printed.
func (m *Main) password(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	text, err := m.newKey()
	if err == nil {
		fmt.Fprintf(m.Stdout, "password %s\n", text)
	}
	return text, err
}

func newUserAdd(f *flag.FlagSet) runner {
	display := f.String("display", "", "`name` for people")
	person := f.String("fhir-user", "", "`reference` to the person's own resource, as in Practitioner/123")
	policy := f.String("policy", "", "`name` of what the user may see; without one it is nothing")
	password := f.String("password", "", "`password`; without one it is made up")
	administrator := f.Bool("administrator", false, "may change users, clients and keys")
	var linked links
	f.Var(&linked, "link", linkUsage)
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		name, err := one("user add", "name", args)
		if err != nil {
			return err
		}
		text, err := m.password(*password)
		if err != nil {
			return err
		}
		return a.call(ctx, "POST", "users", map[string]any{"name": name, "display": *display, "fhirUser": *person, "policy": *policy, "password": text, "administrator": *administrator, "links": linked}, nil)
	})
}

const linkUsage = "`issuer=subject` by which the user signs in; may be given several times"

// links are who a user is to outside issuers.
type links []map[string]string

func (l *links) String() string { return "" }
func (l *links) Set(v string) error {
	issuer, subject, ok := strings.Cut(v, "=")
	if !ok {
		return errors.New("write issuer=subject")
	}
	*l = append(*l, map[string]string{"issuer": issuer, "subject": subject})
	return nil
}

func newUserSet(f *flag.FlagSet) runner {
	given := map[string]any{}
	text := func(flag, member, usage string) {
		f.Func(flag, usage, func(v string) error { given[member] = v; return nil })
	}
	yes := func(name, usage string) {
		f.BoolFunc(name, usage, func(v string) (err error) { given[name], err = strconv.ParseBool(v); return err })
	}
	text("display", "display", "`name` for people")
	text("fhir-user", "fhirUser", "`reference` to the person's own resource, as in Practitioner/123")
	text("policy", "policy", "`name` of what the user may see")
	var linked links
	f.Var(&linked, "link", linkUsage+"; the links from before are gone then")
	yes("administrator", "may change users, clients and keys; --administrator=false: no more")
	yes("disabled", "cannot sign in, and tokens open nothing; --disabled=false: can again")
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		name, err := one("user set", "name", args)
		if err != nil {
			return err
		}
		return a.alter(ctx, "users/"+url.PathEscape(name), name, func(u map[string]any) error {
			maps.Copy(u, given)
			if linked != nil {
				u["links"] = linked
			}
			return nil
		})
	})
}

func newUserPasswd(f *flag.FlagSet) runner {
	password := f.String("password", "", "`password`; without one it is made up")
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		name, err := one("user passwd", "name", args)
		if err != nil {
			return err
		}
		text, err := m.password(*password)
		if err != nil {
			return err
		}
		return a.call(ctx, "PUT", "users/"+url.PathEscape(name)+"/password", map[string]any{"password": text}, nil)
	})
}

func newUserList(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		var list []struct {
			Name, Display, FHIRUser, Policy string
			Administrator, Disabled         bool
		}
		if err := a.call(ctx, "GET", "users", nil, &list); err != nil {
			return err
		}
		return m.table("NAME\tDISPLAY\tIS\tPOLICY\t", len(list), func(i int) string {
			u := list[i]
			more := ""
			if u.Administrator {
				more = "administrator"
			}
			return strings.Join([]string{u.Name, u.Display, u.FHIRUser, u.Policy, more}, "\t")
		})
	})
}
