package embedded

import (
	"container/heap"
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// postings are documents in the order of their type, one after the other. They begin before the first: call next or
// seek. Once either has returned false they are used up.
type postings interface {
	// next goes to the next document.
	next() bool
	// seek goes to the first document at or behind p; it never goes back.
	seek(p position) bool
	// at is the current document.
	at() position
	// has says whether a document is among them, whatever was asked before. Who asks it calls neither next nor seek.
	has(p position) bool
	err() error
}

// work is what the postings of a query share: it counts the keys and documents that are read, stops when the time is
// over, and knows the direction.
type work struct {
	ctx  context.Context
	read int
	dir  direction
}

func (w *work) step() error {
	if w.read++; w.read&1023 == 0 {
		return w.ctx.Err()
	}
	return nil
}

// list is the postings of the keys that begin with one prefix.
type list struct {
	it     *pebble.Iterator
	prefix int
	cur    position
	begun  bool
	ok     bool
	latter bool // of a halved direction: in the second half
	bad    error
	key    []byte // prefix, then space for a position
	work   *work
}

// newList is over an iterator with the bounds of the prefix.
func newList(it *pebble.Iterator, prefix []byte, w *work) *list {
	return &list{it: it, prefix: len(prefix), key: append(make([]byte, 0, len(prefix)+14), prefix...), work: w}
}

func (l *list) take(ok bool) bool {
	l.begun = true
	if l.ok = ok; !ok {
		l.bad = l.it.Error()
		return false
	}
	if l.bad = l.work.step(); l.bad != nil {
		l.ok = false
		return false
	}
	if l.cur, l.ok = readPosition(l.it.Key()[l.prefix:]); !l.ok {
		l.bad = errRecord
	}
	return l.ok
}

func (l *list) next() bool {
	oldest := l.work.dir&oldestFirst != 0
	switch {
	case !l.begun && l.work.dir.halved():
		l.key = appendOrd(l.key[:l.prefix], ordMissing) // between the halves
		if oldest {
			return l.settle(l.it.SeekLT(l.key))
		}
		return l.settle(l.it.SeekGE(l.key))
	case !l.begun && oldest:
		return l.take(l.it.Last())
	case !l.begun:
		return l.take(l.it.First())
	case !l.ok:
		return false
	case oldest:
		return l.settle(l.it.Prev())
	}
	return l.settle(l.it.Next())
}

// seekSteps is how many neighbours are tried before the tree is searched.
const seekSteps = 3

func (l *list) seek(p position) bool {
	if l.begun {
		for range seekSteps {
			if !l.ok || !l.work.dir.before(l.cur, p) {
				return l.ok
			}
			l.next()
		}
		if !l.ok || !l.work.dir.before(l.cur, p) {
			return l.ok
		}
	}
	l.key = p.append(l.key[:l.prefix])
	l.latter = (p.ord == ordMissing) == (l.work.dir&missingFirst == 0)
	if l.work.dir&oldestFirst != 0 {
		l.key = append(l.key, 0) // at p or before it
		return l.settle(l.it.SeekLT(l.key))
	}
	return l.settle(l.it.SeekGE(l.key))
}

// settle takes the result of a step. In a halved direction the second half follows where the first one ends.
func (l *list) settle(ok bool) bool {
	if !l.work.dir.halved() {
		return l.take(ok)
	}
	if !ok && !l.latter && l.it.Error() == nil {
		if l.latter = true; l.work.dir&oldestFirst != 0 {
			ok = l.it.Last()
		} else {
			ok = l.it.First()
		}
	}
	if !l.take(ok) {
		return false
	}
	if l.latter && (l.cur.ord == ordMissing) != (l.work.dir&missingFirst == 0) {
		l.ok = false
	}
	return l.ok
}

func (l *list) has(p position) bool {
	if !l.begun || !l.ok || p.less(l.cur) {
		if l.bad != nil {
			return false
		}
		l.key = p.append(l.key[:l.prefix])
		return l.take(l.it.SeekGE(l.key)) && l.cur == p
	}
	for range seekSteps {
		if !l.cur.less(p) {
			return l.cur == p
		}
		if !l.take(l.it.Next()) {
			return false
		}
	}
	l.key = p.append(l.key[:l.prefix])
	return l.take(l.it.SeekGE(l.key)) && l.cur == p
}

func (l *list) at() position { return l.cur }
func (l *list) err() error   { return l.bad }

// value is the value of the current key.
func (l *list) value() []byte { return l.it.Value() }

// slice is postings that are sorted already.
type slice struct {
	dir   direction
	all   []position
	i     int
	begun bool
}

// newSlice sorts positions and drops duplicates.
func newSlice(dir direction, all []position) *slice {
	slices.SortFunc(all, dir.compare)
	return &slice{dir: dir, all: slices.Compact(all)}
}

func (s *slice) next() bool {
	if s.begun {
		s.i++
	}
	s.begun = true
	return s.i < len(s.all)
}

func (s *slice) seek(p position) bool {
	s.begun = true
	if s.i < len(s.all) && s.dir.before(s.all[s.i], p) {
		n, _ := slices.BinarySearchFunc(s.all[s.i:], p, s.dir.compare)
		s.i += n
	}
	return s.i < len(s.all)
}

func (s *slice) at() position { return s.all[s.i] }
func (s *slice) err() error   { return nil }

func (s *slice) has(p position) bool {
	_, ok := slices.BinarySearchFunc(s.all, p, s.dir.compare)
	return ok
}

// union merges postings; a document comes once.
type union struct {
	dir   direction
	parts []postings // a heap but for those that are used up
	all   []postings
	begun bool
	bad   error
}

func newUnion(dir direction, parts []postings) postings {
	if len(parts) == 1 {
		return parts[0]
	}
	return &union{dir: dir, all: parts}
}

func (u *union) Len() int           { return len(u.parts) }
func (u *union) Less(i, j int) bool { return u.dir.before(u.parts[i].at(), u.parts[j].at()) }
func (u *union) Swap(i, j int)      { u.parts[i], u.parts[j] = u.parts[j], u.parts[i] }
func (u *union) Push(x any)         { u.parts = append(u.parts, x.(postings)) }
func (u *union) Pop() any {
	x := u.parts[len(u.parts)-1]
	u.parts = u.parts[:len(u.parts)-1]
	return x
}

// begin moves every part by f and makes the heap.
func (u *union) begin(f func(postings) bool) bool {
	u.begun = true
	for _, p := range u.all {
		if f(p) {
			u.parts = append(u.parts, p)
		} else if err := p.err(); err != nil {
			u.bad = err
		}
	}
	heap.Init(u)
	return u.bad == nil && len(u.parts) > 0
}

// move moves the first part by f.
func (u *union) move(f func(postings) bool) {
	if p := u.parts[0]; f(p) {
		heap.Fix(u, 0)
	} else {
		if err := p.err(); err != nil {
			u.bad = err
		}
		heap.Pop(u)
	}
}

func (u *union) next() bool {
	if !u.begun {
		return u.begin(postings.next)
	}
	if len(u.parts) == 0 {
		return false
	}
	cur := u.parts[0].at()
	for len(u.parts) > 0 && u.parts[0].at() == cur {
		u.move(postings.next)
	}
	return u.bad == nil && len(u.parts) > 0
}

func (u *union) seek(p position) bool {
	seek := func(x postings) bool { return x.seek(p) }
	if !u.begun {
		return u.begin(seek)
	}
	for len(u.parts) > 0 && u.dir.before(u.parts[0].at(), p) {
		u.move(seek)
	}
	return u.bad == nil && len(u.parts) > 0
}

func (u *union) at() position { return u.parts[0].at() }
func (u *union) err() error   { return u.bad }

func (u *union) has(p position) bool {
	for _, part := range u.all {
		if part.has(p) {
			return true
		}
		if err := part.err(); err != nil {
			u.bad = err
			return false
		}
	}
	return false
}

// intersection is the documents that are in every part: each part leaps to where another one is. Whatever their order,
// it makes no more leaps than a small multiple of the length of the shortest.
type intersection struct {
	parts []postings
	cur   position
}

func newIntersection(parts []postings) postings {
	if len(parts) == 1 {
		return parts[0]
	}
	return &intersection{parts: parts}
}

func (x *intersection) next() bool {
	if !x.parts[0].next() {
		return false
	}
	return x.meet(x.parts[0].at())
}

func (x *intersection) seek(p position) bool { return x.meet(p) }

// meet goes to the first document at or behind p that all parts have.
func (x *intersection) meet(p position) bool {
	for agreed := 0; agreed < len(x.parts); {
		for _, part := range x.parts {
			if !part.seek(p) {
				return false
			}
			if at := part.at(); at != p {
				p, agreed = at, 0
			}
			agreed++
			if agreed == len(x.parts) {
				break
			}
		}
	}
	x.cur = p
	return true
}

func (x *intersection) at() position { return x.cur }

func (x *intersection) err() error {
	for _, p := range x.parts {
		if err := p.err(); err != nil {
			return err
		}
	}
	return nil
}

func (x *intersection) has(p position) bool {
	for _, part := range x.parts {
		if !part.has(p) {
			return false
		}
	}
	return true
}

// filtered is the documents of base that all tests keep. Tests are asked about documents in any order.
type filtered struct {
	dir   direction
	base  postings
	tests []test
	begun bool
	ok    bool
	bad   error
}

// test says whether a document belongs.
type test func(position) (bool, error)

func newFiltered(dir direction, base postings, tests []test) postings {
	if len(tests) == 0 {
		return base
	}
	return &filtered{dir: dir, base: base, tests: tests}
}

func (f *filtered) next() bool {
	if f.begun && !f.ok {
		return false
	}
	return f.settle(f.base.next())
}

func (f *filtered) seek(p position) bool {
	if f.begun && (!f.ok || !f.dir.before(f.base.at(), p)) {
		return f.ok
	}
	return f.settle(f.base.seek(p))
}

// settle goes on to the first document that all tests keep.
func (f *filtered) settle(ok bool) bool {
	f.begun = true
	for f.ok = ok; f.ok; f.ok = f.base.next() {
		keep, err := f.keep(f.base.at())
		if err != nil {
			f.bad, f.ok = err, false
			return false
		}
		if keep {
			return true
		}
	}
	f.bad = f.base.err()
	return false
}

func (f *filtered) keep(p position) (bool, error) {
	for _, t := range f.tests {
		if keep, err := t(p); !keep || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (f *filtered) at() position { return f.base.at() }
func (f *filtered) err() error   { return f.bad }

func (f *filtered) has(p position) bool {
	if !f.base.has(p) {
		f.bad = f.base.err()
		return false
	}
	keep, err := f.keep(p)
	if err != nil {
		f.bad = err
	}
	return keep && err == nil
}

// nothing is no documents.
type nothing struct{}

func (nothing) next() bool         { return false }
func (nothing) seek(position) bool { return false }
func (nothing) has(position) bool  { return false }
func (nothing) at() position       { return last }
func (nothing) err() error         { return nil }
