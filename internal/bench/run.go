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
	PID     int           // the server's process, for CPU and memory; 0: not measured
	Out     io.Writer

	Key string // of the administrator; without it neither is asked how much is read nor are tokens measured

	Results []Result
	turns   []turn
	Besides []Beside
	next    atomic.Int64 // numbers for fresh ids and salts
}

// Result is what one shape or workload came to.
type Result struct {
	ID, Name string
	Clients  int
	Target   float64 // median in milliseconds; 0: none
	Figure   Figure
	Reads    int   // index entries and documents that the server read for one request; 0: not known
	Err      error // the answer was wrong: there is no figure
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
func (r *Run) measure(ctx context.Context, n int, op operation) (Figure, error) {
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

// record keeps and prints a result.
func (r *Run) record(x Result) {
	r.Results = append(r.Results, x)
	if x.Err != nil {
		fmt.Fprintf(r.Out, "| %-4s | %-44s | WRONG: %v\n", x.ID, x.Name, x.Err)
		return
	}
	f := x.Figure
	fmt.Fprintf(r.Out, "| %-4s | %-44s | %3d | %9.0f | %8.2f | %8.2f | %8s | %6s |\n", x.ID, x.Name, x.Clients, f.PerSecond(), millis(f.P50), millis(f.P99),
		known(millis(f.CPU), "%.3f"), known(float64(x.Reads), "%.0f"))
}

// known is a number, or a dash for 0.
func known(n float64, format string) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf(format, n)
}

func millis(d time.Duration) float64 { return d.Seconds() * 1e3 }

func (r *Run) head() {
	fmt.Fprintf(r.Out, "| %-4s | %-44s | %3s | %9s | %8s | %8s | %8s | %6s |\n", "", "", "c", "per s", "p50 ms", "p99 ms", "CPU ms", "read")
	fmt.Fprintf(r.Out, "|------|%s|-----|-----------|----------|----------|----------|--------|\n", strings.Repeat("-", 46))
}

// Wrong is the number of shapes and workloads whose answer was wrong.
func (r *Run) Wrong() (n int) {
	for _, x := range r.Results {
		if x.Err != nil {
			n++
		}
	}
	return n
}
