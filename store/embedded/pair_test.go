package embedded

import (
	"fmt"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// TestPairs: a code with a quantity, as two parameters or as a composite, costs what it finds, however common either is
// alone: few are listed by quantity, of many the first are found along the code.
func TestPairs(t *testing.T) {
	const n = 4000
	var bodies []string
	for i := range n {
		quantity := func(v int) string {
			return fmt.Sprintf(`"valueQuantity":{"value":%d,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}`, v)
		}
		// The code a has every value once, b has the opposite; components c and d the same.
		body := fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final","subject":{"reference":"Patient/p%d"},"effectiveDateTime":"2024-01-01T00:00:%02d.%03dZ","code":{"coding":[{"system":"urn:s","code":%q}]},%s,"component":[{"code":{"coding":[{"code":"c"}]},%s},{"code":{"coding":[{"code":"d"}]},%s}]}`,
			i, i%10, i/1000, i%1000, []string{"a", "b"}[i%2], quantity(i), quantity(i), quantity(n-i))
		bodies = append(bodies, body)
	}
	snap := holding(t, bodies...)
	const ucum = "|http://unitsofmeasure.org|"
	for _, c := range []struct {
		query string
		in    string // the patient whose compartment the caller may see; "" is everything
		total int
		first string
		reads int // at most, for a page of 20
	}{
		{"code=a&value-quantity=ge3990", "", 5, "o3998", 80},
		{"code=urn:s|a&value-quantity=ge3990", "", 5, "o3998", 80},
		{"code=urn:s|a&value-quantity=ge3990" + ucum + "kg", "", 5, "o3998", 80},
		{"code=urn:s|a&value-quantity=ge3990000" + ucum + "g", "", 5, "o3998", 80},
		{"code=urn:s|a&value-quantity=3990||kg", "", 1, "o3990", 80},
		{"code=urn:s|a&value-quantity=3990||g", "", 0, "", 80},
		{"code=|a&value-quantity=3990", "", 0, "", 80},
		{"code=a&value-quantity=lt8", "", 4, "o6", 80},
		{"code=a&value-quantity=ge10&value-quantity=lt16", "", 3, "o14", 80},
		{"code=a,b&value-quantity=lt8", "", 8, "o7", 80},
		{"code=a&value-quantity=lt100", "", 50, "o98", 200}, // the last that a walk would find
		{"code=a&value-quantity=ge2000", "", 1000, "o3998", 100},
		{"code=a&value-quantity=ne3998", "", 1999, "o3996", 250},
		{"code=a&value-quantity=ge3000&date=lt2024-01-01T00:00:03.100Z", "", 50, "o3098", 400},
		{"code=a&value-quantity=ge3990&patient=p8", "", 1, "o3998", 1000}, // of one patient
		{"code-value-quantity=urn:s|a$ge3990", "", 5, "o3998", 80},
		{"component-code-value-quantity=c$ge3990", "", 10, "o3999", 80},
		{"component-code-value-quantity=|d$ge3990", "", 11, "o10", 80},
		{"component-code-value-quantity=d$ge3990" + ucum + "kg", "", 11, "o10", 80},
		{"component-code-value-quantity=d$le2000", "", 2000, "o3999", 250},
		{"component-code-value-quantity=d$ge3990&patient=p8", "", 1, "o8", 3000},
		{"combo-code-value-quantity=d$ge3990,a$ge3995", "", 13, "o3998", 120},
		{"combo-code-value-quantity=e$ge3990", "", 0, "", 80},
		{"code=a&value-quantity=ge2000", "p8", 200, "o3998", 250},
		{"code=a&value-quantity=ge3990", "p8", 1, "o3998", 500},
		{"code=|a&value-quantity=ge3990", "p8", 0, "", 250},
		{"code=a&value-quantity=ge3990", "p9", 0, "", 250},
		{"code=a&value-quantity=ge3990", "p10", 0, "", 250},
		{"component-code-value-quantity=c$ge3990", "p8", 1, "o3998", 3000},
		{"component-code-value-quantity=c$ge3990", "p10", 0, "", 1000},
		{"combo-code-value-quantity=a$ge3990,d$le10", "p8", 1, "o3998", 3000},
		{"_filter=code eq a and value-quantity ge 3990 or code eq b", "p8", 1, "o3998", 1000},
	} {
		var a search.Access = search.Unrestricted
		if c.in != "" {
			a = ofPatient{fhir.Reference{Type: "Patient", ID: c.in}}
		}
		p := planOf(t, "Observation", c.query, a)
		r, err := plan.Run(t.Context(), snap, p, plan.Window{Limit: 20})
		if err != nil {
			t.Fatal(err)
		}
		first := ""
		if len(r.Rows) > 0 {
			first = r.Rows[0].ID
		}
		if first != c.first || len(r.Rows) != min(20, c.total) || r.Read > c.reads {
			t.Errorf("%s in %q: %d rows from %s with %d reads, want %d from %s with %d at most", c.query, c.in, len(r.Rows), first, r.Read, min(20, c.total), c.first, c.reads)
		}
		if n, err := plan.Count(t.Context(), snap, p); n != c.total || err != nil {
			t.Errorf("%s in %q: total %d (%v), want %d", c.query, c.in, n, err, c.total)
		}
	}
}

