package parameters

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir/fhirpath"
)

// Set is the search parameters of a server at one moment: R4's and its own. It does not change. A nil Set has R4's.
type Set struct {
	record  Record
	byType  map[string][]*r4.SearchParameter // all that can be searched by, sorted by code; only of types with own ones
	indexed map[string][]*r4.SearchParameter // own ones that are indexed by, live or building
	live    map[uint16]bool
}

// Set is what can be searched by, and what is indexed by, now.
func (r Record) Set() *Set { return r.at(r.Generation) }

func (r Record) at(generation uint64) *Set {
	s := &Set{record: r, byType: map[string][]*r4.SearchParameter{}, indexed: map[string][]*r4.SearchParameter{}, live: map[uint16]bool{}}
	for i := range r.Own {
		o := &r.Own[i]
		if !o.active(generation) {
			continue
		}
		for _, typ := range o.Bases {
			p := o.parameter(typ)
			s.indexed[typ] = append(s.indexed[typ], p)
			if !o.Live {
				continue
			}
			s.live[o.Num] = true
			if s.byType[typ] == nil {
				s.byType[typ] = slices.Clone(r4.Params(typ))
			}
			s.byType[typ] = append(s.byType[typ], p)
		}
	}
	for _, list := range s.byType {
		slices.SortFunc(list, func(a, b *r4.SearchParameter) int { return strings.Compare(a.Code, b.Code) })
	}
	return s
}

// parameter is the parameter of one type.
func (o *Own) parameter(typ string) *r4.SearchParameter {
	p := &r4.SearchParameter{Code: o.Code, Num: o.Num, URL: o.URL, Type: o.Type, Base: typ, Expression: o.Expression,
		Targets: o.Targets, Components: o.Components, CaseSensitive: true}
	if x, err := fhirpath.Compile(o.Expression, typ, r4.Model{}); err == nil {
		p.Elements = slices.Sorted(slices.Values(x.Types()))
	}
	return p
}

// Params are the parameters of a type that can be searched by, sorted by code; those of every type among them. They are
// shared: do not change them.
func (s *Set) Params(typ string) []*r4.SearchParameter {
	if s != nil {
		if list := s.byType[typ]; list != nil {
			return list
		}
	}
	return r4.Params(typ)
}

// Lookup is a parameter of a type that can be searched by, nil if there is none.
func (s *Set) Lookup(typ, code string) *r4.SearchParameter {
	if s == nil || s.byType[typ] == nil {
		return r4.Lookup(typ, code)
	}
	list := s.byType[typ]
	i, ok := slices.BinarySearchFunc(list, code, func(p *r4.SearchParameter, code string) int { return strings.Compare(p.Code, code) })
	if !ok {
		return nil
	}
	return list[i]
}

// Building says whether a type has an own parameter of that code which is not live yet.
func (s *Set) Building(typ, code string) bool {
	return s != nil && slices.ContainsFunc(s.indexed[typ], func(p *r4.SearchParameter) bool { return p.Code == code && !s.live[p.Num] })
}

// Holds says whether p can be searched by: R4's can, an own one while it is live.
func (s *Set) Holds(p *r4.SearchParameter) bool { return !IsOwn(p) || s != nil && s.live[p.Num] }

// Since is the generation that began to index by the own parameter of that number: what relies on the parameter as it was at an earlier
// one relies on another definition. 0 for R4's and for those that s does not have.
func (s *Set) Since(num uint16) uint64 {
	if s == nil || num < FirstNum || num > LastNum {
		return 0
	}
	for i := range s.record.Own {
		if o := &s.record.Own[i]; o.Num == num {
			return o.From
		}
	}
	return 0
}

// IsOwn says whether p is none of R4's.
func IsOwn(p *r4.SearchParameter) bool { return p.Num >= FirstNum && p.Num <= LastNum }

// Indexed are the own parameters of a type that resources are indexed by, live or building. They are shared.
func (s *Set) Indexed(typ string) []*r4.SearchParameter {
	if s == nil {
		return nil
	}
	return s.indexed[typ]
}

// Generation is that in which the parameters of the type changed last: the one that its resources are indexed by. 0 is R4's.
func (s *Set) Generation(typ string) uint64 {
	if s == nil {
		return 0
	}
	return s.record.Types[typ]
}

// Types are the types that have, or had, own parameters, sorted.
func (s *Set) Types() []string {
	if s == nil {
		return nil
	}
	var out []string
	for typ := range s.record.Types {
		out = append(out, typ)
	}
	slices.Sort(out)
	return out
}

// At is the set by which resources of a generation are indexed.
func (s *Set) At(generation uint64) *Set {
	if s == nil || generation == s.record.Generation {
		return s
	}
	return s.record.at(generation)
}

// Record is what s was made of.
func (s *Set) Record() Record {
	if s == nil {
		return Record{}
	}
	return s.record
}
