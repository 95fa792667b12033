package terminology

import (
	"github.com/firewarden/firewarden/internal/fhir"
)

// codeSystem is a code system with its hierarchy.
type codeSystem struct {
	complete bool // all codes are there
	concepts []concept
	byCode   map[string]int
}

// concept is one code. Parents and children are indexes.
type concept struct {
	code       string
	parents    []int
	children   []int
	properties []property
}

type property struct{ code, value string }

// readSystem reads a CodeSystem (R4 codesystem.html). Nested concepts, and the properties parent, child and subsumedBy,
// are the hierarchy, unless hierarchyMeaning says that it is none of kinds.
func readSystem(root *fhir.Node) *codeSystem {
	content := root.Str("content")
	s := &codeSystem{complete: content == "complete" || content == "", byCode: map[string]int{}}
	meaning := root.Str("hierarchyMeaning")
	tree := meaning == "" || meaning == "is-a"
	s.read(root, -1, tree)
	if !tree {
		return s
	}
	for i := range s.concepts {
		for _, p := range s.concepts[i].properties {
			other, ok := s.byCode[p.value]
			if !ok {
				continue
			}
			switch p.code {
			case "parent", "subsumedBy":
				s.link(other, i)
			case "child":
				s.link(i, other)
			}
		}
	}
	return s
}

func (s *codeSystem) read(n *fhir.Node, parent int, tree bool) {
	n.Get("concept").Each(func(c *fhir.Node) {
		code := c.Str("code")
		if code == "" {
			return
		}
		i, known := s.byCode[code]
		if !known {
			i = len(s.concepts)
			s.concepts = append(s.concepts, concept{code: code})
			s.byCode[code] = i
			c.Get("property").Each(func(p *fhir.Node) { s.property(i, p) })
		}
		if parent >= 0 && tree {
			s.link(parent, i)
		}
		s.read(c, i, tree)
	})
}

// property takes the value of a property, whatever its type.
func (s *codeSystem) property(i int, p *fhir.Node) {
	for v := p.First; v != nil; v = v.Next {
		value := v.Text
		switch v.Name {
		case "valueCoding":
			value = v.Str("code")
		case "valueCode", "valueString", "valueInteger", "valueBoolean", "valueDateTime", "valueDecimal":
		default:
			continue
		}
		c := &s.concepts[i]
		c.properties = append(c.properties, property{p.Str("code"), value})
	}
}

func (s *codeSystem) link(parent, child int) {
	s.concepts[parent].children = append(s.concepts[parent].children, child)
	s.concepts[child].parents = append(s.concepts[child].parents, parent)
}

// reach calls f for i and all that next leads to from there, each once.
func (s *codeSystem) reach(i int, next func(*concept) []int, f func(i int)) {
	seen := map[int]bool{i: true}
	for list := []int{i}; len(list) > 0; {
		at := list[len(list)-1]
		list = list[:len(list)-1]
		f(at)
		for _, n := range next(&s.concepts[at]) {
			if !seen[n] {
				seen[n] = true
				list = append(list, n)
			}
		}
	}
}

func down(c *concept) []int { return c.children }
func up(c *concept) []int   { return c.parents }
