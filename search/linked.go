package search

import (
	"slices"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search/index"
)

// Sight is what a caller sees of each type, by r or s: what Linked looks through. It looks through other linked types
// only if they stand lower, so nothing depends on itself.
type Sight struct {
	access Access
	below  int // of linked types those that stand lower
}

// Of is what is seen of a type.
func (s *Sight) Of(typ string) Expr {
	read, found := allowedBelow(s.below, s.access, Read, typ), allowedBelow(s.below, s.access, Search, typ)
	if read == All || equal(read, found) {
		return read
	}
	return Or{read, found}
}

// height is where a linked type stands; 0 if it is none.
func height(typ string) int {
	switch typ {
	case "Binary":
		return 1
	case "Provenance":
		return 2
	}
	return 0
}

// anyHeight is above all linked types.
const anyHeight = 3

// attaching are the types that show a Binary (access.md D8).
var attaching = []string{"DiagnosticReport", "DocumentReference", "Media"}

// linked is what Linked means for a type.
//
//	Binary      its securityContext is visible; without one, something visible has it as an attachment
//	Provenance  it has targets, none is a Patient, and all are visible
func linked(typ string, a Access) Expr {
	shown := Every{index.Shows(typ), &Sight{a, height(typ)}}
	switch typ {
	case "Binary":
		var attached Or
		for _, t := range attaching {
			attached = append(attached, Has{Source: t, P: index.Link(t), X: shown.Of.Of(t)})
		}
		return Or{shown, And{Missing{shown.P, true}, attached}}
	case "Provenance":
		return And{Missing{r4.Lookup(typ, "patient"), true}, shown}
	}
	return None
}

// Around holds all of e, and says it from the side of what is seen: what refers to something that is, or to nothing that is
// about patients. So who looks for e among what is around it meets nothing of patients of whom nothing is seen.
func (e Every) Around() Expr {
	around := Or{Shared{e.P}}
	for _, t := range r4.Resources() {
		if !compartments.Shared(t) {
			around = append(around, Chain{P: e.P, Target: t, X: e.Of.Of(t)})
		}
	}
	return Simplify(around)
}

// Unlinks are the resources of a type of which no link shows an earlier version than the current one: a Binary that has a
// context now is seen by that (access.md D8). Who sees it may attach it, and must not see by this what it was before.
func Unlinks(typ string) Expr {
	if typ == "Binary" {
		return Missing{index.Link(typ), false}
	}
	return None
}

// Unlinked is what a set that Guard has made of an Access leaves where no link shows anything. An Access has no Has: those
// are of links.
func Unlinked(allowed Expr) Expr {
	if _, ok := allowed.(Has); ok {
		return None
	}
	return Map(allowed, Unlinked)
}

// ResolveLinked writes out Linked in e, a set or part of a set that an Access gives for a type, as Guard does: for explanations.
func ResolveLinked(e Expr, typ string, a Access) Expr { return link(e, typ, anyHeight, a) }

// link replaces Linked in what an Access gives for a type.
func link(e Expr, typ string, below int, a Access) Expr {
	to := Expr(None)
	if h := height(typ); h > 0 && h < below && LinkedIn(e) {
		to = linked(typ, a)
	}
	return replaceLinked(e, to)
}

// LinkedIn says whether an access opens something through other resources only: whether Linked stands somewhere in e.
func LinkedIn(e Expr) bool {
	switch e.(type) {
	case And, Or, Not:
		return slices.ContainsFunc(Parts(e), LinkedIn)
	}
	return e == Linked{}
}

// replaceLinked puts one and the same expression wherever Linked stands. The opposite of being linked is nothing that
// an Access may say: it opens nothing.
func replaceLinked(e, to Expr) Expr {
	switch e := e.(type) {
	case Linked:
		return to
	case And, Or:
		return Map(e, func(x Expr) Expr { return replaceLinked(x, to) })
	case Not:
		if LinkedIn(e) {
			return None
		}
	}
	return e
}
