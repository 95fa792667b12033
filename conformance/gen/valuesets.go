package main

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// sets are the value sets of required bindings, sorted by canonical.
type sets struct {
	list    []set
	numbers map[string]int
}

// set is an expanded value set; systems is nil if it cannot be enumerated from the definitions.
type set struct {
	url     string
	systems []setSystem
}

type setSystem struct {
	url   string
	codes []string
}

func makeSets(d *definitions, t *types) *sets {
	urls := map[string]bool{}
	for _, x := range t.list {
		for _, e := range x.elements {
			if e.required != "" {
				urls[e.required] = true
			}
		}
	}
	s := &sets{numbers: map[string]int{}}
	for _, url := range slices.Sorted(maps.Keys(urls)) {
		x := set{url: url}
		if codes, ok := d.expand(url, 0); ok {
			x.systems = bySystem(codes)
		}
		s.list = append(s.list, x)
		s.numbers[url] = len(s.list)
	}
	return s
}

// number is the place of a value set in the table, from 1; 0 for "".
func (s *sets) number(url string) int { return s.numbers[url] }

// coding is a code in a system.
type coding struct{ system, code string }

func bySystem(codes map[coding]bool) []setSystem {
	m := map[string][]string{}
	for c := range codes {
		m[c.system] = append(m[c.system], c.code)
	}
	var out []setSystem
	for _, url := range slices.Sorted(maps.Keys(m)) {
		sort.Strings(m[url])
		out = append(out, setSystem{url, m[url]})
	}
	return out
}

// expand is the content of a value set; ok is false if a part of it is not in the definitions.
func (d *definitions) expand(url string, depth int) (codes map[coding]bool, ok bool) {
	url, _, _ = strings.Cut(url, "|")
	v := d.valueSets[url]
	if v == nil || depth > 8 || len(v.Compose.Include) == 0 {
		return nil, false
	}
	codes = map[coding]bool{}
	for _, inc := range v.Compose.Include {
		part, ok := d.include(&inc, depth)
		if !ok {
			return nil, false
		}
		maps.Copy(codes, part)
	}
	for _, exc := range v.Compose.Exclude {
		part, ok := d.include(&exc, depth)
		if !ok {
			return nil, false
		}
		for c := range part {
			delete(codes, c)
		}
	}
	return codes, true
}

// include is what one compose.include selects: the codes of the system that are in every value set named.
func (d *definitions) include(inc *include, depth int) (codes map[coding]bool, ok bool) {
	if inc.System != "" {
		if codes, ok = d.systemCodes(inc); !ok {
			return nil, false
		}
	}
	for i, url := range inc.ValueSet {
		part, ok := d.expand(url, depth+1)
		if !ok {
			return nil, false
		}
		if i == 0 && inc.System == "" {
			codes = part
			continue
		}
		maps.DeleteFunc(codes, func(c coding, _ bool) bool { return !part[c] })
	}
	return codes, codes != nil
}

func (d *definitions) systemCodes(inc *include) (map[coding]bool, bool) {
	codes := map[coding]bool{}
	for _, c := range inc.Concept {
		codes[coding{inc.System, c.Code}] = true
	}
	if len(inc.Concept) > 0 {
		return codes, true
	}
	cs := d.codeSystems[inc.System]
	if cs == nil || cs.Content != "complete" {
		return nil, false
	}
	switch {
	case len(inc.Filter) == 0:
		walk(cs.Concept, func(c *concept) { codes[coding{inc.System, c.Code}] = true })
		return codes, true
	case len(inc.Filter) == 1 && inc.Filter[0].Property == "concept" && inc.Filter[0].Op == "is-a":
		walk(cs.Concept, func(c *concept) {
			if c.Code == inc.Filter[0].Value {
				walk([]concept{*c}, func(c *concept) { codes[coding{inc.System, c.Code}] = true })
			}
		})
		return codes, true
	}
	return nil, false // the required bindings of R4 use no other filter
}

func walk(list []concept, f func(*concept)) {
	for i := range list {
		f(&list[i])
		walk(list[i].Concept, f)
	}
}

func (s *sets) source() string {
	var b strings.Builder
	b.WriteString(header + "\npackage r4\n\n")
	lists := newShared("codes", "[]string")
	var body strings.Builder
	var open []string
	for _, x := range s.list {
		fmt.Fprintf(&body, "{%q, []codes{", x.url)
		for _, y := range x.systems {
			fmt.Fprintf(&body, "{%q, %s}, ", y.url, lists.strings(y.codes))
		}
		body.WriteString("}},\n")
		if x.systems == nil {
			open = append(open, x.url)
		}
	}
	b.WriteString(lists.source())
	fmt.Fprintf(&b, "// valueSets are the value sets of required bindings, sorted; those without systems are not enumerable.\nvar valueSets = [...]valueSet{\n%s}\n\n", body.String())
	fmt.Fprintf(&b, "// NotEnumerable are the required value sets that the definitions do not enumerate.\nvar NotEnumerable = %s\n", stringList(open))
	return b.String()
}
