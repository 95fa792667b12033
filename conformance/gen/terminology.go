package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
)

// terminologyFile holds the code systems and value sets that conformance/terminology expands: what says which codes
// there are and how they hang together, without displays and prose.
const terminologyFile = "conformance/terminology/definitions.ndjson.gz"

// makeTerminology writes one CodeSystem or ValueSet a line.
func makeTerminology() ([]byte, error) {
	var out bytes.Buffer
	gz, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	enc := json.NewEncoder(gz)
	enc.SetEscapeHTML(false)
	for _, typ := range []string{"CodeSystem", "ValueSet"} {
		text, err := unpacked(typ + ".ndjson.gz")
		if err != nil {
			return nil, err
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		for {
			var r map[string]any
			if err := dec.Decode(&r); err == io.EOF {
				break
			} else if err != nil {
				return nil, fmt.Errorf("definitions/%s: %w", typ, err)
			}
			if err := enc.Encode(terms(r)); err != nil {
				return nil, err
			}
		}
	}
	if err := gz.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpacked is a file of definitions/, whose checksum load has compared.
func unpacked(name string) ([]byte, error) {
	text, err := files.ReadFile("definitions/" + name)
	if err != nil {
		return nil, err
	}
	zr, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zr)
}

// terms is what of a CodeSystem or ValueSet says which codes there are.
func terms(r map[string]any) map[string]any {
	out := only(r, "resourceType", "url", "version", "content", "hierarchyMeaning", "valueSet")
	if concepts := objects(r["concept"]); len(concepts) > 0 {
		out["concept"] = codesOf(concepts)
	}
	if compose, ok := r["compose"].(map[string]any); ok {
		c := map[string]any{}
		for _, part := range []string{"include", "exclude"} {
			for _, inc := range objects(compose[part]) {
				i := only(inc, "system", "version", "filter", "valueSet")
				if concepts := objects(inc["concept"]); len(concepts) > 0 {
					i["concept"] = codesOf(concepts)
				}
				list, _ := c[part].([]any)
				c[part] = append(list, i)
			}
		}
		out["compose"] = c
	}
	return out
}

// codesOf are concepts with their codes, children and the properties that filters may ask for.
func codesOf(concepts []map[string]any) []any {
	var out []any
	for _, c := range concepts {
		o := only(c, "code")
		var properties []any
		for _, p := range objects(c["property"]) {
			if code := p["code"]; code != "status" && code != "deprecationDate" {
				properties = append(properties, p)
			}
		}
		if len(properties) > 0 {
			o["property"] = properties
		}
		if inner := objects(c["concept"]); len(inner) > 0 {
			o["concept"] = codesOf(inner)
		}
		out = append(out, o)
	}
	return out
}

func only(r map[string]any, keys ...string) map[string]any {
	out := map[string]any{}
	for _, k := range keys {
		if v, ok := r[k]; ok {
			out[k] = v
		}
	}
	return out
}
