package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/firewarden/firewarden/internal/examples"
)

// The committed tables are what the committed definitions give.
func TestTablesAreUpToDate(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(f.path) == ".gz" { // packers differ, what is packed does not
			text, f.text = unzip(t, text), unzip(t, f.text)
		}
		if !bytes.Equal(text, f.text) {
			t.Errorf("%s differs: run go generate ./conformance/r4", f.path)
		}
	}
	if len(files) != 6 {
		t.Errorf("%d files", len(files))
	}
}

// Counts of the official definitions, taken from them by hand and by others.
func TestCounts(t *testing.T) {
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	ty, err := makeTypes(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := makeParameters(d, ty)
	if err != nil {
		t.Fatal(err)
	}
	c, err := makeCompartments(d, p)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.parameters); n != 1375 {
		t.Errorf("%d search parameters, want 1,375", n)
	}
	if n := len(ty.resources()); n != 146 {
		t.Errorf("%d resource types, want 146: 145 searchable ones and Parameters", n)
	}
	if n := len(c.implied); n != 61 {
		t.Errorf("patient=X implies membership in %d types, want 61", n)
	}
	linked, others := patientPairs(c, p)
	if linked != 100 || others != 56 {
		t.Errorf("%d parameters link to the Patient compartment and %d others can hold a Patient, want 100 and 56", linked, others)
	}
}

// patientPairs counts the (type, parameter) pairs that link to the Patient compartment, and the others that can hold
// a reference to a Patient without being a mere restriction of a linking one.
func patientPairs(c *compartments, p *parameters) (linked, others int) {
	linking := map[string][]string{}
	for _, x := range c.list {
		if x.Code != "Patient" {
			continue
		}
		for _, r := range x.Resource {
			linking[r.Code] = r.Param
			linked += len(r.Param)
		}
	}
	for _, x := range p.list {
		// A canonical names a definition, never a Patient.
		if x.typ == "Reference" && slices.Contains(x.targets, "Patient") && !slices.Contains(x.elements, "canonical") &&
			!p.implies(x.base, x.code, linking[x.base]) {
			others++
		}
	}
	return linked, others
}

// A file that differs from SHA256SUMS is not read.
func TestChecksum(t *testing.T) {
	text, err := files.ReadFile("definitions/CompartmentDefinition.ndjson.gz")
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(text))
	var d definitions
	if err := d.read("CompartmentDefinition.ndjson.gz", text, sum); err != nil || len(d.compartments) != 5 {
		t.Errorf("%d compartments, %v", len(d.compartments), err)
	}
	changed := bytes.Clone(text)
	changed[len(changed)-1] ^= 1
	if err := d.read("CompartmentDefinition.ndjson.gz", changed, sum); err == nil {
		t.Error("a changed file is read")
	}
}

// The committed definitions are what pack makes of the package.
func TestPackedDefinitions(t *testing.T) {
	out := t.TempDir()
	if err := pack(examples.Folder(t), out); err != nil {
		t.Fatal(err)
	}
	for _, typ := range packed {
		got, err := os.ReadFile(filepath.Join(out, typ+".ndjson.gz"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := files.ReadFile("definitions/" + typ + ".ndjson.gz")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(unzip(t, got), unzip(t, want)) {
			t.Errorf("%s differs", typ)
		}
	}
}

// unzip, for another release of Go may compress differently.
func unzip(t *testing.T, gz []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The same folder gives the same bytes; an empty one is refused.
func TestPack(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	for _, typ := range packed {
		text := `{"resourceType":"` + typ + `","id":"a","text":{"div":"<div/>"},"contact":[{}],"url":"http://a/b?c&d","n":1.50}`
		if err := os.WriteFile(filepath.Join(in, typ+"-a.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var first []byte
	for range 2 {
		if err := pack(in, out); err != nil {
			t.Fatal(err)
		}
		sums, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, sums) {
			t.Error("two runs differ")
		}
		first = sums
	}
	if err := pack(t.TempDir(), out); err == nil {
		t.Error("an empty folder is packed")
	}
}

func TestCut(t *testing.T) {
	const expr = "AllergyIntolerance.code | (DeviceRequest.code as CodeableConcept) | List.code.where(a='b|c') | Observation.code"
	for _, c := range []struct{ typ, want string }{
		{"AllergyIntolerance", "AllergyIntolerance.code"},
		{"DeviceRequest", "(DeviceRequest.code as CodeableConcept)"},
		{"List", "List.code.where(a='b|c')"},
		{"Device", ""},
	} {
		if got := cut(expr, c.typ); got != c.want {
			t.Errorf("%s: %s, want %s", c.typ, got, c.want)
		}
	}
	if got := cut("name | alias", "InsurancePlan"); got != "name | alias" {
		t.Errorf("a relative path: %s", got)
	}
}
