package terminology

import "github.com/firewarden/firewarden/internal/fhir"

// valueSet is a value set as it is composed.
type valueSet struct {
	include, exclude []include
	contains         *Set // of a value set without compose: its expansion; else nil
}

// include is a part of a value set: codes of a system, or what several value sets have in common, or both at once.
type include struct {
	system, version string
	codes           []string
	filters         []filter
	valueSets       []string
}

// readValueSet reads a ValueSet (R4 valueset.html).
func readValueSet(root *fhir.Node) *valueSet {
	v := &valueSet{}
	compose := root.Get("compose")
	if compose == nil {
		v.contains = newSet()
		v.contains.read(root.Get("expansion"))
		return v
	}
	compose.Get("include").Each(func(n *fhir.Node) { v.include = append(v.include, readInclude(n)) })
	compose.Get("exclude").Each(func(n *fhir.Node) { v.exclude = append(v.exclude, readInclude(n)) })
	return v
}

func readInclude(n *fhir.Node) include {
	i := include{system: n.Str("system"), version: n.Str("version")}
	n.Get("concept").Each(func(c *fhir.Node) { i.codes = append(i.codes, c.Str("code")) })
	n.Get("filter").Each(func(f *fhir.Node) {
		i.filters = append(i.filters, filter{f.Str("property"), f.Str("op"), f.Str("value")})
	})
	n.Get("valueSet").Each(func(c *fhir.Node) { i.valueSets = append(i.valueSets, c.Text) })
	return i
}

// read takes the codes of an expansion.
func (s *Set) read(n *fhir.Node) {
	n.Get("contains").Each(func(c *fhir.Node) {
		abstract := c.Get("abstract")
		if code := c.Str("code"); code != "" && (abstract == nil || abstract.Text != "true") {
			s.codes[Coding{c.Str("system"), code}] = true
		}
		s.read(c)
	})
}
