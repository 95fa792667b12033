package index

import (
	"cmp"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Entries are all entries of a resource.
func (x *Indexer) Entries(res *fhir.Resource) Entries {
	b := &builder{}
	b.out.Terms = make([]Term, 0, 96)
	b.out.Ranges = make([]Range, 0, 8)
	b.out.Order = fhir.MinTime
	s := pass{x: x, program: all(res.Type), resource: res.Root, typ: res.Type, entries: b}
	s.run()
	if res.ID != "" && slices.Contains(compartments.Params(res.Type, res.Type), compartments.Own) {
		b.member(res.Type, res.ID)
	}
	if p, ok := x.OnlyPatient(res); ok {
		b.add(NumOnly, FormOnly, b.join(p.Type, '/', p.ID))
	}
	slices.SortFunc(b.out.Terms, compareTerms)
	b.out.Terms = slices.Compact(b.out.Terms)
	slices.SortFunc(b.out.Ranges, compareRanges)
	b.out.Ranges = slices.Compact(b.out.Ranges)
	slices.Sort(b.out.Compartments)
	b.out.Compartments = slices.Compact(b.out.Compartments)
	return b.out
}

// value takes a value from the pass.
func (b *builder) value(l *leaf, v *Value) {
	if l.link {
		b.add(NumLink, FormReference, b.join(v.Ref.Type, '/', v.Ref.ID))
		return
	}
	b.terms(l.p, v)
	b.ranges(l.p.Num, v)
	if l.main && v.Type == r4.Date {
		b.out.Order = max(b.out.Order, v.Time.Low)
	}
	if l.in != nil && v.Ref.Local() {
		for _, c := range l.in {
			if c == v.Ref.Type {
				b.member(c, v.Ref.ID)
			}
		}
	}
}

// member adds the membership of a compartment.
func (b *builder) member(typ, id string) {
	text := b.join(typ, '/', id)
	b.add(NumIn, FormIn, text)
	if typ == "Patient" {
		b.out.Compartments = append(b.out.Compartments, text)
	}
}

func compareTerms(a, b Term) int {
	if x, y := uint32(a.Num)<<8|uint32(a.Form), uint32(b.Num)<<8|uint32(b.Form); x != y {
		return cmp.Compare(x, y)
	}
	return strings.Compare(a.Text, b.Text)
}

func compareRanges(a, b Range) int {
	return cmp.Or(cmp.Compare(a.Num, b.Num), strings.Compare(a.Unit, b.Unit),
		strings.Compare(string(a.Low), string(b.Low)), strings.Compare(string(a.High), string(b.High)))
}
