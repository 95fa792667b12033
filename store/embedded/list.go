package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

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
