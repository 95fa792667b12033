package model

import (
	"reflect"
	"slices"
)

// lists are the members of meta that stay when an update leaves them out.
var lists = []string{"profile", "security", "tag"}

// same says whether two labels are one: by system and code, or as a whole.
func same(x, y any) bool {
	p, ok := x.(map[string]any)
	q, ok2 := y.(map[string]any)
	if !ok || !ok2 {
		return reflect.DeepEqual(x, y)
	}
	return p["system"] == q["system"] && p["code"] == q["code"]
}

func holds(list []any, x any) bool {
	return slices.ContainsFunc(list, func(y any) bool { return same(x, y) })
}

// merged is the meta of an update: what it says, and the labels of the version before.
func merged(before, given any) any {
	old, _ := before.(map[string]any)
	out, _ := given.(map[string]any)
	if out == nil {
		out = map[string]any{}
	}
	for _, name := range lists {
		have, _ := out[name].([]any)
		kept, _ := old[name].([]any)
		for _, x := range kept {
			if !holds(have, x) {
				have = append(have, x)
			}
		}
		if len(have) > 0 {
			out[name] = have
		}
	}
	return out
}

// relabelled is a resource with labels added, or taken away.
func relabelled(before, params map[string]any, remove bool) map[string]any {
	meta, _ := before["meta"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
	}
	for _, name := range lists {
		have, _ := meta[name].([]any)
		given := values(params, "parameter", "valueMeta", name)
		if remove {
			have = slices.DeleteFunc(slices.Clone(have), func(x any) bool { return holds(given, x) })
		} else {
			for _, x := range given {
				if !holds(have, x) {
					have = append(have, x)
				}
			}
		}
		if delete(meta, name); len(have) > 0 {
			meta[name] = have
		}
	}
	before["meta"] = meta
	return before
}
