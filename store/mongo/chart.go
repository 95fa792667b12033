package mongo

import (
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// A chart is the patients in whose charts all is that is looked for.
type chart struct {
	patients []string
	said     plan.Node // by this member of an And
}

// chart is that of the member that names the fewest patients; ok is false if none does, or too many.
func (q *query) chart(members []plan.Node) (c chart, ok bool) {
	for _, m := range members {
		if p := q.patients(m); p != nil && (c.said == nil || len(p) < len(c.patients)) {
			c = chart{p, m}
		}
	}
	return c, c.said != nil && len(c.patients) <= maxPairs
}

// patients are the patients in whose charts all documents of a node are; nil if it does not say so.
func (q *query) patients(n plan.Node) []string {
	var out []string
	for _, t := range plan.TermsOf(n) {
		in := t.Num == index.NumIn && t.Form == index.FormIn && strings.HasPrefix(t.Text, "Patient/")
		if !in && !(t.Form == index.FormReference && q.sch.patient(t.Num, t.Text)) || !utf8.ValidString(t.Text) {
			return nil
		}
		out = append(out, t.Text)
	}
	return out
}

// behind are keys behind each of the patients.
func (c *chart) behind(keys ...string) (out []string) {
	for _, p := range c.patients {
		for _, key := range keys {
			out = append(out, behind(p, key))
		}
	}
	return out
}

// behindPatient is the key of a patient's chart.
func behindPatient(patient string) string { return "_in=" + patient }

// through is the way through a chart: a token of another member behind each of the patients, or all of it.
func (q *query) through(c chart, members []plan.Node) (way, error) {
	w := way{path: path{span: allOrders}}
	if plan.TermsOf(c.said)[0].Form == index.FormIn { // nothing but the membership
		w.covers = []plan.Node{c.said}
	}
	token, m, err := q.token(members, maxPairs/len(c.patients))
	if err != nil {
		return w, err
	}
	if token.list == nil {
		for _, p := range c.patients {
			w.keys = append(w.keys, behindPatient(p))
		}
		return w, nil
	}
	w.keys = c.behind(token.list...)
	if token.exact {
		w.covers = append(w.covers, m)
	}
	return w, nil
}

// token are the keys of the member that finds the fewest among those that are kept behind patients.
func (q *query) token(members []plan.Node, most int) (best keyset, member plan.Node, err error) {
	least := -1
	for _, m := range members {
		k, ok, err := q.keys(m)
		if err != nil {
			return best, nil, err
		}
		if !ok || !k.token || len(k.list) > most {
			continue
		}
		if member == nil {
			best, member = k, m
			continue
		}
		if least < 0 {
			least = q.estimate(&path{keys: best.list, span: allOrders})
		}
		if n := q.estimate(&path{keys: k.list, span: allOrders}); n < least {
			best, member, least = k, m, n
		}
	}
	return best, member, nil
}

// apart is the path to the documents that have a key of dates: in the chart, or by whatever is less.
func (q *query) apart(key string, members []plan.Node, best way) path {
	p := path{span: allOrders, keys: []string{key}}
	if c, ok := q.chart(members); ok {
		p.keys = c.behind(key)
	} else if best.keys != nil && q.estimate(&best.path) < q.estimate(&p) {
		p.keys = best.keys
	}
	return p
}
