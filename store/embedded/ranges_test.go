package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// TestCommonRange: a page of a range that a good part of all documents are in is found without reading the range.
func TestCommonRange(t *testing.T) {
	const n = 4000
	day := func(i int) string { return time.Date(2000, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) }
	var bodies []string
	for i := range n {
		bodies = append(bodies, fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","birthDate":%q}`, i, day(i)))
	}
	snap := holding(t, bodies...)
	snap.s.limits.sample = 100
	if err := snap.s.db.Flush(); err != nil { // what is not in tables is not estimated
		t.Fatal(err)
	}
	for _, c := range []struct {
		query string
		total int
		first string
		reads int // at most, for a page of 20
	}{
		{"birthdate=ge" + day(0), n, "p0", 200},
		{"birthdate=ge" + day(n/2), n / 2, fmt.Sprint("p", n/2), 5000}, // they come last of all
		{"birthdate=ge" + day(n-10), 10, fmt.Sprint("p", n-10), 40},
		{"birthdate=lt" + day(0), 0, "", 40},
	} {
		p := planOf(t, "Patient", c.query, search.Unrestricted)
		r, err := plan.Run(t.Context(), snap, p, plan.Window{Limit: 20})
		if err != nil {
			t.Fatal(err)
		}
		first := ""
		if len(r.Rows) > 0 {
			first = r.Rows[0].ID
		}
		if first != c.first || len(r.Rows) != min(20, c.total) || r.Read > c.reads {
			t.Errorf("%s: %d rows from %s with %d reads, want %d from %s with %d at most", c.query, len(r.Rows), first, r.Read, min(20, c.total), c.first, c.reads)
		}
		if n, err := plan.Count(t.Context(), snap, p); n != c.total || err != nil {
			t.Errorf("%s: total %d (%v), want %d", c.query, n, err, c.total)
		}
	}
}
