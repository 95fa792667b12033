package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/firewarden/firewarden/internal/bench"
)

// child is a server of this program in a process of its own.
type child struct {
	cmd   *exec.Cmd
	said  bytes.Buffer // what it wrote; read only after it has ended
	ended chan struct{}
	err   error // of Wait
}

func startChild(args ...string) (*child, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.said, &c.said
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a server: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// until waits for a 200 of path.
func (c *child) until(ctx context.Context, addr, path string) error {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		client := bench.Dial(addr)
		res, err := client.Get(path)
		client.Close()
		if err == nil && res.Status == 200 {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("the server ended: %v: %s", c.err, strings.TrimSpace(c.said.String()))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not answer at %s%s: %v, status %d", addr, path, err, res.Status)
		}
	}
}

// stop lets the server end as it should.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the server: %w", err)
	}
	<-c.ended
	if c.err != nil {
		return fmt.Errorf("the server ended: %w: %s", c.err, strings.TrimSpace(c.said.String()))
	}
	return nil
}

// kill ends the server at once, if it runs.
func (c *child) kill() error {
	if c == nil {
		return nil
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the server: %w", err)
	}
	<-c.ended
	return nil
}
