package terminology

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Source reads definitions that R4 does not have, as far as whoever asks may read them: nil for those that do not exist
// and for those that may not be read. version is "" for any.
type Source interface {
	ValueSet(url, version string) (*Definition, error)
	CodeSystem(url, version string) (*Definition, error)
}

// Expander says what is in value sets and below codes. The zero Expander knows R4 only. It is for one request: what a
// Source answered is kept.
type Expander struct {
	Source Source // may be nil
	Max    int    // codes of a Set; 0 is MaxCodes

	systems map[string]*codeSystem
	within  []string // value sets that are being expanded
}

// MaxCodes bounds a Set: with more a search is too costly.
const MaxCodes = 10_000

// maxNesting bounds value sets that include each other.
const maxNesting = 20

func (e *Expander) max() int {
	if e.Max > 0 {
		return e.Max
	}
	return MaxCodes
}

// ValueSet is the content of a value set by its canonical URL, perhaps with a |version. Errors are *fhir.Error: of
// KindValue for a set that is not known, or cannot be expanded, of KindTooCostly for one that is too large; or what the
// Source failed with.
func (e *Expander) ValueSet(canonical string) (*Set, error) {
	url, version, _ := strings.Cut(canonical, "|")
	if s := builtInSet(url, version); s != nil {
		return s, nil
	}
	v, err := e.valueSet(url, version)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, broken("the value set %q is not known here", canonical)
	}
	return e.expand(canonical, v)
}

// Of is the content of a ValueSet.
func (e *Expander) Of(d *Definition) (*Set, error) { return e.expand(d.name, d.set) }

// valueSet finds a value set; nil if there is none.
func (e *Expander) valueSet(url, version string) (*valueSet, error) {
	if root := builtIn("ValueSet", url, version); root != nil {
		return readValueSet(root), nil
	}
	if e.Source == nil {
		return nil, nil
	}
	d, err := e.Source.ValueSet(url, version)
	if err != nil || d == nil {
		return nil, err
	}
	return d.set, nil
}

// Below is a code and all that it subsumes (R4 codesystem.html#subsumption). A code that its system does not have
// subsumes itself only.
func (e *Expander) Below(system, code string) (*Set, error) { return e.subsumption(system, code, down) }

// Above is a code and all that subsumes it.
func (e *Expander) Above(system, code string) (*Set, error) { return e.subsumption(system, code, up) }

func (e *Expander) subsumption(system, code string, next func(*concept) []int) (*Set, error) {
	s, err := e.system(system, "")
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, broken("the code system %q is not known here", system)
	}
	out := newSet()
	out.codes[Coding{system, code}] = true
	if i, ok := s.byCode[code]; ok {
		s.reach(i, next, func(i int) { out.codes[Coding{system, s.concepts[i].code}] = true })
	}
	return out, e.bounded(out)
}

// system finds a code system; nil if there is none with codes.
func (e *Expander) system(url, version string) (*codeSystem, error) {
	own := builtInSystem(url, version)
	switch {
	case own != nil && own.complete:
		return own, nil
	case e.Source == nil: // somebody else's may have all codes
		return nil, nil
	}
	key := url + "|" + version
	s, known := e.systems[key]
	if !known {
		d, err := e.Source.CodeSystem(url, version)
		if err != nil {
			return nil, err
		}
		if d != nil {
			s = d.system
		}
		if e.systems == nil {
			e.systems = map[string]*codeSystem{}
		}
		e.systems[key] = s
	}
	if s == nil {
		return own, nil
	}
	return s, nil
}

func (e *Expander) expand(name string, v *valueSet) (*Set, error) {
	if v.contains != nil {
		return v.contains, e.bounded(v.contains)
	}
	if slices.Contains(e.within, name) || len(e.within) >= maxNesting {
		return nil, broken("the value set %q includes itself, or too many others", name)
	}
	e.within = append(e.within, name)
	defer func() { e.within = e.within[:len(e.within)-1] }()
	out := newSet()
	for i := range v.include {
		part, err := e.part(&v.include[i])
		if err != nil {
			return nil, err
		}
		out.add(part)
		if err := e.bounded(out); err != nil {
			return nil, err
		}
	}
	for i := range v.exclude {
		part, err := e.part(&v.exclude[i])
		if err != nil {
			return nil, err
		}
		if !out.remove(part) {
			return nil, broken("the value set %q excludes codes of a code system that is not known here", name)
		}
	}
	return out, nil
}

// part is what one include, or exclude, selects.
func (e *Expander) part(i *include) (*Set, error) {
	var out *Set
	if i.system != "" {
		var err error
		if out, err = e.ofSystem(i); err != nil {
			return nil, err
		}
	}
	for _, canonical := range i.valueSets {
		s, err := e.ValueSet(canonical)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = newSet()
			out.add(s)
		} else {
			out = out.both(s)
		}
	}
	if out == nil {
		return newSet(), nil
	}
	return out, nil
}

// ofSystem is what an include selects of its code system.
func (e *Expander) ofSystem(i *include) (*Set, error) {
	out := newSet()
	if len(i.codes) > 0 && len(i.filters) == 0 {
		for _, code := range i.codes {
			out.codes[Coding{i.system, code}] = true
		}
		return out, nil
	}
	s, err := e.system(i.system, i.version)
	switch {
	case err != nil:
		return nil, err
	case len(i.filters) == 0 && (s == nil || !s.complete || len(s.concepts) > e.max()):
		out.systems[i.system] = true
		return out, nil
	case s == nil || len(s.concepts) == 0:
		return nil, broken("the codes of the code system %q are not known here", i.system)
	}
	keep := make([]bool, len(s.concepts))
	for j := range keep {
		keep[j] = len(i.codes) == 0 || slices.Contains(i.codes, s.concepts[j].code)
	}
	for _, f := range i.filters {
		selected, err := f.selects(s)
		if err != nil {
			return nil, err
		}
		for j := range keep {
			keep[j] = keep[j] && selected[j]
		}
	}
	for j, ok := range keep {
		if ok {
			out.codes[Coding{i.system, s.concepts[j].code}] = true
		}
	}
	return out, e.bounded(out)
}

func (e *Expander) bounded(s *Set) error {
	if len(s.codes) > e.max() {
		return fhir.Errorf(fhir.KindTooCostly, "", "a value set or hierarchy has more than %d codes; name a smaller one", e.max())
	}
	return nil
}
