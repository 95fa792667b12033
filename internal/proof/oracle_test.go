package proof

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// The oracle: what the model answers is what the server answers, to every interaction, and then both hold the same.
func TestOracle(t *testing.T) {
	try(t, 1, func(r *rig, d drawing) *Case {
		return d.scene(true)
	})
}

// The oracle of the audit log: the log has of every access what the model says.
func TestOracleOfLog(t *testing.T) {
	try(t, ofLogs, func(r *rig, d drawing) *Case {
		return d.accessed(true)
	})
}

// departure says how the answers of the server depart from those of the model, and what the log has of them.
func (r *rig) departure(t testing.TB, c *Case) string {
	st := r.open()
	defer st.Close()
	r.shown = c.Audit
	if err := r.begin(st, c, c.World); err != nil {
		t.Fatal(err)
	}
	l := newLedger(c, c.World)
	if why, err := r.tells(l, began, anyone, model.Writes(l.m.Versions()), true); err != nil {
		t.Fatal(err)
	} else if why != "" {
		return "the making of the world: " + why
	}
	r.tally.cases++
	for i, q := range c.Requests {
		q = l.aimed(q)
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
		before := len(l.m.Versions())
		why, ends := r.departs(c, l.m, i, q, got)
		if why != "" {
			return fmt.Sprintf("%s\n%s\nthe answer: %s", q, why, got)
		}
		if ends {
			return ""
		}
		if q.As < maker { // what it is refused has had no ids
			l.m.Count(r.ids)
		}
		list, known := acts(l.m, q, got, l.m.Versions()[before:])
		if why, err = r.tells(l, r.clock, r.who.User, list, known); err != nil {
			t.Fatal(err)
		} else if why != "" {
			return fmt.Sprintf("%s\n%s\nthe answer: %s", q, why, got)
		}
	}
	r.tally.events += len(l.other)
	return r.stored(t, l.m)
}

// departs compares the answer to one request; ends: the model does not know what became of it.
func (r *rig) departs(c *Case, m *model.Model, i int, q Request, got []answer) (why string, ends bool) {
	reads := q.Method == http.MethodGet || q.Method == http.MethodHead || strings.HasSuffix(q.Path, "/$meta") || strings.HasSuffix(q.Path, "/_search")
	if refused(q, got[0]) && !reads {
		m.Count(r.ids) // and that is all that has changed
		return "", strings.Contains(q.Body, `"type":"batch"`)
	}
	want, known := m.Ask(c.token(q), q.modelled(i))
	if !known {
		m.Count(r.ids)
		return "", !reads && got[0].status < 400
	}
	if malformed(got[0].status) && want.Status != got[0].status {
		return "", false // it does not look at everything that may be wrong
	}
	if left := leftOut.FindAllStringSubmatch(got[0].body, -1); slices.ContainsFunc(left, func(m []string) bool { return m[1] != "nothing" }) {
		return "", false // nor at what else is left out by leniency
	}
	r.tally.note(q, got, c.Audit)
	r.tally.answers++
	return compared(q, got, want, m), false
}

// tells takes in what the log has since a moment, and says how it is not what it should have.
func (r *rig) tells(l *ledger, since time.Time, by string, list []model.Act, known bool) (why string, err error) {
	before := len(l.other)
	if err := r.keeps(l, since, false); err != nil || !r.shown || !known {
		return "", err
	}
	return mislogged(l.m, l.other[before:], by, list), nil
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
