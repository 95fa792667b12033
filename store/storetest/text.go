package storetest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// narrative is a text element.
func (m maker) narrative() any {
	return object{"status": "generated", "div": fmt.Sprintf(`<div xmlns="http://www.w3.org/1999/xhtml">%s <b>%s</b> &amp; %s</div>`,
		pick(m, words), m.one("Pain", "Ann", "Größe"), m.one("fever", "x&#233;y", "not"))}
}

// location has a place, usually.
func (m maker) location(o object) {
	m.set(o, "name", func() any { return m.one(pick(m, families), pick(m, givens), long) })
	m.set(o, "identifier", func() any { return m.some(m.identifier) })
	m.set(o, "address", m.address)
	m.set(o, "position", func() any {
		return object{"latitude": json.Number(m.one("52.5", "52.52", "-17", "0", "90", "91")),
			"longitude": json.Number(m.one("13.4", "13.405", "179.95", "-179.95", "0", "181"))}
	})
	if m.oneIn(2) {
		o["partOf"] = m.ref("Location")()
	}
}

// nearby is a value of near.
func (m maker) nearby() string {
	return m.one("52.5|13.4", "52.52|13.4|2.3|km", "52.51|13.4|500|m", "-17|180|6|km", "-17|-180|5|km", "89.9|100|20|km", "0|0|0", "52|13|1e6")
}

// phrase is some words of a text that stand one behind the other, the last one perhaps cut; "" if it has none.
func (m maker) phrase(text string, whole bool) string {
	var list []string
	index.EachWord(fhir.Fold(text), func(w string) bool {
		list = append(list, w)
		return true
	})
	if len(list) == 0 {
		return ""
	}
	from := m.IntN(len(list))
	list = list[from:min(len(list), from+1+m.IntN(3))]
	if r := []rune(list[len(list)-1]); !whole {
		list[len(list)-1] = string(r[:1+m.IntN(len(r))])
	}
	return strings.Join(list, m.one(" ", " ", ", ", "-"))
}

// expression is a value of _text or _content about a text.
func (m maker) expression(text string) string {
	word := func() string {
		if p := m.phrase(text, true); p != "" && !m.oneIn(4) {
			return fmt.Sprintf("%q", p)
		}
		return m.one("pain", "fev*", "GROSSE", `"not"`, "ann", "s*", "absent")
	}
	switch m.IntN(6) {
	case 0:
		return word() + m.one(" or ", " AND ", " ", " not ") + word()
	case 1:
		return "(" + word() + " OR not " + word() + ") " + word()
	case 2:
		return "not " + word()
	}
	return word()
}
