package search

import (
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
)

// list reads _list: members of a List that the caller may search (R4 search.html#list), which is what
// _has:List:item:_id says. A list that is hidden or absent has no members.
func (p *parser) list(typ, modifier string, colon bool, value string) (Expr, *fhir.Error) {
	if colon {
		return nil, p.unknown("unknown modifier :%s of _list", shown(modifier))
	}
	var any Or
	for _, id := range split(value, ',') {
		if err := p.spend(1); err != nil {
			return nil, err
		}
		id = strings.TrimPrefix(unescape(id), "List/")
		switch {
		case strings.HasPrefix(id, "$"):
			return nil, p.unknown("the functional list %s is not supported: name a List by its id", shown(id))
		case !fhir.ValidID(id):
			return nil, p.bad("_list takes the id of a List: %q", shown(id))
		}
		any = append(any, Has{Source: "List", P: r4.Lookup("List", "item"), X: ID(id)})
	}
	return single(any, None), nil
}
