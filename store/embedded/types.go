package embedded

import (
	"maps"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
)

// typeNumbers are the resource types of R4 in their order; a type's number in keys is its place plus one. A store
// remembers the names it was made with (header).
type typeNumbers []string

func (t typeNumbers) number(name string) byte {
	i, ok := slices.BinarySearch(t, name)
	if !ok {
		return 0
	}
	return byte(i + 1)
}

func (t typeNumbers) name(number byte) string { return t[number-1] }

// schema is what the layout needs to know about the search parameters of one type.
type schema struct {
	number  byte
	typ     string
	main    uint16 // number of the main date, 0 if the type has none
	id      uint16 // number of _id
	updated uint16 // number of _lastUpdated
	dates   map[uint16]bool
	behind  map[uint16]bool // token parameters that are kept behind the patient a second time
	patient map[uint16]bool // reference parameters that make a resource a member of its Patient's compartment
	links   []uint16        // the same, sorted
}

// notBehind are token parameters that nobody asks about one patient, or that select one resource anyway.
var notBehind = []string{"identifier", "language", "text", "security-label", "patient-identifier"}

func newSchemas(types typeNumbers) []schema {
	out := make([]schema, len(types)+1)
	for i, typ := range types {
		s := schema{number: byte(i + 1), typ: typ, dates: map[uint16]bool{}, behind: map[uint16]bool{}, patient: map[uint16]bool{}}
		main := r4.MainDate(typ)
		for _, p := range r4.Params(typ) {
			switch p.Type {
			case r4.Date:
				s.dates[p.Num] = true
				if p.Code == main {
					s.main = p.Num
				}
				if p.Code == "_lastUpdated" {
					s.updated = p.Num
				}
			case r4.Token:
				if p.Code == "_id" {
					s.id = p.Num
				}
				if !strings.HasPrefix(p.Code, "_") && !strings.HasPrefix(p.Code, "combo-") &&
					!strings.HasPrefix(p.Code, "component-") && !slices.Contains(notBehind, p.Code) {
					s.behind[p.Num] = true
				}
			case r4.Reference:
				if p.Code == compartments.PatientImplies(typ) || slices.Contains(compartments.Params("Patient", typ), p.Code) {
					s.patient[p.Num] = true
				}
			}
		}
		s.links = slices.Sorted(maps.Keys(s.patient))
		s.patient[index.NumIn] = true
		out[i+1] = s
	}
	return out
}
