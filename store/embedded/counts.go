package embedded

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// counts are numbers of documents that are in one posting list, or in several at once: totals that took a walk, kept in
// memory and kept right by every commit. They are exact for the snapshot that asks: each remembers what the last
// commits changed.
//
// Commits are numbered. One is announced before it is applied, and done after: a snapshot that is taken while the two
// are equal, and stay so, is of that number; any other has none, and is answered by walking.
type counts struct {
	most int // of them
	seed maphash.Seed
	done atomic.Uint64

	mu        sync.Mutex
	announced uint64
	byFirst   map[uint64][]*counted // by the first of their lists
	size      int
	clock     uint64
}

// lists names posting lists, by hashes of their prefixes with a secret seed, sorted.
type lists []uint64

// counted is the number of documents that are in all lists.
type counted struct {
	lists lists
	known bool
	n     int
	since uint64  // commits after this one are in past
	past  []delta // newest last
	used  uint64
}

// delta is what a commit changed.
type delta struct {
	commit uint64
	by     int
}

// mostPast is how many commits a counted remembers.
const mostPast = 256

func newCounts(most int) *counts {
	c := &counts{most: most, seed: maphash.MakeSeed(), announced: 1, byFirst: map[uint64][]*counted{}}
	c.done.Store(1)
	return c
}

// number is the number of the last commit, 0 while one is being applied.
func (c *counts) number() uint64 {
	done := c.done.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if done != c.announced {
		return 0
	}
	return done
}

// active says whether anything is counted, so that commits have to tell what they change.
func (c *counts) active() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size > 0
}

func (c *counts) find(l lists) *counted {
	for _, e := range c.byFirst[l[0]] {
		if slices.Equal(e.lists, l) {
			return e
		}
	}
	return nil
}

// get is the number of documents in all lists as of a commit.
func (c *counts) get(l lists, commit uint64) (n int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.find(l)
	if e == nil || !e.known || commit < e.since {
		return 0, false
	}
	c.clock++
	e.used = c.clock
	return e.n - e.after(commit), true
}

// after is what the commits after one changed.
func (e *counted) after(commit uint64) (by int) {
	for i := len(e.past) - 1; i >= 0 && e.past[i].commit > commit; i-- {
		by += e.past[i].by
	}
	return by
}

// put keeps a number as of a commit. If there were others since, what they changed is not known: it is noted from now
// on, for the next who walks.
func (c *counts) put(l lists, commit uint64, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.find(l)
	if e == nil {
		if c.size >= c.most {
			c.drop()
		}
		e = &counted{lists: slices.Clone(l), since: c.announced}
		c.byFirst[l[0]] = append(c.byFirst[l[0]], e)
		c.size++
	}
	c.clock++
	e.used = c.clock
	if !e.known && commit >= e.since {
		e.known, e.n = true, n+e.after(commit)
	}
}

// drop forgets the one that was not asked for longest.
func (c *counts) drop() {
	var oldest *counted
	for _, list := range c.byFirst {
		for _, e := range list {
			if oldest == nil || e.used < oldest.used {
				oldest = e
			}
		}
	}
	first := oldest.lists[0]
	c.byFirst[first] = slices.DeleteFunc(c.byFirst[first], func(e *counted) bool { return e == oldest })
	if len(c.byFirst[first]) == 0 {
		delete(c.byFirst, first)
	}
	c.size--
}

// moved is a document that a commit changes: the lists that it was in and those that it is in.
type moved struct{ before, now lists }

// announce numbers a commit that is about to be applied; told says that documents are all that it changes. Commits
// come one at a time; call done when it is applied.
func (c *counts) announce(documents []moved, told bool) (done func(applied bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.announced++
	if !told && c.size > 0 {
		clear(c.byFirst)
		c.size = 0
	}
	if c.size > 0 {
		for i := range documents {
			c.move(documents[i].before, -1)
			c.move(documents[i].now, 1)
		}
	}
	number := c.announced
	return func(applied bool) {
		if !applied {
			c.mu.Lock()
			clear(c.byFirst)
			c.size = 0
			c.mu.Unlock()
		}
		c.done.Store(number)
	}
}

func (c *counts) move(in lists, by int) {
	for _, first := range in {
		for _, e := range c.byFirst[first] {
			if !in.all(e.lists) {
				continue
			}
			e.n += by
			if last := len(e.past) - 1; last >= 0 && e.past[last].commit == c.announced {
				e.past[last].by += by
				continue
			}
			if len(e.past) == mostPast {
				e.since = e.past[mostPast/2-1].commit
				e.past = append(e.past[:0], e.past[mostPast/2:]...)
			}
			e.past = append(e.past, delta{c.announced, by})
		}
	}
}

// all says whether every list of o is in l; both are sorted.
func (l lists) all(o lists) bool {
	for _, x := range o {
		if _, ok := slices.BinarySearch(l, x); !ok {
			return false
		}
	}
	return true
}

// lists are the posting lists that a document is in; nil for none.
func (c *counts) lists(types typeNumbers, d *document) (out lists) {
	if d.schema == nil {
		return nil
	}
	var space [16]byte
	size := len(d.pos.append(space[:0]))
	d.each(types, func(key, _ []byte) {
		if key[0] == keyTerm {
			out = append(out, maphash.Bytes(c.seed, key[:len(key)-size]))
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// intersected are the lists whose intersection a node is; ok is false if it is something else.
func (q *query) intersected(n plan.Node) (out lists, ok bool, err error) {
	terms := plan.And{n}
	if and, isAnd := n.(plan.And); isAnd {
		terms = and
	}
	for _, x := range terms {
		t, isTerm := x.(plan.Term)
		if !isTerm || shaped(t.Form) || t.Num == q.sch.id && idForm(t.Form) {
			return nil, false, nil
		}
		prefixes, err := q.prefixes(nil, index.Term(t), "")
		if err != nil || len(prefixes) != 1 || prefixes[0][0] != keyTerm {
			return nil, false, err
		}
		out = append(out, maphash.Bytes(q.src.s.totals.seed, prefixes[0]))
	}
	slices.Sort(out)
	return slices.Compact(out), true, nil
}
