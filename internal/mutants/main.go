package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

type options struct {
	kinds, ops, dirs, id string
	sample               int
	processes            int
	again, deep          bool
	table, list          bool
	results, equivalent  string
}

func main() {
	var o options
	flag.StringVar(&o.kinds, "kinds", "", "only mutants of these kinds, with commas: guard, simplify, lower, compartment, scope, access")
	flag.StringVar(&o.ops, "ops", "", "only these operators, with commas")
	flag.StringVar(&o.dirs, "files", "", "only files whose path has this in it")
	flag.StringVar(&o.id, "id", "", "only this mutant; prints what the tests say")
	flag.IntVar(&o.sample, "sample", 0, "only so many, those with the lowest ids (they are hashes); 0: all")
	flag.IntVar(&o.processes, "p", 1, "how many run at a time")
	flag.BoolVar(&o.again, "again", false, "run those that survived again")
	flag.BoolVar(&o.deep, "deep", false, "ask the slow tests of storetest, the engine and internal/proof, too")
	flag.BoolVar(&o.table, "table", false, "print the counts of the results and run nothing")
	flag.BoolVar(&o.list, "list", false, "print the mutants, compiling or not, and run nothing")
	flag.StringVar(&o.results, "results", "internal/mutants/results.jsonl", "what is known, and where it is added to; below the module")
	flag.StringVar(&o.equivalent, "equivalent", "internal/mutants/equivalent.txt", "mutants that are the original in other words")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o options) run() error {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	for _, file := range []*string{&o.results, &o.equivalent} {
		if !filepath.IsAbs(*file) {
			*file = filepath.Join(root, *file)
		}
	}
	results, err := load(o.results)
	if err != nil {
		return err
	}
	if o.table {
		table(os.Stdout, results)
		return nil
	}
	same, err := equivalents(o.equivalent)
	if err != nil {
		return err
	}
	var all []Mutant
	for _, t := range targets {
		for _, f := range t.files {
			list, err := read(root, t, path.Join(t.dir, f))
			if err != nil {
				return err
			}
			all = append(all, list...)
		}
	}
	list := o.selected(all)
	if o.list {
		for _, m := range list {
			fmt.Printf("%s %s %s %s: %s -> %s\n", m.ID, m.File, m.Func, m.Op, m.Was, m.Now)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := overlay{root, dir}
	fmt.Printf("%d changes\n", len(list))
	if list, err = b.compiling(list); err != nil {
		return err
	}
	fmt.Printf("%d mutants\n", len(list))
	r := runner{options: o, results: results, stages: stages(o.deep)}
	for _, m := range o.sampled(list) {
		why, equivalent := same[m.ID]
		known, ok := results[m.ID]
		switch {
		case equivalent:
			results[m.ID] = Result{m, "equivalent", why, 0}
		case o.id != "" || !ok || known.Outcome == "equivalent" || o.again && known.Outcome == "survived":
			r.todo = append(r.todo, m)
		}
	}
	if err := r.run(b); err != nil {
		return err
	}
	if o.id != "" {
		return nil
	}
	if len(list) == len(all) || o.kinds+o.ops+o.dirs == "" { // what is not there any more is forgotten
		all = list
	}
	if err := save(r.options.results, all, results); err != nil {
		return err
	}
	table(os.Stdout, results)
	return nil
}

// selected are the mutants that are asked for.
func (o options) selected(all []Mutant) []Mutant {
	in := func(list, s string) bool { return list == "" || slices.Contains(strings.Split(list, ","), s) }
	return slices.DeleteFunc(slices.Clone(all), func(m Mutant) bool {
		return !in(o.kinds, m.Kind) || !in(o.ops, m.Op) || !in(o.id, m.ID) || !strings.Contains(m.File, o.dirs)
	})
}

// sampled are the mutants of the lowest ids: a fair sample, which stays what it is as it grows.
func (o options) sampled(list []Mutant) []Mutant {
	list = slices.SortedFunc(slices.Values(list), func(a, b Mutant) int { return strings.Compare(a.ID, b.ID) })
	if o.sample > 0 && o.sample < len(list) {
		list = list[:o.sample]
	}
	return list
}

// runner asks the tests about mutants.
type runner struct {
	options
	stages  []*stage
	todo    []Mutant
	results map[string]Result // by id

	mu       sync.Mutex
	start    time.Time
	done     int
	survived int
}

func (r *runner) run(o overlay) error {
	if len(r.todo) == 0 {
		return nil
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
	r.start = time.Now()
	queue := make(chan Mutant)
	var workers sync.WaitGroup
	for range r.processes {
		workers.Go(func() {
			for m := range queue {
				r.note(out, r.ask(m))
			}
		})
	}
	for _, m := range r.todo {
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
	if r.done%20 == 0 || r.done == len(r.todo) {
		each := time.Since(r.start) / time.Duration(r.done)
		fmt.Printf("%d of %d, %d survived, %s left\n", r.done, len(r.todo), r.survived, (each * time.Duration(len(r.todo)-r.done)).Round(time.Second))
	}
}
