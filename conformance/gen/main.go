package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// numbersFile keeps the number of each search parameter code, one code a line.
const numbersFile = "conformance/gen/definitions/numbers.txt"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if len(args) == 2 && args[0] == "pack" {
		return pack(args[1], filepath.Join(root, "conformance/gen/definitions"))
	}
	if len(args) != 0 {
		return fmt.Errorf("usage: gen | gen pack DIR")
	}
	files, err := generate()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(root, f.path), f.text, 0o644); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	return nil
}

// A file is one output of generate; the path is relative to the module.
type file struct {
	path string
	text []byte
}

// generate makes all outputs in memory.
func generate() ([]file, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	t, err := makeTypes(d)
	if err != nil {
		return nil, err
	}
	p, err := makeParameters(d, t)
	if err != nil {
		return nil, err
	}
	c, err := makeCompartments(d, p)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, out := range []struct {
		path string
		text func() string
	}{
		{"conformance/r4/types_gen.go", t.source},
		{"conformance/r4/valuesets_gen.go", t.sets.source},
		{"conformance/r4/parameters_gen.go", p.source},
		{"compartments/tables_gen.go", c.source},
	} {
		text, err := gofmt(out.text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", out.path, err)
		}
		files = append(files, file{out.path, text})
	}
	codes, err := makeTerminology()
	if err != nil {
		return nil, err
	}
	return append(files, file{numbersFile, []byte(p.numbers.text())}, file{terminologyFile, codes}), nil
}

// moduleRoot is the folder of go.mod, from the working directory upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = up
	}
}
