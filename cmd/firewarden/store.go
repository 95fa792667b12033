package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/firewarden/firewarden/internal/config"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/embedded"
)

// The modes that a store is made by. A store of one is refused by the other.
const (
	serving = "serve"
	playing = "sandbox"
)

func mode(sandbox bool) string {
	if sandbox {
		return playing
	}
	return serving
}

// data is an open store with the service on it.
type data struct {
	store   *embedded.Store
	service *interaction.Service
	folder  string // "" in memory
}

// openData opens the store of a configuration. Base is the FHIR base.
func openData(ctx context.Context, m *Main, c *config.Config, base, mode string) (*data, error) {
	x := &index.Indexer{Base: base}
	o := embedded.Options{Mode: mode, Indexer: x, Clock: m.Now}
	d := &data{}
	if c.Store == config.Memory {
		o.Memory = true
	} else {
		if err := os.MkdirAll(c.Store, 0o700); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		o.Dir, d.folder = c.Store, c.Store
	}
	var err error
	if d.store, err = embedded.Open(o); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	seal, err := interaction.OpenSeal(ctx, d.store.KV(), m.Random)
	if err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	d.service = &interaction.Service{Store: d.store, Indexer: x, Base: base, Now: m.Now, Seal: seal}
	if c.Validation == "off" {
		d.service.Validation = interaction.ValidateOff
	}
	return d, nil
}

// ready says whether the store answers.
func (d *data) ready(ctx context.Context) error {
	_, _, err := d.store.KV().Get(ctx, "server", "cursor-key")
	return err
}

func (d *data) close() error {
	if err := d.store.Close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}
