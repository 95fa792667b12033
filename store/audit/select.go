package audit

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// Select implements plan.Source. Of AuditEvents it joins those of the log and those that clients have written, in the
// order of the window.
func (s *snapshot) Select(ctx context.Context, b plan.Bound, w plan.Window) (plan.Page, error) {
	if b.Type() != "AuditEvent" || w.Stored {
		return s.Snapshot.Select(ctx, b, w)
	}
	m := merge{s: s, b: b, w: w, page: plan.Page{Total: -1}}
	if len(m.w.Sort) == 0 {
		m.w.Sort = []plan.SortKey{{P: r4.Lookup("AuditEvent", "date"), Desc: true}}
	}
	err := m.run(ctx)
	return m.page, err
}

// item is a row of either side: where it stands among the others, and how it is gone on behind it.
type item struct {
	row  plan.Row
	side side
	keys []index.Key
	at   []byte // position of its own side
}

// merge joins the log and the store's own AuditEvents.
type merge struct {
	s    *snapshot
	b    plan.Bound
	w    plan.Window
	from cut
	last *item // of the store, behind which the window begins, where the log had nothing before it: what it has since is left out
	page plan.Page
	stop *item // of the log: behind it nothing was looked at, for it would be too costly, and there is no further match before
}

func (m *merge) run(ctx context.Context) (err error) {
	if m.from, err = readCut(m.w); err != nil {
		return err
	}
	if m.last, err = m.anchor(ctx); err != nil {
		return err
	}
	stored, err := m.stored(ctx)
	if err != nil {
		return err
	}
	logged, err := m.logged(ctx)
	if err != nil {
		return err
	}
	now := m.from
	for len(m.page.Rows) < m.w.Limit && len(stored)+len(logged) > 0 {
		list := &logged
		if len(logged) == 0 || len(stored) > 0 && m.compare(&stored[0], &logged[0]) < 0 {
			list = &stored
		}
		if len(logged) == 0 && m.stop != nil && m.compare(&stored[0], m.stop) > 0 {
			break // what is between them nobody knows yet
		}
		it := (*list)[0]
		*list = (*list)[1:]
		now.last = it.side
		now.sides[it.side] = m.behind(it.at)
		m.page.Rows = append(m.page.Rows, it.row)
		if m.w.Place {
			m.page.Places = append(m.page.Places, plan.Place{Keys: it.keys, At: now.append()})
		}
	}
	switch {
	case m.stop != nil && len(logged) == 0:
		now.last, now.sides[logSide] = logSide, m.behind(m.stop.at)
		m.page.Next = now.append()
	case len(m.page.Rows) > 0 && len(stored)+len(logged) > 0:
		m.page.Next = now.append()
	}
	return nil
}

// behind is the bound behind a row, in the direction of the walk.
func (m *merge) behind(at []byte) bound {
	if m.w.Back {
		return bound{before, at}
	}
	return bound{behind, at}
}

// window is the part of one side that may be on the page; ok is false if there is none.
func (m *merge) window(side side) (w plan.Window, ok bool) {
	w = m.w
	w.Place, w.Bare = true, false
	if w.Limit > 0 {
		w.Limit++ // is there a further one?
	}
	at := m.from.sides[side]
	w.After, w.At = at.at, (at.kind == before) != w.Back
	switch at.kind {
	case begin:
		return w, !w.Back
	case end:
		return w, w.Back
	}
	return w, true
}

// anchor is the row of the store behind which the window begins, if the log had nothing before it; nil also if it is gone.
func (m *merge) anchor(ctx context.Context) (*item, error) {
	at := m.from.sides[storeSide].at
	if m.from.last != storeSide || at == nil || m.from.sides[logSide].at != nil {
		return nil, nil
	}
	page, err := m.s.Snapshot.Select(ctx, m.b, plan.Window{Limit: 1, Sort: m.w.Sort, Back: m.w.Back, After: at, At: true, Place: true})
	if err != nil || len(page.Rows) == 0 || string(page.Places[0].At) != string(at) {
		return nil, err
	}
	m.page.Read += page.Read
	return &item{page.Rows[0], storeSide, page.Places[0].Keys, at}, nil
}

// passed says whether an event stands before the window.
func (m *merge) passed(it *item) bool { return m.last != nil && m.compare(it, m.last) < 0 }

// stored are the AuditEvents of clients.
func (m *merge) stored(ctx context.Context) ([]item, error) {
	w, ok := m.window(storeSide)
	if !ok {
		if w.Limit = 0; !w.Total {
			return nil, nil
		}
	}
	page, err := m.s.Snapshot.Select(ctx, m.b, w)
	if err != nil {
		return nil, err
	}
	m.page.Read += page.Read
	if m.w.Total {
		m.page.Total = max(m.page.Total, 0) + page.Total
	}
	out := make([]item, len(page.Rows))
	for i := range page.Rows {
		out[i] = item{page.Rows[i], storeSide, page.Places[i].Keys, page.Places[i].At}
	}
	return out, nil
}

// logged are the events of the log.
func (m *merge) logged(ctx context.Context) (out []item, err error) {
	w, ok := m.window(logSide)
	if m.w.Total {
		n, err := m.s.count(ctx, m.b)
		if err != nil {
			return nil, err
		}
		m.page.Total = max(m.page.Total, 0) + n
	}
	if !ok || w.Limit <= 0 {
		return nil, nil
	}
	// Several events have one time, among which a further key decides.
	if key := &m.w.Sort[0]; len(m.w.Sort) == 1 && key.Of == nil && (key.P.Code == "date" || key.P.Code == "_lastUpdated") {
		return m.inTime(ctx, w, key.Desc == w.Back)
	}
	return m.sorted(ctx, w)
}

