package index

import (
	"fmt"
	"slices"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
)

// Pairs are of one element; what a composite takes from it is in its pairs.
func TestPairs(t *testing.T) {
	res := parse(t, `{"resourceType":"Observation","code":{"coding":[{"system":"s","code":"a"},{"code":"b"},{"system":"s"}],"text":"x"},"valueQuantity":{"value":1,"unit":"kilo"},`+
		`"component":[{"code":{"coding":[{"code":"c"}]},"valueQuantity":{"value":2}},{"code":{"coding":[{"code":"d"}]},"valueString":"3"},{"valueQuantity":{"value":4}}]}`)
	e := (&Indexer{}).Entries(res)
	code, component := r4.Lookup("Observation", "code-value-quantity").Num, r4.Lookup("Observation", "component-code-value-quantity").Num
	var got []string
	for _, p := range e.Pairs {
		for _, r := range p.Ranges {
			name := map[uint16]string{code: "code", component: "component"}[r.Num]
			got = append(got, fmt.Sprintf("%s %s:%s unit %q", name, formNames[p.Of.Form], p.Of.Text, r.Unit))
		}
	}
	want := []string{
		`code code:a unit ""`, `code code:a unit "|kilo"`, `code code:b unit ""`, `code code:b unit "|kilo"`,
		`code both:s|a unit ""`, `code both:s|a unit "|kilo"`, `code none:|b unit ""`, `code none:|b unit "|kilo"`,
		`component code:c unit ""`, `component none:|c unit ""`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("pairs\n%q, want\n%q", got, want)
	}
	for _, r := range e.Ranges {
		if r.Num == code || r.Num == component {
			t.Errorf("a pair is among the ranges: %v", r)
		}
	}
}

func TestBoth(t *testing.T) {
	num := func(code string) uint16 { return r4.Lookup("Observation", code).Num }
	if p := Both("Observation", num("code"), num("value-quantity")); p == nil || p.Code != "code-value-quantity" {
		t.Errorf("code and value-quantity: %v", p)
	}
	// Components are many: one may have the code and another one the quantity.
	if p := Both("Observation", num("component-code"), num("component-value-quantity")); p != nil {
		t.Errorf("of components: %v", p)
	}
	if p := Both("Condition", num("code"), num("value-quantity")); p != nil {
		t.Errorf("of Condition: %v", p)
	}
	if list := Pairs(r4.Lookup("Observation", "combo-code-value-quantity")); len(list) != 2 {
		t.Errorf("combo: %v", list)
	}
	if Pairs(r4.Lookup("Observation", "combo-code")) != nil || PairCode(r4.Lookup("Observation", "code-value-date")) != nil {
		t.Error("pairs of other parameters")
	}
}
