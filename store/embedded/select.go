package embedded

import (
	"context"
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// The first byte of a cursor of Select.
const (
	cursorOrder = 'o' // position
	cursorKeys  = 'k' // sort keys, position
)

// Select implements plan.Source.
func (src source) Select(ctx context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	page := plan.Page{Total: -1}
	if w.Total {
		page.Total = 0
	}
	typ := src.s.types.number(b.Type())
	if typ == 0 {
		return page, nil
	}
	sch := &src.s.schemas[typ]
	q := src.query(ctx, sch)
	defer q.close()
	if n, ok, err := q.known(b.Node()); ok || err != nil {
		if err != nil {
			return page, err
		}
		if w.Total {
			page.Total = n
		}
		if n == 0 || w.Limit == 0 {
			return page, nil
		}
		w.Total = false
		p, err := q.selected(b.Node(), w)
		p.Total = page.Total
		return p, err
	}
	if w.Total && src.commit != 0 {
		return q.totalled(b.Node(), w)
	}
	return q.selected(b.Node(), w)
}

// totalled is a page with its total, which is kept if it took long to count.
func (q *query) totalled(n plan.Node, w plan.Window) (plan.Page, error) {
	s := q.src.s
	in, ok, err := q.intersected(n)
	if err != nil {
		return plan.Page{Total: -1}, err
	}
	if !ok {
		return q.selected(n, w)
	}
	total, ok := s.totals.get(in, q.src.commit)
	if ok && (w.Limit == 0 || total == 0) {
		return plan.Page{Total: total, Read: q.work.read}, nil
	}
	w.Total = !ok
	page, err := q.selected(n, w)
	switch {
	case ok:
		page.Total = total
	case err == nil && page.Read > s.limits.counted:
		s.totals.put(in, q.src.commit, page.Total)
	}
	return page, err
}

// selected runs a plan.
func (q *query) selected(n plan.Node, w plan.Window) (page plan.Page, err error) {
	ordered, dir, err := q.ordered(w.Sort)
	if err != nil {
		return plan.Page{Total: -1}, err
	}
	if w.Back {
		dir ^= backwards
	}
	if q.work.dir, q.whole = dir, w.Total || !ordered; !q.whole && w.After == nil {
		q.limit = w.Limit
	}
	found, err := q.compiled(n, "")
	if err != nil {
		return plan.Page{Total: -1}, err
	}
	if ordered {
		page, err = q.inOrder(found, w)
	} else {
		page, err = q.sorted(n, found, w)
	}
	page.Read = q.work.read
	return page, err
}

// ordered says whether the order asked for is the order of postings, in a direction; of another order dir is the order of
// ties. Oldest first is not where a document has several dates: its place is that of the latest.
func (q *query) ordered(keys []plan.SortKey) (ok bool, dir direction, err error) {
	if len(keys) == 0 {
		return true, 0, nil
	}
	if len(keys) > 1 || !q.ofMain(keys[0]) {
		return false, 0, nil
	}
	if keys[0].Desc {
		return true, 0, nil
	}
	several, err := q.list([]byte{keySeveral, q.sch.number})
	if err != nil || several.next() {
		return false, oldestFirst, err
	}
	return true, oldestFirst, several.err()
}

// ofMain says whether a key is the main date.
func (q *query) ofMain(k plan.SortKey) bool {
	return q.sch.main != 0 && k.P.Num == q.sch.main && k.Of == nil
}

// known is the number of documents of a node if the counts tell.
func (q *query) known(n plan.Node) (total int, ok bool, err error) {
	var shapes []uint16
	typ := q.sch.number
	switch n := n.(type) {
	case plan.None:
		return 0, true, nil
	case plan.All:
		shapes = q.src.s.shapes.having(typ, 0, index.FormPresent, "", true)
		shapes = slices.Insert(shapes, 0, 0)
	case plan.Term:
		if !shaped(n.Form) {
			return 0, false, nil
		}
		shapes = q.src.s.shapes.having(typ, n.Num, n.Form, n.Text, false)
	case plan.Not:
		t, isTerm := n.X.(plan.Term)
		if !isTerm || !shaped(t.Form) {
			return 0, false, nil
		}
		shapes = q.src.s.shapes.having(typ, t.Num, t.Form, t.Text, true)
	default:
		return 0, false, nil
	}
	if _, all := n.(plan.All); !all {
		if odd, err := q.src.count(shapeID{typ, 0}); err != nil || odd > 0 {
			return 0, false, err
		}
	}
	err = scan(q.src.r, []byte{keyCount, typ}, func(key, val []byte) error {
		if len(key) != 4 || len(val) != 8 {
			return errRecord
		}
		if _, ok := slices.BinarySearch(shapes, uint16(key[2])<<8|uint16(key[3])); ok {
			total += int(readUint64(val))
		}
		return nil
	})
	return total, err == nil, err
}

// inOrder is a page in the order of postings.
func (q *query) inOrder(found postings, w plan.Window) (plan.Page, error) {
	page := plan.Page{Total: -1}
	var start position
	if w.After != nil {
		p, ok := readStart(w.After, w.Sort)
		if !ok {
			return page, errCursor
		}
		start = p
	}
	if w.Total {
		page.Total = 0
	}
	ok := false
	if w.Total || w.After == nil {
		ok = found.next()
	} else {
		ok = found.seek(start)
	}
	var at position
	for ; ok; ok = found.next() {
		p := found.at()
		if w.Total {
			page.Total++
		}
		if w.After != nil {
			if c := q.work.dir.compare(p, start); c < 0 || c == 0 && !w.At {
				continue
			}
		}
		if len(page.Rows) == w.Limit {
			if page.Next == nil && w.Limit > 0 {
				page.Next = at.append([]byte{cursorOrder})
			}
			if !w.Total {
				break
			}
			continue
		}
		row, err := q.found(p, w.Bare)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, row)
		if at = p; w.Place {
			k := keyOf(p)
			page.Places = append(page.Places, plan.Place{Keys: []index.Key{index.Key(k.keys[0])}, At: p.append([]byte{cursorOrder})})
		}
	}
	return page, found.err()
}

