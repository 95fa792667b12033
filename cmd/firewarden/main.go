package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main is a run of the program. Args, Stdout and Stderr are required.
type Main struct {
	Args   []string // without the program's name
	Env    []string // as os.Environ
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Now    func() time.Time // nil is time.Now
	Random io.Reader        // of keys; nil is crypto/rand

	// Started is called when a server answers, nil: nobody wants to know.
	Started func(Addresses)
}

// Addresses are where a server answers, with the ports that were chosen.
type Addresses struct {
	Listen  string // host:port
	Base    string // URL
	Metrics string // host:port; "" if there are none
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals
		os.Exit(1) // the second one ends at once: every acknowledged write is on disk
	}()
	m := Main{Args: os.Args[1:], Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(m.Run(ctx))
}

// The codes with which the program ends.
const (
	done   = 0
	failed = 1 // said on Stderr
	wrong  = 2 // wrong usage
)

// Run runs the command that Args name and returns the code to end with. A server runs until ctx ends.
func (m *Main) Run(ctx context.Context) int {
	if m.Now == nil {
		m.Now = time.Now
	}
	if m.Random == nil {
		m.Random = rand.Reader
	}
	err := m.run(ctx)
	var usage usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return done
	case errors.As(err, &usage):
		fmt.Fprintf(m.Stderr, "firewarden: %s\n", usage)
		return wrong
	case errors.Is(err, errSaid):
		return failed
	}
	fmt.Fprintf(m.Stderr, "firewarden: %s\n", err)
	return failed
}

// errSaid ends a command that has already said on Stderr what failed.
var errSaid = errors.New("failed")

// usageError is what the caller of the program got wrong.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }
