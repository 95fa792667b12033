package storetest

import (
	"fmt"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// access is a random search.Access: a set for each type, and for letter r another one, sometimes.
type access struct {
	search, read map[string]search.Expr // a type that is not there: None
	all          bool
}

// Allowed implements search.Access.
func (a access) Allowed(i search.Interaction, typ string) search.Expr {
	sets := a.search
	if i == search.Read {
		sets = a.read
	}
	switch x := sets[typ]; {
	case a.all:
		return search.All
	case x == nil:
		return search.None
	default:
		return x
	}
}

// may is what a caller sees by a letter, as Guard has it.
func may(a search.Access, i search.Interaction, typ string) search.Expr {
	return search.GuardRead(typ, "", i, a).Allowed()
}

// uniform says whether r and s reach the same.
func (a access) uniform() bool {
	for typ := range instances {
		if a.Allowed(search.Read, typ).String() != a.Allowed(search.Search, typ).String() {
			return false
		}
	}
	return true
}

func (a access) String() string {
	if a.all {
		return "access to everything"
	}
	var b strings.Builder
	b.WriteString("access")
	for _, typ := range sortedTypes() {
		r, s := a.Allowed(search.Read, typ), a.Allowed(search.Search, typ)
		fmt.Fprintf(&b, "\n  %s s: %s", typ, s)
		if r.String() != s.String() {
			fmt.Fprintf(&b, "\n  %s r: %s", typ, r)
		}
	}
	return b.String()
}

// access draws what a caller may see.
func (m maker) access() access {
	a := access{search: map[string]search.Expr{}, read: map[string]search.Expr{}}
	apart := m.oneIn(3)
	for _, typ := range sortedTypes() {
		x := m.reach(typ)
		a.search[typ], a.read[typ] = x, x
		if apart && m.oneIn(3) {
			a.read[typ] = m.reach(typ)
		}
	}
	return a
}

// reach draws the set of one type.
func (m maker) reach(typ string) search.Expr {
	in := search.In{Compartment: fhir.Reference{Type: "Patient", ID: m.whose}}
	if (typ == "Binary" || typ == "Provenance") && m.oneIn(2) {
		switch m.IntN(3) {
		case 0:
			return search.Or{search.And{in, search.Only{Compartment: in.Compartment}}, search.And{search.Only{Compartment: in.Compartment, OrNone: true}, search.Linked{}}}
		case 1:
			return search.Or{search.And{search.Linked{}, m.constraint(typ)}, search.And{m.constraint(typ), search.Linked{}}}
		}
		return search.Linked{}
	}
	switch m.IntN(12) {
	case 0:
		return search.None
	case 1, 2, 3, 4, 5:
		return search.All
	case 6, 7:
		return in
	case 8:
		return m.constraint(typ)
	case 9:
		return search.And{in, m.constraint(typ)}
	}
	if m.oneIn(4) {
		panel := search.InAny{Panel: search.NewPanel([]string{m.whose, m.one(instances["Patient"]...), "nobody"})}
		if m.oneIn(2) {
			return panel
		}
		return search.And{panel, m.constraint(typ)}
	}
	other := search.Expr(search.In{Compartment: fhir.Reference{Type: "Patient", ID: m.one(instances["Patient"]...)}})
	if m.oneIn(3) {
		other = search.Only{Compartment: in.Compartment}
	}
	return search.Or{search.And{other, m.constraint(typ)}, m.constraint(typ), search.And{in, m.constraint(typ)}}
}

// constraint draws what a granular scope says.
func (m maker) constraint(typ string) search.Expr {
	name, value := m.asks(typ, m.live(typ), 0)
	if typ == "Patient" && m.oneIn(2) {
		name, value = "active", "true" // as are those that are contained
	}
	q, err := search.Parse(typ, []search.Pair{{Name: name, Value: value}}, parseOptions)
	if err != nil {
		panic(fmt.Sprintf("a constraint %s?%s=%s: %v", typ, name, value, err))
	}
	if search.Open(q.Where) { // a scope reads no definitions
		return m.constraint(typ)
	}
	return q.Where
}
