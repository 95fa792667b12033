package main

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sample = `package p

import "errors"

type List []int

var rows = map[string]Class{"a": Denied}

func (l *List) guard(x, y bool, e any) (n int, err error) {
members:
	for _, i := range *l {
		if x && y {
			continue members
		}
		n = i
	}
	if n < 3 {
		return 0, errors.New("few" + string(rune(n)))
	}
	switch e.(type) {
	case int, bool:
		return keep(n), nil
	}
	return n, err
}

func other() bool { return true }
`

// What the mutants of a function are, in the order of the source; and that each is Go.
func TestMutate(t *testing.T) {
	list, err := mutate([]byte(sample), target{kind: "guard", but: []string{"other"}}, "p/p.go")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"rows class: Denied -> Definitional",
		"List.guard case: case int, bool: return keep(n), nil -> ",
		"List.guard empty: for _, i := range *l { if x && y { continue members } n = i } -> ",
		"List.guard first: for _, i := range *l { if x && y { continue members } n = i } -> ",
		"List.guard statement: n = i -> ",
		"List.guard skip: x && y -> false && (x && y)",
		"List.guard always: x && y -> true || (x && y)",
		"List.guard and-or: x && y -> x || y",
		"List.guard operand: x && y -> x",
		"List.guard operand: x && y -> y",
		"List.guard jump: continue -> break members",
		"List.guard skip: n < 3 -> false && (n < 3)",
		"List.guard always: n < 3 -> true || (n < 3)",
		"List.guard boundary: n < 3 -> n <= 3",
		"List.guard case: int -> ",
		"List.guard case: bool -> ",
		"List.guard argument: keep(n) -> n",
		"List.guard error: err -> nil",
	}
	var got []string
	ids := map[string]bool{}
	for _, m := range list {
		got = append(got, m.Func+" "+m.Op+": "+m.Was+" -> "+m.Now)
		ids[m.ID] = true
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package p; func _() {\n"+m.code+"}", 0); err != nil {
			t.Errorf("%s: %v\n%s", got[len(got)-1], err, m.code)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("mutants:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(ids) != len(list) {
		t.Errorf("%d mutants have %d ids", len(list), len(ids))
	}
	again, err := mutate([]byte(strings.Replace(sample, "\nfunc (l", "\n// More.\nvar more = 1\n\nfunc (l", 1)), target{kind: "guard", but: []string{"other"}}, "p/p.go")
	if err != nil {
		t.Fatal(err)
	}
	for i := range again {
		if again[i].ID != list[i].ID {
			t.Errorf("%s has another id when the file changes elsewhere", got[i])
		}
	}
}

// A build with all mutants that compile behaves like each of them, by the environment, and like the original without.
func TestOverlay(t *testing.T) {
	root := t.TempDir()
	const src = `package main

import "fmt"

var words = []string{"a", "b"}

func small(n int) (ok bool) {
	if n < 3 {
		ok = true
	}
	return ok
}

func main() { fmt.Print(small(3), small(4), len(words)) }
`
	for name, text := range map[string]string{"go.mod": "module example.org/m\n\ngo 1.26\n", "p/main.go": src} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list, err := mutate([]byte(src), target{only: []string{"small", "words"}}, "p/main.go")
	if err != nil {
		t.Fatal(err)
	}
	o := overlay{root, t.TempDir()}
	broken := Mutant{ID: "broken", File: "p/main.go", Func: "small", at: list[len(list)-1].at, code: "return func() bool { return 1 }()\n"}
	list, err = o.compiling(append(list, broken))
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(list, func(m Mutant) bool { return m.ID == "broken" }) {
		t.Error("what does not compile is a mutant")
	}
	binary := filepath.Join(o.dir, "m")
	build := exec.Command("go", "build", "-overlay", o.json(), "-o", binary, "./p")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := map[string]string{
		"boundary: n < 3 -> n <= 3":                   "true false 2",
		"skip: n < 3 -> false && (n < 3)":             "false false 2",
		"always: n < 3 -> true || (n < 3)":            "true true 2",
		"statement: ok = true -> ":                    "false false 2",
		"swap: true -> false":                         "false false 2",
		`member: []string{"a", "b"} -> []string{"b"}`: "false false 1",
		`member: []string{"a", "b"} -> []string{"a"}`: "false false 1",
		"": "false false 2",
	}
	for _, m := range append(list, Mutant{}) {
		key := ""
		if m.ID != "" {
			key = m.Op + ": " + m.Was + " -> " + m.Now
		}
		run := exec.Command(binary)
		run.Env = append(os.Environ(), variable+"="+m.ID)
		out, err := run.Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(out) != want[key] {
			t.Errorf("%q prints %q, want %q", key, out, want[key])
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("not among the mutants: %v", want)
	}
}

// A run that was stopped goes on: the last result of a mutant counts; what is known of a function that has been edited
// since, or is gone, is forgotten, and what is listed as equivalent is that only while no test says otherwise.
func TestResults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	line := func(id, body, outcome, by string) string {
		return fmt.Sprintf(`{"id":%q,"kind":"guard","file":"f.go","func":"f","op":"swap","was":"And","now":"Or","body":%q,"outcome":%q%s}`, id, body, outcome, by) + "\n"
	}
	lines := line("a", "1", "survived", "") + line("edited", "1", "killed", `,"by":"search TestGuard"`) + line("gone", "1", "survived", "") +
		line("b", "1", "survived", "") + line("a", "1", "killed", `,"by":"search TestLawGuard"`)
	if err := os.WriteFile(file, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	results, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	all := []Mutant{results["a"].Mutant, {ID: "edited", Body: "2"}, results["b"].Mutant}
	current(results, all)
	same := map[string]string{"a": "listed in vain", "b": "says the same"}
	for id, r := range results {
		results[id] = r.judged(same)
	}
	if err := save(file, all, results); err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := line("a", "1", "killed", `,"by":"search TestLawGuard"`) + line("b", "1", "equivalent", `,"by":"says the same"`)
	if string(saved) != want {
		t.Errorf("saved\n%swant\n%s", saved, want)
	}
	if r := results["b"].judged(nil); r.Outcome != "survived" || r.By != "" {
		t.Errorf("what is listed no more has survived: %+v", r)
	}
	var b bytes.Buffer
	table(&b, results)
	for _, line := range []string{"guard 1 1 0", "swap 1 1 0", "all 1 1 0"} {
		if !slices.ContainsFunc(strings.Split(b.String(), "\n"), func(s string) bool { return strings.Join(strings.Fields(s), " ") == line }) {
			t.Errorf("the table has no line %q:\n%s", line, b.String())
		}
	}
	if got := killers(all, results)["f.go f"]; !slices.Equal(got, []string{"search TestLawGuard"}) {
		t.Errorf("killers: %v", got)
	}
}

// Every target is there: a function that is renamed must not drop out.
func TestTargetsExist(t *testing.T) {
	for _, x := range targets {
		names := map[string]bool{}
		for _, f := range x.files {
			list, err := read("../..", x, x.dir+"/"+f)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				t.Errorf("%s/%s has no mutants", x.dir, f)
			}
			for _, m := range list {
				names[m.Func[strings.LastIndex(m.Func, ".")+1:]] = true
			}
		}
		for _, name := range x.only {
			if !names[name] {
				t.Errorf("%s of %v has no mutants", name, x.files)
			}
		}
	}
}
