package main

import (
	"fmt"
	"slices"
	"strings"
)

// compartments are the membership tables of R4's CompartmentDefinitions, sorted by compartment.
type compartments struct {
	list    []compartment
	implied []string // types in which patient=X implies membership of the Patient compartment
}

func makeCompartments(d *definitions, p *parameters) (*compartments, error) {
	c := &compartments{list: slices.Clone(d.compartments)}
	slices.SortFunc(c.list, func(a, b compartment) int { return strings.Compare(a.Code, b.Code) })
	for _, x := range c.list {
		for _, r := range x.Resource {
			for _, code := range r.Param {
				if code != "{def}" && p.find(r.Code, code) == nil {
					return nil, fmt.Errorf("compartment %s: %s has no parameter %s", x.Code, r.Code, code)
				}
			}
			if x.Code == "Patient" && p.implies(r.Code, "patient", r.Param) {
				c.implied = append(c.implied, r.Code)
			}
		}
	}
	slices.Sort(c.implied)
	return c, nil
}

// find is the parameter of a type, nil if there is none.
func (p *parameters) find(typ, code string) *param {
	for _, i := range p.byType[typ] {
		if p.list[i].code == code {
			return p.list[i]
		}
	}
	return nil
}

const isPatient = ".where(resolve() is Patient)"

// implies says whether a Patient found by the parameter is also found by one of the linking parameters: each of its
// clauses is one of theirs, but for a test that the target is a Patient.
func (p *parameters) implies(typ, code string, linking []string) bool {
	x := p.find(typ, code)
	if x == nil {
		return false
	}
	linked := map[string]bool{}
	for _, l := range linking {
		if y := p.find(typ, l); y != nil {
			for _, c := range clauses(y.expression) {
				linked[strings.TrimSuffix(c, isPatient)] = true
			}
		}
	}
	for _, c := range clauses(x.expression) {
		if !linked[strings.TrimSuffix(c, isPatient)] {
			return false
		}
	}
	return true
}

func (c *compartments) source() string {
	var b strings.Builder
	b.WriteString(header + "\npackage compartments\n\n")
	b.WriteString("// definitions are sorted by compartment, each by type; types without a parameter are left out.\nvar definitions = [...]definition{\n")
	for _, x := range c.list {
		fmt.Fprintf(&b, "{%q, []membership{\n", x.Code)
		slices.SortFunc(x.Resource, func(a, b struct {
			Code  string
			Param []string
		}) int {
			return strings.Compare(a.Code, b.Code)
		})
		for _, r := range x.Resource {
			if len(r.Param) > 0 {
				fmt.Fprintf(&b, "{%q, %s},\n", r.Code, stringList(r.Param))
			}
		}
		b.WriteString("}},\n")
	}
	b.WriteString("}\n\n")
	fmt.Fprintf(&b, "// implied are the types whose parameter patient selects only what links them to the Patient compartment.\nvar implied = %s\n", stringList(c.implied))
	return b.String()
}
