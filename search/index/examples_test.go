package index

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/examples"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

var update = flag.Bool("update", false, "write golden files")

// eachExample calls f for the official examples, or the sample, and for what their Bundles hold.
func eachExample(t *testing.T, f func(name string, res *fhir.Resource)) (official bool) {
	t.Helper()
	all, official := examples.Any(t)
	for name, body := range all {
		res, err := fhir.Parse(body, fhir.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f(name, res)
		if res.Type == "Bundle" {
			res.Root.Get("entry").Each(func(e *fhir.Node) {
				if sub := res.Sub(e.Get("resource")); sub != nil {
					f(name+" "+sub.Type+"/"+sub.ID, sub)
				}
			})
		}
	}
	return official
}

// Values and Entries say the same, for every parameter of every example; what no example has a value for is written
// down.
func TestExamples(t *testing.T) {
	x := &Indexer{Base: "http://example.org/fhir"}
	seen := map[string]bool{}
	n := 0
	official := eachExample(t, func(name string, res *fhir.Resource) {
		n++
		values := valuesOf(x, res)
		for p, list := range values {
			if len(list) > 0 {
				seen[paramName(res.Type, p)] = true
			}
			if !IsText(p) { // nothing sorts by texts
				checkSortKey(t, x, name, p, res, list)
			}
		}
		checkEntries(t, x, name, res, x.Entries(res), values)
	})
	var never []string
	total := 0
	for _, typ := range r4.Resources() {
		for _, p := range r4.Params(typ) {
			name := paramName(typ, p)
			if strings.HasPrefix(name, "*") && typ != "Patient" || p.Expression == "" {
				continue
			}
			total++
			if !seen[name] {
				never = append(never, fmt.Sprintf("%s\t%s", name, p.Expression))
			}
		}
	}
	if !official {
		return
	}
	t.Logf("%d resources; %d of %d parameters have a value in one of them", n, total-len(never), total)
	text := "# Search parameters that no official example has a value for.\n" + strings.Join(never, "\n") + "\n"
	const golden = "testdata/never.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != text {
		t.Errorf("%s differs (%v): run with -update and look at the changes", golden, err)
	}
}

func paramName(typ string, p *r4.SearchParameter) string {
	if p.Base == "" {
		return "*." + p.Code
	}
	return typ + "." + p.Code
}

// valuesOf are the values of all parameters.
func valuesOf(x *Indexer, res *fhir.Resource) map[*r4.SearchParameter][]Value {
	values := map[*r4.SearchParameter][]Value{}
	for _, p := range r4.Params(res.Type) {
		values[p] = x.Values(p, res)
	}
	return values
}

