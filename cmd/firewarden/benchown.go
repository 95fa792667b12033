package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/firewarden/firewarden/internal/bench"
	"github.com/firewarden/firewarden/internal/port"
	"github.com/firewarden/firewarden/store/embedded"
)

// inFolder measures a server of our own on a new store.
func (b *benchmark) inFolder(ctx context.Context, keep bool) error {
	if b.folder == "" {
		dir, err := os.MkdirTemp("", "firewarden-bench-")
		if err != nil {
			return err
		}
		b.folder = dir
		if keep {
			defer fmt.Fprintf(b.m.Stdout, "store: %s\n", dir)
		} else {
			defer os.RemoveAll(dir)
		}
	} else if isStore(b.folder) {
		return fmt.Errorf("%s holds a store already: name an empty folder with --store", b.folder)
	}
	b.store = b.folder
	err := b.own(ctx)
	return errors.Join(err, b.child.kill())
}

// own measures a server of our own, from its first start to its last stop.
func (b *benchmark) own(ctx context.Context) error {
	if err := b.start(ctx); err != nil {
		return err
	}
	if err := b.load(ctx); err != nil {
		return err
	}
	if err := b.child.stop(); err != nil {
		return err
	}
	if err := b.disk(ctx, "disk after import and stop"); err != nil {
		return err
	}
	var err error
	if b.sized.Start, err = b.restart(ctx, "start to first read"); err != nil {
		return err
	}
	measured := errors.Join(b.measure(ctx), b.logs(ctx))
	if err := b.child.kill(); err != nil {
		return errors.Join(measured, err)
	}
	if b.sized.Restart, err = b.restart(ctx, "start to first read after kill -9"); err != nil {
		return errors.Join(measured, err)
	}
	if err := b.child.stop(); err != nil {
		return errors.Join(measured, err)
	}
	if b.bare != nil {
		return errors.Join(measured, b.disk(ctx, "disk at the end"))
	}
	return errors.Join(measured, b.compact(ctx))
}

// auditTurns are the turns in which the values of the key audit are measured: other load and a store that grows are the
// same for all of them then.
const auditTurns = 7

// logs measures what the audit log costs: the same under each value of its key, in turns.
func (b *benchmark) logs(ctx context.Context) error {
	defer func() { b.sized.Results = b.run.Results }()
	if !b.run.Logs() {
		return nil
	}
	audits := []string{"off", "writes", "all"}
	for range auditTurns {
		for _, audit := range audits {
			if err := b.child.stop(); err != nil {
				return err
			}
			b.audit = audit
			if err := b.start(ctx); err != nil {
				return err
			}
			if err := b.run.Audited(ctx, audit); err != nil {
				return err
			}
		}
		slices.Reverse(audits)
	}
	fmt.Fprintln(b.m.Stdout)
	b.run.Logged()
	return nil
}

// start starts a server on a free port; it gets the same one each time, because references are resolved by it.
func (b *benchmark) start(ctx context.Context) error {
	if b.run.Addr == "" {
		number, err := port.Free()
		if err != nil {
			return err
		}
		b.run.Addr = "127.0.0.1:" + number
	}
	var err error
	if b.run.Key == "" {
		b.run.Key = rand.Text()
	}
	b.child, err = startChild("serve", "--store", b.store, "--listen", b.run.Addr, "--base-url", "http://"+b.run.Addr, "--admin-key", b.run.Key,
		"--anonymous", "system/*.cruds", "--metrics-listen", "off", "--log-level", "error", "--audit", b.audit, "--token-limit", "1000000000/1m")
	if err != nil {
		return err
	}
	b.run.PID = b.child.cmd.Process.Pid
	return b.child.until(ctx, b.run.Addr, "/health/ready")
}

// restart measures the time from the start of the process to the answer of the first read.
func (b *benchmark) restart(ctx context.Context, what string) (took time.Duration, err error) {
	begun := b.m.Now()
	if err := b.start(ctx); err != nil {
		return 0, err
	}
	if err := b.child.until(ctx, b.run.Addr, "/fhir/Patient/"+bench.PatientID(0)); err != nil {
		return 0, err
	}
	took = b.m.Now().Sub(begun)
	b.tell(what, "%.0f ms", float64(took.Microseconds())/1000)
	return took, nil
}

// disk says what the store takes.
func (b *benchmark) disk(ctx context.Context, what string) error {
	size, more := bench.FolderSize(b.folder), ""
	if b.bare != nil {
		var indexes int64
		var err error
		if size, indexes, err = b.bare.Size(ctx); err != nil {
			return err
		}
		more = ", " + bytesOf(indexes) + " of it indexes"
		b.sized.Disk = float64(size) / float64(b.run.World.Resources())
	}
	b.tell(what, "%s, %.2f KB a resource%s", bytesOf(size), b.per(size), more)
	return nil
}

// compact measures what is left when the store has put everything in its final order.
func (b *benchmark) compact(ctx context.Context) error {
	s, err := embedded.Open(embedded.Options{Dir: b.folder})
	if err != nil {
		return err
	}
	versions := s.Stats().Instances
	if err := errors.Join(s.Compact(ctx), s.Close()); err != nil {
		return err
	}
	if s, err = embedded.Open(embedded.Options{Dir: b.folder}); err != nil { // removes the old log
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	size := bench.FolderSize(b.folder)
	b.sized.Disk = float64(size) / float64(versions)
	b.tell("disk at the end, compacted", "%s, %s instances, %.2f KB each", bytesOf(size), grouped(versions), b.sized.Disk/1000)
	return nil
}
