package model

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// patched carries out a JSON Patch (RFC 6902) or a FHIRPath Patch (R4 fhirpatch.html); ok is false if the model does not
// know what it says, or it fails.
func patched(before map[string]any, patch string) (after map[string]any, ok bool) {
	unchanged := encoded(before)
	list, _ := decoded(`{"list":` + patch + `}`)["list"].([]any)
	step := pointed
	if params := decoded(patch); params != nil {
		list, step = values(params, "parameter"), selected
	}
	root := map[string]any{"": any(before)}
	for _, x := range list {
		o, _ := x.(map[string]any)
		if !step(root, o) {
			return nil, false
		}
	}
	before, _ = root[""].(map[string]any)
	if len(list) == 0 || hollow(before) || before["id"] != decoded(unchanged)["id"] {
		return nil, false
	}
	old := decoded(unchanged)
	if delete(old, "meta"); before["meta"] != nil {
		old["meta"] = before["meta"] // of which a narrative tells nothing
	}
	if narrative, _ := before["text"].(map[string]any); narrative["status"] == "generated" && !reflect.DeepEqual(decoded(encoded(before)), decoded(encoded(old))) {
		delete(before, "text") // it tells what was there before
	}
	return before, true
}

// hollow says whether something in it is empty, which FHIR has not.
func hollow(x any) bool {
	switch x := x.(type) {
	case []any:
		return len(x) == 0 || slices.ContainsFunc(x, hollow)
	case map[string]any:
		for _, item := range x {
			if hollow(item) {
				return true
			}
		}
		return len(x) == 0
	}
	return false
}

// slot is a place in a tree: a member, or an item of a list.
type slot struct {
	in   any
	name string
}

// place finds the slot of a path; the last name need not be there.
func place(root any, path []string) (s slot, ok bool) {
	at := root
	for i, name := range path {
		s = slot{at, name}
		if i == len(path)-1 {
			break
		}
		if at, ok = s.get(); !ok {
			return s, false
		}
	}
	return s, true
}

func (s slot) index(list []any) (i int, ok bool) {
	i, err := strconv.Atoi(s.name)
	return i, err == nil && i >= 0 && i < len(list)
}

func (s slot) get() (x any, ok bool) {
	switch in := s.in.(type) {
	case map[string]any:
		x, ok = in[s.name]
	case []any:
		var i int
		if i, ok = s.index(in); ok {
			x = in[i]
		}
	}
	return x, ok
}

// pointed is one operation of a JSON Patch.
func pointed(root map[string]any, o map[string]any) bool {
	pointer := func(name string) ([]string, bool) {
		text := text(o[name])
		return strings.Split(text, "/"), strings.HasPrefix(text, "/")
	}
	path, ok := pointer("path")
	if !ok {
		return false
	}
	value := o["value"]
	switch op := text(o["op"]); op {
	case "test", "remove", "replace":
		s, ok := place(root, path)
		if !ok {
			return false
		}
		if have, there := s.get(); !there || op == "test" && encoded(have) != encoded(value) {
			return false
		}
		switch op {
		case "remove":
			return removed(root, path)
		case "replace":
			return removed(root, path) && added(root, path, value)
		}
		return true
	case "copy", "move":
		from, ok := pointer("from")
		if !ok {
			return false
		}
		s, ok := place(root, from)
		if !ok {
			return false
		}
		if value, ok = s.get(); !ok || op == "move" && !removed(root, from) {
			return false
		}
		return added(root, path, decoded(`{"x":` + encoded(value) + `}`)["x"])
	case "add":
		return added(root, path, value)
	}
	return false
}

// removed takes away what is at a path.
func removed(root any, path []string) bool {
	s, ok := place(root, path)
	switch in := s.in.(type) {
	case map[string]any:
		delete(in, s.name)
		return ok
	case []any:
		i, there := s.index(in)
		return ok && there && stored(root, path[:len(path)-1], slices.Delete(slices.Clone(in), i, i+1))
	}
	return false
}

// stored puts a list where one was.
func stored(root any, path []string, list []any) bool {
	s, ok := place(root, path)
	switch in := s.in.(type) {
	case map[string]any:
		in[s.name] = list
		return ok
	case []any:
		i, there := s.index(in)
		if there {
			in[i] = list
		}
		return ok && there
	}
	return false
}

// added puts a value at a path; into a list before what is there.
func added(root any, path []string, value any) bool {
	s, ok := place(root, path)
	switch in := s.in.(type) {
	case map[string]any:
		in[s.name] = value
		return ok
	case []any:
		i, err := strconv.Atoi(s.name)
		if s.name == "-" {
			i, err = len(in), nil
		}
		return ok && err == nil && i >= 0 && i <= len(in) && stored(root, path[:len(path)-1], slices.Insert(slices.Clone(in), i, value))
	}
	return false
}

// repeating are the lists among the elements that tests patch.
var repeating = strings.Fields("identifier category name given performer focus hasMember coding")

// selected is one operation of a FHIRPath Patch, on paths of names and indices.
func selected(root map[string]any, o map[string]any) bool {
	parts := map[string]map[string]any{}
	for _, x := range values(o, "part") {
		part, _ := x.(map[string]any)
		parts[text(part["name"])] = part
	}
	given := func(name string) any {
		for member, x := range parts[name] {
			if strings.HasPrefix(member, "value") {
				return x
			}
		}
		return nil
	}
	word := func(name string) string { return text(given(name)) }
	number := func(name string) int {
		digits, _ := given(name).(json.Number)
		n, _ := strconv.Atoi(string(digits))
		return n
	}
	value := given("value")
	path := []string{""}
	for i, name := range strings.Split(word("path"), ".") {
		name, index, indexed := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		if i == 0 {
			continue // the type
		}
		if name == "effective" { // a choice, of which tests write one
			name = "effectiveDateTime"
		}
		if path = append(path, name); indexed {
			path = append(path, index)
		}
	}
	s, ok := place(root, path)
	if !ok {
		return word("type") == "delete"
	}
	have, there := s.get()
	list, repeats := have.([]any)
	if op := word("type"); repeats && op != "insert" && op != "move" { // the items are meant
		if len(list) != 1 {
			return false
		}
		path = append(path, "0")
	}
	switch word("type") {
	case "add":
		name := word("name")
		if path = append(path, name); slices.Contains(repeating, name) {
			if s, ok = place(root, path); !ok {
				return false
			}
			before, _ := s.get()
			list, _ := before.([]any)
			value = append(slices.Clone(list), value)
		}
		return added(root, path, value)
	case "delete":
		if !there {
			return true
		}
		if !removed(root, path) {
			return false
		}
		if left, ok := place(root, path[:len(path)-1]); ok && repeats { // without items there is no list
			if list, _ := left.get(); len(list.([]any)) == 0 {
				return removed(root, path[:len(path)-1])
			}
		}
		return true
	case "replace":
		return there && removed(root, path) && added(root, path, value)
	case "insert":
		if !there {
			list = []any{}
		}
		i := number("index")
		return (repeats || !there) && slices.Contains(repeating, path[len(path)-1]) && i <= len(list) && added(root, path, slices.Insert(slices.Clone(list), i, value))
	case "move":
		from, to := number("source"), number("destination")
		if !repeats || from >= len(list) || to >= len(list) {
			return false
		}
		item := list[from]
		return added(root, path, slices.Insert(slices.Delete(slices.Clone(list), from, from+1), to, item))
	}
	return false
}
