package search

import (
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// sets is an Access that gives one set for each type, whatever the letter.
type sets map[string]Expr

func (s sets) Allowed(_ Interaction, typ string) Expr { return s[typ] }

func TestLinkedIsWrittenOut(t *testing.T) {
	const binary = "(and (or (securityContext):missing=false (has DiagnosticReport:(presentedForm.url) none) (has DocumentReference:(content.attachment.url) id:d) " +
		"(has Media:(content.url) none)) (or (securityContext):missing=true (every (securityContext) seen)))"
	const provenance = "(and patient:missing=true (every target seen))"
	for _, c := range []struct {
		typ  string
		set  Expr
		want string
	}{
		{"Binary", Linked{}, binary},
		{"Binary", And{Linked{}, ID("1")}, "(and " + binary + " id:1)"},
		{"Binary", Not{Linked{}}, "none"},
		{"Binary", And{ID("1"), Not{Or{ID("2"), Linked{}}}}, "(and id:1 none)"},
		{"Binary", ID("1"), "id:1"},
		{"Provenance", Or{ID("1"), Linked{}}, "(or id:1 " + provenance + ")"},
	} {
		a := sets{c.typ: c.set, "DocumentReference": ID("d")}
		if got := GuardRead(c.typ, "x", Read, a).Allowed().String(); got != c.want {
			t.Errorf("%s in %s: %s\nwant %s", c.typ, c.set, got, c.want)
		}
	}
}

// What is linked is seen only through what stands lower: never through itself.
func TestSight(t *testing.T) {
	a := sets{"Binary": Linked{}, "Provenance": Linked{}, "Observation": All}
	for _, c := range []struct {
		of, through string
		open        bool
	}{
		{"Binary", "Observation", true}, {"Binary", "Binary", false}, {"Binary", "Provenance", false}, {"Binary", "Patient", false},
		{"Provenance", "Observation", true}, {"Provenance", "Binary", true}, {"Provenance", "Provenance", false},
	} {
		sight := &Sight{a, height(c.of)}
		if got := Simplify(sight.Of(c.through)) != None; got != c.open {
			t.Errorf("%s through %s: %v", c.of, c.through, got)
		}
	}
	if Match(World{}, Linked{}, &fhir.Resource{}) {
		t.Error("what is not written out holds something")
	}
}
