package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	module   = "github.com/firewarden/firewarden"
	variable = "FIREWARDEN_MUTANT" // of the environment: the id of the one that lives
)

// overlay is a build of the tree in which every function begins with a switch over its mutants.
type overlay struct {
	root string // of the module
	dir  string // where the files of the overlay are
}

// json is the file that go build -overlay takes.
func (o overlay) json() string { return filepath.Join(o.dir, "overlay.json") }

// flat is the name of a file in the overlay.
func flat(file string) string { return strings.ReplaceAll(file, "/", "_") }

// lines are those of a file of the overlay that belong to a mutant.
type lines struct {
	from, to int
	id       string
}

// compiling writes the overlay of the mutants that compile, and gives them. The compiler itself says which do not: it is
// asked until it has no more errors.
func (o overlay) compiling(list []Mutant) ([]Mutant, error) {
	for {
		spans, err := o.write(list)
		if err != nil {
			return nil, err
		}
		dirs := []string{}
		for _, m := range list {
			dirs = append(dirs, "./"+path.Dir(m.File))
		}
		slices.Sort(dirs)
		args := append([]string{"build", "-o", os.DevNull, "-overlay", o.json(), "-gcflags=-e"}, slices.Compact(dirs)...)
		var out bytes.Buffer
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Stderr = o.root, &out
		if cmd.Run() == nil {
			return list, nil
		}
		bad, err := faulty(out.Bytes(), spans)
		if err != nil {
			return nil, err
		}
		list = slices.DeleteFunc(list, func(m Mutant) bool { return bad[m.ID] })
		fmt.Printf("%d do not compile, %d are left\n", len(bad), len(list))
	}
}

var errorLine = regexp.MustCompile(`^([^:\s]+\.go):(\d+):`)

// faulty are the mutants that errors of the compiler point at.
func faulty(out []byte, spans map[string][]lines) (map[string]bool, error) {
	bad := map[string]bool{}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		at := errorLine.FindStringSubmatch(s.Text())
		if at == nil {
			continue
		}
		n, _ := strconv.Atoi(at[2])
		file := spans[path.Base(at[1])] // the compiler names the file of the overlay
		i := slices.IndexFunc(file, func(l lines) bool { return l.from <= n && n <= l.to })
		if i < 0 {
			return nil, fmt.Errorf("an error that no mutant is to blame for: %s", s.Text())
		}
		bad[file[i].id] = true
	}
	if len(bad) == 0 {
		return nil, errors.New("the build fails: " + string(out))
	}
	return bad, nil
}

// write writes the overlay of all mutants of the list.
func (o overlay) write(list []Mutant) (map[string][]lines, error) {
	files := map[string][]Mutant{}
	for _, m := range list {
		files[m.File] = append(files[m.File], m)
	}
	replaced := map[string]string{}
	put := func(file string, text []byte) error {
		name := filepath.Join(o.dir, flat(file))
		replaced[filepath.Join(o.root, file)] = name
		return os.WriteFile(name, text, 0o644)
	}
	spans := map[string][]lines{}
	for file, mutants := range files {
		src, err := os.ReadFile(filepath.Join(o.root, file))
		if err != nil {
			return nil, err
		}
		text, at := insert(src, mutants)
		spans[flat(file)] = at
		if err := put(file, text); err != nil {
			return nil, err
		}
		pkg := packageOf(src)
		living := "package " + pkg + "\n\nimport \"os\"\n\nvar firewardenMutant = os.Getenv(\"" + variable + "\")\n"
		if err := put(path.Join(path.Dir(file), "zz_mutant.go"), []byte(living)); err != nil {
			return nil, err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return nil, err
	}
	return spans, os.WriteFile(o.json(), b, 0o644)
}

var packageLine = regexp.MustCompile(`(?m)^package (\w+)`)

func packageOf(src []byte) string { return string(packageLine.FindSubmatch(src)[1]) }

// insert puts the switches into a file. Its mutants stand in the order of the source.
func insert(src []byte, mutants []Mutant) ([]byte, []lines) {
	var b bytes.Buffer
	var spans []lines
	cases := func(some []Mutant) {
		b.WriteString("\nswitch firewardenMutant {\n")
		for _, m := range some {
			from := bytes.Count(b.Bytes(), []byte("\n")) + 1
			fmt.Fprintf(&b, "case %q:\n%s", m.ID, m.code)
			spans = append(spans, lines{from, bytes.Count(b.Bytes(), []byte("\n")), m.ID})
		}
		b.WriteString("}\n")
	}
	done := 0
	var variables []Mutant
	for len(mutants) > 0 {
		at := mutants[0].at
		n := slices.IndexFunc(mutants, func(m Mutant) bool { return m.at != at })
		if n < 0 {
			n = len(mutants)
		}
		if at == 0 {
			variables = append(variables, mutants[:n]...)
		} else {
			b.Write(src[done:at])
			done = at
			cases(mutants[:n])
		}
		mutants = mutants[n:]
	}
	b.Write(src[done:])
	if variables != nil {
		b.WriteString("\nfunc init() {")
		cases(variables)
		b.WriteString("}\n")
	}
	return b.Bytes(), spans
}
