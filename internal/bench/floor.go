package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// Floor is something that is no request to the server and that a shape is held against: its database is asked the same by
// itself. The two take turns, since the load of a machine changes meanwhile.
type Floor struct {
	Shape, Name string
	Ask         func(path string) error // what the request with this path asks
}

// Database is how much CPU a database has used.
type Database func() (time.Duration, error)

// Beside is what a shape came to beside its floor: ratios of turns, in ascending order, of the medians and of what
// client, server and database used for an operation.
type Beside struct {
	Shape, Name string
	Times, CPU  []float64
}

// Floors times shapes beside their floors.
func (r *Run) Floors(ctx context.Context, list []Floor, used Database) error {
	for i := range list {
		f := &list[i]
		if !r.wanted(f.Shape) && !r.wanted("W7") {
			continue
		}
		if err := r.floor(ctx, f, used); err != nil {
			return fmt.Errorf("%s beside %s: %w", f.Shape, f.Name, err)
		}
	}
	return nil
}

func (r *Run) floor(ctx context.Context, f *Floor, used Database) error {
	s := &Shapes[slices.IndexFunc(Shapes, func(s Shape) bool { return s.ID == f.Shape })]
	reqs, _, err := r.requests(s)
	if err != nil {
		return err
	}
	alone := func(_ *Client, rng *rand.Rand) (int, error) { return 1, f.Ask(reqs[rng.IntN(len(reqs))].Path) }
	figures := make([][]Figure, 2)
	for range rounds {
		for i, op := range []operation{asking(reqs), alone} {
			x, err := r.whole(ctx, op, used)
			if err != nil {
				return err
			}
			figures[i] = append(figures[i], x)
		}
	}
	for i, name := range []string{s.Name, f.Name} {
		r.record(Result{ID: s.ID, Name: name + " (all CPU)", Clients: r.clients(), Figure: middle(figures[i])})
	}
	x := Beside{Shape: s.ID, Name: s.Name,
		Times: ratios(figures, func(f Figure) time.Duration { return f.P50 }),
		CPU:   ratios(figures, func(f Figure) time.Duration { return f.CPU }),
	}
	r.Besides = append(r.Besides, x)
	fmt.Fprintf(r.Out, "|      | = %s\n", &x)
	return nil
}

// whole is measure with the CPU of client, server and database.
func (r *Run) whole(ctx context.Context, op operation, used Database) (Figure, error) {
	all := func() (time.Duration, error) {
		d, err := used()
		return d + processCPU(r.PID) + processCPU(os.Getpid()), err
	}
	before, err := all()
	if err != nil {
		return Figure{}, err
	}
	f, err := r.measure(ctx, r.clients(), op)
	if err != nil {
		return f, err
	}
	after, err := all()
	f.CPU = (after - before) / time.Duration(f.Ops)
	return f, err
}

// ratios are those of the figures of each turn.
func ratios(turns [][]Figure, of func(Figure) time.Duration) (out []float64) {
	for i := range turns[0] {
		out = append(out, of(turns[0][i]).Seconds()/max(of(turns[1][i]), 1).Seconds())
	}
	slices.Sort(out)
	return out
}

func (x *Beside) String() string {
	n := len(x.Times)
	return fmt.Sprintf("%.2f times the median (%.2f to %.2f in %d turns), %.2f times the CPU of client, server and database",
		x.Times[n/2], x.Times[0], x.Times[n-1], n, x.CPU[n/2])
}
