package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// runner asks the tests about mutants.
type runner struct {
	options
	stages  []*stage
	same    map[string]string   // why mutants are equivalent
	results map[string]Result   // by id
	killers map[string][]string // of a function: what has killed mutants of it ("package test"), the last one first

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

// ask runs the tests that have killed mutants of the same function, then one stage after the other, until the mutant is
// killed.
func (r *runner) ask(m Mutant) Result {
	start := time.Now()
	res := Result{Mutant: m, Outcome: "survived"}.judged(r.same)
	died := func(by string, out []byte) bool {
		if by == "" {
			return false
		}
		res.Outcome, res.By = "killed", by
		if r.id != "" {
			fmt.Printf("%s\n", out)
		}
		return true
	}
	first := func() bool {
		for _, k := range r.before(m) {
			dir, test, _ := strings.Cut(k, " ")
			if i := slices.IndexFunc(r.stages, func(s *stage) bool { return s.dir == dir }); i >= 0 && died(r.stages[i].ask(m.ID, test)) {
				return true
			}
		}
		return false
	}
	if !first() {
		for _, s := range order(r.stages, path.Dir(m.File)) {
			if died(s.ask(m.ID, "")) {
				break
			}
		}
	}
	res.Seconds = float64(time.Since(start).Round(10*time.Millisecond).Milliseconds()) / 1000
	return res
}

// before are the tests that are worth a try before all others.
func (r *runner) before(m Mutant) []string {
	const most = 4
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.killers[m.File+" "+m.Func]
	return slices.Clone(list[:min(most, len(list))])
}

// killers are what has killed mutants, by function.
func killers(all []Mutant, results map[string]Result) map[string][]string {
	out := map[string][]string{}
	for _, m := range all {
		learn(out, results[m.ID])
	}
	return out
}

// learn puts what has killed a mutant before all that has killed others of its function.
func learn(killers map[string][]string, r Result) {
	if r.Outcome != "killed" || strings.HasSuffix(r.By, ")") { // it is no test
		return
	}
	in := r.File + " " + r.Func
	killers[in] = append([]string{r.By}, slices.DeleteFunc(killers[in], func(by string) bool { return by == r.By })...)
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
	learn(r.killers, res)
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
