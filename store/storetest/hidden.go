package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Amounts of Hidden: how many other patients there are, and how many in the larger world.
const (
	fewHidden  = 200
	manyHidden = 10 * fewHidden
)

// hiddenQuestions are searches of linked types, and how many a patient of Hidden finds.
var hiddenQuestions = []struct {
	typ, query string
	found      int
}{
	{"Binary", "", 34},
	{"Binary", "_sort=_lastUpdated", 34},
	{"Binary", "_sort=-_lastUpdated", 34},
	{"Binary", "_lastUpdated=gt2001-01-01", 34},
	{"Binary", "_id:missing=false", 34},
	{"Provenance", "", 26},
	{"Provenance", "_sort=_lastUpdated", 26},
	{"Provenance", "_sort=-_lastUpdated", 26},
	{"Provenance", "_sort=recorded", 26},
	{"Provenance", "_lastUpdated=gt2001-01-01", 26},
	{"Provenance", "recorded=gt2001-01-01", 26},
	{"Provenance", "agent=Practitioner/ann", 26},
	{"Provenance", "target:Binary._lastUpdated=gt2001-01-01", 2},
}

// Hidden holds an engine to this: what a patient's search of a linked type costs (access.md "Linked types") does not follow
// what there is of other patients. Each question is asked in a world and in one with ten times as many of them. What a question
// reads a plan.Meter says; also is what the engine knows of more of what is read to the end, if it is not nil.
func Hidden(t *testing.T, open func(*testing.T) store.Store, also func(typ string, ask func()) int) {
	var before map[string]int
	for _, others := range []int{fewHidden, manyHidden} {
		s := &suite{T: t, ctx: t.Context(), store: open(t), clock: firstMoment}
		s.hide(others)
		costs := map[string]int{}
		for _, q := range hiddenQuestions {
			for _, w := range []plan.Window{{Limit: 10}, {Limit: 10, Total: true}, {Total: true}} {
				name := fmt.Sprintf("%s?%s, a page of %d, total %v", q.typ, q.query, w.Limit, w.Total)
				n := s.linkedSearch(name, q.typ, q.query, w, q.found, also)
				if before != nil && n > before[name]+before[name]/10 { // those that are asked first are others, and cost a bit more or less
					t.Errorf("%s: %d reads with %d other patients, %d with %d", name, before[name], fewHidden, n, others)
				}
				costs[name] = n
			}
		}
		if before = costs; t.Failed() {
			break
		}
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// linkedSearch asks as the patient and gives what it cost.
func (s *suite) linkedSearch(name, typ, query string, w plan.Window, found int, also func(string, func()) int) (cost int) {
	s.Helper()
	snap := s.snapshot()
	defer snap.Close()
	q, err := search.Parse(typ, pairsOf(query), parseOptions)
	if err != nil {
		s.Fatal(err)
	}
	p, err := plan.Lower(search.Guard(q, onePatient), &index.Indexer{Base: Base})
	if err != nil {
		s.Fatal(err)
	}
	m := &plan.Meter{Source: snap}
	ask := func() {
		r, err := plan.Run(s.ctx, m, p, w)
		if err != nil || w.Total && r.Total != found || len(r.Rows) != min(found, w.Limit) {
			s.Errorf("%s: %d rows of %d, want %d: %v", name, len(r.Rows), r.Total, found, err)
		}
	}
	if also == nil || !w.Total {
		ask()
	} else {
		cost = also(typ, ask)
	}
	return cost + m.Reads
}

func pairsOf(query string) []search.Pair {
	if name, value, ok := strings.Cut(query, "="); ok {
		return []search.Pair{{Name: name, Value: value}}
	}
	return nil
}

// hide writes a world: what the patient a has, and what so many other patients have.
func (s *suite) hide(others int) {
	var writes []store.Write
	put := func(typ, id, body string, args ...any) {
		writes = append(writes, s.version(typ, id, 1, fmt.Sprintf(`{"resourceType":%q,`+body+`}`, append([]any{typ}, args...)...)))
		if len(writes) >= 500 {
			s.commit(writes...)
			writes = nil
		}
	}
	binary := func(id, context string) {
		if context != "" {
			context = fmt.Sprintf(`,"securityContext":{"reference":%q}`, context)
		}
		put("Binary", id, `"contentType":"text/plain"`+context)
	}
	provenance := func(id string, targets ...string) {
		list := strings.Join(targets, `"},{"reference":"`)
		put("Provenance", id, `"target":[{"reference":"%s"}],"recorded":"2024-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/ann"}}]`, list)
	}
	chart := func(p string, n int) {
		put("Patient", p, `"active":true`)
		for i := range n {
			id := fmt.Sprintf("%s-%d", p, i)
			put("Observation", id, `"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}`, p)
			binary("attached-"+id, "")
			put("DocumentReference", id, `"status":"current","subject":{"reference":"Patient/%s"},"content":[{"attachment":{"url":"Binary/attached-%s"}}]`, p, id)
			binary("of-"+id, "Observation/"+id)
			binary("about-"+id, "Patient/"+p)
			provenance("p-"+id, "Patient/"+p, "Observation/"+id)
			provenance("o-"+id, "Observation/"+id)
		}
		provenance("b-"+p, "Binary/of-"+p+"-0", "Binary/attached-"+p+"-0")
	}
	put("Organization", "org", `"active":true`)
	put("Practitioner", "ann", `"active":true`)
	chart("a", 10)
	for i := range 2 {
		provenance(fmt.Sprintf("org-%d", i), "Organization/org")
		binary(fmt.Sprintf("org-%d", i), "Organization/org")
	}
	binary("lost", "Organization/none")
	provenance("b-own", "Binary/about-a-0")
	provenance("mixed", "Organization/org", "Observation/h0-0")
	provenance("both", "Organization/org", "Observation/a-0")
	for i := range others {
		chart(fmt.Sprintf("h%d", i), 1)
	}
	provenance("last", "Observation/a-1")
	binary("last", "")
	put("Media", "last", `"status":"completed","subject":{"reference":"Patient/a"},"content":{"url":"Binary/last"}`)
	binary("last-of", "Observation/a-1")
	s.commit(writes...)
}

// onePatient is the access of a token for the patient a to all types (access.md D4, D7, D8).
const onePatient patientAccess = "a"

type patientAccess string

// Allowed implements search.Access.
func (a patientAccess) Allowed(i search.Interaction, typ string) search.Expr {
	of := fhir.Reference{Type: "Patient", ID: string(a)}
	in := search.In{Compartment: of}
	alone := search.And{in, search.Only{Compartment: of}}
	switch compartments.ClassOf(typ) {
	case compartments.InPatient:
		switch {
		case typ == "Provenance":
			return search.Or{alone, search.And{search.Only{Compartment: of, OrNone: true}, search.Linked{}}}
		case compartments.NeedsOnly(typ):
			return alone
		}
		return in
	case compartments.Subject:
		return search.Param{P: r4.Lookup(typ, compartments.SubjectParam(typ)), Any: []search.Value{{Raw: of.String(), Ref: of}}}
	case compartments.Linked:
		return search.Linked{}
	case compartments.Directory, compartments.Definitional:
		return search.All
	}
	return search.None
}
