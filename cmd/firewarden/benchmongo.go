package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/bench"
	"github.com/firewarden/firewarden/store/mongo/bare"
)

// inDatabase measures a server of our own on a new database.
func (b *benchmark) inDatabase(ctx context.Context, uri string, keep bool) (err error) {
	name := fmt.Sprintf("firewarden-bench-%d", os.Getpid())
	if b.store, err = bare.Named(uri, name); err != nil {
		return err
	}
	if b.bare, err = bare.Open(ctx, b.store); err != nil {
		return err
	}
	last := context.WithoutCancel(ctx)
	defer b.bare.Close(last)
	if keep {
		b.tell("database", "%s", name)
	} else {
		defer func() { err = errors.Join(err, b.bare.Drop(last)) }()
	}
	return errors.Join(b.own(ctx), b.child.kill())
}

// floor times the driver alone at what the shapes Q1 and Q4 read.
func (b *benchmark) floor(ctx context.Context) error {
	if b.bare == nil {
		return nil
	}
	return b.run.Floors(ctx, []bench.Floor{
		{Shape: "Q1", Name: "the driver alone: read by id", Ask: func(path string) error {
			_, err := b.bare.Read(ctx, strings.TrimPrefix(path, "/fhir/"))
			return err
		}},
		{Shape: "Q4", Name: "the driver alone: patient", Ask: func(path string) error {
			u, err := url.Parse(path)
			if err != nil {
				return err
			}
			_, _, err = b.bare.Chart(ctx, "Observation", "Patient/"+u.Query().Get("patient"), bench.PageSize)
			return err
		}},
	}, func() (time.Duration, error) { return b.bare.CPU(ctx) })
}
