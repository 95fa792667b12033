package mongo

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// A path leads to some documents of a type through one index. The paths of a node lead to all that it denotes, and to
// more: the filter of the node goes with each of them.
type path struct {
	names  []string // _id
	keys   []string // one of them; in the order of fieldOrder
	prefix string   // a key that begins with it
	match  bson.D   // an element of fieldRanges
	texts  []string // of fieldTexts, one of them
	start  string   // of one of fieldTexts
	pair   interval // of one of fieldPairs
	span   orders   // of fieldOrder
}

// Names of the indexes of resources. Each leads with the type, and no field of a path but its own is in two of them, so
// that a filter with the condition of one path has one index to go by.
const (
	byKey   = "key"   // t, k, o
	byOrder = "order" // t, o
	byRange = "range" // t, r.p, r.lo, r.hi
	byText  = "text"  // t, w
	byPair  = "pair"  // t, q: of those that have one
	byTime  = "time"  // t, at, _id

	byGeneration = "generation" // t, g: of those that are live

	byName = "_id_"
)

// index is the index that the path goes by.
func (p *path) index() string {
	switch {
	case p.names != nil:
		return byName
	case p.keys != nil || p.prefix != "":
		return byKey
	case p.match != nil:
		return byRange
	case p.texts != nil || p.start != "":
		return byText
	case p.pair != interval{}:
		return byPair
	}
	return byOrder
}

// whole says whether the path is the whole type, or a span of its order.
func (p *path) whole() bool {
	return p.index() == byOrder
}

// sorted says whether the documents come in the order of fieldOrder.
func (p *path) sorted() bool { return p.keys != nil || p.whole() }

// filter is the condition of the path and a rest.
func (p *path) filter(typ string, rest bson.D) bson.D {
	f := field(fieldType, typ)
	switch {
	case p.names != nil:
		f = append(f, bson.E{Key: "_id", Value: oneOf(p.names)})
	case p.keys != nil:
		f = append(f, bson.E{Key: fieldKeys, Value: oneOf(p.keys)})
	case p.prefix != "":
		f = append(f, bson.E{Key: fieldKeys, Value: field("$elemMatch", beginning(p.prefix))})
	case p.match != nil:
		f = append(f, bson.E{Key: fieldRanges, Value: field("$elemMatch", p.match)})
	case p.texts != nil:
		f = append(f, bson.E{Key: fieldTexts, Value: oneOf(p.texts)})
	case p.start != "":
		f = append(f, bson.E{Key: fieldTexts, Value: field("$elemMatch", beginning(p.start))})
	case p.pair != interval{}:
		f = append(f, bson.E{Key: fieldPairs, Value: field("$elemMatch", bson.D{{Key: "$gte", Value: p.pair.from}, {Key: "$lte", Value: p.pair.to}})})
	}
	if p.span != allOrders || p.names != nil || p.whole() {
		// A tombstone has no order, and neither keys nor ranges.
		f = append(f, bson.E{Key: fieldOrder, Value: bson.D{{Key: "$gte", Value: p.span.from.value()}, {Key: "$lte", Value: p.span.to.value()}}})
	}
	if len(rest) > 0 {
		f = append(f, bson.E{Key: "$and", Value: bson.A{rest}})
	}
	return f
}

func oneOf(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return bson.D{{Key: "$in", Value: list}}
}

// Bounds of paths.
const (
	maxPaths = 16  // of one search
	maxPairs = 200 // keys behind patients; MongoDB merges as many lists in order
	maxKeys  = 20_000
)

// way is a path that could be taken, and the members of the And that it says exactly.
type way struct {
	path
	also   []path // have the others
	covers []plan.Node
}

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

// paths finds how to get at the documents of a node, and which members of it need no filter any more.
func (q *query) paths(n plan.Node) (list []path, covered []plan.Node, err error) {
	members := conjuncts(n)
	if or, ok := members[0].(plan.Or); ok && len(members) == 1 {
		if list, err = q.alternatives(or); list != nil || err != nil {
			return list, nil, err
		}
	}
	best, err := q.best(members, q.paired(n, members))
	if err != nil {
		return nil, nil, err
	}
	if list, err := q.distributed(members, &best); list != nil || err != nil {
		return list, nil, err
	}
	if best.also != nil {
		return append([]path{best.path}, best.also...), best.covers, nil
	}
	if !best.sorted() {
		return []path{best.path}, best.covers, nil
	}
	dates, dated := q.dates(members)
	if !dated {
		return []path{best.path}, best.covers, nil
	}
	for _, span := range dates.narrow {
		p := best.path
		p.span = span
		list = append(list, p)
	}
	for _, span := range dates.wide {
		p, err := q.apart(keyWide, members, best)
		if err != nil {
			return nil, nil, err
		}
		p.span = span
		list = append(list, p)
	}
	p, err := q.apart(keyOdd, members, best)
	if err != nil {
		return nil, nil, err
	}
	// A document that is apart is not found by the keys of best: nothing is covered.
	return append(list, p), nil, nil
}

