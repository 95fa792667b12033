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
	s := pass{x: x, program: x.all(res.Type), resource: res.Root, typ: res.Type, entries: b}
	s.run()
	if res.ID != "" && slices.Contains(compartments.Params(res.Type, res.Type), compartments.Own) {
		b.member(res.Type, res.ID)
	}
	if strings.TrimSpace(narrative(res.Root)) != "" {
		b.add(textParam.Num, FormPresent, "")
	}
	if !x.NoWords {
		b.allWords(res)
	}
	res.Root.Get("contained").Each(func(n *fhir.Node) {
		if typ := n.Str("resourceType"); typ != "" {
			b.add(NumContained, FormCode, typ)
		}
	})
	if Shared(b.shown) {
		b.out.Terms = append(b.out.Terms, SharedTerm(Shows(res.Type)))
	}
	if p, ok := x.OnlyPatient(res); ok {
		b.add(NumOnly, FormOnly, b.join(p.Type, '/', p.ID))
	}
	b.out.Terms = arrange(b.out.Terms, func(t *Term) uint32 { return uint32(t.Num)<<8 | uint32(t.Form) }, compareTerms)
	b.out.Ranges = arrange(b.out.Ranges, func(r *Range) uint32 { return uint32(r.Num) }, CompareRanges)
	slices.Sort(b.out.Compartments)
	b.out.Compartments = slices.Compact(b.out.Compartments)
	return b.out
}

// value takes a value from the pass.
func (b *builder) value(l *leaf, v *Value) {
	if l.shows && v.Type == r4.Reference {
		b.shown = append(b.shown, v.Ref)
	}
	if l.link {
		b.add(NumLink, FormPresent, "")
		if v.Ref.Local() {
			b.add(NumLink, FormReference, b.join(v.Ref.Type, '/', v.Ref.ID))
		}
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

// arrange sorts a list by compare, of which key is the first part, and removes duplicates. It sorts numbers and then
// moves each entry once, which is twice as fast as moving entries about: half the time of Entries goes here.
func arrange[T comparable](list []T, key func(*T) uint32, compare func(a, b T) int) []T {
	var space [192]uint64
	keys := space[:0]
	for i := range list {
		keys = append(keys, uint64(key(&list[i]))<<32|uint64(i))
	}
	slices.Sort(keys)
	for i := range keys { // follow each cycle of the permutation
		from := int(uint32(keys[i]))
		if from == i {
			continue
		}
		first, to := list[i], i
		for from != i {
			list[to] = list[from]
			keys[to] = keys[to]&^uint64(1<<32-1) | uint64(to)
			to, from = from, int(uint32(keys[from]))
		}
		list[to] = first
		keys[to] = keys[to]&^uint64(1<<32-1) | uint64(to)
	}
	for i := 0; i < len(list); {
		end := i + 1
		for end < len(list) && keys[end]>>32 == keys[i]>>32 {
			end++
		}
		if end-i > 1 {
			slices.SortFunc(list[i:end], compare)
		}
		i = end
	}
	return slices.Compact(list)
}

func compareTerms(a, b Term) int {
	if x, y := uint32(a.Num)<<8|uint32(a.Form), uint32(b.Num)<<8|uint32(b.Form); x != y {
		return cmp.Compare(x, y)
	}
	return strings.Compare(a.Text, b.Text)
}

// CompareRanges is the order of Entries.Ranges.
func CompareRanges(a, b Range) int {
	return cmp.Or(cmp.Compare(a.Num, b.Num), strings.Compare(a.Unit, b.Unit),
		strings.Compare(string(a.Low), string(b.Low)), strings.Compare(string(a.High), string(b.High)))
}
