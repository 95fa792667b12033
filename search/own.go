package search

import (
	"slices"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
)

// Own are the search parameters beyond R4's that e asks by, each once. (Those that an Every looks through are not e's.)
func Own(e Expr) []*r4.SearchParameter { return appendOwn(nil, e) }

func appendOwn(list []*r4.SearchParameter, e Expr) []*r4.SearchParameter {
	var p *r4.SearchParameter
	switch e := e.(type) {
	case Param:
		p = e.P
	case Missing:
		p = e.P
	case Chain:
		p = e.P
	case Has:
		p = e.P
	}
	for _, x := range Parts(e) {
		list = appendOwn(list, x)
	}
	if p != nil && parameters.IsOwn(p) && !slices.Contains(list, p) {
		list = append(list, p)
	}
	return list
}