// ofPatient is the access of one who sees a compartment.
type ofPatient struct{ patient fhir.Reference }

func (a ofPatient) Allowed(search.Interaction, string) search.Expr {
	return search.In{Compartment: a.patient}
}

// TestPairsOfACompartment: pairs are of the compartment that the caller sees.
func TestPairsOfACompartment(t *testing.T) {
	var bodies []string
	for _, patient := range []string{"p1", "p2", ""} {
		bodies = append(bodies, `{"resourceType":"Observation","id":"of`+patient+`","code":{"coding":[{"system":"urn:s","code":"a"}]},"subject":{"reference":"Patient/`+patient+`"},"valueQuantity":{"value":1}}`)
	}
	snap := holding(t, bodies...)
	for _, query := range []string{"code=a&value-quantity=1", "code=a,b&value-quantity=1", "code-value-quantity=a$1"} {
		p := planOf(t, "Observation", query, ofPatient{fhir.Reference{Type: "Patient", ID: "p1"}})
		r, err := plan.Run(t.Context(), snap, p, plan.Window{Limit: 20, Total: true})
		if err != nil || len(r.Rows) != 1 || r.Rows[0].ID != "ofp1" || r.Total != 1 {
			t.Errorf("%s: %d rows, total %d, %v", query, len(r.Rows), r.Total, err)
		}
	}
}

// A change of the quantity alone moves its pairs.
func TestPairsOfUpdates(t *testing.T) {
	types := typeNumbers(r4.Resources())
	sch := &newSchemas(types)[types.number("Observation")]
	keys := func(value string) map[string]string {
		res, err := fhir.Parse([]byte(`{"resourceType":"Observation","id":"1","code":{"coding":[{"system":"s","code":"c"},{"code":"d"}]},"valueQuantity":{"value":`+value+`}}`), fhir.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		e := (&index.Indexer{}).Entries(res)
		d := newDocument(sch, 1, &e)
		out := map[string]string{}
		d.each(types, func(key, val []byte) { out[string(key)] = string(val) })
		return out
	}
	one, two := keys("1"), keys("2")
	moved, beside := 0, 0
	for key, val := range one {
		other, ok := two[key]
		switch {
		case key[0] == keyPair && !ok:
			moved++
		case key[0] == keyTerm && ok && val != other:
			beside++
		}
	}
	if moved != 2 || beside != 2 {
		t.Errorf("%d pairs are moved and %d codes have others beside them, want 2 and 2", moved, beside)
	}
}
