package program

import (
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/firewarden/firewarden/internal/port"
)

// Process is a server that has been ready. It is killed at the end of its test.
type Process struct {
	URL      string // without a slash at the end
	Out, Log Output // of stdout, stderr
	cmd      *exec.Cmd
	ended    chan struct{}
	err      error // of Wait
}

// Start starts the program to listen on a port of loopback, and waits until it is ready.
func Start(t testing.TB, port string, args ...string) *Process {
	t.Helper()
	at := "127.0.0.1:" + port
	args = slices.Concat(args[:1], []string{"--listen", at, "--metrics-listen", "off"}, args[1:])
	return Launch(t, command(t, args...), "http://"+at)
}

// Launch starts a command that serves at a URL, and waits until it is ready.
func Launch(t testing.TB, cmd *exec.Cmd, url string) *Process {
	t.Helper()
	p := &Process{URL: url, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.Out, &p.Log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%v: %s%s", cmd.Args, p.Out.String(), p.Log.String())
		}
	})
	Until(t, "a server to be ready", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("%v ended: %v", cmd.Args, p.err)
		default:
		}
		res, err := http.Get(url + "/health/ready")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return p
}

// Terminate asks the process to end, by SIGTERM.
func (p *Process) Terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Wait waits until the process has ended; an error says that it did not do so by itself, or not with 0.
func (p *Process) Wait() error {
	<-p.ended
	return p.err
}

// Stop is Terminate and Wait.
func (p *Process) Stop() error {
	if err := p.Terminate(); err != nil {
		return err
	}
	return p.Wait()
}

// Kill ends the process by SIGKILL.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// Run runs the program to its end.
func Run(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, log Output
	cmd := command(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.Run() // its error is in the code
	return out.String(), log.String(), cmd.ProcessState.ExitCode()
}

// command is the program without the settings that are for the tests.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(Path(t), args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FIREWARDEN_") })
	return cmd
}

// FreePort is a port of loopback for a server.
func FreePort(t testing.TB) string {
	t.Helper()
	number, err := port.Free()
	if err != nil {
		t.Fatal(err)
	}
	return number
}
