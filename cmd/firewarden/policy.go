package main

import (
	"context"
	"flag"
	"net/url"
	"strings"
)

func newPolicySet(f *flag.FlagSet) runner {
	patients := f.String("patients", "", "`rule`: all, none, or a search as in 'Patient?general-practitioner={user}'")
	letters := f.String("letters", "", "`letters` of what may be done, in the order cruds; without any all of it")
	return administer(f, func(ctx context.Context, m *Main, a *administration, args []string) error {
		name, err := one("policy set", "name", args)
		if err != nil {
			return err
		}
		if *patients == "" {
			return usageError("policy set needs --patients")
		}
		return a.call(ctx, "PUT", "policies/"+url.PathEscape(name), map[string]string{"patients": *patients, "letters": *letters}, nil)
	})
}

func newPolicyList(f *flag.FlagSet) runner {
	return administer(f, func(ctx context.Context, m *Main, a *administration, _ []string) error {
		var list []struct {
			Name, Patients, Letters string
			BuiltIn                 bool
		}
		if err := a.call(ctx, "GET", "policies", nil, &list); err != nil {
			return err
		}
		return m.table("NAME\tPATIENTS\tLETTERS", len(list), func(i int) string {
			p := list[i]
			if p.BuiltIn {
				p.Patients = "built in"
			}
			return strings.Join([]string{p.Name, p.Patients, p.Letters}, "\t")
		})
	})
}
