package embedded

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// document is a live resource as its index keys see it.
type document struct {
	schema    *schema
	pos       position
	several   bool // main dates
	shape     uint16
	terms     []index.Term
	intervals []interval
	coded     []index.Pair
	patients  []string // ids of the patients whose compartment holds it, sorted
	charts    []string // index.Entries.Charts
}

// newDocument places a resource of a document number. The shape is not set yet.
func newDocument(sch *schema, doc uint64, e *index.Entries) document {
	d := document{schema: sch, terms: e.Terms, intervals: sch.intervals(e.Ranges), coded: e.Pairs}
	d.pos = position{ordMissing, doc}
	if e.Order != fhir.MinTime {
		d.pos.ord = ordOf(e.Order)
	}
	dated, narrow := 0, false
	for i := range d.intervals {
		if v := &d.intervals[i]; sch.main != 0 && v.num == sch.main {
			dated++
			low, ok := keyTime(v.low)
			narrow = ok && v.class == classDay && low == e.Order && dateOf(d.pos.ord) == low
		}
	}
	if dated > 0 {
		if d.pos.ord == ordMissing {
			d.pos.ord = ordOpen
		}
		d.several = dated > 1
		if d.several || !narrow {
			d.pos.doc |= wideBit
		}
	}
	d.charts = e.Charts(sch.typ)
	if e.Compartments != nil {
		d.patients = d.charts
	}
	return d
}

// each calls emit for all index keys of the document. The slices are emit's only until it returns.
func (d *document) each(types typeNumbers, emit func(key, val []byte)) {
	typ := d.schema.number
	var space [160]byte
	val := d.appendLinks(types, []byte{byte(d.shape >> 8), byte(d.shape)})
	for i := range d.intervals {
		val = d.intervals[i].append(val)
	}
	emit(d.pos.append(append(space[:0], keyAll, typ)), val)
	emit(d.pos.append(appendShapeKey(space[:0], keyMember, typ, d.shape)), nil)

	key := append(space[:0], keyTerm, typ)
	for terms := d.terms; len(terms) > 0; {
		n := 1
		for n < len(terms) && terms[n].Num == terms[0].Num {
			n++
		}
		key = d.eachTerm(types, key, terms[:n], emit)
		terms = terms[n:]
	}

	for i := range d.intervals {
		if v := &d.intervals[i]; v.num != d.schema.main {
			key = d.pos.append(v.append(append(key[:0], keyRange, typ)))
			emit(key, nil)
		}
	}
	if d.pos.wide() {
		emit(d.pos.append(append(key[:0], keyWide, typ)), nil)
	}
	if d.several {
		emit(d.pos.append(append(key[:0], keySeveral, typ)), nil)
	}
}

// eachTerm emits the terms of one parameter: first those that share a key with others, then the rest. key is a buffer.
func (d *document) eachTerm(types typeNumbers, key []byte, terms []index.Term, emit func(key, val []byte)) []byte {
	typ, num := d.schema.number, terms[0].Num
	behind := d.schema.behind[num]
	others := newShared(types, terms)
	// put emits the posting of a term that is encoded behind the type, and again behind the patients.
	var val []byte
	put := func(patients bool, term func([]byte) []byte, pairs ...interval) {
		val = val[:0]
		for i := range pairs {
			val = pairs[i].append(val)
		}
		key = d.pos.append(term(append(key[:0], keyTerm, typ)))
		emit(key, val)
		if patients {
			for _, p := range d.patients {
				key = d.pos.append(term(append(appendID(append(key[:0], keyPatient), p), typ)))
				emit(key, val)
			}
		}
		for i := range pairs {
			key = term(append(key[:0], keyPair, typ))
			appendNum(key[:2], pairs[i].num) // instead of the code's
			key = d.pos.append(pairs[i].appendEnds(key))
			emit(key, nil)
		}
	}
	for i := range terms {
		t := &terms[i]
		if shaped(t.Form) && d.shape != 0 || num == d.schema.id && idForm(t.Form) {
			continue // found by its shape, by its id
		}
		switch t.Form {
		case index.FormSystemCode:
			if system, code, ok := splitToken(t.Text); ok && (!severalBars(t.Text) || has(terms, index.FormCode, code)) {
				put(behind, func(dst []byte) []byte { return appendToken(dst, num, system, code) }, d.beside(t)...)
				continue
			}
		case index.FormNoSystem:
			if code, ok := strings.CutPrefix(t.Text, "|"); ok {
				put(behind, func(dst []byte) []byte { return append(appendCode(dst, num, code), tagNoSystem) }, d.beside(t)...)
				continue
			}
		case index.FormCode:
			if contains(others.codes, t.Text) {
				continue
			}
			code := t.Text
			put(behind, func(dst []byte) []byte { return append(appendCode(dst, num, code), tagAlone) }, d.beside(t)...)
			continue
		case index.FormReference, index.FormIn, index.FormOnly:
			if ref, id, ok := types.splitReference(t.Text); ok {
				if d.isPatient(types, ref, id) {
					key = d.pos.append(appendSelf(append(appendID(append(key[:0], keyPatient), id), typ), num))
					emit(key, nil)
					continue
				}
				put(false, func(dst []byte) []byte { return appendReference(dst, num, ref, id) })
				continue
			}
		case index.FormID:
			if fhir.ValidID(t.Text) {
				if !contains(others.ids, t.Text) {
					id := t.Text
					put(false, func(dst []byte) []byte { return append(appendRef(dst, num, id), tagAlone) })
				}
				continue
			}
		}
		put(false, func(dst []byte) []byte { return appendForm(dst, num, t.Form, t.Text) })
	}
	return key
}

// idForm says whether a term of _id of this form names the instance: "code" or "|code" (ids keep their case).
func idForm(f index.Form) bool { return f == index.FormCode || f == index.FormNoSystem }

// idOf is the id that such a term asks for.
func idOf(t *index.Term) string {
	if t.Form == index.FormNoSystem {
		return strings.TrimPrefix(t.Text, "|")
	}
	return t.Text
}

// isPatient says whether a reference is to one of the patients whose compartment holds the document: it is kept behind
// that patient only.
func (d *document) isPatient(types typeNumbers, ref byte, id string) bool {
	if len(d.patients) == 0 || types.name(ref) != "Patient" {
		return false
	}
	_, ok := slices.BinarySearch(d.patients, id)
	return ok
}

// has says whether a term of the form and text is among the terms of one parameter.
func has(terms []index.Term, form index.Form, text string) bool {
	_, ok := slices.BinarySearchFunc(terms, text, func(t index.Term, text string) int {
		if t.Form != form {
			return int(t.Form) - int(form)
		}
		return strings.Compare(t.Text, text)
	})
	return ok
}

// shared are the codes and ids of one parameter whose FormCode and FormID other terms' keys stand for.
type shared struct{ codes, ids []string }

func newShared(types typeNumbers, terms []index.Term) (s shared) {
	for i := range terms {
		t := &terms[i]
		switch t.Form {
		case index.FormSystemCode:
			if _, code, ok := splitToken(t.Text); ok {
				s.codes = append(s.codes, code)
			}
		case index.FormNoSystem:
			if strings.HasPrefix(t.Text, "|") {
				s.codes = append(s.codes, t.Text[1:])
			}
		case index.FormReference:
			if _, id, ok := types.splitReference(t.Text); ok {
				s.ids = append(s.ids, id)
			}
		}
	}
	slices.Sort(s.codes)
	slices.Sort(s.ids)
	return s
}

func contains(sorted []string, s string) bool {
	_, ok := slices.BinarySearch(sorted, s)
	return ok
}
