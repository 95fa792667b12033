package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// stage is the tests of a package as they are asked about a mutant.
type stage struct {
	dir  string
	run  string   // -test.run; "" is all
	env  []string // "name=value"
	away bool     // its tests write what fails beside them: it runs in a copy of its testdata

	binary string
	cwd    string
	args   []string
	limit  time.Duration // of a run, in time of the processor: far more than it takes without a mutant, on a busy machine, too
}

// stages are in the order in which they are asked, but that the package of a mutant comes first.
func stages(deep bool) []*stage {
	list := []*stage{
		{dir: "compartments"},
		{dir: "search"},
		{dir: "search/index"},
		{dir: "search/plan"},
		{dir: "auth/scope"},
		{dir: "server/interaction"},
	}
	if !deep {
		return list
	}
	return append(list,
		&stage{dir: "store/storetest"},
		&stage{dir: "store/embedded", run: "TestDifferential|TestStore|TestParameters|TestPairs"},
		&stage{dir: "internal/proof", env: []string{"FIREWARDEN_PROOF=20s", "FIREWARDEN_PROOF_SEED=1"}, away: true})
}

// order are the stages for a mutant in that directory.
func order(all []*stage, dir string) []*stage {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b *stage) int {
		if (a.dir == dir) == (b.dir == dir) {
			return 0
		}
		if a.dir == dir {
			return -1
		}
		return 1
	})
	return out
}

// build makes the test binary, and runs it once without a mutant: then it must pass, and the time that it takes is what
// its limit follows.
func (s *stage) build(o overlay) error {
	s.binary = filepath.Join(o.dir, strings.ReplaceAll(s.dir, "/", "_")+".test")
	if _, err := os.Stat(s.binary); err != nil { // two stages may be of one package
		cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", o.json(), "-o", s.binary, "./"+s.dir)
		cmd.Dir, cmd.Stderr = o.root, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build the tests of %s: %w", s.dir, err)
		}
	}
	s.cwd = filepath.Join(o.root, s.dir)
	if s.away {
		away := filepath.Join(o.dir, "away", s.dir)
		if err := os.MkdirAll(away, 0o755); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(away, "testdata")); err != nil {
			return err
		}
		if err := os.CopyFS(filepath.Join(away, "testdata"), os.DirFS(filepath.Join(s.cwd, "testdata"))); err != nil {
			return err
		}
		s.cwd = away
	}
	s.args = []string{"-test.failfast"}
	if s.run != "" {
		s.args = append(s.args, "-test.run="+s.run)
	}
	rapid := []string{"-rapid.seed=1", "-rapid.shrinktime=1ms", "-rapid.nofailfile"}
	if exec.Command(s.binary, append(rapid, "-test.run=^$")...).Run() == nil {
		s.args = append(s.args, rapid...)
	}
	s.limit = 10 * time.Minute
	by, out, took := s.try("", "")
	if by != "" {
		return fmt.Errorf("the tests of %s fail without any mutant: %s\n%s", s.dir, by, out)
	}
	s.limit = 3*took + 3*time.Second
	fmt.Printf("%-20s %s\n", s.dir, took.Round(10*time.Millisecond))
	return nil
}

var (
	failLine  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	crashLine = regexp.MustCompile(`(?m)^(?:panic|fatal error): (.*)`)
)

// ask runs the tests with a mutant, or one of them, and says what has killed it, "" if nothing has, and what the tests
// print.
func (s *stage) ask(id, test string) (by string, out []byte) {
	by, out, _ = s.try(id, test)
	return by, out
}

// try is ask, and says how much time of the processor that took. No mutant, and no test, is "".
func (s *stage) try(id, test string) (by string, out []byte, took time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*s.limit)
	defer cancel()
	// A mutant may never end, or eat all memory.
	limits := fmt.Sprintf(`ulimit -v 12000000; ulimit -t %d; exec "$0" "$@"`, int(s.limit.Seconds())+1)
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", limits, s.binary}, s.args...)...)
	if test != "" {
		cmd.Args = append(cmd.Args, "-test.run=^"+test+"$") // instead of that of the stage
	}
	cmd.Dir = s.cwd
	cmd.Env = append(append(os.Environ(), s.env...), variable+"="+id)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState != nil {
		took = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	switch {
	case err == nil:
		return "", out, took
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() < 0: // a signal has ended it
		return s.dir + " (does not end)", out, took
	}
	by = "fails"
	if at := failLine.FindSubmatch(out); at != nil {
		by = string(at[1])
	} else if crashLine.Match(out) {
		by = "(crash)"
	}
	return s.dir + " " + by, out, took
}
