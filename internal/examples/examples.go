package examples

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
)

// All are resources with their names: of an official example the file's, Patient-example.json. The bytes are the
// caller's own, for a parsed resource keeps them.
type All = iter.Seq2[string, []byte]

// folder names the folder of the unpacked npm package.
const folder = "FIREWARDEN_R4_EXAMPLES"

// count is how many examples hl7.fhir.r4.examples 4.0.1 has.
const count = 5306

//go:embed sample.ndjson.gz
var sample []byte

// Sample are the committed examples (README.md).
func Sample(t testing.TB) All {
	t.Helper()
	list := lines(t, bytes.NewReader(sample))
	return func(yield func(string, []byte) bool) {
		for i, body := range list {
			if !yield(fmt.Sprintf("sample %d", i), body) {
				return
			}
		}
	}
}

// Folder is where the official examples are. Without them the test is skipped.
func Folder(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(folder)
	if dir == "" {
		t.Skipf("NOT TESTED: the official R4 examples. Set %s to the folder of the unpacked npm package hl7.fhir.r4.examples 4.0.1.", folder)
	}
	return dir
}

// Official are all official examples. Without them the test is skipped.
func Official(t testing.TB) All {
	t.Helper()
	dir := Folder(t)
	files, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(files) != count {
		t.Fatalf("%d examples in %s, not %d: %v", len(files), dir, count, err)
	}
	return func(yield func(string, []byte) bool) {
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !yield(filepath.Base(file), body) {
				return
			}
		}
	}
}

// Any are the official examples, or the sample without them.
func Any(t testing.TB) (all All, official bool) {
	t.Helper()
	if os.Getenv(folder) != "" {
		return Official(t), true
	}
	t.Logf("%s is not set: only a sample is read, NOT the %d official examples", folder, count)
	return Sample(t), false
}

// Data is the folder of the data sets. Without them the test is skipped.
func Data(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("FIREWARDEN_DATA")
	if dir == "" {
		t.Skip("NOT TESTED: the whole data sets. FIREWARDEN_DATA does not name their folder.")
	}
	return dir
}

// Lines are the lines of a gzipped file.
func Lines(t testing.TB, path string) [][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return lines(t, f)
}

func lines(t testing.TB, packed io.Reader) (list [][]byte) {
	t.Helper()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		list = append(list, bytes.Clone(in.Bytes()))
	}
	if err := in.Err(); err != nil || len(list) == 0 {
		t.Fatalf("%d lines: %v", len(list), err)
	}
	return list
}
