package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

//go:embed definitions
var files embed.FS

// definitions are the resources of definitions/ that the tables are made from.
type definitions struct {
	structures   []structure
	parameters   []parameter
	compartments []compartment
	valueSets    map[string]*valueSet   // by canonical
	codeSystems  map[string]*codeSystem // by canonical
	numbers      numbers
}

type structure struct {
	URL, Type, Kind, Derivation, BaseDefinition string
	Abstract                                    bool
	Snapshot                                    struct{ Element []element }
}

type element struct {
	Path, Max, ContentReference string
	Min                         int
	IsSummary                   bool
	Type                        []elementType
	Binding                     *struct{ Strength, ValueSet string }
}

type elementType struct {
	Code          string
	TargetProfile []string
	Extension     []struct{ URL, ValueURL string }
}

type parameter struct {
	URL, Code, Type, Expression string
	Base, Target                []string
	Component                   []struct{ Definition, Expression string }
	Extension                   []struct{ URL string }
}

type compartment struct {
	URL, Version, Code string
	Resource           []struct {
		Code  string
		Param []string
	}
}

type valueSet struct {
	URL     string
	Compose struct{ Include, Exclude []include }
}

type include struct {
	System   string
	ValueSet []string
	Concept  []struct{ Code string }
	Filter   []struct{ Property, Op, Value string }
}

type codeSystem struct {
	URL, Content string
	Concept      []concept
}

type concept struct {
	Code    string
	Concept []concept
}

// load reads definitions/ and refuses files that do not match SHA256SUMS.
func load() (*definitions, error) {
	d := &definitions{valueSets: map[string]*valueSet{}, codeSystems: map[string]*codeSystem{}}
	sums, err := files.ReadFile("definitions/SHA256SUMS")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		text, err := files.ReadFile("definitions/" + name)
		if err != nil {
			return nil, err
		}
		if err := d.read(name, text, sum); err != nil {
			return nil, fmt.Errorf("definitions/%s: %w", name, err)
		}
	}
	text, err := files.ReadFile("definitions/numbers.txt")
	if err != nil {
		return nil, err
	}
	d.numbers = parseNumbers(string(text))
	return d, nil
}

// read adds the resources of a file, whose SHA-256 must be sum.
func (d *definitions) read(name string, gz []byte, sum string) error {
	if got := fmt.Sprintf("%x", sha256.Sum256(gz)); got != sum {
		return fmt.Errorf("checksum %s, want %s", got, sum)
	}
	zr, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bufio.NewReader(zr))
	for {
		err := d.readOne(strings.TrimSuffix(name, ".ndjson.gz"), dec)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (d *definitions) readOne(typ string, dec *json.Decoder) error {
	switch typ {
	case "StructureDefinition":
		return appendOne(dec, &d.structures, func(s *structure) bool {
			return s.Derivation != "constraint" && s.Kind != "logical"
		})
	case "SearchParameter":
		// The package also carries examples and parameters of profiles; those of the base specification are the
		// ones with a standards status.
		return appendOne(dec, &d.parameters, func(p *parameter) bool {
			for _, e := range p.Extension {
				if e.URL == "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status" {
					return true
				}
			}
			return false
		})
	case "CompartmentDefinition":
		return appendOne(dec, &d.compartments, func(c *compartment) bool { return c.Version == "4.0.1" })
	case "ValueSet":
		var v valueSet
		if err := dec.Decode(&v); err != nil {
			return err
		}
		d.valueSets[v.URL] = &v
	case "CodeSystem":
		var c codeSystem
		if err := dec.Decode(&c); err != nil {
			return err
		}
		d.codeSystems[c.URL] = &c
	}
	return nil
}

func appendOne[T any](dec *json.Decoder, to *[]T, keep func(*T) bool) error {
	var v T
	if err := dec.Decode(&v); err != nil {
		return err
	}
	if keep(&v) {
		*to = append(*to, v)
	}
	return nil
}