// count is the number of events that b finds.
func (s *snapshot) count(ctx context.Context, b plan.Bound) (n int, err error) {
	if b.Node() == (plan.All{}) {
		h, err := s.end(ctx)
		return int(h.events), err
	}
	err = s.walk(b).run(ctx, nil, false, false, func(*event, *plan.Row) error { n++; return nil })
	return n, err
}

// inTime are events in the order of the log: of its places.
func (m *merge) inTime(ctx context.Context, w plan.Window, oldest bool) (out []item, err error) {
	var from *place
	if w.After != nil {
		p, err := placeOf(w.After)
		if err != nil {
			return nil, err
		}
		from = &p
	}
	walk := m.s.walk(m.b)
	err = walk.run(ctx, from, w.At, oldest, func(e *event, row *plan.Row) error {
		it, err := m.item(ctx, e, row)
		if err != nil || m.passed(&it) {
			return err
		}
		if out = append(out, it); len(out) == w.Limit {
			return errEnough
		}
		return nil
	})
	m.page.Read += walk.read
	if errors.Is(err, errEnough) {
		err = nil
	}
	if errors.Is(err, errCostly) && m.w.Part && walk.last != nil {
		var row plan.Row
		if row, err = m.s.log.row(walk.last); err != nil {
			return nil, err
		}
		stop, err := m.item(ctx, walk.last, &row)
		m.stop = &stop
		return out, err
	}
	return out, err
}

// sorted are events in any other order: all of them are read.
func (m *merge) sorted(ctx context.Context, w plan.Window) (out []item, err error) {
	walk := m.s.walk(m.b)
	err = walk.run(ctx, nil, false, false, func(e *event, row *plan.Row) error {
		if len(out) == mostSorted {
			return errCostly
		}
		it, err := m.item(ctx, e, row)
		if err == nil && !m.passed(&it) {
			out = append(out, it)
		}
		return err
	})
	m.page.Read += walk.read
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b item) int { return m.compare(&a, &b) })
	if w.After != nil {
		i := slices.IndexFunc(out, func(it item) bool { return string(it.at) == string(w.After) })
		if i < 0 {
			return nil, errPosition
		}
		if out = out[i:]; !w.At {
			out = out[1:]
		}
	}
	return out[:min(len(out), w.Limit)], nil
}

func (m *merge) item(ctx context.Context, e *event, row *plan.Row) (it item, err error) {
	it = item{row: *row, at: e.place.append(nil), keys: make([]index.Key, len(m.w.Sort))}
	res, err := parsed(row)
	if err != nil {
		return it, err
	}
	for i, k := range m.w.Sort {
		var ok bool
		if k.Of == nil {
			it.keys[i], ok = m.s.index().SortKey(k.P, res, k.Desc)
		} else if it.keys[i], ok, err = k.Of(ctx, m.s, row); err != nil {
			return it, err
		}
		if !ok {
			it.keys[i] = ""
		}
	}
	return it, nil
}

// compare compares two rows by the keys, in the direction of the window; ties by their positions, those of the log first.
func (m *merge) compare(a, b *item) int {
	c := 0
	for i, k := range m.w.Sort {
		x, y := a.keys[i], b.keys[i]
		switch {
		case x == y:
			continue
		case x == "": // what has none comes last
			c = 1
		case y == "":
			c = -1
		case k.Desc:
			c = cmp.Compare(y, x)
		default:
			c = cmp.Compare(x, y)
		}
		break
	}
	if c == 0 {
		c = cmp.Compare(a.side, b.side)
	}
	if c == 0 && a.side == logSide {
		c = slices.Compare(b.at, a.at) // the newest first
	}
	if m.w.Back {
		return -c
	}
	return c
}

// side is one of what is joined.
type side int

const (
	logSide side = iota
	storeSide
)

// cut is a position between the rows of both sides.
type cut struct {
	last  side // of the row at which it is: behind it in the direction of the walk that has made the cut
	sides [2]bound
}

// bound is a position of one side, in the order of the search, whatever the direction of a walk.
type bound struct {
	kind kind
	at   []byte
}

type kind byte

const (
	begin  kind = iota // before all rows
	before             // before the row at
	behind             // behind the row at
	end                // behind all rows
)

func (c cut) append() []byte {
	b := []byte{byte(c.last)}
	for _, s := range c.sides {
		b = append(b, byte(s.kind))
		b = append(binary.AppendUvarint(b, uint64(len(s.at))), s.at...)
	}
	return b
}

var errPosition = fhir.Errorf(fhir.KindInvalid, "", "the position is of another query")

// readCut is where a window begins.
func readCut(w plan.Window) (c cut, err error) {
	if w.After == nil {
		if w.Back {
			c.sides = [2]bound{{kind: end}, {kind: end}}
		}
		return c, nil
	}
	d := reader{s: string(w.After)}
	c.last = side(d.uvarint())
	for i := range c.sides {
		c.sides[i].kind = kind(d.uvarint())
		if n := d.count(); n > 0 {
			c.sides[i].at = []byte(d.take(n))
		}
		between := c.sides[i].kind == before || c.sides[i].kind == behind
		if c.sides[i].kind > end || between != (c.sides[i].at != nil) {
			return c, errPosition
		}
	}
	if d.fault != nil || len(d.s) > 0 || c.last > storeSide || c.sides[c.last].at == nil {
		return c, errPosition
	}
	if c.sides[c.last].kind = behind; w.At != w.Back {
		c.sides[c.last].kind = before
	}
	return c, nil
}

func placeOf(b []byte) (place, error) {
	if len(b) != placeSize {
		return place{}, errPosition
	}
	return readPlace(b), nil
}
