package plan

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
)

// The order of a search on several types: with a _sort that of its keys, ties by type; without one type by type, in
// the order of their names. Within a type it is the engine's.

// selectTypes is the page of matches of a search on several types. Types of which the caller may see nothing cost
// nothing.
func (p *Plan) selectTypes(ctx context.Context, src Source, w Window) (Page, error) {
	t := types{ctx: ctx, src: src, w: w, page: Page{Total: -1}}
	if w.Total {
		t.page.Total = 0
	}
	for i := range p.members {
		if m := &p.members[i]; m.node != nil && m.node != (None{}) {
			t.members = append(t.members, m)
		}
	}
	if w.Back {
		slices.Reverse(t.members)
	}
	var err error
	if t.from, err = readCut(w.After, w.Back); err != nil {
		return Page{}, err
	}
	if len(p.members) > 0 && len(p.members[0].sort) > 0 {
		err = t.merge()
	} else {
		err = t.concatenate()
	}
	return t.page, err
}

// types reads several types; members in the direction of the window.
type types struct {
	ctx     context.Context
	src     Source
	w       Window
	members []*Plan
	from    cut
	page    Page
}

// selected reads one type; where it has been read to its end already, only its total.
func (t *types) selected(m *Plan, at side, limit int) (Page, error) {
	w := Window{Limit: limit, Total: t.w.Total, Back: t.w.Back, Bare: t.w.Bare, Stored: t.w.Stored, Sort: m.order()}
	w.Place = len(w.Sort) > 0
	switch {
	case at.kind == begin && t.w.Back, at.kind == end && !t.w.Back:
		w.Limit = 0
	case at.kind == before || at.kind == behind:
		w.After, w.At = at.position, (at.kind == before) != t.w.Back
	}
	if w.Limit == 0 && !w.Total {
		return Page{}, nil
	}
	page, err := m.joined(t.ctx, t.src, func(b Bound) (Page, error) { return t.src.Select(t.ctx, b, w) })
	t.page.Read += page.Read
	if t.w.Total {
		t.page.Total += page.Total
	}
	return page, err
}

// concatenate reads one type after the other.
func (t *types) concatenate() error {
	full := "" // the type with which the page has become full
	for _, m := range t.members {
		limit := t.w.Limit - len(t.page.Rows)
		ahead := limit == 0 && t.w.Limit > 0 && t.page.Next == nil // is there anything behind the page?
		if ahead {
			limit = 1
		}
		page, err := t.selected(m, t.from.of(m.typ), limit)
		if err != nil {
			return err
		}
		switch {
		case ahead && len(page.Rows) > 0:
			t.page.Next = cut{sides: []side{{full, t.behindAll(), nil}}, order: true}.append()
		case !ahead && limit > 0:
			t.page.Rows = append(t.page.Rows, page.Rows...)
			if page.Next != nil {
				t.page.Next = cut{sides: []side{{m.typ, t.behindOne(), page.Next}}, order: true}.append()
			}
			full = m.typ
		}
		if t.page.Next != nil && !t.w.Total {
			break
		}
	}
	return nil
}

// merge reads from all types and takes what comes first.
func (t *types) merge() error {
	streams := make([]stream, len(t.members))
	for i, m := range t.members {
		streams[i] = stream{m: m, at: t.from.of(m.typ)}
		if err := t.fill(&streams[i]); err != nil {
			return err
		}
	}
	for len(t.page.Rows) < t.w.Limit {
		var first *stream
		for i := range streams {
			if s := &streams[i]; s.next < len(s.page.Rows) && (first == nil || t.comesFirst(s, first)) {
				first = s
			}
		}
		if first == nil {
			break
		}
		t.page.Rows = append(t.page.Rows, first.page.Rows[first.next])
		first.at = side{first.m.typ, t.behindOne(), first.page.Places[first.next].At}
		first.taken = true
		if first.next++; first.next == len(first.page.Rows) && first.page.Next != nil {
			if err := t.fill(first); err != nil {
				return err
			}
		}
	}
	if t.w.Limit > 0 && slices.ContainsFunc(streams, func(s stream) bool { return s.next < len(s.page.Rows) || s.page.Next != nil }) {
		for i := range streams {
			if streams[i].taken {
				t.from.set(streams[i].at)
			}
		}
		t.page.Next = t.from.append()
	}
	return nil
}

