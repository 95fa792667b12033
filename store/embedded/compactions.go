package embedded

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// compactions is Pebble's scheduler of compactions: as many at once as Pebble wants, but none before begin. Pebble's own
// begins them while it opens a store, and waits for their end before it has: after an import or a crash most of a second.
type compactions struct {
	db   pebble.DBForCompaction
	look chan struct{} // more may be wanted
	stop chan struct{}

	mu       sync.Mutex
	may      bool // between begin and Unregister
	running  int
	granting sync.Mutex // held while db is called
}

var (
	_ pebble.CompactionScheduler   = (*compactions)(nil)
	_ pebble.CompactionGrantHandle = (*compactions)(nil)
)

// lookEvery is how often it is asked whether more are wanted.
const lookEvery = 100 * time.Millisecond

func newCompactions() *compactions {
	return &compactions{look: make(chan struct{}, 1), stop: make(chan struct{})}
}

// begin lets compactions run, from the first look on.
func (c *compactions) begin() {
	c.mu.Lock()
	c.may = true
	c.mu.Unlock()
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-tick.C:
			case <-c.look:
			}
			c.grant()
		}
	}()
}

// grant starts compactions that wait, as many as may run.
func (c *compactions) grant() {
	c.granting.Lock()
	defer c.granting.Unlock()
	for {
		if ok, _ := c.TrySchedule(); !ok {
			return
		}
		if waiting, _ := c.db.GetWaitingCompaction(); !waiting || !c.db.Schedule(c) {
			c.ended()
			return
		}
	}
}

func (c *compactions) ended() {
	c.mu.Lock()
	c.running--
	c.mu.Unlock()
}

// Register implements pebble.CompactionScheduler.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister implements pebble.CompactionScheduler.
func (c *compactions) Unregister() {
	close(c.stop)
	c.mu.Lock()
	c.may = false
	c.mu.Unlock()
	c.granting.Lock() // who has begun to call db ends
	defer c.granting.Unlock()
}

// TrySchedule implements pebble.CompactionScheduler.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.may || c.running >= c.db.GetAllowedWithoutPermission() {
		return false, nil
	}
	c.running++
	return true, c
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler.
func (c *compactions) UpdateGetAllowedWithoutPermission() {
	select {
	case c.look <- struct{}{}:
	default:
	}
}

// Done implements pebble.CompactionGrantHandle.
func (c *compactions) Done() {
	c.ended()
	c.grant()
}

// Started implements pebble.CompactionGrantHandle.
func (c *compactions) Started() {}

// MeasureCPU implements pebble.CompactionGrantHandle.
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}
