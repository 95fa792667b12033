package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// Result is what has become of a mutant: a line of results.jsonl.
type Result struct {
	Mutant
	Outcome string  `json:"outcome"`           // killed, survived or equivalent
	By      string  `json:"by,omitempty"`      // package and test, or why it is equivalent
	Seconds float64 `json:"seconds,omitempty"` // of all runs
}

// load reads the results of a file, the last one of each mutant; none if there is no file.
func load(file string) (map[string]Result, error) {
	b, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return map[string]Result{}, nil
	} else if err != nil {
		return nil, err
	}
	out := map[string]Result{}
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		var r Result
		if err := d.Decode(&r); err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out[r.ID] = r
	}
}

// current leaves only results of mutants that are there, in functions as they are.
func current(results map[string]Result, all []Mutant) {
	bodies := map[string]string{}
	for _, m := range all {
		bodies[m.ID] = m.Body
	}
	maps.DeleteFunc(results, func(id string, r Result) bool { return bodies[id] != r.Body })
}

// judged is r by the list of equivalents: a mutant that survives is one of them if it stands there.
func (r Result) judged(same map[string]string) Result {
	if r.Outcome == "killed" {
		return r
	}
	r.Outcome, r.By = "survived", ""
	if why, ok := same[r.ID]; ok {
		r.Outcome, r.By = "equivalent", why
	}
	return r
}

// save writes the results in the order of the mutants.
func save(file string, list []Mutant, results map[string]Result) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, m := range list {
		if r, ok := results[m.ID]; ok {
			r.Mutant = m
			if err := e.Encode(r); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// equivalents reads the file of mutants that are the original in other words: an id and the reason on a line.
func equivalents(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]string{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, why, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("%s: %s has no reason", file, id)
		}
		out[id] = strings.TrimSpace(why)
	}
	return out, s.Err()
}

// table writes the counts by kind and by operator.
func table(w io.Writer, results map[string]Result) {
	for _, by := range []struct {
		title string
		key   func(Result) string
	}{
		{"kind", func(r Result) string { return r.Kind }},
		{"operator", func(r Result) string { return r.Op }},
		{"package that killed it", func(r Result) string {
			where, _, _ := strings.Cut(r.By, " ")
			if r.Outcome != "killed" {
				where = "-"
			}
			return where
		}},
	} {
		count := map[string]map[string]int{}
		for _, r := range results {
			for _, key := range []string{by.key(r), "all"} {
				if count[key] == nil {
					count[key] = map[string]int{}
				}
				count[key][r.Outcome]++
			}
		}
		fmt.Fprintf(w, "%-24s %8s %10s %9s\n", by.title, "killed", "equivalent", "survived")
		keys := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
			if (a == "all") != (b == "all") {
				return cmp.Compare(len(b), len(a)) * map[bool]int{true: 1, false: -1}[a == "all"]
			}
			return strings.Compare(a, b)
		})
		for _, key := range keys {
			fmt.Fprintf(w, "%-24s %8d %10d %9d\n", key, count[key]["killed"], count[key]["equivalent"], count[key]["survived"])
		}
		fmt.Fprintln(w)
	}
}
