package search

import (
	"slices"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
)

// Own are the search parameters beyond R4's that e asks by, each once. (Those that an Every looks through are not e's.)
func Own(e Expr) (list []*r4.SearchParameter) {
	add := func(p *r4.SearchParameter) {
		if p != nil && parameters.IsOwn(p) && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	var walk func(Expr)
	walk = func(e Expr) {
		switch e := e.(type) {
		case And:
			for _, x := range e {
				walk(x)
			}
		case Or:
			for _, x := range e {
				walk(x)
			}
		case Not:
			walk(e.X)
		case Contains:
			walk(e.X)
		case Param:
			add(e.P)
		case Missing:
			add(e.P)
		case Chain:
			add(e.P)
			walk(e.X)
		case Has:
			add(e.P)
			walk(e.X)
		}
	}
	walk(e)
	return list
}
