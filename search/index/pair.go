package index

import (
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// Pair is a code and a quantity of one element: what a composite of the two finds. An engine may keep the quantities in
// their order under each code: a code is common, and so is a quantity above a bound, but both together may be rare.
type Pair struct {
	Of     Term    // FormCode, FormSystemCode or FormNoSystem of the parameter of the codes
	Ranges []Range // sorted; no duplicates; Num is the composite's. The pairs of an element share them
}

// paired are the composites of Observation with pairs, with the parameter of their codes and, where both elements are of
// the resource itself, which has one of each, that of their quantities.
var paired = []struct{ composite, code, quantity string }{
	{"code-value-quantity", "code", "value-quantity"},
	{"component-code-value-quantity", "component-code", ""},
}

// unpaired are composites that find what others find together.
var unpaired = map[string][]string{"combo-code-value-quantity": {"code-value-quantity", "component-code-value-quantity"}}

// PairCode is the parameter of the codes of a composite that has pairs, nil for others.
func PairCode(composite *r4.SearchParameter) *r4.SearchParameter {
	for _, x := range paired {
		if composite == r4.Lookup("Observation", x.composite) {
			return r4.Lookup("Observation", x.code)
		}
	}
	return nil
}

// Pairs are the composites whose pairs together are what a composite finds; nil where it takes more than pairs.
func Pairs(composite *r4.SearchParameter) (out []*r4.SearchParameter) {
	if PairCode(composite) != nil {
		return []*r4.SearchParameter{composite}
	}
	if composite == nil || composite != r4.Lookup("Observation", composite.Code) {
		return nil
	}
	for _, code := range unpaired[composite.Code] {
		out = append(out, r4.Lookup("Observation", code))
	}
	return out
}

// Both is the composite whose pairs are what a code and a quantity of a type find together, nil if there is none.
// Law: a resource that has the term and the range has the pair.
func Both(typ string, code, quantity uint16) *r4.SearchParameter {
	for _, x := range paired {
		if x.quantity != "" && typ == "Observation" && r4.Lookup(typ, x.code).Num == code && r4.Lookup(typ, x.quantity).Num == quantity {
			return r4.Lookup(typ, x.composite)
		}
	}
	return nil
}

// half takes a value of one part of an element with pairs: the code, or the quantity.
func (b *builder) half(composite uint16, code *r4.SearchParameter, part int, v *Value) {
	if part > 0 {
		b.ranges(composite, v)
		return
	}
	text := v.Code
	if !code.CaseSensitive {
		text = fhir.Fold(text)
	}
	b.token(code.Num, v.System, text)
}

// pairs makes pairs of the halves, which are the terms and ranges from these on.
func (b *builder) pairs(term, from int) {
	ranges := slices.Clone(b.out.Ranges[from:])
	slices.SortFunc(ranges, CompareRanges)
	ranges = slices.Compact(ranges)
	for _, t := range b.out.Terms[term:] {
		if t.Form != FormSystem {
			b.out.Pairs = append(b.out.Pairs, Pair{t, ranges})
		}
	}
	b.out.Terms, b.out.Ranges = b.out.Terms[:term], b.out.Ranges[:from]
}
