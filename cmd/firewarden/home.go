package main

import (
	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/server/ui"
)

// home is what the start page tells everybody: of a sandbox all that it has, of a server where things are.
func (s *site) home() ui.Home {
	h := ui.Home{Frame: auth.Frame{Sandbox: s.sandbox}, Base: s.base, Anonymous: s.c.Anonymous}
	if !s.sandbox {
		return h
	}
	h.Counts = s.data.store.Stats().Resources
	if s.c.Default("admin-key") {
		h.AdminKey = s.key.text
	}
	return h
}
