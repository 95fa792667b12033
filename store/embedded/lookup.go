package embedded

import (
	"bytes"
	"math"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// term is the documents that have a term.
func (q *query) term(t index.Term, patient string) (set, error) {
	if shaped(t.Form) {
		return q.shaped(t, patient, false)
	}
	if t.Num == q.sch.id && idForm(t.Form) {
		found, err := q.instance(nil, idOf(&t))
		return listed(newSlice(q.work.dir, found)), err
	}
	prefixes, err := q.prefixes(nil, t, patient)
	if err != nil {
		return set{}, err
	}
	p, err := q.lists(prefixes...)
	if err != nil {
		return set{}, err
	}
	s := listed(p)
	s.within = patient != "" && len(prefixes) == 1 && bytes.HasPrefix(prefixes[0], q.behind(patient))
	return s, nil
}

// terms is the documents that have one of several terms.
func (q *query) terms(ts plan.Terms, patient string) (set, error) {
	var prefixes [][]byte
	var parts []postings
	var found []position
	for _, t := range ts {
		if shaped(t.Form) {
			s, err := q.shaped(t, patient, false)
			if err != nil {
				return set{}, err
			}
			p, err := q.postings(s, patient)
			if err != nil {
				return set{}, err
			}
			parts = append(parts, p)
			continue
		}
		var err error
		if t.Num == q.sch.id && idForm(t.Form) {
			found, err = q.instance(found, idOf(&t))
		} else {
			prefixes, err = q.prefixes(prefixes, t, patient)
		}
		if err != nil {
			return set{}, err
		}
	}
	if len(prefixes) > q.src.s.limits.lists {
		var err error
		if found, prefixes, err = q.collect(found, prefixes); err != nil {
			return set{}, err
		}
	}
	for _, prefix := range prefixes {
		l, err := q.list(prefix)
		if err != nil {
			return set{}, err
		}
		parts = append(parts, l)
	}
	if len(found) > 0 || len(parts) == 0 {
		parts = append(parts, newSlice(q.work.dir, found))
	}
	return listed(newUnion(q.work.dir, parts)), nil
}

// collect reads short lists through one iterator; the prefixes of the long ones are returned.
func (q *query) collect(found []position, prefixes [][]byte) ([]position, [][]byte, error) {
	it, err := q.iterator([]byte{keyAll})
	if err != nil {
		return nil, nil, err
	}
	it.SetBounds(nil, nil)
	var long [][]byte
	for _, prefix := range prefixes {
		it.SetBounds(prefix, after(prefix))
		start := len(found)
		for ok := it.First(); ok; ok = it.Next() {
			if err := q.work.step(); err != nil {
				return nil, nil, err
			}
			p, ok := readPosition(it.Key()[len(prefix):])
			if !ok {
				return nil, nil, errRecord
			}
			if found = append(found, p); len(found)-start > q.src.s.limits.list && len(long) < q.src.s.limits.lists {
				long, found = append(long, prefix), found[:start]
				break
			}
		}
		if err := it.Error(); err != nil {
			return nil, nil, err
		}
	}
	return found, long, nil
}

// prefixes appends the prefixes of the lists whose union is a term's.
func (q *query) prefixes(out [][]byte, t index.Term, patient string) ([][]byte, error) {
	// base is what the terms of the type begin with, near the patient if they are kept there too.
	base := func(kept bool) []byte {
		if kept && patient != "" {
			return q.behind(patient)
		}
		return []byte{keyTerm, q.sch.number}
	}
	behind := q.sch.behind[t.Num]
	types := q.src.s.types
	switch t.Form {
	case index.FormSystemCode:
		if system, code, ok := splitToken(t.Text); ok {
			out = append(out, appendToken(base(behind), t.Num, system, code))
			if !severalBars(t.Text) {
				return out, nil
			}
		}
	case index.FormNoSystem:
		if code, ok := strings.CutPrefix(t.Text, "|"); ok {
			return append(out, append(appendCode(base(behind), t.Num, code), tagNoSystem)), nil
		}
	case index.FormCode:
		return q.below(out, appendCode(base(behind), t.Num, t.Text))
	case index.FormReference, index.FormIn, index.FormOnly:
		if ref, id, ok := types.splitReference(t.Text); ok {
			if types.name(ref) == "Patient" {
				out = append(out, appendSelf(q.behind(id), t.Num))
				if q.sch.patient[t.Num] {
					return out, nil
				}
			}
			return append(out, appendReference(base(false), t.Num, ref, id)), nil
		}
	case index.FormID:
		if fhir.ValidID(t.Text) {
			return q.below(append(out, appendSelf(q.behind(t.Text), t.Num)), appendRef(base(false), t.Num, t.Text))
		}
	}
	return append(out, appendForm(base(false), t.Num, t.Form, t.Text)), nil
}

// below appends the prefixes of the terms that begin with start.
func (q *query) below(out [][]byte, start []byte) ([][]byte, error) {
	return q.belowAt(out, start, math.MaxInt32)
}

// belowAt is below for so many terms at most, and one more.
func (q *query) belowAt(out [][]byte, start []byte, most int) ([][]byte, error) {
	it, err := q.iterator(start)
	if err != nil {
		return nil, err
	}
	most += len(out)
	head := 2
	if start[0] == keyPatient {
		head = 1 + idLen(start[1:]) + 1
	}
	for ok := it.First(); ok && len(out) <= most; {
		if err := q.work.step(); err != nil {
			return nil, err
		}
		n := termLen(it.Key()[head:])
		if n < 0 {
			return nil, errRecord
		}
		prefix := append([]byte(nil), it.Key()[:head+n]...)
		out = append(out, prefix)
		ok = it.SeekGE(after(prefix))
	}
	if err := it.Error(); err != nil {
		return nil, err
	}
	q.open, q.spare = q.open[:len(q.open)-1], append(q.spare, it)
	return out, nil
}

// instance appends the position of a live instance of the type.
func (q *query) instance(found []position, id string) ([]position, error) {
	if err := q.work.step(); err != nil {
		return nil, err
	}
	e, err := q.src.entry(q.sch.number, id)
	if err != nil || e.version == 0 || e.deleted {
		return found, err
	}
	return append(found, e.pos), nil
}

// startOf is what the keys of the terms begin with whose text begins with that of t, or with what of it is kept in keys;
// nil if they are not together.
func (q *query) startOf(t index.Term) []byte {
	var start []byte
	switch t.Form {
	case 0, index.FormSystemCode, index.FormNoSystem, index.FormID, index.FormIn, index.FormOnly, index.FormPresent, index.FormSystem:
		return nil
	case index.FormCode:
		if t.Num == q.sch.id {
			return nil // there are no postings
		}
		start = append(appendNum([]byte{keyTerm, q.sch.number}, t.Num), groupToken)
	default:
		if t.Form == index.FormReference && (t.Text == "" || t.Text[0] >= 'A' && t.Text[0] <= 'Z') {
			return nil // references of local resources are kept in another form
		}
		start = append(appendNum([]byte{keyTerm, q.sch.number}, t.Num), groupForm+byte(t.Form))
	}
	return appendEscaped(start, t.Text[:min(len(t.Text), inline)])
}

// prefix is the documents that have a term whose text begins with a text.
func (q *query) prefix(t index.Term) (set, error) {
	start := q.startOf(t)
	if start == nil {
		return q.slowPrefix(t), nil
	}
	s, err := q.few(start)
	if err != nil {
		return set{}, err
	}
	if s.lists == nil {
		if s, err = q.gathered(start); err != nil {
			return set{}, err
		}
	}
	if len(t.Text) > inline {
		s.late = q.slowPrefix(t).late
	}
	return s, nil
}

// few is the documents that have a term that begins with start, by their lists, if those are few; else the zero set.
func (q *query) few(start []byte) (set, error) {
	prefixes, err := q.belowAt(nil, start, q.src.s.limits.lists)
	if err != nil || len(prefixes) > q.src.s.limits.lists {
		return set{}, err
	}
	p, err := q.lists(prefixes...)
	return listed(p), err
}

// gathered is the documents that have a term that begins with start, read into memory.
func (q *query) gathered(start []byte) (set, error) {
	it, err := q.iterator(start)
	if err != nil {
		return set{}, err
	}
	var found []position
	for ok := it.First(); ok; ok = it.Next() {
		if err := q.work.step(); err != nil {
			return set{}, err
		}
		n := termLen(it.Key()[2:])
		if n < 0 {
			return set{}, errRecord
		}
		p, ok := readPosition(it.Key()[2+n:])
		if !ok {
			return set{}, errRecord
		}
		found = append(found, p)
	}
	if err := it.Error(); err != nil {
		return set{}, err
	}
	return listed(newSlice(q.work.dir, found)), nil
}

// slowPrefix reads the bodies.
func (q *query) slowPrefix(t index.Term) set {
	return set{late: []test{q.tested(func(e *index.Entries) bool {
		for i := range e.Terms {
			if x := &e.Terms[i]; x.Num == t.Num && x.Form == t.Form && strings.HasPrefix(x.Text, t.Text) {
				return true
			}
		}
		return false
	})}}
}
