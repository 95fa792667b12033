package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
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
	flag.StringVar(&o.dirs, "files", "", "only files whose path has one of these in it, with commas")
	flag.StringVar(&o.id, "id", "", "only this mutant; prints what the tests say")
	flag.IntVar(&o.sample, "sample", 0, "only so many changes, those with the lowest ids (they are hashes); 0: all")
	flag.IntVar(&o.processes, "p", 1, "how many run at a time")
	flag.BoolVar(&o.again, "again", false, "run those that have survived, and only them")
	flag.BoolVar(&o.deep, "deep", false, "ask the slow tests of storetest, the engine and internal/proof, too")
	flag.BoolVar(&o.table, "table", false, "print the counts of the results and run nothing")
	flag.BoolVar(&o.list, "list", false, "print the changes, compiling or not, and run nothing")
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
	current(results, all)
	var todo []Mutant
	for _, m := range list {
		known, ok := results[m.ID]
		if ok {
			known = known.judged(same)
			results[m.ID] = known
		}
		if o.id != "" || !o.again && !ok || o.again && known.Outcome == "survived" {
			todo = append(todo, m)
		}
	}
	r := runner{options: o, same: same, results: results, killers: killers(all, results), stages: stages(o.deep)}
	if err := r.run(root, todo); err != nil || o.id != "" {
		return err
	}
	if err := save(o.results, all, results); err != nil {
		return err
	}
	table(os.Stdout, results)
	return nil
}

// selected are the changes that are asked for: of a sample those with the lowest ids, in the order of the source.
func (o options) selected(all []Mutant) []Mutant {
	in := func(list, s string) bool { return list == "" || slices.Contains(strings.Split(list, ","), s) }
	within := func(list, s string) bool {
		return slices.ContainsFunc(strings.Split(list, ","), func(part string) bool { return strings.Contains(s, part) })
	}
	list := slices.DeleteFunc(slices.Clone(all), func(m Mutant) bool {
		return !in(o.kinds, m.Kind) || !in(o.ops, m.Op) || !in(o.id, m.ID) || !within(o.dirs, m.File)
	})
	if o.sample == 0 || o.sample >= len(list) {
		return list
	}
	ids := []string{}
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return slices.DeleteFunc(list, func(m Mutant) bool { return m.ID >= ids[o.sample] })
}
