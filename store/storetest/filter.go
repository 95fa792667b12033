package storetest

import (
	"fmt"
	"strings"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
)

// filter draws a _filter on a type; about is what it may find.
func (m maker) filter(typ string, about *version, depth int) string {
	text := m.test(typ, about, depth)
	for range m.IntN(3) {
		other := m.test(typ, about, depth)
		switch m.IntN(4) {
		case 0:
			other = "not (" + other + ")"
		case 1:
			other = "(" + other + " or " + m.test(typ, about, depth) + ")"
		}
		text += m.one(" and ", " or ", " and ") + other
	}
	return text
}

// test draws one test, perhaps at the end of a chain.
func (m maker) test(typ string, about *version, depth int) string {
	if refs := references(typ); depth > 0 && len(refs) > 0 && m.oneIn(4) {
		p := pick(m, refs)
		to := m.target(p, about)
		target := pick(m, targets(p))
		if to != nil {
			target = to.Type
		}
		also := ""
		if m.oneIn(3) {
			also = "[" + m.filter(target, to, 0) + "]"
		}
		return p.Code + ":" + target + also + "." + m.test(target, to, depth-1)
	}
	p, hints := m.param(typ, about)
	if m.oneIn(8) && !index.IsText(p) {
		return p.Code + " pr " + m.one("true", "false")
	}
	op, modifier := m.operation(p)
	value := ""
	if len(hints) > 0 {
		value = m.hint(p, modifier, hints[0])
	}
	if value == "" {
		value = m.searchValue(p, modifier)
	}
	switch p.Type {
	case r4.Number, r4.Date, r4.Quantity:
		for _, prefix := range prefixes {
			if prefix != "" {
				value = strings.TrimPrefix(value, prefix)
			}
		}
	case r4.String, r4.URI: // as it is, not as it would be in a parameter
		value = strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\|`, `|`, `\$`, `$`).Replace(value)
	}
	return p.Code + " " + op + " " + fmt.Sprintf("%q", value)
}

// operation draws an operation that fits p, and the modifier whose values it takes.
func (m maker) operation(p *r4.SearchParameter) (op, modifier string) {
	switch p.Type {
	case r4.Number:
		return m.one("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "co"), ""
	case r4.Quantity:
		return m.one("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"), ""
	case r4.Date:
		return m.one("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "co", "po"), ""
	case r4.String:
		if index.IsText(p) {
			return "co", ""
		}
		return m.one("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le"), ""
	case r4.Token:
		if isCoded(p) && m.oneIn(3) {
			switch m.IntN(4) {
			case 0:
				return "ss", "below"
			case 1:
				return "sb", "above"
			}
			return m.one("in", "ni"), "in"
		}
		return m.one("eq", "eq", "ne"), ""
	case r4.Reference:
		return "re", ""
	case r4.Composite, r4.URI:
		return m.one("eq", "ne"), ""
	}
	return "eq", ""
}