// found is the row of a result.
func (q *query) found(p position, bare bool) (plan.Row, error) {
	if !bare || q.doc == p.number() {
		row, err := q.load(p)
		if err != nil {
			return plan.Row{}, err
		}
		return *row, nil
	}
	r, err := q.record(p.number())
	if err != nil {
		return plan.Row{}, err
	}
	return plan.Row{Type: q.sch.typ, ID: readID(r.id)}, nil
}

// Targets implements plan.Source.
func (src source) Targets(ctx context.Context, b plan.Bound, p *r4.SearchParameter, max int) (refs []fhir.Reference, more bool, err error) {
	typ := src.s.types.number(b.Type())
	if typ == 0 {
		return nil, false, nil
	}
	q := src.query(ctx, &src.s.schemas[typ])
	defer q.close()
	found, err := q.compiled(b.Node(), "")
	if err != nil {
		return nil, false, err
	}
	seen := map[fhir.Reference]bool{}
	add := func(ref fhir.Reference) bool {
		switch {
		case seen[ref]:
			return true
		case len(refs) == max:
			return false
		}
		seen[ref] = true
		refs = append(refs, ref)
		return true
	}
	known := map[string]bool{} // patients, encoded
	bit, looked := q.sch.link(p.Num), 0
	for ok := found.next(); ok; ok = found.next() {
		if looked++; looked > src.s.limits.targets*max {
			return refs, true, nil
		}
		if bit != 0 {
			l, err := q.look(found.at())
			if err != nil {
				return nil, false, err
			}
			if l.links.whole(bit) {
				for id := range l.links.patients(bit) {
					if known[string(id)] {
						continue
					}
					known[string(id)] = true
					if !add(fhir.Reference{Type: "Patient", ID: readID(id)}) {
						return refs, true, nil
					}
				}
				continue
			}
		}
		looked += 3 // to parse takes longer
		res, err := q.resource(found.at())
		if err != nil {
			return nil, false, err
		}
		values := src.s.opts.Indexer.Values(p, res)
		for i := range values {
			ref := values[i].Ref
			ref.Version = ""
			if ref.Local() && !add(ref) {
				return refs, true, nil
			}
		}
	}
	return refs, false, found.err()
}

// resource parses the body of a document.
func (q *query) resource(p position) (*fhir.Resource, error) {
	row, err := q.load(p)
	if err != nil {
		return nil, err
	}
	return fhir.Parse(row.Body, storedLimits)
}

// entries indexes the body of a document again.
func (q *query) entries(p position) (e index.Entries, err error) {
	res, err := q.resource(p)
	if err != nil {
		return e, err
	}
	return q.src.indexing.now.Entries(res), nil
}
