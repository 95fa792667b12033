package embedded

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// iterators are those that questions to a snapshot have done with, for questions that are asked before an earlier one has
// its answer: a join asks one for each candidate, and to open an iterator costs more than what it is then used for. They
// hold on to tables that Pebble would remove, so none is kept longer than the first of the questions takes.
type iterators struct {
	mu    sync.Mutex
	asked int // questions without an answer
	spare []*pebble.Iterator
}

// mostSpare is how many are kept.
const mostSpare = 16

func (i *iterators) begin() {
	if i == nil {
		return // only a snapshot stays as it is
	}
	i.mu.Lock()
	i.asked++
	i.mu.Unlock()
}

// take is one that is spare, nil if there is none.
func (i *iterators) take() *pebble.Iterator {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	last := len(i.spare) - 1
	if last < 0 {
		return nil
	}
	it := i.spare[last]
	i.spare = i.spare[:last]
	return it
}

// end takes back what a question used.
func (i *iterators) end(used []*pebble.Iterator) {
	if i != nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.asked--; i.asked > 0 {
			kept := min(len(used), mostSpare-len(i.spare))
			i.spare = append(i.spare, used[:kept]...)
			used = used[kept:]
		} else {
			used = append(used, i.spare...)
			i.spare = nil
		}
	}
	for _, it := range used {
		it.Close()
	}
}

// iterator is one over the keys of a prefix; it is closed with the query.
func (q *query) iterator(prefix []byte) (*pebble.Iterator, error) {
	it, err := q.over(prefix)
	if err == nil {
		q.open = append(q.open, it)
	}
	return it, err
}

// over is an iterator over the keys of a prefix; who asks for it has it closed.
func (q *query) over(prefix []byte) (it *pebble.Iterator, err error) {
	if n := len(q.spare); n > 0 {
		it, q.spare = q.spare[n-1], q.spare[:n-1]
	} else {
		it = q.src.iterators.take()
	}
	if it == nil {
		return q.src.r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	}
	it.SetBounds(prefix, after(prefix))
	return it, nil
}
