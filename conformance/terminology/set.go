package terminology

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Coding is a code in a system.
type Coding struct{ System, Code string }

// Set is a set of codes: the content of a value set, or all that a code subsumes. It does not change.
type Set struct {
	codes   map[Coding]bool
	systems map[string]bool // of which every code is in the set
}

func newSet() *Set { return &Set{map[Coding]bool{}, map[string]bool{}} }

// Has says whether a code is in the set; the nil Set is empty.
func (s *Set) Has(system, code string) bool {
	return s != nil && (s.codes[Coding{system, code}] || s.systems[system])
}

// Codes are the codes of the set, sorted, but for those of Systems.
func (s *Set) Codes() []Coding {
	return slices.SortedFunc(maps.Keys(s.codes), func(a, b Coding) int {
		return cmp.Or(strings.Compare(a.System, b.System), strings.Compare(a.Code, b.Code))
	})
}

// Systems are the code systems that are in the set as a whole, sorted.
func (s *Set) Systems() []string { return slices.Sorted(maps.Keys(s.systems)) }

func (s *Set) add(o *Set) {
	maps.Copy(s.codes, o.codes)
	maps.Copy(s.systems, o.systems)
}

// both is the intersection.
func (s *Set) both(o *Set) *Set {
	out := newSet()
	for c := range s.codes {
		if o.Has(c.System, c.Code) {
			out.codes[c] = true
		}
	}
	for c := range o.codes {
		if s.Has(c.System, c.Code) {
			out.codes[c] = true
		}
	}
	for system := range s.systems {
		if o.systems[system] {
			out.systems[system] = true
		}
	}
	return out
}

// remove takes the codes of o away; ok is false if that leaves a system without some of its codes, which a Set cannot
// say.
func (s *Set) remove(o *Set) (ok bool) {
	for system := range o.systems {
		delete(s.systems, system)
	}
	for c := range o.codes {
		if s.systems[c.System] {
			return false
		}
	}
	maps.DeleteFunc(s.codes, func(c Coding, _ bool) bool { return o.Has(c.System, c.Code) })
	return true
}
