package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

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
func (b *benchmark) floor(ctx context.Context) {
	if b.bare == nil {
		return
	}
	patient := func(rng *rand.Rand) string {
		return "Patient/" + bench.PatientID(rng.IntN(len(b.run.World.Patients)))
	}
	b.run.Floor(ctx, "Q1", "the driver alone: read by id", func(rng *rand.Rand) error {
		_, err := b.bare.Read(ctx, patient(rng))
		return err
	})
	b.run.Floor(ctx, "Q4", "the driver alone: patient, one page", func(rng *rand.Rand) error {
		_, _, err := b.bare.Chart(ctx, "Observation", patient(rng), bench.PageSize)
		return err
	})
}
