package mongo

import (
	"strings"
	"unicode/utf8"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// way is a path that could be taken, and the members of the And that it says exactly.
type way struct {
	path
	also   []path // have the others
	covers []plan.Node
}

// Bounds of paths.
const (
	maxPaths = 16  // of one search
	maxPairs = 200 // keys behind patients; MongoDB merges as many lists in order
	maxKeys  = 20_000
)

// conjuncts are the members of an And, those of the And inside a Verify too.
func conjuncts(n plan.Node) []plan.Node {
	switch n := n.(type) {
	case plan.And:
		var out []plan.Node
		for _, x := range n {
			out = append(out, conjuncts(x)...)
		}
		return out
	case plan.Verify:
		return conjuncts(n.X)
	}
	return []plan.Node{n}
}

// length is about how many documents are on a way.
func (q *query) length(w *way) int {
	n := q.estimate(&w.path)
	for i := range w.also {
		n += q.estimate(&w.also[i])
	}
	return n
}

// best is the way with the fewest documents, of pairs those that the rest of the question does not find sooner; the
// whole type if there is no other.
func (q *query) best(members []plan.Node, pairs []way) (way, error) {
	for _, m := range members {
		if names := q.named(m); names != nil {
			return way{path: path{names: names, span: allOrders}, covers: []plan.Node{m}}, nil
		}
	}
	if c, ok := q.chart(members); ok {
		return q.through(c, members)
	}
	var ways []way
	for _, m := range members {
		w, ok, err := q.way(m)
		if err != nil {
			return way{}, err
		}
		if ok {
			ways = append(ways, w)
		}
	}
	best, least := way{path: path{span: allOrders}}, many
	most := many // of documents that are put in order
	if q.limit > 0 {
		most = many / 2 // the first ones of the type have some of so many among them
	}
	for i := range ways {
		w := &ways[i]
		if len(ways) == 1 && w.keys != nil && len(pairs) == 0 {
			return *w, nil
		}
		n := q.length(w)
		if !w.sorted() && n >= most {
			continue
		}
		if n < least || best.keys == nil && w.keys != nil && n == least {
			best, least = *w, n
		}
	}
	for i := range pairs {
		n, others := q.length(&pairs[i]), least
		if best.sorted() && q.limit > 0 { // of so many one is in the pair, and some are enough
			others = min(others, q.limit*least/max(n, 1))
		}
		if n < others {
			best, least = pairs[i], n
		}
	}
	return best, nil
}

// named are the instances that a node names; nil if it names none.
func (q *query) named(n plan.Node) []string {
	ts := plan.TermsOf(n)
	if len(ts) == 0 || ts[0].Num != idNum || ts[0].Form != index.FormCode {
		return nil
	}
	return q.sch.names(ts)
}

// way is how a member of an And can be found.
func (q *query) way(n plan.Node) (way, bool, error) {
	if texts := q.texts(n); texts != nil {
		return way{path: path{texts: texts, span: allOrders}}, true, nil
	}
	switch n := n.(type) {
	case plan.Prefix:
		if textual(n.Form) {
			ok := utf8.ValidString(n.Text) && q.sch.word(index.Term(n)) != ""
			return way{path: path{start: q.sch.word(index.Term(n)), span: allOrders}, covers: []plan.Node{n}}, ok, nil
		}
		p := path{prefix: q.sch.word(index.Term(n)), span: allOrders}
		ok := utf8.ValidString(n.Text) && (n.Form == index.FormString || n.Form == index.FormURI)
		if n.Form == index.FormReference && n.Text != "" && !strings.HasPrefix("Patient/", n.Text) && !strings.HasPrefix(n.Text, "Patient/") {
			ok = utf8.ValidString(n.Text)
		}
		return way{path: p, covers: []plan.Node{n}}, ok, nil
	case plan.Range:
		if q.sch.dated() && n.Num == q.sch.main.Num {
			return way{}, false, nil
		}
		narrow, wide, err := q.sch.rangeMatches(n)
		return way{path: path{match: narrow, span: allOrders}, also: []path{{match: wide, span: allOrders}}, covers: []plan.Node{n}}, true, err
	}
	keys, ok, err := q.keys(n)
	if !ok || err != nil {
		return way{}, false, err
	}
	w := way{path: path{keys: keys.list, span: allOrders}}
	if keys.exact {
		w.covers = []plan.Node{n}
	}
	return w, true, nil
}

// texts are texts of which every document of a node has one; nil if there are none.
func (q *query) texts(n plan.Node) []string {
	switch n := n.(type) {
	case plan.Term:
		if textual(n.Form) && utf8.ValidString(n.Text) {
			return []string{q.sch.word(index.Term(n))}
		}
	case plan.Terms:
		if len(n) > 0 && textual(n[0].Form) {
			return q.sch.words(n)
		}
	case plan.Or:
		var out []string
		for _, x := range n {
			list := q.texts(x)
			if list == nil {
				return nil
			}
			out = append(out, list...)
		}
		return out
	case plan.And:
		var best []string
		least := 0
		for _, x := range n {
			list := q.texts(x)
			if list == nil {
				continue
			}
			if n := q.estimate(&path{texts: list, span: allOrders}); best == nil || n < least {
				best, least = list, n
			}
		}
		return best
	case plan.Verify:
		return q.texts(n.X)
	}
	return nil
}
