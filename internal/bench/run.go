package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Run loads a world into a server, checks the answer of every shape and times it. A shape whose answer is wrong is
// reported as wrong, without a figure.
type Run struct {
	Addr    string // host:port of the server
	World   *World
	Window  time.Duration // of each measurement
	Clients int           // connections of the searches; 4 if 0
	Only    string        // run only workloads and shapes whose id begins so; "" is all
	Key     string        // of the administrator; without it tokens are not measured
	PID     int           // the server's process, for CPU and memory; 0: not measured
	Out     io.Writer
	wrong   int
	next    atomic.Int64 // numbers for fresh ids and salts
}

// Figure is what one closed-loop measurement gives.
type Figure struct {
	Ops      int
	Elapsed  time.Duration
	P50, P99 time.Duration
	CPU      time.Duration // of the server process, per operation; 0 if unknown
	Units    int           // resources moved, where that is more than Ops
}

// PerSecond is the rate of operations.
func (f Figure) PerSecond() float64 { return float64(f.Ops) / f.Elapsed.Seconds() }

// measure runs op on n connections for the window and gathers the latencies. op returns the resources it moved.
func (r *Run) measure(ctx context.Context, n int, op func(c *Client, rng *rand.Rand) (int, error)) (Figure, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Window)
	defer cancel()
	var (
		mu    sync.Mutex
		times []time.Duration
		units int
		fault error
		wg    sync.WaitGroup
	)
	cpu, start := processCPU(r.PID), time.Now()
	for i := range n {
		wg.Go(func() {
			c := Dial(r.Addr)
			defer c.Close()
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			var mine []time.Duration
			moved := 0
			for ctx.Err() == nil {
				t := time.Now()
				u, err := op(c, rng)
				if err != nil {
					mu.Lock()
					fault = err
					mu.Unlock()
					cancel()
					break
				}
				mine = append(mine, time.Since(t))
				moved += u
			}
			mu.Lock()
			times = append(times, mine...)
			units += moved
			mu.Unlock()
		})
	}
	wg.Wait()
	f := Figure{Ops: len(times), Elapsed: time.Since(start), Units: units}
	if fault != nil {
		return f, fault
	}
	if len(times) == 0 {
		return f, fmt.Errorf("not one operation within %s", r.Window)
	}
	slices.Sort(times)
	f.P50, f.P99 = times[len(times)/2], times[len(times)*99/100]
	if r.PID != 0 {
		f.CPU = (processCPU(r.PID) - cpu) / time.Duration(len(times))
	}
	return f, nil
}

