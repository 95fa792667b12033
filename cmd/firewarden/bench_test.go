package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// TestBenchOfItsOwnServer runs the bench to its end on a small world.
func TestBenchOfItsOwnServer(t *testing.T) {
	program.Path(t) // before TMPDIR is one that goes away
	t.Setenv("TMPDIR", t.TempDir())
	readme := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(readme, []byte("before\n<!-- bench: made by firewarden bench --report -->\nold\n<!-- /bench -->\nbehind\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := program.Run(t, "bench", "--patients", "5,8", "--window", "20ms", "--only", "Q1,Q5,Q16,Q18,Q35g,T*,E4,W1,W4,W6,W9,W10", "--report", readme)
	if code != 0 {
		t.Fatalf("ended with %d: %s%s", code, out, errs)
	}
	for _, part := range []string{"cores, ", "import ", " resources a second", "disk after import and stop", "start to first read ", "| Q1 ", "| Q5 ", "| Q16 ", "| Q18 ", "| Q35g ", "| E4a ", "| T1 ", "| T2 ", "= a token adds ", "| T3 ", "| T4 ", "| T5 ", "| T6 ", "| W1 ", "| W4 ", "| W6 ", "| W9o ", "| W9w ", "| W9a ", "| W10a ",
		"memory after the searches", "start to first read after kill -9", "disk at the end, compacted"} {
		if !strings.Contains(out, part) {
			t.Errorf("the bench does not say %q:\n%s", part, out)
		}
	}
	if strings.Contains(out, "WRONG") || strings.Contains(out, "| Q8 ") {
		t.Errorf("the bench:\n%s", out)
	}
	report, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"before\n<!-- bench", "`firewarden bench --patients 5,8 --window 20ms --only 'Q1,Q5,", "`: firewarden ", "| 5 patients, ", " | 8 patients, ", "| Q5 patient, code, 0.3 ms | ", "| W6 whole patients (operations are Bundles), 20 | ", "| E4a ", "<!-- /bench -->\nbehind\n"} {
		if !strings.Contains(string(report), part) {
			t.Errorf("the report has no %q:\n%s", part, report)
		}
	}
	if strings.Contains(string(report), "old") || strings.Contains(string(report), "wrong") {
		t.Errorf("the report:\n%s", report)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "firewarden-bench-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestBenchOfADatabase runs the bench to its end on MongoDB.
func TestBenchOfADatabase(t *testing.T) {
	out, errs, code := program.Run(t, "bench", "--patients", "5", "--window", "20ms", "--only", "Q1,Q4,W1", "--mongodb", mongotest.URI(t))
	if code != 0 || strings.Contains(out, "WRONG") {
		t.Fatalf("ended with %d: %s%s", code, out, errs)
	}
	for _, part := range []string{"import ", "of it indexes", "| Q1   | the driver alone ", "| Q1   | the driver behind bare HTTP ", "| Q4   | the driver behind bare HTTP ", "= in turn with the driver alone: ", " times the CPU of all processes", "start to first read after kill -9", "disk at the end "} {
		if !strings.Contains(out, part) {
			t.Errorf("the bench does not say %q:\n%s", part, out)
		}
	}
}

// TestBenchOfAnotherServer: a server that holds something already gives wrong answers, which are said and counted.
func TestBenchOfAnotherServer(t *testing.T) {
	args := []string{"bench", "--patients", "3", "--window", "5ms", "--url"}
	empty := start(t, "serve", "--store", "memory:", "--anonymous", "system/*.cruds", "--log-level", "error")
	if out := mustRun(t, append(args, empty.url, "--only", "Q3,W1")...); !strings.Contains(out, "| Q3 ") || strings.Contains(out, "memory after") {
		t.Errorf("bench of an empty server:\n%s", out)
	}
	filled := start(t, "sandbox", "--anonymous", "system/*.cruds", "--log-level", "error")
	code, out, errs := run(t, append(args, filled.url, "--only", "Q3")...)
	if code != 1 || !strings.Contains(out, "WRONG") || !strings.Contains(errs, "1 measurement gave a wrong answer") {
		t.Errorf("bench of a server that is not empty: %d %s%s", code, out, errs)
	}
}
