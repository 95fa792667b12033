package interaction

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
)

func BenchmarkCreate(b *testing.B) {
	r := rigOn(b, openEmbedded(b))
	body := []byte(observation("x", "A", "laboratory"))
	b.ReportAllocs()
	for b.Loop() {
		res, err := fhir.Parse(slices.Clone(body), fhir.DefaultLimits)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Create(ctx, r.root(), "Observation", res, CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConditionalUpdate finds its resource among others by its identifier.
func BenchmarkConditionalUpdate(b *testing.B) {
	r := rigOn(b, openEmbedded(b))
	var entries []string
	for i := range 2000 {
		entries = append(entries, post("", fmt.Sprintf(`{"resourceType":"Patient","identifier":[{"system":"http://x","value":"%d"}]}`, i)))
	}
	if _, err := r.send(r.root(), "transaction", BundleOptions{}, entries...); err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"resourceType":"Patient","identifier":[{"system":"http://x","value":"77"}],"active":true}`)
	b.ReportAllocs()
	for b.Loop() {
		res, err := fhir.Parse(slices.Clone(body), fhir.DefaultLimits)
		if err != nil {
			b.Fatal(err)
		}
		if out, err := r.UpdateWhere(ctx, r.root(), "Patient", "identifier=http://x|77", res, WriteOptions{}); err != nil || out.Effect != OK {
			b.Fatal(out, err)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	r := rigOn(b, openEmbedded(b))
	r.put(observation("x", "A", "laboratory"))
	for name, body := range map[string]string{
		"json":     binary(`[{"op":"replace","path":"/status","value":"amended"}]`),
		"fhirpath": parameters(operation("replace", "Observation.status", "value", `"valueCode":"amended"`)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Patch(ctx, r.root(), "Observation", "x", r.patchOf("Observation", body), WriteOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	r := rigOn(b, openEmbedded(b))
	r.put(observation("x", "A", "laboratory"))
	for _, scopes := range []string{"system/*.rs", "patient/Observation.rs?category=laboratory"} {
		b.Run(scopes, func(b *testing.B) {
			c := as(b, "A", scopes)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Read(ctx, c, "Observation", "x"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSearchPage(b *testing.B) {
	r := rigOn(b, openEmbedded(b))
	var entries []string
	for i := range 5000 {
		entries = append(entries, entryOf("", observation(fmt.Sprint("o", i), fmt.Sprint("P", i%50), [...]string{"laboratory", "survey"}[i/50%2]),
			"PUT", fmt.Sprint("Observation/o", i), ""))
	}
	if _, err := r.send(r.root(), "transaction", BundleOptions{}, entries...); err != nil {
		b.Fatal(err)
	}
	pairs, _ := Pairs("patient=P7&category=laboratory&_count=20")
	for _, scopes := range []string{"system/*.rs", "patient/Observation.rs?category=laboratory"} {
		b.Run(scopes, func(b *testing.B) {
			c := as(b, "P7", scopes)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Search(ctx, c, "Observation", pairs, SearchOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTransaction loads whole Synthea patients, one transaction each, into an empty store.
func BenchmarkTransaction(b *testing.B) {
	bundles := examples.Lines(b, filepath.Join(examples.Data(b), "synthea-r4", "bundles-00.ndjson.gz"))
	b.ReportAllocs()
	resources, bytes := 0, 0
	for b.Loop() {
		b.StopTimer()
		r := rigOn(b, openEmbedded(b))
		r.NewID, r.Now = nil, nil
		b.StartTimer()
		for _, body := range bundles {
			bytes += len(body)
			res, err := fhir.Parse(slices.Clone(body), fhir.DefaultLimits)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := r.Bundle(ctx, r.root(), res, BundleOptions{}); err != nil {
				b.Fatal(err)
			}
			res.Root.Get("entry").Each(func(*fhir.Node) { resources++ })
		}
	}
	b.ReportMetric(float64(resources)/b.Elapsed().Seconds(), "resources/s")
	b.ReportMetric(float64(bytes)/b.Elapsed().Seconds()/1e6, "MB/s")
}
