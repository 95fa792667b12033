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

// hiddenHistories are histories of types, and how many versions a patient of Hidden finds. Those of linked types are not
// among them: nothing in a version of one says whose it is.
var hiddenHistories = []struct {
	types []string
	times plan.Times
	found int
}{
	{[]string{"Observation"}, plan.Times{}, 12},
	{[]string{"Observation"}, plan.Times{Since: firstMoment + 1}, 12},
	{[]string{"Observation"}, plan.Times{From: firstMoment, To: firstMoment + 1_000_000_000}, 12},
	{[]string{"DocumentReference"}, plan.Times{}, 10},
	{[]string{"Patient"}, plan.Times{}, 1},
	{[]string{"Device"}, plan.Times{}, 2},
	{[]string{"Organization"}, plan.Times{}, 1},
	{[]string{"Device", "DocumentReference", "Group", "Media", "Observation", "Organization", "Patient", "Practitioner"}, plan.Times{}, 28},
}

// Hidden holds an engine to this: what a patient's search of a linked type costs (access.md "Linked types"), and what the
// history of other types, does not follow what there is of other patients. Each question is asked in a world and in one with
// ten times as many of them. What a question reads a plan.Meter says; also is what the engine knows of more of what is read to
// the end, if it is not nil.
func Hidden(t *testing.T, open func(*testing.T) store.Store, also func(typ string, ask func()) int) {
	var before map[string]int
	windows := []plan.Window{{Limit: 10}, {Limit: 10, Total: true}, {Total: true}}
	for _, others := range []int{fewHidden, manyHidden} {
		s := &suite{T: t, ctx: t.Context(), store: open(t), clock: firstMoment}
		s.hide(others)
		costs := map[string]int{}
		note := func(name string, n int) {
			if before != nil && n > before[name]+before[name]/10 { // those that are asked first are others, and cost a bit more or less
				t.Errorf("%s: %d reads with %d other patients, %d with %d", name, before[name], fewHidden, n, others)
			}
			costs[name] = n
		}
		for _, w := range windows {
			for _, q := range hiddenQuestions {
				name := fmt.Sprintf("%s?%s, a page of %d, total %v", q.typ, q.query, w.Limit, w.Total)
				note(name, s.linkedSearch(name, q.typ, q.query, w, q.found, also))
			}
			for _, h := range hiddenHistories {
				for _, back := range []bool{false, true} {
					w.Back = back
					name := fmt.Sprintf("history of %q %+v, a page of %d, total %v, back %v", h.types, h.times, w.Limit, w.Total, back)
					note(name, s.patientHistory(name, h.types, h.times, w, h.found, also))
				}
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
	return s.cost(name, typ, w, found, m, also, func() (int, int, error) {
		r, err := plan.Run(s.ctx, m, p, w)
		return len(r.Rows), r.Total, err
	})
}

// patientHistory asks as the patient and gives what it cost.
func (s *suite) patientHistory(name string, types []string, t plan.Times, w plan.Window, found int, also func(string, func()) int) int {
	s.Helper()
	snap := s.snapshot()
	defer snap.Close()
	p, err := plan.Lower(search.GuardHistory(types, onePatient), &index.Indexer{Base: Base})
	if err != nil {
		s.Fatal(err)
	}
	if len(types) > 1 {
		also = nil
	}
	m := &plan.Meter{Source: snap}
	return s.cost(name, types[0], w, found, m, also, func() (int, int, error) {
		page, err := plan.History(s.ctx, m, p, t, w)
		return len(page.Rows), page.Total, err
	})
}

// cost asks something of a type, which finds so many, and gives what it cost.
func (s *suite) cost(name, typ string, w plan.Window, found int, m *plan.Meter, also func(string, func()) int, run func() (rows, total int, err error)) (cost int) {
	s.Helper()
	ask := func() {
		rows, total, err := run()
		if err != nil || w.Total && total != found || rows != min(found, w.Limit) {
			s.Errorf("%s: %d rows of %d, want %d: %v", name, rows, total, found, err)
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
	flush := func() {
		s.commit(writes...)
		writes = nil
	}
	add := func(w store.Write) {
		if writes = append(writes, w); len(writes) >= 500 {
			flush()
		}
	}
	write := func(typ, id string, version uint64, body string, args ...any) {
		add(s.version(typ, id, version, fmt.Sprintf(`{"resourceType":%q,`+body+`}`, append([]any{typ}, args...)...)))
	}
	remove := func(typ, id string, version uint64) { add(s.version(typ, id, version, "")) }
	put := func(typ, id, body string, args ...any) { write(typ, id, 1, body, args...) }
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
	observation := func(id string, version uint64, patient string) {
		write("Observation", id, version, `"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}`, patient)
	}
	patients := []string{"a"}
	for i := range others {
		patients = append(patients, fmt.Sprintf("h%d", i))
	}
	for version := range uint64(2) {
		flush()
		for i, p := range patients {
			observation("changed-"+p, version+1, p)
			if version == 0 {
				write("Device", p, 1, `"patient":{"reference":"Patient/%s"}`, p)
			} else {
				remove("Device", p, 2)
			}
			if i < 3 { // out of reach
				observation(fmt.Sprintf("moved-%d", i), version+1, patients[version])
			}
		}
	}
	flush()
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
