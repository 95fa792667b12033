package interaction

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// processors is how many goroutines are worth it for n pieces of computing.
func processors(n int) int { return min(runtime.GOMAXPROCS(0), n/4) }

// parallel calls f for 0 … n-1 on that many goroutines, and gives the error of the lowest index.
func parallel(n, workers int, f func(i int) error) error {
	if workers < 2 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next  atomic.Int64
		group sync.WaitGroup
		mu    sync.Mutex
		first error
		at    = n
	)
	for range workers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					if i < at {
						first, at = err, i
					}
					mu.Unlock()
					next.Store(int64(n)) // those below i were taken before
					return
				}
			}
		})
	}
	group.Wait()
	return first
}
