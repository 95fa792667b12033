package search

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
)

// sets is an Access that gives one set for each type, whatever the letter.
type sets map[string]Expr

func (s sets) Allowed(_ Interaction, typ string) Expr { return s[typ] }

func TestLinkedIsWrittenOut(t *testing.T) {
	const binary = "(or (every (securityContext) seen) (and (securityContext):missing=true (or (has DiagnosticReport:(presentedForm.url) none) " +
		"(has DocumentReference:(content.attachment.url) id:d) (has Media:(content.url) none))))"
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
		if got := ResolveLinked(c.set, c.typ, a).String(); got != c.want {
			t.Errorf("%s in %s is explained as %s\nwant %s", c.typ, c.set, got, c.want)
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
	for _, typ := range []string{"Observation", "Patient", ""} {
		if got := linked(typ, a); got != None {
			t.Errorf("%q is linked: %s", typ, got)
		}
	}
}

// Around holds what an Every does, whatever it refers to, and nothing that refers to hidden data of patients only.
func TestAround(t *testing.T) {
	a := sets{"Observation": ID("seen"), "Organization": ID("seen"), "Binary": Linked{}}
	var world []*fhir.Resource
	put := func(typ, id, more string) *fhir.Resource {
		res, err := fhir.Parse([]byte(`{"resourceType":"`+typ+`","id":"`+id+`"`+more+`}`), fhir.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		world = append(world, res)
		return res
	}
	for _, id := range []string{"seen", "hidden"} {
		put("Observation", id, "")
		put("Organization", id, "")
		put("Binary", id, `,"securityContext":{"reference":"Observation/`+id+`"}`)
	}
	w := World{Each: func(typ string, f func(*fhir.Resource) bool) {
		for _, res := range world {
			if res.Type == typ && !f(res) {
				return
			}
		}
	}}
	for _, c := range []struct {
		targets       string
		every, around bool
	}{
		{"Observation/seen", true, true}, {"Observation/hidden", false, false}, {"Observation/none", false, false}, {"Observation/seen Observation/hidden", false, true},
		{"Organization/seen", true, true}, {"Organization/hidden", false, true}, {"Organization/none", false, true}, {"Organization/seen Observation/hidden", false, false},
		{"Organization/seen Observation/seen", true, true}, {"Binary/seen", true, true}, {"Binary/hidden", false, false}, {"Bundle/seen", false, false},
		{"#x", false, false}, {"http://other/Organization/seen", false, false}, {"", false, false},
	} {
		more := ""
		if c.targets != "" {
			more = `,"target":[{"reference":"` + strings.ReplaceAll(c.targets, " ", `"},{"reference":"`) + `"}]`
		}
		e := linked("Provenance", a).(And)[1].(Every)
		res := put("Provenance", "p", more)
		if every, around := Match(w, e, res), Match(w, e.Around(), res); every != c.every || around != c.around {
			t.Errorf("of %q: %v, around it %v", c.targets, every, around)
		}
	}
}

// What links alone have shown is not seen without them.
func TestUnlinked(t *testing.T) {
	a := sets{"Binary": Or{Linked{}, And{ID("1"), Linked{}}, ID("2")}, "Media": All}
	const seen = "(every (securityContext) seen)"
	if got, want := Simplify(Unlinked(GuardRead("Binary", "x", Read, a).Allowed())).String(), "(or "+seen+" id:2)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if Unlinks("Provenance") != None || Unlinks("Binary") == None {
		t.Error("whose earlier versions links show no more")
	}
}
