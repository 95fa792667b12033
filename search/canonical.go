package search

import (
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// Canonicals name a resource and, behind a |, its business version (R4 search.html#versions, #uri).

// canonicals reads url|version among the values of what names resources of the type (R4 search.html#uri).
func (p *parser) canonicals(typ string, x Param) (Expr, *fhir.Error) {
	plain := x
	plain.Any = nil
	var any Or
	for _, v := range x.Any {
		parts := split(v.Raw, '|')
		if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
			plain.Any = append(plain.Any, v)
			continue
		}
		version := Value{Raw: parts[1], Code: unescape(parts[1])}
		any = append(any, And{
			Param{P: x.P, Any: []Value{{Raw: parts[0], Text: unescape(parts[0])}}},
			Param{P: r4.Lookup(typ, "version"), Any: []Value{version}},
		})
	}
	if len(plain.Any) > 0 {
		any = append(Or{plain}, any...)
	}
	return single(any, None), nil
}

// versions takes the canonicals with :below out of what may be of a hierarchy.
func versions(x Param) Expr {
	of, below := x, x
	of.Mod, of.Any, below.Any = ModVersions, nil, nil
	for _, v := range x.Any {
		if v.Ref.URL == "" && hierarchical(x.P) && (v.Ref.Type == "" || PartOf(v.Ref.Type) != nil) {
			below.Any = append(below.Any, v)
		} else {
			of.Any = append(of.Any, v)
		}
	}
	var any Or
	for _, e := range [...]Param{of, below} {
		if len(e.Any) > 0 {
			any = append(any, e)
		}
	}
	return single(any, None)
}

// belowVersion: canonical a has a version that begins as that of b does, and goes on with another part: 1.2 is below 1,
// 10 is not (R4 search.html#versions).
func belowVersion(a, b string) bool {
	rest, ok := strings.CutPrefix(a, b)
	return ok && strings.Contains(b, "|") && rest != "" && strings.IndexByte(index.VersionParts, rest[0]) >= 0
}
