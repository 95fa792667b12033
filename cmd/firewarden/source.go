package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// A source is a file that holds JSON: one document, or one a line; plain or gzip.
type source struct {
	path   string
	size   int64 // as it lies on disk
	folder bool  // found in a folder, not named: what is no FHIR in it is passed over
}

// A document is one JSON text of a source.
type document struct {
	source *source
	line   int // of its first byte, from 1
	text   []byte
}

// findSources are the files of paths in their order, those of a folder in the order of their names.
func findSources(paths []string) ([]*source, error) {
	var all []*source
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			all = append(all, &source{path: path, size: info.Size()})
			continue
		}
		found := len(all)
		err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error { // in lexical order
			if err != nil {
				return err
			}
			if at != path && strings.HasPrefix(d.Name(), ".") {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if d.IsDir() || !holdsJSON(d.Name()) {
				return nil
			}
			info, err := d.Info()
			if err == nil {
				all = append(all, &source{path: at, size: info.Size(), folder: true})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(all) == found {
			return nil, fmt.Errorf("%s holds no files that end in .json, .ndjson or .jsonl, plain or .gz", path)
		}
	}
	return all, nil
}

func holdsJSON(name string) bool {
	ext := filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz"))
	return slices.Contains([]string{".json", ".ndjson", ".jsonl"}, ext)
}

// maxDocument is the largest document that is read into memory.
const maxDocument = 1 << 30

// each calls f for the documents of the source. read is told how many bytes of the file have been read.
func (s *source) each(read *atomic.Int64, f func(document) error) error {
	file, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(&counted{file, read}, 1<<20)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		in = bufio.NewReaderSize(unpacked, 1<<20)
	}
	if err := s.split(in, f); err != nil {
		return err
	}
	return nil
}

// split finds the documents: one a line where the file's name says so or its first line is a whole one, otherwise one.
func (s *source) split(in *bufio.Reader, f func(document) error) error {
	name := strings.TrimSuffix(strings.ToLower(s.path), ".gz")
	lines := strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".jsonl")
	var whole []byte
	start := 0
	for n := 1; ; n++ {
		line, err := readLine(in, maxDocument-len(whole))
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s:%d: %w", s.path, n, err)
		}
		blank := len(bytes.TrimSpace(line)) == 0
		if start == 0 && !blank {
			start = n
			lines = lines || complete(line)
		}
		switch {
		case start == 0 || lines && blank:
		case lines:
			if e := f(document{s, n, line}); e != nil {
				return e
			}
		default:
			whole = append(whole, line...)
		}
		if err == io.EOF {
			break
		}
	}
	if !lines && start > 0 {
		return f(document{s, start, whole})
	}
	return nil
}

var errTooLong = errors.New("a document is larger than 1 GB")

// readLine reads up to the end of the line, which it keeps: the next document begins behind it. The bytes are the
// caller's own.
func readLine(in *bufio.Reader, most int) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > most {
			return nil, errTooLong
		}
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// complete says whether a line is an object from its brace to the one that closes it.
func complete(line []byte) bool {
	line = bytes.TrimSpace(line)
	depth, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i == len(line)-1
			}
		}
		if depth == 0 {
			return false
		}
	}
	return false
}

// counted counts what is read from it.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}
