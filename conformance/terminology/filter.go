package terminology

import (
	"regexp"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// filter is a condition on the concepts of a code system (R4 valueset.html#compose, filter-operator).
type filter struct{ property, op, value string }

// maxPattern bounds a regular expression. Go's run in linear time.
const maxPattern = 500

// selects marks the concepts that the filter takes.
func (f filter) selects(s *codeSystem) ([]bool, error) {
	out := make([]bool, len(s.concepts))
	mark := func(i int) { out[i] = true }
	switch f.op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		i, ok := s.byCode[f.value]
		if f.property != "concept" && f.property != "code" {
			return nil, broken("a filter %s works on the property concept, not on %q", f.op, f.property)
		}
		if !ok {
			return nil, broken("a filter %s names the code %q, which its code system does not have", f.op, f.value)
		}
		next := down
		if f.op == "generalizes" {
			next = up
		}
		s.reach(i, next, mark)
		switch f.op {
		case "descendent-of":
			out[i] = false
		case "is-not-a":
			for i := range out {
				out[i] = !out[i]
			}
		}
		return out, nil
	}
	holds, err := f.test()
	if err != nil {
		return nil, err
	}
	for i := range s.concepts {
		out[i] = holds(s.values(i, f.property))
	}
	return out, nil
}

// values are the values of a property of a concept.
func (s *codeSystem) values(i int, name string) (out []string) {
	c := &s.concepts[i]
	codes := func(list []int) {
		for _, j := range list {
			out = append(out, s.concepts[j].code)
		}
	}
	switch name {
	case "concept", "code":
		return []string{c.code}
	case "parent":
		codes(c.parents)
	case "child":
		codes(c.children)
	default:
		for _, p := range c.properties {
			if p.code == name {
				out = append(out, p.value)
			}
		}
	}
	return out
}

// test is what the values of a property must be.
func (f filter) test() (func(values []string) bool, error) {
	switch f.op {
	case "=":
		return func(values []string) bool { return slices.Contains(values, f.value) }, nil
	case "in", "not-in":
		var list []string
		for s := range strings.SplitSeq(f.value, ",") {
			list = append(list, strings.TrimSpace(s))
		}
		return func(values []string) bool {
			return slices.ContainsFunc(values, func(v string) bool { return slices.Contains(list, v) }) == (f.op == "in")
		}, nil
	case "exists":
		if f.value != "true" && f.value != "false" {
			return nil, broken("a filter exists is true or false, not %q", f.value)
		}
		return func(values []string) bool { return len(values) > 0 == (f.value == "true") }, nil
	case "regex":
		if len(f.value) > maxPattern {
			return nil, broken("a filter has a regular expression of more than %d bytes", maxPattern)
		}
		pattern, err := regexp.Compile(`^(?:` + f.value + `)$`)
		if err != nil {
			return nil, broken("a filter has no regular expression: %q", f.value)
		}
		return func(values []string) bool { return slices.ContainsFunc(values, pattern.MatchString) }, nil
	}
	return nil, broken("a filter has an unknown operator %q", f.op)
}

// broken is a fault of a definition. Texts of definitions may be in it: who asked may read them.
func broken(format string, args ...any) *fhir.Error {
	return fhir.Errorf(fhir.KindValue, "", format, args...)
}