// checkEntries holds the entries against the values, parameter by parameter.
func checkEntries(t *testing.T, x *Indexer, name string, res *fhir.Resource, e Entries, values map[*r4.SearchParameter][]Value) {
	t.Helper()
	if !slices.IsSortedFunc(e.Terms, compareTerms) || !slices.IsSortedFunc(e.Ranges, CompareRanges) {
		t.Errorf("%s: entries are not sorted", name)
	}
	var want builder
	have := map[Term]bool{}
	order := int64(fhir.MinTime)
	for _, p := range r4.Params(res.Type) {
		for _, v := range values[p] {
			if v.Type != p.Type {
				t.Errorf("%s: %s has a value of type %d", name, p.Code, v.Type)
			}
			for _, term := range TermsOf(p, &v) { // words repeat a lot
				if !have[term] {
					have[term] = true
					want.out.Terms = append(want.out.Terms, term)
				}
			}
			want.out.Ranges = append(want.out.Ranges, RangesOf(p, &v)...)
			if p.Code == r4.MainDate(res.Type) {
				order = max(order, v.Time.Low)
			}
		}
	}
	var patients []string
	for _, c := range compartments.Of(res.Type, res.ID, func(code string) (refs []fhir.Reference) {
		for _, v := range values[r4.Lookup(res.Type, code)] {
			refs = append(refs, v.Ref)
		}
		return refs
	}) {
		want.out.Terms = append(want.out.Terms, Term{NumIn, FormIn, c.String()})
		if c.Type == "Patient" {
			patients = append(patients, c.String())
		}
	}
	if p, ok := x.OnlyPatient(res); ok {
		want.out.Terms = append(want.out.Terms, Term{NumOnly, FormOnly, p.String()})
	}
	res.Root.Get("contained").Each(func(n *fhir.Node) {
		want.out.Terms = append(want.out.Terms, Term{NumContained, FormCode, n.Str("resourceType")})
	})
	if p := Shows(res.Type); p != nil {
		var refs []fhir.Reference
		for _, v := range x.Values(p, res) {
			refs = append(refs, v.Ref)
		}
		if Shared(refs) {
			want.out.Terms = append(want.out.Terms, Term{NumShared, FormCode, p.Code})
		}
	}
	for _, term := range e.Terms {
		if term.Num == NumLink {
			want.out.Terms = append(want.out.Terms, term)
		}
	}
	slices.SortFunc(want.out.Terms, compareTerms)
	slices.SortFunc(want.out.Ranges, CompareRanges)
	sort.Strings(patients)
	if got, want := e.Terms, slices.Compact(want.out.Terms); !slices.Equal(got, want) {
		t.Errorf("%s: terms of Entries and of Values differ:\n%v\n%v", name, got, want)
	}
	if got, want := e.Ranges, slices.Compact(want.out.Ranges); !slices.Equal(got, want) {
		t.Errorf("%s: ranges of Entries and of Values differ:\n%v\n%v", name, got, want)
	}
	if !slices.Equal(e.Compartments, slices.Compact(patients)) {
		t.Errorf("%s: compartments %v, want %v", name, e.Compartments, patients)
	}
	if e.Order != order {
		t.Errorf("%s: order %d, want %d", name, e.Order, order)
	}
}

// checkSortKey: no value has a key before the first key upwards, or after the first key downwards.
func checkSortKey(t *testing.T, x *Indexer, name string, p *r4.SearchParameter, res *fhir.Resource, values []Value) {
	t.Helper()
	low, ok := x.SortKey(p, res, false)
	high, okHigh := x.SortKey(p, res, true)
	if ok != okHigh || low > high {
		t.Errorf("%s: %s sorts by %q up and %q down", name, p.Code, low, high)
	}
	for i := range values {
		if k := sortKey(p, &values[i]); k != "" && (k < low || k > high || !ok) {
			t.Errorf("%s: %s sorts by %q and %q, but has %q", name, p.Code, low, high, k)
		}
	}
}

// found collects the nodes that a set finds.
type found map[*fhir.Node]bool

func (f found) Found(_ int, it fhirpath.Item) { f[it.Node] = true }

// The trie finds what the evaluation of the whole expression finds.
func TestSetAgrees(t *testing.T) {
	eachExample(t, func(name string, res *fhir.Resource) {
		for _, p := range r4.Params(res.Type) {
			if p.Expression == "" {
				continue
			}
			e, err := fhirpath.Compile(p.Expression, res.Type, r4.Model{})
			if err != nil {
				t.Fatal(err)
			}
			paths, ok := e.Paths()
			if !ok {
				continue
			}
			var set fhirpath.Set
			for _, path := range paths {
				set.Add(path)
			}
			got, want := found{}, found{}
			set.Walk(fhirpath.Root(res.Root), res.Root, got)
			items, err := e.Eval(nil, fhirpath.Root(res.Root), nil)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, p.Expression, err)
			}
			for _, it := range items {
				if it.Node != nil {
					want[it.Node] = true
				}
			}
			for n := range want {
				if !got[n] {
					t.Errorf("%s: the set of %s misses %s", name, p.Expression, n.Path())
				}
			}
			for n := range got {
				if !want[n] && len(paths) == 1 { // a union leaves out equal values
					t.Errorf("%s: the set of %s finds %s", name, p.Expression, n.Path())
				}
			}
		}
	})
}
