package mongotest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

// EnvMongod names a mongod that tests may start, stop and kill servers of.
const EnvMongod = "FIREWARDEN_MONGOD"

// Server is a mongod of a test's own.
type Server struct {
	Address string
	dir     string
	run     []string // how the program is run
	args    []string
	cmd     *exec.Cmd
}

// Host is where a server runs. The zero Host is this machine, on loopback.
type Host struct {
	Namespace string // of the network, with an address of its own
	IP        string
	Disk      int // megabytes that the server has for its data, on a disk of its own; 0: as much as there is
	Args      []string
}

// Start starts a mongod with a folder of its own and further arguments, as "--replSet", Set; it ends with the test.
// Without EnvMongod the test is skipped.
func Start(t testing.TB, args ...string) *Server { return StartOn(t, Host{}, args...) }

// StartOn is Start on a host.
func StartOn(t testing.TB, h Host, args ...string) *Server {
	t.Helper()
	if os.Getenv(EnvMongod) == "" {
		t.Skipf("NOT TESTED: what needs servers of MongoDB of its own. Set %s to a mongod", EnvMongod)
	}
	dir, err := os.MkdirTemp("", "firewarden-mongod-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{dir: dir, run: []string{os.Getenv(EnvMongod)}}
	t.Cleanup(func() {
		s.Kill()
		if h.Disk > 0 {
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
		os.RemoveAll(dir)
		os.Remove(s.log())
	})
	if h.Disk > 0 {
		needRoot(t, "what happens when a disk is full")
		if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", h.Disk)); err != nil {
			t.Skipf("NOT TESTED: what happens when a disk is full: no file system can be mounted here: %v", err)
		}
	}
	ip, port := "127.0.0.1", "27017"
	if h.Namespace != "" {
		ip = h.IP
		s.run = append([]string{"ip", "netns", "exec", h.Namespace}, s.run...)
	} else {
		port = program.FreePort(t)
	}
	s.Address = net.JoinHostPort(ip, port)
	s.args = append([]string{"--dbpath", dir, "--bind_ip", ip, "--port", port, "--wiredTigerCacheSizeGB", "0.25",
		"--setParameter", "diagnosticDataCollectionEnabled=false", "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=2000"}, slices.Concat(h.Args, args)...)
	s.Restart(t)
	return s
}

func needRoot(t testing.TB, what string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skipf("NOT TESTED: %s: this takes root", what)
	}
}

// Restart starts a server that has ended, on the data that it has.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.Again(t.Context()); err != nil {
		log, _ := os.ReadFile(s.log())
		t.Fatalf("%v\n%s", err, log[max(len(log)-2000, 0):])
	}
}

// log is where the server writes its log: on another disk than its data.
func (s *Server) log() string { return s.dir + ".log" }

// Again is Restart for other goroutines than a test's own.
func (s *Server) Again(ctx context.Context) error {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(s.run[0], append(s.run[1:len(s.run):len(s.run)], s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(program.Patience); time.Now().Before(deadline); {
		if c, err := net.DialTimeout("tcp", s.Address, time.Second); err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("mongod does not answer at %s", s.Address)
}

// Kill is kill -9.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop lets the server end in order.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(with syscall.Signal) {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGCONT)
	s.cmd.Process.Signal(with)
	s.cmd.Wait()
	s.cmd = nil
}

// Pause stops the process where it is, Resume lets it go on.
func (s *Server) Pause()  { s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *Server) Resume() { s.cmd.Process.Signal(syscall.SIGCONT) }

// With adds arguments for the next Restart.
func (s *Server) With(args ...string) { s.args = append(s.args, args...) }

// Fill writes to the disk of the server until there is no room, Free takes that away again.
func (s *Server) Fill() error {
	f, err := os.Create(s.filler())
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = io.Copy(f, endless{}); strings.Contains(fmt.Sprint(err), syscall.ENOSPC.Error()) {
		return nil
	}
	return fmt.Errorf("the disk does not fill: %w", err)
}

func (s *Server) Free() error    { return os.Remove(s.filler()) }
func (s *Server) filler() string { return filepath.Join(s.dir, "filler") }

// endless is a reader of zeros.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
