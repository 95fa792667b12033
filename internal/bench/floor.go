package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// Floor is something that is no request to the server and that a shape is held against: it asks the server's database the
// same by itself. Both take turns, since the load of a machine changes meanwhile.
type Floor struct {
	Shape, Name string
	Ask         func(path string) error // what the request with this path asks
}

// Floors times shapes beside their floors and says how many times as long they take, and how much CPU they use, with what
// client and database do for them. Database is how much CPU the database has used.
func (r *Run) Floors(ctx context.Context, list []Floor, database func() (time.Duration, error)) error {
	for _, f := range list {
		i := slices.IndexFunc(Shapes, func(s Shape) bool { return s.ID == f.Shape })
		if !r.wanted(f.Shape) && !r.wanted("W7") {
			continue
		}
		reqs, _, err := r.requests(&Shapes[i])
		if err != nil {
			return fmt.Errorf("%s: %w", f.Shape, err)
		}
		asked := asking(reqs)
		alone := func(_ *Client, rng *rand.Rand) (int, error) { return 1, f.Ask(reqs[rng.IntN(len(reqs))].Path) }
		both := [2][]Figure{}
		var times, cpu []float64
		for range rounds {
			var used [2]time.Duration
			for j, op := range []operation{asked, alone} {
				before, err := database()
				if err != nil {
					return err
				}
				before += processCPU(r.PID) + processCPU(os.Getpid())
				x, err := r.measure(ctx, r.clients(), op)
				if err != nil {
					return fmt.Errorf("%s: %w", f.Shape, err)
				}
				after, err := database()
				if err != nil {
					return err
				}
				used[j] = (after + processCPU(r.PID) + processCPU(os.Getpid()) - before) / time.Duration(x.Ops)
				x.CPU = used[j]
				both[j] = append(both[j], x)
			}
			last := len(both[0]) - 1
			times = append(times, both[0][last].P50.Seconds()/both[1][last].P50.Seconds())
			cpu = append(cpu, used[0].Seconds()/used[1].Seconds())
		}
		r.record(Result{ID: f.Shape, Name: Shapes[i].Name + " (all CPU)", Clients: r.clients(), Figure: middle(both[0])})
		r.record(Result{ID: f.Shape, Name: f.Name + " (all CPU)", Clients: r.clients(), Figure: middle(both[1])})
		slices.Sort(times)
		slices.Sort(cpu)
		fmt.Fprintf(r.Out, "|      | = %.2f times the median (%.2f to %.2f in %d turns), %.2f times the CPU of client, server and database\n",
			times[rounds/2], times[0], times[rounds-1], rounds, cpu[rounds/2])
	}
	return nil
}