// Load stores the world on c connections.
func (r *Run) Load(ctx context.Context, c int) (Figure, error) {
	begin, cpu := time.Now(), processCPU(r.PID)
	cl := Dial(r.Addr)
	defer cl.Close()
	if err := post(cl, "/fhir", r.World.Directory()); err != nil {
		return Figure{}, fmt.Errorf("loading the directory: %w", err)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	faults := make(chan error, c)
	for range c {
		wg.Go(func() {
			cl := Dial(r.Addr)
			defer cl.Close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(r.World.Patients) {
					return
				}
				if err := post(cl, "/fhir", r.World.Bundle(i)); err != nil {
					faults <- fmt.Errorf("loading patient %d: %w", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	f := Figure{Ops: len(r.World.Patients), Units: r.World.Resources(), Elapsed: time.Since(begin)}
	if r.PID != 0 {
		f.CPU = (processCPU(r.PID) - cpu) / time.Duration(f.Units)
	}
	select {
	case err := <-faults:
		return f, err
	default:
		return f, ctx.Err()
	}
}

func post(c *Client, path string, body []byte) error {
	res, err := c.Do("POST", path, body)
	if err != nil {
		return err
	}
	if res.Status != 200 && res.Status != 201 {
		return fmt.Errorf("status %d: %.300s", res.Status, res.Body)
	}
	return nil
}

// wanted says whether id was asked for.
func (r *Run) wanted(id string) bool {
	if r.Only == "" {
		return true
	}
	for _, o := range strings.Split(r.Only, ",") {
		if id == o || strings.HasSuffix(o, "*") && strings.HasPrefix(id, o[:len(o)-1]) {
			return true
		}
	}
	return false
}

// row prints one figure.
func (r *Run) row(id, name string, c int, f Figure) {
	cpu := "-"
	if f.CPU > 0 {
		cpu = fmt.Sprintf("%.3f", f.CPU.Seconds()*1e3)
	}
	fmt.Fprintf(r.Out, "| %-4s | %-44s | %3d | %9.0f | %8.2f | %8.2f | %8s |\n", id, name, c, f.PerSecond(), f.P50.Seconds()*1e3, f.P99.Seconds()*1e3, cpu)
}

func (r *Run) head() {
	fmt.Fprintf(r.Out, "| %-4s | %-44s | %3s | %9s | %8s | %8s | %8s |\n", "", "", "c", "per s", "p50 ms", "p99 ms", "CPU ms")
	fmt.Fprintf(r.Out, "|------|%s|-----|-----------|----------|----------|----------|\n", strings.Repeat("-", 46))
}

func (r *Run) bad(id, name string, err error) {
	r.wrong++
	fmt.Fprintf(r.Out, "| %-4s | %-44s | WRONG: %v\n", id, name, err)
}

// variants is how many requests of a shape are checked and then timed in turn.
const variants = 8

// Searches checks and times every shape.
func (r *Run) Searches(ctx context.Context) error {
	clients := r.clients()
	r.head()
	for _, s := range Shapes {
		if !r.wanted(s.ID) && !r.wanted("W7") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(1, 2))
		reqs := make([]Request, variants)
		var err error
		for i := range reqs {
			reqs[i] = s.Make(r.World, rng)
			if err == nil {
				err = r.verify(reqs[i])
			}
		}
		if err != nil {
			r.bad(s.ID, s.Name, err)
			continue
		}
		f, err := r.measure(ctx, clients, func(c *Client, rng *rand.Rand) (int, error) {
			q := reqs[rng.IntN(len(reqs))]
			return 1, expect(c, q)
		})
		if err != nil {
			r.bad(s.ID, s.Name, err)
			continue
		}
		r.row(s.ID, s.Name, clients, f)
	}
	return nil
}

// verify asks once with the total and holds the whole answer against the facts.
func (r *Run) verify(q Request) error {
	c := Dial(r.Addr)
	defer c.Close()
	path := q.Path
	if q.Answer != nil {
		path = withCount(path)
		if !strings.Contains(path, "_total=") {
			path += "&_total=accurate"
		}
	}
	res, err := c.Get(path, q.Header...)
	if err != nil {
		return fmt.Errorf("%s: %w", q.Path, err)
	}
	if want := max(q.Status, 200); q.Status == 0 && res.Status != want || q.Status != 0 && res.Status != q.Status {
		return fmt.Errorf("%s: status %d: %.200s", q.Path, res.Status, res.Body)
	}
	if q.Answer == nil {
		return nil
	}
	if err := q.Answer.Check(res.Body, true); err != nil {
		return fmt.Errorf("%s: %w", q.Path, err)
	}
	return nil
}

func withCount(path string) string {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return fmt.Sprintf("%s%s_count=%d", path, sep, PageSize)
}

func expect(c *Client, q Request) error {
	path := q.Path
	if q.Answer != nil {
		path = withCount(path)
	}
	res, err := c.Get(path, q.Header...)
	if err != nil {
		return err
	}
	if res.Status != q.Status && (q.Status != 0 || res.Status != 200) {
		return fmt.Errorf("%s: status %d: %.200s", q.Path, res.Status, res.Body)
	}
	return nil
}

// Floor times something that is no request to the server and that its figures are to be held against.
func (r *Run) Floor(ctx context.Context, id, name string, op func(rng *rand.Rand) error) {
	if !r.wanted(id) && !r.wanted("W7") {
		return
	}
	f, err := r.measure(ctx, r.clients(), func(_ *Client, rng *rand.Rand) (int, error) { return 1, op(rng) })
	if err != nil {
		r.bad(id, name, err)
		return
	}
	f.CPU = 0 // the server's process does nothing
	r.row(id, name, r.clients(), f)
}

func (r *Run) clients() int {
	if r.Clients == 0 {
		return 4
	}
	return r.Clients
}

// Wrong is the number of shapes and workloads whose answer was wrong.
func (r *Run) Wrong() int { return r.wrong }
