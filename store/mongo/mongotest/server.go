package mongotest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// EnvMongod names a mongod that tests may start, stop and kill servers of.
const EnvMongod = "FIREWARDEN_MONGOD"

// Server is a mongod of a test's own, on loopback.
type Server struct {
	Address string
	args    []string
	log     string
	cmd     *exec.Cmd
}

// Start starts a mongod with a folder of its own and further arguments, as "--replSet", Set; it ends with the test.
// Without EnvMongod the test is skipped.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if os.Getenv(EnvMongod) == "" {
		t.Skipf("NOT TESTED: what needs servers of MongoDB of its own. Set %s to a mongod", EnvMongod)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir, err := os.MkdirTemp("", "firewarden-mongod-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: fmt.Sprintf("127.0.0.1:%d", port), log: filepath.Join(dir, "log")}
	s.args = append([]string{"--dbpath", dir, "--bind_ip", "127.0.0.1", "--port", strconv.Itoa(port), "--wiredTigerCacheSizeGB", "0.25",
		"--setParameter", "diagnosticDataCollectionEnabled=false"}, args...)
	t.Cleanup(func() {
		s.Kill()
		os.RemoveAll(dir)
	})
	s.Restart(t)
	return s
}

// Restart starts a server that has ended, on the data that it has.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.Again(t.Context()); err != nil {
		log, _ := os.ReadFile(s.log)
		t.Fatalf("%v\n%s", err, log[max(len(log)-2000, 0):])
	}
}

// Again is Restart for other goroutines than a test's own.
func (s *Server) Again(ctx context.Context) error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(os.Getenv(EnvMongod), s.args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for range 200 {
		if c, err := net.Dial("tcp", s.Address); err == nil {
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
