package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/internal/config"
)

// keysBut are the names of all keys but these.
func keysBut(out ...string) []string {
	return slices.DeleteFunc(config.Names(), func(name string) bool { return slices.Contains(out, name) })
}

// load finds the configuration and refuses scopes that would not be granted, and issuers that are not validated: what
// opens data must not be a guess.
func (in *input) load(sandbox bool) (*config.Config, scope.Set, error) {
	in.Sandbox = sandbox
	c, err := config.Load(in.Input)
	faults := []error{err}
	anonymous, refused := scope.Parse(c.Anonymous)
	anonymous, unavailable := anonymous.Available(nil, 0) // nobody grants them at a moment when a server's own parameters are known
	for _, r := range append(refused, unavailable...) {
		faults = append(faults, fmt.Errorf("anonymous (%s): %s", c.Source("anonymous"), r.Diagnostics))
	}
	for _, s := range anonymous.Data() {
		if s.Level != scope.System {
			faults = append(faults, fmt.Errorf("anonymous (%s): scope %s is not granted: a request without a token has no patient and no user, only system/ scopes open anything", c.Source("anonymous"), s.Text()))
		}
	}
	for _, other := range anonymous.Other() {
		faults = append(faults, fmt.Errorf("anonymous (%s): %q opens no data: only scopes like system/*.rs do", c.Source("anonymous"), other))
	}
	_, err = declaredIssuers(c)
	return c, anonymous, errors.Join(append(faults, err)...)
}

func newConfigPrint(f *flag.FlagSet) runner {
	sandbox := f.Bool("sandbox", false, "the sandbox's configuration")
	return func(_ context.Context, m *Main, in *input, _ []string) error {
		c, _, err := in.load(*sandbox)
		w := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
		for _, s := range c.Settings() {
			value := s.Value
			if value == "" {
				value = `""`
			}
			fmt.Fprintf(w, "%s:\t%s\t# %s\n", s.Key, value, s.Source)
		}
		w.Flush()
		return m.tell(c, err)
	}
}

func newConfigCheck(f *flag.FlagSet) runner {
	sandbox := f.Bool("sandbox", false, "the sandbox's configuration")
	return func(_ context.Context, m *Main, in *input, _ []string) error {
		c, _, err := in.load(*sandbox)
		if err := m.tell(c, err); err != nil {
			return err
		}
		fmt.Fprintln(m.Stdout, "the configuration is valid")
		return nil
	}
}

// tell says the faults and the notes of a configuration.
func (m *Main) tell(c *config.Config, err error) error {
	for _, note := range c.Notes {
		fmt.Fprintf(m.Stderr, "note: %s\n", note)
	}
	return err
}
