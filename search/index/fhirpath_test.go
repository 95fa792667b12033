package index

import (
	"maps"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// Every expression of R4's search parameters compiles for each of its types; nearly all are paths, which the indexer
// walks as one trie.
func TestCompileAll(t *testing.T) {
	n, other := 0, map[string]bool{}
	for _, typ := range r4.Resources() {
		for _, p := range r4.Params(typ) {
			if p.Expression == "" {
				continue
			}
			n++
			x, err := fhirpath.Compile(p.Expression, typ, r4.Model{})
			if err != nil {
				t.Errorf("%s.%s: %v", typ, p.Code, err)
				continue
			}
			if _, ok := x.Paths(); !ok {
				other[p.Expression] = true
			}
			for _, c := range p.Components {
				for _, e := range x.Types() {
					if _, err := fhirpath.Compile(c.Expression, e, r4.Model{}); err != nil {
						t.Errorf("%s.%s, component %s on %s: %v", typ, p.Code, c.Code, e, err)
					}
				}
			}
		}
	}
	if n < 2500 {
		t.Errorf("only %d expressions", n)
	}
	want := map[string]bool{"Bundle.entry[0].resource": true, "Patient.deceased.exists() and Patient.deceased != false": true}
	if !maps.Equal(other, want) {
		t.Errorf("evaluated one by one: %v", other)
	}
}
