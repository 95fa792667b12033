package embedded

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// TestManyPatients: of many patients a page reads the first postings of each, named or found by a chain, however many there
// are of each; the pages together are everything, once, in order.
func TestManyPatients(t *testing.T) {
	const patients, each = 20, 50
	var ids, bodies []string
	add := func(body string) { bodies = append(bodies, body) }
	for i := range patients {
		ids = append(ids, fmt.Sprintf("p%d", i))
		add(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","name":[{"family":"Ames"}]}`, i))
	}
	for i := range patients * each { // the last patient has all the newest ones
		p := i % (patients - 1)
		if i >= (patients-1)*each {
			p = patients - 1
		}
		add(fmt.Sprintf(`{"resourceType":"Observation","id":"o%04d","status":"final","subject":{"reference":"Patient/p%d"},"effectiveDateTime":"2024-01-01T00:%02d:%02dZ","code":{"coding":[{"code":%q}]}}`,
			i, p, i/60, i%60, []string{"a", "b"}[i/patients%2]))
	}
	add(`{"resourceType":"Patient","id":"q","name":[{"family":"Boyd"}]}`)
	for i := range 200 { // newer than all of them
		add(fmt.Sprintf(`{"resourceType":"Observation","id":"q%d","status":"final","subject":{"reference":"Patient/q"},"effectiveDateTime":"2024-02-01","code":{"coding":[{"code":"a"}]}}`, i))
	}
	snap := holding(t, bodies...)
	snap.s.limits.ofPatient = 16
	for _, query := range []string{"code=a&patient=" + strings.Join(ids, ","), "code=a&patient.family=ames"} {
		p := planOf(t, "Observation", query, search.Unrestricted)
		next, found := plan.Window{Limit: 20}, patients*each
		for {
			r, err := plan.Run(t.Context(), snap, p, next)
			if err != nil {
				t.Fatal(err)
			}
			if next.After == nil && r.Read > 450 {
				t.Errorf("%s: the first page reads %d", query, r.Read)
			}
			for _, row := range r.Rows {
				for found--; found/patients%2 != 0; found-- { // those of the code b
				}
				if want := fmt.Sprintf("o%04d", found); row.ID != want {
					t.Fatalf("%s: %s, not %s", query, row.ID, want)
				}
			}
			if next.After = r.Next; next.After == nil {
				break
			}
		}
		if found > 0 {
			t.Errorf("%s: pages end before o%04d", query, found)
		}
		if n, err := plan.Count(t.Context(), snap, p); n != patients*each/2 || err != nil {
			t.Errorf("%s: total %d (%v), want %d", query, n, err, patients*each/2)
		}
	}
}
