// Package config finds the effective configuration of a server: one key with three spellings (the flag --store, the
// environment's FIREWARDEN_STORE, the file's store), flags before environment before file before defaults. What is
// unknown or wrong is refused with its key, its place and the nearest key that exists; a key that is planned and does
// nothing yet is refused too, so that nobody relies on it.
//
// What never belongs here: opening what a value names (stores, listeners), reading scopes.
//
//	c, err := config.Load(config.Input{Environ: os.Environ(), Flags: map[string]string{"store": "memory:"}})
//	c.Store              // "memory:"
//	c.Source("store")    // "--store"
package config
