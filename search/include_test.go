package search

import (
	"slices"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
)

// An include of everything is by the references of the type; what it may lead to is each type once, in order.
func TestIncludeOfEverything(t *testing.T) {
	for _, typ := range r4.Resources() {
		list := Include{Source: typ}.References(typ)
		for _, p := range list {
			if p.Type != r4.Reference || p.Expression == "" {
				t.Errorf("%s is included by %s, which is no reference", typ, p.Code)
			}
		}
		for _, p := range r4.Params(typ) {
			if p.Type == r4.Reference && p.Expression != "" && !slices.Contains(list, p) {
				t.Errorf("%s is not included by %s", typ, p.Code)
			}
		}
		to := Include{Source: typ}.targets([]string{typ})
		if !slices.IsSorted(to) || len(slices.Compact(slices.Clone(to))) != len(to) {
			t.Errorf("targets of %s: %v", typ, to)
		}
	}
}

// An include goes by references of its source alone, and to whatever type a definition without targets may name.
func TestIncludeTargets(t *testing.T) {
	link := Include{Source: "Patient", P: r4.Lookup("Patient", "link")}
	if got := link.References("Slot"); got != nil {
		t.Errorf("a Slot refers by %s of Patient", got[0].Code)
	}
	everywhere := &r4.SearchParameter{Code: "any", Base: "Patient", Type: r4.Reference}
	if !refers(everywhere, "Slot") || !refers(link.P, "RelatedPerson") || refers(link.P, "Slot") {
		t.Error("a reference names its targets, and every type if it has none")
	}
	if got := (Include{Source: "Patient", P: everywhere}).targets([]string{"Patient"}); !slices.Equal(got, searchable()) {
		t.Errorf("a reference to any type leads to %d types", len(got))
	}
}

// What is inside a resource is searched by s of its type, without a constraint.
func TestGuardContains(t *testing.T) {
	for _, c := range []struct {
		s    Expr
		want bool
	}{{All, true}, {None, false}, {ID("1"), false}} {
		g := guard(Contains{"Patient", ID("1")}, byLetter{All, c.s})
		if got := g != None; got != c.want {
			t.Errorf("r of all, s of %v: %v", c.s, g)
		}
	}
}

// A definition that is read is guarded by r or s, and by both it is seen.
func TestGuardSeen(t *testing.T) {
	for _, c := range []struct{ r, s Expr }{{ID("1"), None}, {None, ID("1")}, {ID("1"), ID("1")}} {
		g := GuardSeen("ValueSet", ID("1"), byLetter{c.r, c.s})
		if got := Simplify(g.Allowed()); got != ID("1") {
			t.Errorf("r %v, s %v: allowed %v", c.r, c.s, got)
		}
		if got := Simplify(g.Where()).String(); got != "(and type:ValueSet id:1)" {
			t.Errorf("r %v, s %v: %s", c.r, c.s, got)
		}
	}
	if got := Simplify(GuardSeen("ValueSet", ID("1"), byLetter{None, None}).Where()); got != None {
		t.Errorf("neither: %v", got)
	}
}

// byLetter is an access of r and s.
type byLetter struct{ r, s Expr }

func (b byLetter) Allowed(i Interaction, _ string) Expr {
	switch i {
	case Read:
		return b.r
	case Search:
		return b.s
	}
	return None
}
