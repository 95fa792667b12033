package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/auth/words"
	"github.com/firewarden/firewarden/server/ui"
)

// makePages puts together what people see.
func (s *site) makePages() (err error) {
	if s.texts, err = readTexts(s.c.ScopeTexts); err != nil {
		return fmt.Errorf("scope-texts (%s): %w", s.c.Source("scope-texts"), err)
	}
	root := ""
	if u, err := url.Parse(s.base); err == nil {
		root = strings.TrimSuffix(u.Path, "/")
	}
	s.pages = ui.New(ui.Options{Root: root, Version: version, FHIR: s.base + "/fhir", Texts: s.texts, Links: []ui.Link{
		{Text: "Start", Path: "/"}, {Text: "API", Path: "/docs"}, {Text: "Your apps", Path: "/auth/manage"}, {Text: "Register an app", Path: "/auth/apps/new"}, {Text: "Why?", Path: "/why"}, {Text: "Who looked", Path: "/audit"}}})
	return nil
}

func readTexts(path string) (t words.Texts, err error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t, err = words.Read(f)
	return t, errors.Join(err, f.Close())
}

// home is what the start page tells everybody: of a sandbox all that it has, of a server where things are.
func (s *site) home() ui.Home {
	h := ui.Home{Frame: auth.Frame{Sandbox: s.sandbox}, Base: s.base, Anonymous: s.c.Anonymous, SMART: true}
	if !s.sandbox {
		return h
	}
	h.Users, h.Clients = auth.DemoUsers(), sandboxClients
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if counts, err := s.data.store.Counts(ctx); err == nil {
		h.Counts = counts
	}
	if s.c.Default("admin-key") {
		h.AdminKey = s.key.text
	}
	return h
}

// sandboxClients are what every sandbox has (auth.FillSandbox).
var sandboxClients = []ui.DemoClient{
	{ID: "sandbox-public", Kind: "public, PKCE"},
	{ID: "sandbox-secret", Kind: "confidential, by a secret", Secret: "sandbox-secret"},
	{ID: "sandbox-key", Kind: "confidential, by a key: --sandbox-jwks names it"},
	{ID: "sandbox-backend", Kind: "backend service, by the same key"},
}
