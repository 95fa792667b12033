package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// packed are the resource types that definitions/ carries, one file each.
var packed = []string{"CodeSystem", "CompartmentDefinition", "SearchParameter", "StructureDefinition", "ValueSet"}

// pack reads an unpacked hl7.fhir.r4.examples package and writes definitions/: a file for each type, one resource a
// line, sorted by file name, keys sorted, prose stripped. The same input gives the same bytes.
func pack(dir, out string) error {
	var sums strings.Builder
	for _, typ := range packed {
		names, err := filepath.Glob(filepath.Join(dir, typ+"-*.json"))
		if err != nil || len(names) == 0 {
			return fmt.Errorf("no %s in %s: %w", typ, dir, err)
		}
		sort.Strings(names)
		var lines bytes.Buffer
		enc := json.NewEncoder(&lines)
		enc.SetEscapeHTML(false)
		for _, name := range names {
			r, err := readObject(name)
			if err != nil {
				return err
			}
			strip(typ, r)
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		var gz bytes.Buffer
		w, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write(lines.Bytes()); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		name := typ + ".ndjson.gz"
		if err := os.WriteFile(filepath.Join(out, name), gz.Bytes(), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(gz.Bytes()), name)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

func readObject(name string) (map[string]any, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var r map[string]any
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// strip removes narrative, prose and what repeats the snapshot.
func strip(typ string, r map[string]any) {
	remove(r, "text", "contact", "mapping", "purpose")
	switch typ {
	case "StructureDefinition":
		remove(r, "differential", "description", "extension", "keyword")
		snapshot, _ := r["snapshot"].(map[string]any)
		for _, e := range objects(snapshot["element"]) {
			remove(e, "mapping", "definition", "comment", "requirements", "alias", "isModifierReason",
				"meaningWhenMissing", "orderMeaning", "example", "base", "condition")
			for _, c := range objects(e["constraint"]) {
				remove(c, "xpath")
			}
		}
	case "CodeSystem":
		stripConcepts(r)
	}
}

func stripConcepts(r map[string]any) {
	for _, c := range objects(r["concept"]) {
		remove(c, "definition", "designation")
		stripConcepts(c)
	}
}

func remove(r map[string]any, keys ...string) {
	for _, k := range keys {
		delete(r, k)
	}
}

// objects are the members of a JSON array of objects.
func objects(v any) []map[string]any {
	items, _ := v.([]any)
	out := make([]map[string]any, 0, len(items))
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}
