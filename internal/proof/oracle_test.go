package proof

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// The oracle: what the model answers is what the server answers, to every interaction, and then both hold the same.
func TestOracle(t *testing.T) {
	try(t, func(r *rig, d drawing) *Case {
		return d.scene(true)
	})
}

// departure says how the answers of the server depart from those of the model.
func (r *rig) departure(t testing.TB, c *Case) string {
	st := r.open()
	defer st.Close()
	if err := r.begin(st, c, c.World); err != nil {
		t.Fatal(err)
	}
	m := c.modelled(c.World)
	r.tally.cases++
	for i, q := range c.Requests {
		if err := r.as(c.token(q)); err != nil {
			t.Fatal(err)
		}
		got, err := r.ask(i, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			continue
		}
		if q.Page > 0 {
			q.Path = r.pages[i-q.Page]
		}
		reads := q.Method == http.MethodGet || q.Method == http.MethodHead || strings.HasSuffix(q.Path, "/$meta") || strings.HasSuffix(q.Path, "/_search")
		if refused(q, got[0]) && !reads {
			if strings.Contains(q.Body, `"type":"batch"`) {
				return "" // the model does not know what became of it
			}
			m.Count(r.ids) // and that is all that has changed
			continue
		}
		want, known := m.Ask(c.token(q), q.modelled(i))
		if !known {
			if reads || got[0].status >= 400 {
				m.Count(r.ids)
				continue
			}
			return "" // the model does not know what became of it
		}
		if malformed(got[0].status) && want.Status != got[0].status {
			continue // it does not look at everything that may be wrong
		}
		if left := leftOut.FindAllStringSubmatch(got[0].body, -1); slices.ContainsFunc(left, func(m []string) bool { return m[1] != "nothing" }) {
			continue // nor at what else is left out by leniency
		}
		r.tally.note(q, got)
		r.tally.answers++
		if why := compared(q, got, want, m); why != "" {
			return fmt.Sprintf("%s\n%s\nthe answer: %s", q, why, got)
		}
	}
	return r.stored(t, m)
}

// leftOut is a parameter that the Bundle of a lenient search says is left out.
var leftOut = regexp.MustCompile(`"severity":"warning".*?"expression":\["http\.([^"]*)"\]`)

// refused says whether a request was refused as malformed, or a write of a batch was: the model does not look at that.
func refused(q Request, a answer) bool {
	if malformed(a.status) || !strings.Contains(a.body, `"type":"batch-response"`) {
		return malformed(a.status)
	}
	sent, err := read(answer{body: q.Body})
	b, err2 := read(a)
	if err != nil || err2 != nil || len(sent.Entry) != len(b.Entry) {
		return false
	}
	for i, e := range b.Entry {
		if status, err := strconv.Atoi(e.Response.Status[:3]); err == nil && malformed(status) && sent.Entry[i].Request.Method != http.MethodGet {
			return true
		}
	}
	return false
}

func malformed(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnprocessableEntity
}

// stored compares all versions.
func (r *rig) stored(t testing.TB, m *model.Model) string {
	if err := r.as(model.Token{Scopes: []model.Scope{{Level: "system", Type: "*", Letters: "rs"}}}); err != nil {
		t.Fatal(err)
	}
	a, err := r.send(Request{Method: http.MethodGet, Path: "/_history?_count=1000"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := read(a)
	if err != nil {
		return fmt.Sprint(err, a)
	}
	if why := past(b.Entry, m.Versions(), false); why != "" {
		return "what is stored: " + why
	}
	return ""
}
