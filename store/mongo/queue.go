package mongo

import (
	"context"
	"slices"
	"sync"
)

// queue lets one of those who ask for a name through at a time. MongoDB does not let transactions wait for each other:
// it undoes the second one. So those of one process wait here.
type queue struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when the name is free again
}

// enter waits for those that write what a commit writes, as long as the store is patient: they wait for the database.
func (s *Store) enter(ctx context.Context, names []string) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	leave, err = s.queue.enter(ctx, names)
	return leave, fault("wait for other writes", err)
}

// enter waits for all of the names, which it sorts; leave gives them back.
func (q *queue) enter(ctx context.Context, names []string) (leave func(), err error) {
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range names {
		if err := q.take(ctx, name); err != nil {
			q.leave(names[:i])
			return nil, err
		}
	}
	return func() { q.leave(names) }, nil
}

func (q *queue) take(ctx context.Context, name string) error {
	for {
		q.mu.Lock()
		wait, busy := q.busy[name]
		if !busy {
			if q.busy == nil {
				q.busy = map[string]chan struct{}{}
			}
			q.busy[name] = make(chan struct{})
			q.mu.Unlock()
			return nil
		}
		q.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *queue) leave(names []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range names {
		close(q.busy[name])
		delete(q.busy, name)
	}
}
