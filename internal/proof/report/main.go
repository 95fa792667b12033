// Report runs what shows that the server keeps the law of access and prints the figures, each with the command that gives
// it, as Markdown:
//
//	go run ./internal/proof/report                      with worlds of a few seconds
//	FIREWARDEN_PROOF=4m go run ./internal/proof/report  with worlds for four minutes each, from fresh seeds
//	go run ./internal/proof/report -write README.md     also between the lines <!-- proof --> and <!-- /proof --> of a file
//
// With FIREWARDEN_TEST_MONGODB it counts MongoDB, too. It ends with an error where a test fails.
//
// What never belongs here: figures that no command gives.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// figure is a command and the lines of its output that count.
type figure struct {
	what    string
	command string
	lines   *regexp.Regexp
}

// figures in their order. A line is what the first group holds.
var figures = []figure{
	{"every way in, each with all kinds of scopes in two worlds", "go test ./internal/proof -count=1 -v -run TestChannels", regexp.MustCompile(`(channels: .*)`)},
	{"every include of the definitions", "go test ./internal/proof -count=1 -v -run TestEveryEdge", regexp.MustCompile(`(edges: .*)`)},
	{"two worlds at random", "go test ./internal/proof -count=1 -v -run 'TestTwoWorlds$' -timeout 0", regexp.MustCompile(`(FIREWARDEN_PROOF_SEED=\d+|\d+ pairs of worlds.*)`)},
	{"an independent model", "go test ./internal/proof -count=1 -v -run 'TestOracle$' -timeout 0", regexp.MustCompile(`(FIREWARDEN_PROOF_SEED=\d+|\d+ worlds.*)`)},
	{"the audit log, in two worlds at random", "go test ./internal/proof -count=1 -v -run TestTwoWorldsOfLog -timeout 0", regexp.MustCompile(`(FIREWARDEN_PROOF_SEED=\d+|\d+ pairs of worlds.*)`)},
	{"the audit log, and an independent model of it", "go test ./internal/proof -count=1 -v -run TestOracleOfLog -timeout 0", regexp.MustCompile(`(FIREWARDEN_PROOF_SEED=\d+|\d+ worlds.*)`)},
	{"plans against the definition of a search", "go test ./store/embedded -count=1 -v -run TestDifferential", regexp.MustCompile(`(\d+ questions from seed.*)`)},
	{"the compartment, and the types outside of it", "go test ./server/interaction -count=1 -v -run 'TestCompartmentPairs|TestAllTypes'", regexp.MustCompile(`((?:\d+ pairs of a type|\d+ types:).*)`)},
	{"what cannot be evaluated is denied, and the log says why", "go test ./server -count=1 -v -run TestDeniedAndLogged", regexp.MustCompile(`(\d+ grants .*)`)},
	{"mutants of the code that decides", "go run ./internal/mutants -table", regexp.MustCompile(`(?m)^all +(\d+ +\d+ +\d+)$`)},
}

func main() {
	file := flag.String("write", "", "a `file` whose part between the two marks is replaced")
	flag.Parse()
	var b strings.Builder
	b.WriteString("| what | figures | command |\n|---|---|---|\n")
	failed := false
	for _, f := range figures {
		text, err := f.run()
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", f.command, err)
			failed = true
			text = "failed"
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` |\n", f.what, text, strings.ReplaceAll(f.command, "|", `\|`))
	}
	fmt.Print(b.String())
	if *file != "" {
		if err := write(*file, b.String()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// run gives the lines that count, by engine where there are several.
func (f figure) run() (string, error) {
	out, err := exec.Command("sh", "-c", f.command).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	var lines []string
	engine := ""
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "=== RUN "); ok {
			_, engine, _ = strings.Cut(name, "/")
		}
		m := f.lines.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		text := m[1]
		if columns := strings.Fields(text); strings.HasPrefix(line, "all ") && len(columns) == 3 {
			text = fmt.Sprintf("%s killed, %s equivalent, %s survive", columns[0], columns[1], columns[2])
		}
		if engine != "" {
			text = engine + ": " + text
		}
		if !strings.Contains(strings.Join(lines, "\n"), text) {
			lines = append(lines, text)
		}
	}
	return cmp.Or(strings.Join(lines, "<br>"), "none yet"), nil
}

// write replaces what is between the marks of a file.
func write(file, text string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), "<!-- proof -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- /proof -->")
	if !ok || !ok2 {
		return fmt.Errorf("%s: there are no lines <!-- proof --> and <!-- /proof -->", file)
	}
	return os.WriteFile(file, []byte(before+"<!-- proof -->\n"+text+"<!-- /proof -->"+after), 0o644)
}
