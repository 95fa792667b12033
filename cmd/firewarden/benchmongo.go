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
	"github.com/firewarden/firewarden/internal/port"
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

// floor times a read and a search of a chart beside the driver alone, and beside a process that has nothing but it.
func (b *benchmark) floor(ctx context.Context) error {
	if b.bare == nil {
		return nil
	}
	number, err := port.Free()
	if err != nil {
		return err
	}
	addr := "127.0.0.1:" + number
	relay, err := startChild("bench", "--mongodb", b.store, "--relay", addr)
	if err != nil {
		return err
	}
	err = relay.until(ctx, addr, "/fhir/Patient/"+bench.PatientID(0))
	if err == nil {
		f := bench.Floor{Ask: asks(ctx, b.bare), Relay: addr, PID: relay.cmd.Process.Pid, Used: func() (time.Duration, error) { return b.bare.CPU(ctx) }}
		err = b.run.Floors(ctx, &f, "Q1", "Q4")
	}
	return errors.Join(err, relay.kill())
}

// asks asks a database, by the driver alone, what a read or a search of a chart asks for.
func asks(ctx context.Context, d *bare.Database) bench.Ask {
	return func(path string, dst []byte) ([]byte, error) {
		path, query, searches := strings.Cut(strings.TrimPrefix(path, "/fhir/"), "?")
		if !searches {
			return d.Read(ctx, path, dst)
		}
		params, err := url.ParseQuery(query)
		if err != nil {
			return dst, err
		}
		return d.Chart(ctx, path, "Patient/"+params.Get("patient"), bench.PageSize, dst)
	}
}

// relay is the process that floor starts.
func relay(ctx context.Context, uri, addr string) error {
	d, err := bare.Open(ctx, uri)
	if err != nil {
		return err
	}
	defer d.Close(context.WithoutCancel(ctx))
	return bench.Relay(ctx, addr, asks(ctx, d))
}
