package server

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/firewarden/firewarden/conformance/r4"
)

// table is what was tried.
type table struct {
	sync.Mutex
	rows map[string]*row
}

// row is what was tried of one parameter of a type: by way, how many questions and how many with an answer.
type row struct {
	kind        string
	asked, with map[string]int
}

func (t *table) add(typ string, p *r4.SearchParameter, way string, found bool) {
	name, kind := typ, "include"
	if p != nil {
		if name, kind = p.Base+"\t"+p.Code, kinds[p.Type]; p.Base == "" {
			name = "every type\t" + p.Code
		}
		if target, ok := strings.CutPrefix(way, ":"); ok && r4.IsResource(target) {
			way = ":[type]"
		}
	}
	t.Lock()
	defer t.Unlock()
	r := t.rows[kind+"\t"+name]
	if r == nil {
		r = &row{kind, map[string]int{}, map[string]int{}}
		t.rows[kind+"\t"+name] = r
	}
	r.asked[way]++
	if found {
		r.with[way]++
	}
}

var kinds = [...]string{r4.Number: "number", r4.Date: "date", r4.String: "string", r4.Token: "token", r4.Reference: "reference",
	r4.Composite: "composite", r4.Quantity: "quantity", r4.URI: "uri", r4.Special: "special"}

// markdown is the table as a document.
func (t *table) markdown() []byte {
	var b bytes.Buffer
	asked, with, pairs := 0, 0, 0
	byKind := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(t.rows)) {
		r := t.rows[name]
		byKind[r.kind] = append(byKind[r.kind], name)
		for way := range r.asked {
			asked, with, pairs = asked+r.asked[way], with+r.with[way], pairs+1
		}
	}
	fmt.Fprintf(&b, `# Every search that is claimed, tried on the official examples

Written by `+"`go test ./server -run TestTable -update`"+` with FIREWARDEN_R4_EXAMPLES; do not edit. The CapabilityStatement names these
parameters, modifiers, prefixes and includes; each was asked of a server with the official R4 examples for values that some
of them have and for one that none has: %d questions of %d kinds, of which %d found something. Every answer is that of
search.Match on all examples. A cell is found/asked; 0/n: no example has such a value. A parameter of every type counts
for all types together.
`, asked, pairs, with)
	for _, kind := range []string{"token", "string", "reference", "date", "number", "quantity", "uri", "composite", "special", "include"} {
		ways := map[string]bool{}
		for _, name := range byKind[kind] {
			for way := range t.rows[name].asked {
				ways[way] = true
			}
		}
		order := slices.SortedFunc(maps.Keys(ways), func(a, b string) int { return cmp.Compare(len(a), len(b)) })
		slices.SortStableFunc(order, func(a, b string) int { return strings.Compare(a, b) })
		fmt.Fprintf(&b, "\n## %s\n\n| type | ", kind)
		if kind != "include" {
			b.WriteString("parameter | ")
		}
		for _, way := range order {
			fmt.Fprintf(&b, "%s | ", cmp.Or(way, "="))
		}
		b.WriteString("\n|---|")
		if kind != "include" {
			b.WriteString("---|")
		}
		b.WriteString(strings.Repeat("---|", len(order)) + "\n")
		for _, name := range byKind[kind] {
			_, shown, _ := strings.Cut(name, "\t")
			fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(shown, "\t", " | "))
			for _, way := range order {
				if r := t.rows[name]; r.asked[way] > 0 {
					fmt.Fprintf(&b, " %d/%d", r.with[way], r.asked[way])
				}
				b.WriteString(" |")
			}
			b.WriteString("\n")
		}
	}
	return b.Bytes()
}
