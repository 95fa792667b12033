package mongo

import (
	"slices"
	"unicode/utf8"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// keyset is a set of keys of which every document of a node has one.
type keyset struct {
	list  []string
	exact bool // every document that has one is of the node
	token bool // they are kept behind patients too
	loose bool // they are of the presence of a parameter, in an And that says more
}

// keys are the keys of a node; ok is false if there are none, or too many.
func (q *query) keys(n plan.Node) (k keyset, ok bool, err error) {
	switch n := n.(type) {
	case plan.Term:
		return q.termKeys(index.Term(n))
	case plan.Terms:
		return q.unionKeys(len(n), func(i int) plan.Node { return plan.Term(n[i]) })
	case plan.Or:
		return q.unionKeys(len(n), func(i int) plan.Node { return n[i] })
	case plan.And:
		return q.andKeys(n)
	case plan.Verify:
		k, ok, err = q.keys(n.X)
		k.exact = false
		return k, ok, err
	case plan.Not:
		if t, is := n.X.(plan.Term); is && t.Form == index.FormPresent {
			list, err := q.shapes(t.Num, false)
			return keyset{list: list}, len(list) <= maxKeys, err
		}
	}
	return k, false, nil
}

func (q *query) unionKeys(n int, at func(int) plan.Node) (k keyset, ok bool, err error) {
	k = keyset{exact: true, token: true}
	for i := range n {
		x, ok, err := q.keys(at(i))
		if !ok || err != nil || len(k.list)+len(x.list) > maxKeys {
			return keyset{}, false, err
		}
		k.list = append(k.list, x.list...)
		k.exact, k.token, k.loose = k.exact && x.exact, k.token && x.token, k.loose || x.loose
	}
	slices.Sort(k.list)
	k.list = slices.Compact(k.list)
	return k, n > 0, nil
}

// andKeys are the keys of the member of an And that has the fewest, a patient's first, those of presence last.
func (q *query) andKeys(n plan.And) (k keyset, found bool, err error) {
	members := conjuncts(n)
	if c, ok := q.chart(members); ok {
		w, err := q.through(c, members)
		return keyset{list: w.keys}, err == nil, err
	}
	for _, m := range members {
		x, ok, err := q.keys(m)
		if err != nil {
			return k, false, err
		}
		x.loose = x.loose || ofPresence(m)
		if ok && (!found || k.loose && !x.loose || k.loose == x.loose && len(x.list) < len(k.list)) {
			k, found = x, true
		}
	}
	k.loose = k.loose && len(members) > 1
	k.exact, k.token = false, false
	return k, found, nil
}

// ofPresence says whether a node asks only whether a parameter has a value.
func ofPresence(n plan.Node) bool {
	if not, ok := n.(plan.Not); ok {
		n = not.X
	}
	t, ok := n.(plan.Term)
	return ok && t.Form == index.FormPresent
}

func (q *query) termKeys(t index.Term) (k keyset, ok bool, err error) {
	if !utf8.ValidString(t.Text) {
		return k, false, nil
	}
	s := q.sch
	as := func(f index.Form, text string) string { return s.word(index.Term{Num: t.Num, Form: f, Text: text}) }
	switch t.Form {
	case index.FormCode:
		return keyset{list: []string{s.word(t)}, exact: true, token: true}, t.Num != idNum, nil
	case index.FormSystemCode, index.FormNoSystem, index.FormOfType:
		k.token = true
		for _, code := range codes(t.Text) {
			k.list = append(k.list, as(index.FormCode, code))
		}
	case index.FormReference:
		if s.patient(t.Num, t.Text) {
			k.list = []string{behindPatient(t.Text)}
			break
		}
		k = keyset{list: []string{s.word(t)}, exact: true}
	case index.FormID:
		k.list = []string{s.word(t)}
		for _, typ := range s.targets(t.Num) {
			text := typ + "/" + t.Text
			if s.patient(t.Num, text) {
				k.list = append(k.list, behindPatient(text))
			} else {
				k.list = append(k.list, as(index.FormReference, text))
			}
		}
	case index.FormIdentifier:
		for _, code := range codes(t.Text) {
			k.list = append(k.list, as(index.FormIdentCode, code))
		}
	case index.FormExact:
		k.list = []string{as(index.FormString, fhir.Fold(t.Text))}
	case index.FormPrefix, index.FormIdentCode, index.FormCanonical, index.FormURI, index.FormString, index.FormIn, index.FormComposite:
		k = keyset{list: []string{s.word(t)}, exact: true}
	case index.FormPresent, index.FormSystem:
		k.list, err = q.shapes(t.Num, true)
	}
	return k, len(k.list) > 0 && len(k.list) <= maxKeys, err
}
