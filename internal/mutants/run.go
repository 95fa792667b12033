package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"sync"
	"time"
)

// runner asks the tests about mutants.
type runner struct {
	options
	stages  []*stage
	results map[string]Result // by id

	mu       sync.Mutex
	start    time.Time
	todo     int
	done     int
	survived int
}

// run asks about the changes that compile.
func (r *runner) run(root string, list []Mutant) error {
	if len(list) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o := overlay{root, dir}
	fmt.Printf("%d changes\n", len(list))
	if list, err = o.compiling(list); err != nil {
		return err
	}
	for _, s := range r.stages {
		if err := s.build(o); err != nil {
			return err
		}
	}
	out, err := os.OpenFile(r.options.results, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	r.start, r.todo = time.Now(), len(list)
	queue := make(chan Mutant)
	var workers sync.WaitGroup
	for range r.processes {
		workers.Go(func() {
			for m := range queue {
				r.note(out, r.ask(m))
			}
		})
	}
	for _, m := range list {
		queue <- m
	}
	close(queue)
	workers.Wait()
	return nil
}

// ask runs one stage after the other, until one kills the mutant.
func (r *runner) ask(m Mutant) Result {
	start := time.Now()
	res := Result{Mutant: m, Outcome: "survived"}
	for _, s := range order(r.stages, path.Dir(m.File)) {
		by, out := s.ask(m.ID)
		if by != "" {
			res.Outcome, res.By = "killed", by
			if r.id != "" {
				fmt.Printf("%s\n", out)
			}
			break
		}
	}
	res.Seconds = float64(time.Since(start).Round(10*time.Millisecond).Milliseconds()) / 1000
	return res
}

// note keeps a result at once, so that a run which is stopped goes on later.
func (r *runner) note(out *os.File, res Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.id != "" {
		fmt.Printf("%+v\n", res)
		return
	}
	r.results[res.ID] = res
	b, _ := json.Marshal(res) // strings and numbers
	fmt.Fprintf(out, "%s\n", b)
	if res.Outcome == "survived" {
		r.survived++
		fmt.Printf("survived %s %s %s %s: %s -> %s\n", res.ID, res.File, res.Func, res.Op, res.Was, res.Now)
	}
	if r.done%20 == 0 || r.done == r.todo {
		each := time.Since(r.start) / time.Duration(r.done)
		fmt.Printf("%d of %d, %d survived, %s left\n", r.done, r.todo, r.survived, (each * time.Duration(r.todo-r.done)).Round(time.Second))
	}
}
