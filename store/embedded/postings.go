package embedded

import (
	"container/heap"
	"slices"
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
