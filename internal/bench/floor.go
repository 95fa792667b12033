package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// Floor is what a server on a database is held against: the driver alone, which asks the database the same and gives it to
// nobody, and a process that does nothing but send that on by HTTP. All take turns, since the load of a machine changes
// meanwhile.
type Floor struct {
	Ask   Ask
	Relay string                        // address of the process, which runs Relay
	PID   int                           // of the process
	Used  func() (time.Duration, error) // CPU of the database
}

// Beside is what a shape came to beside a floor: ratios of turns, in ascending order, of the medians and of what all
// processes used for an operation.
type Beside struct {
	Shape, Name, Floor string
	Times, CPU         []float64
}

// Floors times shapes beside the floor.
func (r *Run) Floors(ctx context.Context, f *Floor, shapes ...string) error {
	for _, id := range shapes {
		if !r.wanted(id) && !r.wanted("W7") {
			continue
		}
		s := &Shapes[slices.IndexFunc(Shapes, func(s Shape) bool { return s.ID == id })]
		if err := r.floor(ctx, f, s); err != nil {
			return fmt.Errorf("%s beside the driver alone: %w", id, err)
		}
	}
	return nil
}

func (r *Run) floor(ctx context.Context, f *Floor, s *Shape) error {
	reqs, _, err := r.requests(s)
	if err != nil {
		return err
	}
	ask := asking(reqs)
	sides := []struct {
		name string
		operation
	}{
		{s.Name, ask},
		{"the driver alone", func(c *Client, rng *rand.Rand) (_ int, err error) {
			c.body, err = f.Ask(reqs[rng.IntN(len(reqs))].Path, c.body[:0])
			return 1, err
		}},
		{"the driver behind bare HTTP", func(c *Client, rng *rand.Rand) (int, error) {
			c.addr = f.Relay
			return ask(c, rng)
		}},
	}
	figures := make([][]Figure, len(sides))
	for range rounds {
		for i := range sides {
			x, err := r.whole(ctx, sides[i].operation, f)
			if err != nil {
				return err
			}
			figures[i] = append(figures[i], x)
		}
	}
	for i := range sides {
		r.record(Result{ID: s.ID, Name: sides[i].name + " (all CPU)", Clients: r.clients(), Figure: middle(figures[i])})
	}
	for i := 1; i < len(sides); i++ {
		x := Beside{Shape: s.ID, Name: s.Name, Floor: sides[i].name,
			Times: ratios(figures[0], figures[i], func(f Figure) time.Duration { return f.P50 }),
			CPU:   ratios(figures[0], figures[i], func(f Figure) time.Duration { return f.CPU }),
		}
		r.Besides = append(r.Besides, x)
		fmt.Fprintf(r.Out, "|      | = %s\n", &x)
	}
	return nil
}

// whole is measure with the CPU of all processes.
func (r *Run) whole(ctx context.Context, op operation, f *Floor) (Figure, error) {
	all := func() (time.Duration, error) {
		d, err := f.Used()
		return d + processCPU(r.PID) + processCPU(f.PID) + processCPU(os.Getpid()), err
	}
	before, err := all()
	if err != nil {
		return Figure{}, err
	}
	x, err := r.measure(ctx, r.clients(), op)
	if err != nil {
		return x, err
	}
	after, err := all()
	x.CPU = (after - before) / time.Duration(x.Ops)
	return x, err
}

// ratios are those of the figures of each turn.
func ratios(a, b []Figure, of func(Figure) time.Duration) (out []float64) {
	for i := range a {
		out = append(out, of(a[i]).Seconds()/max(of(b[i]), 1).Seconds())
	}
	slices.Sort(out)
	return out
}

func (x *Beside) String() string {
	n := len(x.Times)
	return fmt.Sprintf("in turn with %s: %.2f times the median (%.2f to %.2f in %d turns), %.2f times the CPU of all processes",
		x.Floor, x.Times[n/2], x.Times[0], x.Times[n-1], n, x.CPU[n/2])
}
