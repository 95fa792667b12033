package truth

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Set is what is left when every Bundle of some files was carried out.
type Set struct {
	byType map[string][]*Resource
	once   map[string]*Resource // by type and ifNoneExist
}

// Resource is one resource of a Set.
type Resource struct {
	Type string
	JSON map[string]any // numbers are json.Number

	set    *Set
	bundle map[string]*Resource // by fullUrl, what references of its Bundle mean
}

// Open reads NDJSON files of Bundles, plain or gzip, and folders of them in the order of their names.
func Open(paths ...string) (*Set, error) {
	s := &Set{byType: map[string][]*Resource{}, once: map[string]*Resource{}}
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err != nil {
			return nil, err
		} else if info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(path, "*.ndjson*")); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			if err := s.file(file); err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
		}
	}
	return s, nil
}

func (s *Set) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := s.bundle(line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

func (s *Set) bundle(line []byte) error {
	var b struct {
		Entry []struct {
			FullURL  string
			Resource map[string]any
			Request  struct{ Method, URL, IfNoneExist string }
		}
	}
	if err := decode(line, &b); err != nil {
		return err
	}
	local := map[string]*Resource{}
	for _, e := range b.Entry {
		typ, _ := e.Resource["resourceType"].(string)
		if typ == "" || e.Request.Method != "POST" || e.Request.URL != typ {
			return fmt.Errorf("an entry that creates nothing: %s %s", e.Request.Method, e.Request.URL)
		}
		r := &Resource{Type: typ, JSON: e.Resource, set: s, bundle: local}
		if e.Request.IfNoneExist != "" {
			key := typ + "?" + e.Request.IfNoneExist
			if old := s.once[key]; old != nil {
				local[e.FullURL] = old
				continue
			}
			s.once[key] = r
		}
		local[e.FullURL] = r
		s.byType[typ] = append(s.byType[typ], r)
	}
	return nil
}

func decode(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}

// All are the resources of a type.
func (s *Set) All(typ string) []*Resource { return s.byType[typ] }

// Counts are the numbers of resources by type.
func (s *Set) Counts() map[string]int {
	out := map[string]int{}
	for typ, rs := range s.byType {
		out[typ] = len(rs)
	}
	return out
}

// Len is the number of resources.
func (s *Set) Len() (n int) {
	for _, rs := range s.byType {
		n += len(rs)
	}
	return n
}

// Target is the resource that a reference of r means, nil if there is none: a fullUrl of the same Bundle, or a
// conditional reference by identifier.
func (r *Resource) Target(reference string) *Resource {
	if t := r.bundle[reference]; t != nil {
		return t
	}
	typ, token, ok := strings.Cut(reference, "?identifier=")
	if !ok {
		return nil
	}
	system, value, _ := strings.Cut(token, "|")
	for _, t := range r.set.byType[typ] {
		if Identified(system, value)(t) {
			return t
		}
	}
	return nil
}