// stream is the rows of one type.
type stream struct {
	m     *Plan
	at    side // where the rows that are left begin
	taken bool // some rows
	page  Page // a part of them
	next  int  // the next one of page
}

// mostOfType is how many rows of a type are read at once for a page of several types.
const mostOfType = 50

// fill reads the next rows of a stream.
func (t *types) fill(s *stream) error {
	limit := t.w.Limit
	if limit > mostOfType {
		limit = max(mostOfType, limit/8)
	}
	total := t.w.Total
	t.w.Total = total && !s.taken
	page, err := t.selected(s.m, s.at, limit)
	s.page, s.next, t.w.Total = page, 0, total
	return err
}

// comesFirst says whether the next row of a comes before that of b; of equal ones the first stream's does.
func (t *types) comesFirst(a, b *stream) bool {
	x, y := a.page.Places[a.next].Keys, b.page.Places[b.next].Keys
	for i, k := range a.m.sort {
		c := 0
		switch {
		case x[i] == y[i]:
		case x[i] == "":
			c = 1
		case y[i] == "":
			c = -1
		case k.Desc:
			c = cmp.Compare(y[i], x[i])
		default:
			c = cmp.Compare(x[i], y[i])
		}
		if t.w.Back {
			c = -c
		}
		if c != 0 {
			return c < 0
		}
	}
	return false
}

// behindOne is the side of a row that was just read, behindAll of a type that was.
func (t *types) behindOne() sideKind {
	if t.w.Back {
		return before
	}
	return behind
}

func (t *types) behindAll() sideKind {
	if t.w.Back {
		return begin
	}
	return end
}

// A cut divides the rows of several types into those before and those behind it, wherever one goes from there: so the
// page before it and the page behind it have no row in common and leave none out.
type cut struct {
	sides []side // of types
	order bool   // the types before that of the only side are before the cut, those after it behind
	rest  sideKind
}

// side is where a cut lies in the rows of one type.
type side struct {
	typ      string
	kind     sideKind
	position []byte
}

type sideKind byte

const (
	begin  sideKind = 'b' // before all rows
	end    sideKind = 'e' // behind all rows
	before sideKind = '<' // before the row at position
	behind sideKind = '>' // behind it
)

// of is where the cut lies in a type.
func (c *cut) of(typ string) side {
	for _, s := range c.sides {
		switch {
		case s.typ == typ:
			return s
		case c.order && typ < s.typ:
			return side{typ: typ, kind: end}
		case c.order:
			return side{typ: typ, kind: begin}
		}
	}
	return side{typ: typ, kind: c.rest}
}

func (c *cut) set(s side) {
	for i := range c.sides {
		if c.sides[i].typ == s.typ {
			c.sides[i] = s
			return
		}
	}
	c.sides = append(c.sides, s)
}

// append writes a cut as a position.
func (c cut) append() []byte {
	b := []byte{byte(c.rest)}
	if c.order {
		b[0] = 'o'
	}
	for _, s := range c.sides {
		b = append(binary.AppendUvarint(append(b, byte(s.kind)), uint64(len(s.typ))), s.typ...)
		b = append(binary.AppendUvarint(b, uint64(len(s.position))), s.position...)
	}
	return b
}

// readCut reads a position; nil is the beginning, or, backwards, the end.
func readCut(b []byte, back bool) (c cut, err error) {
	if b == nil {
		if c.rest = begin; back {
			c.rest = end
		}
		return c, nil
	}
	bad := fhir.Errorf(fhir.KindInvalid, "", "the position is of another query")
	if len(b) == 0 {
		return c, bad
	}
	switch c.rest = sideKind(b[0]); c.rest {
	case begin, end:
	case 'o':
		c.order = true
	default:
		return c, bad
	}
	text := func() (s string, ok bool) {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return "", false
		}
		s, b = string(b[size:size+int(n)]), b[size+int(n):]
		return s, true
	}
	for b = b[1:]; len(b) > 0; {
		kind := b[0]
		b = b[1:]
		typ, ok := text()
		position, ok2 := text()
		if !ok || !ok2 || !strings.ContainsRune("be<>", rune(kind)) {
			return c, bad
		}
		c.sides = append(c.sides, side{typ, sideKind(kind), []byte(position)})
	}
	if c.order && len(c.sides) != 1 {
		return c, bad
	}
	return c, nil
}