// alternatives are the paths of the members of an Or, unless one of them has none but the whole type.
func (q *query) alternatives(or plan.Or) ([]path, error) {
	if _, ok, err := q.keys(or); ok || err != nil {
		return nil, err // they are one path
	}
	var out []path
	for _, x := range or {
		list, _, err := q.paths(x)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].whole() && list[i].span == allOrders {
				return nil, nil
			}
		}
		if out = append(out, list...); len(out) > maxPaths {
			return nil, nil
		}
	}
	return out, nil
}

// maxAlternatives bounds the members of an Or that is distributed.
const maxAlternatives = 4

// distributed are the paths of an And with an Or in it that has no keys, as those of the Or of Ands that it is too, if
// they are shorter than the best way; nil if not.
func (q *query) distributed(members []plan.Node, best *way) ([]path, error) {
	for i, m := range members {
		or, ok := m.(plan.Or)
		if !ok || len(members) == 1 || len(or) > maxAlternatives || q.sch.dated() && q.mainRanges(or) != nil {
			continue
		}
		if _, ok, err := q.keys(or); ok || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		rest := slices.Delete(slices.Clone(members), i, i+1)
		var out []path
		cost, least := 0, q.estimate(&best.path)
		for _, x := range or {
			list, _, err := q.paths(plan.And(append(conjuncts(x), rest...)))
			if err != nil {
				return nil, err
			}
			for j := range list {
				cost += q.estimate(&list[j])
			}
			out = append(out, list...)
		}
		if cost < least && len(out) <= maxPaths {
			return out, nil
		}
	}
	return nil, nil
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
	if w, ok, err := q.chart(members); ok || err != nil {
		return w, err
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

// keyset is a set of keys of which every document of a node has one.
type keyset struct {
	list  []string
	exact bool // every document that has one is of the node
	token bool // they are kept behind patients too
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
		k.exact, k.token = k.exact && x.exact, k.token && x.token
	}
	slices.Sort(k.list)
	k.list = slices.Compact(k.list)
	return k, n > 0, nil
}

// andKeys are the keys of the member of an And that has the fewest, a patient's first.
func (q *query) andKeys(n plan.And) (k keyset, found bool, err error) {
	members := conjuncts(n)
	if w, ok, err := q.chart(members); ok || err != nil {
		return keyset{list: w.keys}, ok, err
	}
	for _, m := range members {
		x, ok, err := q.keys(m)
		if err != nil {
			return k, false, err
		}
		if ok && (!found || len(x.list) < len(k.list)) {
			k, found = x, true
		}
	}
	k.exact, k.token = false, false
	return k, found, nil
}

func (q *query) termKeys(t index.Term) (k keyset, ok bool, err error) {
	if !utf8.ValidString(t.Text) {
		return k, false, nil
	}
	s := q.sch
	as := func(f index.Form, text string) string { return s.word(index.Term{Num: t.Num, Form: f, Text: text}) }
	switch t.Form {
	case index.FormCode:
		return keyset{[]string{s.word(t)}, true, true}, t.Num != idNum, nil
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

// behindPatient is the key of a patient's chart.
func behindPatient(patient string) string { return "_in=" + patient }

// chart is the way through the charts of the patients that a member names: a token of another member behind each of
// them, or all of the charts.
func (q *query) chart(members []plan.Node) (w way, ok bool, err error) {
	var patients []string
	var who plan.Node
	for _, m := range members {
		if p := q.patients(m); p != nil && (patients == nil || len(p) < len(patients)) {
			patients, who = p, m
		}
	}
	if patients == nil || len(patients) > maxPairs {
		return w, false, nil
	}
	member := false // who says nothing but the membership
	switch n := who.(type) {
	case plan.Term:
		member = n.Form == index.FormIn
	case plan.Terms:
		member = n[0].Form == index.FormIn
	}
	w.span = allOrders
	if member {
		w.covers = []plan.Node{who}
	}
	token, m, err := q.token(members, maxPairs/len(patients))
	if err != nil {
		return w, false, err
	}
	for _, p := range patients {
		if token.list == nil {
			w.keys = append(w.keys, behindPatient(p))
		}
		for _, key := range token.list {
			w.keys = append(w.keys, behind(p, key))
		}
	}
	if token.exact {
		w.covers = append(w.covers, m)
	}
	return w, true, nil
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

// apart is the path to the documents that have a key of dates: behind the patients, or by whatever is less.
func (q *query) apart(key string, members []plan.Node, best way) (path, error) {
	p := path{span: allOrders, keys: []string{key}}
	for _, m := range members {
		if patients := q.patients(m); patients != nil && len(patients) <= maxPairs {
			p.keys = nil
			for _, who := range patients {
				p.keys = append(p.keys, behind(who, key))
			}
			return p, nil
		}
	}
	if best.keys != nil && q.estimate(&best.path) < q.estimate(&p) {
		p.keys = best.keys
	}
	return p, nil
}

// dateSpans are where documents are that fulfil the conditions on the main date: those with one interval of a day at
// most, and those with a wider one where that is more. Documents with several are anywhere.
type dateSpans struct{ narrow, wide []orders }

// dates are the spans of the members that are conditions on the main date; ok is false if there are none.
func (q *query) dates(members []plan.Node) (d dateSpans, ok bool) {
	if !q.sch.dated() {
		return d, false
	}
	for _, m := range members {
		ranges := q.mainRanges(m)
		if ranges == nil {
			continue
		}
		x := spans(ranges)
		if ok {
			x.narrow, x.wide = cross(d.narrow, x.narrow), cross(append(d.wide, d.narrow...), append(x.wide, x.narrow...))
			x.wide = without(x.wide, x.narrow)
		}
		d, ok = x, true
	}
	return d, ok && len(d.narrow)+len(d.wide) < maxPaths
}

// mainRanges are the ranges of the main date whose union a node is; nil if it is none.
func (q *query) mainRanges(n plan.Node) []plan.Range {
	list, isOr := n.(plan.Or)
	if !isOr {
		list = plan.Or{n}
	}
	var out []plan.Range
	for _, x := range list {
		r, ok := x.(plan.Range)
		if !ok || r.Num != q.sch.main.Num {
			return nil
		}
		out = append(out, r)
	}
	return out
}

// spans are those of a union of ranges. Of a wide interval only its Low, and that it is not above High, is known.
func spans(ranges []plan.Range) dateSpans {
	var d dateSpans
	for _, r := range ranges {
		low := orders{begin(fhir.MinTime), allOrders.to}
		if at, ok := keyTime(r.Low.Min); ok {
			low.from = begin(at)
		}
		if at, ok := keyTime(r.Low.Max); ok {
			low.to = end(at)
		}
		if at, ok := keyTime(r.High.Max); ok {
			low = low.and(orders{order{}, end(at)})
		}
		narrow := low
		if at, ok := keyTime(r.High.Min); ok && at != fhir.MinTime {
			narrow.from = laterOf(narrow.from, begin(before(at)))
		}
		d.narrow, d.wide = append(d.narrow, narrow), append(d.wide, low)
	}
	d.narrow = union(d.narrow)
	d.wide = without(union(d.wide), d.narrow)
	return d
}

// before is the earliest that an interval of a day at most begins that ends at a time.
func before(at int64) int64 {
	if at < fhir.MinTime+2*day {
		return fhir.MinTime
	}
	return at - day
}

func laterOf(a, b order) order {
	if a.compare(b) < 0 {
		return b
	}
	return a
}

// union sorts spans and joins those that touch.
func union(list []orders) []orders {
	list = slices.DeleteFunc(slices.Clone(list), orders.empty)
	slices.SortFunc(list, func(a, b orders) int { return cmp.Or(a.from.compare(b.from), a.to.compare(b.to)) })
	var out []orders
	for _, s := range list {
		if n := len(out); n > 0 && s.from.compare(out[n-1].to.next()) <= 0 {
			out[n-1].to = laterOf(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// cross is what is in a span of both lists.
func cross(a, b []orders) []orders {
	var out []orders
	for _, x := range a {
		for _, y := range b {
			out = append(out, x.and(y))
		}
	}
	return union(out)
}

// without is what is in a span of list and in none of less, both of which are unions.
func without(list, less []orders) []orders {
	var out []orders
	for _, s := range list {
		for _, l := range less {
			if l.to.compare(s.from) < 0 || l.from.compare(s.to) > 0 {
				continue
			}
			if l.from.compare(s.from) > 0 {
				out = append(out, orders{s.from, l.from.prior()})
			}
			if l.to.compare(s.to) >= 0 {
				s = orders{order{1}, order{}}
				break
			}
			s.from = l.to.next()
		}
		if !s.empty() {
			out = append(out, s)
		}
	}
	return out
}
