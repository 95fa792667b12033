package interaction

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
)

// Explanation is how a search was answered (_explain): what was asked, what the guard made of it, what is left of that
// when simplified, with which plan, and what it took. Values of the request are in it, those of resources are not.
type Explanation struct {
	Types []Explained
	// Read are the index entries and documents that were read, Asked the questions that the store was asked.
	Read, Asked    int
	Rows, Included int
	Total          int // -1: not counted
	Took           time.Duration

	form search.Explain
}

// Explained is the part of a search that is on one type, as s-expressions.
type Explained struct {
	Type, Parsed, Guarded, Simplified string
	Plan                              string // lines, indented
}

// JSON says whether the explanation is to be answered as JSON instead of the Bundle, Text whether as text.
func (e *Explanation) JSON() bool { return e != nil && e.form == search.ExplainJSON }

// Text says whether the explanation is to be answered as text instead of the Bundle.
func (e *Explanation) Text() bool { return e != nil && e.form == search.ExplainText }

func explain(q search.Query, g search.Guarded, p plan.Plan, m *plan.Meter, r *plan.Result, took time.Duration) *Explanation {
	e := &Explanation{Read: m.Reads, Asked: m.Asked, Rows: len(r.Rows), Included: len(r.Included), Total: r.Total, Took: took}
	parsed := []search.Branch{{Type: q.Type, Where: q.Where}}
	guarded, plans := []search.Guarded{g}, []plan.Plan{p}
	if q.Type == "" {
		parsed, guarded, plans = q.Branches, g.Members(), p.Members()
	}
	for i, b := range parsed {
		if len(parsed) > 1 && plans[i].Where() == search.None {
			continue // nothing of the type may be seen
		}
		simplified, lines, _ := strings.Cut(strings.TrimSuffix(plan.Explain(plans[i]), "\n"), "\n")
		e.Types = append(e.Types, Explained{b.Type, b.Where.String(), guarded[i].Where().String(), simplified, lines})
	}
	if q.Type == "" {
		if more := plan.ExplainIncludes(p); more != "" && len(e.Types) > 0 {
			e.Types[len(e.Types)-1].Plan += "\n" + strings.TrimSuffix(more, "\n")
		}
	}
	return e
}

// figures are what the answer took.
func (e *Explanation) figures() string {
	s := fmt.Sprintf("%d rows, %d included, %d index entries and documents read by %d questions, %s", e.Rows, e.Included, e.Read, e.Asked, e.Took.Round(time.Microsecond))
	if e.Total >= 0 {
		s += fmt.Sprintf(", total %d", e.Total)
	}
	return s
}

// AppendText appends the explanation as text for people.
func (e *Explanation) AppendText(b []byte) []byte {
	for _, t := range e.Types {
		for _, line := range [...][2]string{{"type", t.Type}, {"parsed", t.Parsed}, {"guarded", t.Guarded}, {"simplified", t.Simplified}} {
			b = fmt.Appendf(b, "%-11s%s\n", line[0], line[1])
		}
		b = append(append(append(b, "plan\n"...), t.Plan...), "\n\n"...)
	}
	return append(append(b, e.figures()...), '\n')
}

// AppendJSON appends the explanation as a JSON object, which is no FHIR resource:
//
//	{"types":[{"type":…,"parsed":…,"guarded":…,"simplified":…,"plan":[line,…]}],
//	 "rows":n,"included":n,"total":n,"read":n,"asked":n,"microseconds":n}
func (e *Explanation) AppendJSON(b []byte) []byte {
	b = append(b, `{"types":[`...)
	for i, t := range e.Types {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"type":`...), t.Type)
		b = appendString(append(b, `,"parsed":`...), t.Parsed)
		b = appendString(append(b, `,"guarded":`...), t.Guarded)
		b = appendString(append(b, `,"simplified":`...), t.Simplified)
		b = append(b, `,"plan":[`...)
		for j, line := range strings.Split(t.Plan, "\n") {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendString(b, line)
		}
		b = append(b, `]}`...)
	}
	b = append(b, ']')
	for _, f := range [...]struct {
		name string
		n    int
	}{{"rows", e.Rows}, {"included", e.Included}, {"total", e.Total}, {"read", e.Read}, {"asked", e.Asked}, {"microseconds", int(e.Took.Microseconds())}} {
		if f.n >= 0 {
			b = strconv.AppendInt(append(append(append(b, `,"`...), f.name...), `":`...), int64(f.n), 10)
		}
	}
	return append(b, '}')
}

// issues are the explanation as an OperationOutcome has it.
func (e *Explanation) issues() fhir.Errors {
	var out fhir.Errors
	say := func(name, text string) {
		out = append(out, &fhir.Error{Diagnostics: name + ": " + text})
	}
	for _, t := range e.Types {
		say("type", t.Type)
		say("parsed", t.Parsed)
		say("guarded", t.Guarded)
		say("simplified", t.Simplified)
		say("plan", t.Plan)
	}
	say("took", e.figures())
	return out
}
