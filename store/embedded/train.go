//go:build ignore

// Train writes samples of bodies, one a file, for zstd's trainer. dictionary1.zdict was made by
//
//	go run train.go -o samples synthea-r4/*.ndjson.gz synthea-120/*.ndjson.gz us-core/*-examples.ndjson.gz
//	zstd --train-cover=steps=4 -r samples --maxdict=112640 --dictID=1 -o dictionary1.zdict
//
// (zstd 1.5; COVER finds a third more than the trainer of klauspost/compress.) The data: synthea-r4 is
// github.com/smart-on-fhir/generated-sample-data, synthea-120 is github.com/samply/blaze, both made by Synthea, all
// Apache-2.0; us-core is the examples of hl7.fhir.us.core 3.1.1, 6.1.0 and 7.0.0, CC0-1.0. Every file is lines of JSON,
// bundles or resources. No real patient is in them.
package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"flag"
	"fmt"
	"hash/fnv"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

func main() {
	out := flag.String("o", "samples", "folder to write")
	most := flag.Int("most", 300, "samples of one type at most")
	flag.Parse()

	all := map[string][][]byte{}
	for _, name := range flag.Args() {
		if err := read(name, all); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		log.Fatal(err)
	}
	for typ, list := range all {
		// A fixed sample, spread over the files.
		slices.SortFunc(list, func(a, b []byte) int { return cmp.Compare(hash(a), hash(b)) })
		for i, b := range list[:min(*most, len(list))] {
			if err := os.WriteFile(filepath.Join(*out, fmt.Sprintf("%s-%d.json", typ, i)), b, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

func read(name string, all map[string][][]byte) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 256<<20)
	for lines.Scan() {
		res, err := fhir.Parse(slices.Clone(lines.Bytes()), fhir.Limits{})
		if err != nil {
			continue
		}
		if res.Type != "Bundle" {
			add(all, res, res.ID)
			continue
		}
		// What a server stores: references to entries become references to resources.
		types := []string{}
		res.Root.Get("entry").Each(func(e *fhir.Node) {
			if r := res.Sub(e.Get("resource")); r != nil {
				types = append(types, e.Str("fullUrl"), r.Type+"/"+strings.TrimPrefix(e.Str("fullUrl"), "urn:uuid:"))
			}
		})
		names := strings.NewReplacer(types...)
		res.Root.Get("entry").Each(func(e *fhir.Node) {
			r := res.Sub(e.Get("resource"))
			if r == nil {
				return
			}
			if r, err = fhir.Parse([]byte(names.Replace(string(r.Bytes))), fhir.Limits{}); err == nil {
				add(all, r, strings.TrimPrefix(e.Str("fullUrl"), "urn:uuid:"))
			}
		})
	}
	return lines.Err()
}

func add(all map[string][][]byte, r *fhir.Resource, id string) {
	if len(all[r.Type]) > 6000 || len(r.Bytes) > 32<<10 {
		return
	}
	at := time.UnixMilli(1_790_000_000_000 + int64(hash(r.Bytes)%100_000_000))
	all[r.Type] = append(all[r.Type], r.Stamp(fhir.Stamp{ID: id, VersionID: "1", LastUpdated: at}))
}
