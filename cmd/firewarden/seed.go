package main

import (
	"context"
	"fmt"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/synth"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store"
)

// seededPatients is how many patients an empty sandbox gets.
const seededPatients = 12

// seed puts synthetic patients into a new store, all dated by their reference date, and says what it did; "" if that
// was done before. A seeding that was broken off is done again; of several servers on a store one seeds.
func (s *site) seed(ctx context.Context) (said string, err error) {
	kv := s.data.store.KV()
	mark := store.Record{Bucket: "sandbox", Key: "seeded", Value: []byte(version)}
	for {
		if _, done, err := kv.Get(ctx, mark.Bucket, mark.Key); done || err != nil {
			return "", err
		}
		held, err := store.Alone(ctx, kv, s.m.Now, "seed", func(ctx context.Context) error {
			if _, done, err := kv.Get(ctx, mark.Bucket, mark.Key); done || err != nil {
				return err
			}
			if said, err = s.plant(ctx); err != nil {
				return err
			}
			if _, err := kv.Put(ctx, mark, store.AnyVersion); err != nil {
				return fmt.Errorf("note that the store is seeded: %w", err)
			}
			return nil
		})
		if held || err != nil {
			return said, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond): // another one seeds
		}
	}
}

// plant writes the clinic and its patients.
func (s *site) plant(ctx context.Context) (string, error) {
	begun := s.m.Now()
	service := *s.data.service
	service.Now = func() time.Time { return synth.End }
	write := func(text []byte) error {
		b, err := fhir.Parse(text, fhir.Limits{})
		if err != nil {
			return err
		}
		_, err = service.Bundle(ctx, s.data.administrator(), b, interaction.BundleOptions{})
		return err
	}
	if err := write(synth.Directory()); err != nil {
		return "", fmt.Errorf("seed the clinic: %w", err)
	}
	for i := range seededPatients {
		if err := write(synth.Chart(i)); err != nil {
			return "", fmt.Errorf("seed patient %d: %w", i+1, err)
		}
	}
	n := 0
	counts, err := s.data.store.Counts(ctx)
	if err != nil {
		return "", err
	}
	for _, k := range counts {
		n += k
	}
	return fmt.Sprintf("%d patients, %s resources in %.1f s", seededPatients, grouped(n), s.m.Now().Sub(begun).Seconds()), nil
}
