package embedded

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// flatten lists the operands of nested Ands; what Verify holds is an operand, its test comes after.
func flatten(n plan.And, out []plan.Node, late []plan.Verify) ([]plan.Node, []plan.Verify) {
	for _, x := range n {
		for {
			v, ok := x.(plan.Verify)
			if !ok || v.Pairs != nil {
				break
			}
			late, x = append(late, v), v.X
		}
		if and, ok := x.(plan.And); ok && len(and) > 0 {
			out, late = flatten(and, out, late)
			continue
		}
		out = append(out, x)
	}
	return out, late
}

// and intersects. If an operand is one patient (patient=P, or membership of P's compartment) the others are read from
// what is kept behind that patient.
func (q *query) and(n plan.And, patient string) (set, error) {
	n, err := q.present(n)
	if err != nil {
		return set{}, err
	}
	nodes, late := flatten(n, nil, nil)
	var out set
	for _, v := range late {
		out.late = append(out.late, q.verify(v))
	}
	if patient == "" {
		for i, x := range nodes {
			if t, ok := x.(plan.Term); ok {
				if patient = q.patient(index.Term(t)); patient != "" {
					break
				}
			}
			if ts, ok := x.(plan.Terms); ok && len(nodes) > 1 && len(ts) <= q.src.s.limits.patients && q.allPatients(ts) {
				s, err := q.eachPatient(ts, nodes, i)
				out.add(s)
				return out, err
			}
		}
	}
	if union, rest, ok := q.bothOf(nodes); ok {
		nodes = rest
		out.add(q.pairs(union, patient))
	}
	var member bool      // In(patient) is asked for
	var whole []postings // everything that refers to the patient: long, so the last to be asked
	for _, x := range nodes {
		t, ok := x.(plan.Term)
		pins := ok && patient != "" && q.patient(index.Term(t)) == patient
		if pins && t.Num == index.NumIn {
			member = true
			continue
		}
		s, err := q.compile(x, patient)
		if err != nil {
			return out, err
		}
		if pins {
			whole, s.lists = append(whole, s.lists...), nil
		}
		out.add(s)
	}
	out.lists = append(out.lists, whole...)
	if member && !out.within {
		all, err := q.all(patient)
		if err != nil {
			return out, err
		}
		out.lists, out.within = append(out.lists, all), true
	}
	return out, nil
}

// patient is the id of the patient that a term pins a document's compartment to, "" if it does not.
func (q *query) patient(t index.Term) string {
	if t.Form != index.FormReference && t.Form != index.FormIn || !q.sch.patient[t.Num] {
		return ""
	}
	id, ok := strings.CutPrefix(t.Text, "Patient/")
	if !ok || !fhir.ValidID(id) {
		return ""
	}
	return id
}

func (q *query) allPatients(ts plan.Terms) bool {
	for _, t := range ts {
		if q.patient(t) == "" {
			return false
		}
	}
	return len(ts) > 0
}

// present is an And in which unions are without what the store has nothing of: most chains find what refers to one of some
// resources, which is read best near the patients, or to a contained one, of which most stores have none.
func (q *query) present(n plan.And) (plan.And, error) {
	for i, x := range n {
		union, ok := x.(plan.Or)
		if !ok {
			continue
		}
		var kept plan.Or
		for _, part := range union {
			p, _ := part.(plan.Prefix)
			if v, ok := part.(plan.Verify); ok && v.Pairs == nil {
				p, _ = v.X.(plan.Prefix)
			}
			if start := q.startOf(index.Term(p)); start != nil {
				some, err := q.belowAt(nil, start, 0)
				if err != nil {
					return nil, err
				}
				if some == nil {
					continue
				}
			}
			kept = append(kept, part)
		}
		if len(kept) == len(union) {
			continue
		}
		n = slices.Clone(n)
		switch len(kept) {
		case 0:
			n[i] = plan.None{}
		case 1:
			n[i] = kept[0]
		default:
			n[i] = kept
		}
	}
	return n, nil
}

func (q *query) or(n plan.Or, patient string) (set, error) {
	if union := rangesOf(n); union != nil {
		return q.ranges(union)
	}
	parts := make([]postings, 0, len(n))
	tested := false // a part is found by asking everything
	for _, x := range n {
		s, err := q.compile(x, patient)
		if err != nil {
			return set{}, err
		}
		tested = tested || len(s.late) > 0 && len(s.lists)+len(s.windows)+len(s.pairs)+len(s.ranges) == 0
		p, err := q.postings(s, patient)
		if err != nil {
			return set{}, err
		}
		parts = append(parts, p)
	}
	u := newUnion(q.work.dir, parts)
	if tested {
		return set{late: []test{func(p position) (bool, error) {
			has := u.has(p)
			return has, u.err()
		}}}, nil
	}
	return listed(u), nil
}

// rangesOf are the operands of a union of ranges of one parameter and unit; nil if it is none.
func rangesOf(n plan.Or) (union []plan.Range) {
	for _, x := range n {
		r, ok := x.(plan.Range)
		if !ok || len(union) > 0 && (r.Num != union[0].Num || r.Unit != union[0].Unit) {
			return nil
		}
		union = append(union, r)
	}
	return union
}

// not excludes. What a shape tells (a parameter without a value) is listed, the rest is tested.
func (q *query) not(x plan.Node, patient string) (set, error) {
	if t, ok := x.(plan.Term); ok && shaped(t.Form) {
		return q.shaped(index.Term(t), patient, true)
	}
	out, err := q.compiled(x, patient)
	if err != nil {
		return set{}, err
	}
	return set{tests: []test{func(p position) (bool, error) {
		return !out.has(p), out.err()
	}}}, nil
}
