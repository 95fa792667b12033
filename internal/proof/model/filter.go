package model

import (
	"slices"
	"strings"
)

// filter says whether v satisfies a _filter (R4 search_filter.html): tests, not, and, or, and parentheses; known is false
// if the model does not know what it says.
func (a *access) filter(v *Version, text string) (ok, known bool) {
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	f := filter{access: a, words: strings.Fields(text), known: true}
	ok = f.joined(v)
	return ok, f.known && len(f.words) == 0
}

type filter struct {
	*access
	words []string
	known bool
}

func (f *filter) next() string {
	if len(f.words) == 0 {
		f.known = false
		return ""
	}
	w := f.words[0]
	f.words = f.words[1:]
	return w
}

// joined is read from left to right.
func (f *filter) joined(v *Version) bool {
	ok := f.operand(v)
	for len(f.words) > 0 && f.words[0] != ")" {
		switch join, right := f.next(), f.operand(v); join {
		case "and":
			ok = ok && right
		case "or":
			ok = ok || right
		default:
			f.known = false
			return false
		}
	}
	return ok
}

func (f *filter) operand(v *Version) bool {
	switch first := f.next(); first {
	case "not":
		return !f.operand(v)
	case "(":
		ok := f.joined(v)
		f.known = f.next() == ")" && f.known
		return ok
	default:
		op, value := f.next(), f.next()
		switch { // what says that there is none says it of the whole path
		case op == "pr" && value == "false":
			return !f.path(v, first, op, "true")
		case op == "ni":
			return !f.path(v, first, "in", value)
		}
		return f.path(v, first, op, value)
	}
}

func (f *filter) path(v *Version, path, op, value string) (ok bool) {
	known := true
	if rest, is := strings.CutPrefix(path, "_has:"); is {
		parts := strings.SplitN(rest, ":", 3)
		ok, known = f.reverse(v, parts[0], parts[1], func(source *Version) (bool, bool) { return f.path(source, parts[2], op, value), true })
	} else if head, rest, chained := strings.Cut(path, "."); chained {
		code, target, _ := strings.Cut(head, ":")
		has := func(typ string) bool { _, ok := f.lookup(typ, rest[:strings.IndexAny(rest+".", ".:")]); return ok }
		ok, known = f.chain(v, code, target, has, true, func(to *Version) (bool, bool) { return f.path(to, rest, op, value), true })
	} else {
		if op == "co" && (path == "_text" || path == "_content") {
			return v.says(path, value)
		}
		var p param
		if p, known = f.lookup(v.Type, path); known {
			return f.test(v, p, op, value)
		}
	}
	f.known = f.known && known
	return ok
}

// test says whether some value is what the operation asks for (R4 search_filter.html#ops).
func (f *filter) test(v *Version, p param, op, value string) bool {
	switch {
	case op == "pr":
		return len(f.held(v, p)) > 0
	case p.kind == "reference" && op == "re", op == "eq" && p.kind != "string" && p.kind != "date" && p.kind != "instant":
		return f.has(v, p, "", value)
	case op == "ne" && p.kind == "id":
		return v.ID != value
	case op == "ne" && p.kind == "uri":
		return slices.ContainsFunc(f.held(v, p), func(x any) bool { return text(x) != value })
	case op == "ne" && p.kind == "composite":
		return slices.ContainsFunc(f.held(v, p), func(x any) bool {
			return !f.has(&Version{JSON: map[string]any{"x": x}}, param{"composite", "", append([]string{"x"}, p.paths[1:]...)}, "", value)
		})
	case op == "ne" && p.kind == "token":
		system, code, both := strings.Cut(value, "|")
		if !both {
			system, code = "", value
		}
		return slices.ContainsFunc(codings(v, p.paths), func(c coding) bool {
			return system != "" && c.system != "" && system != c.system || c.code != code
		})
	case p.kind == "token" && op == "ss":
		return f.defined(v, p, "below", value)
	case p.kind == "token" && op == "sb":
		return f.defined(v, p, "above", value)
	case p.kind == "token" && op == "in":
		return f.defined(v, p, "in", value)
	case p.kind == "date" || p.kind == "instant" || p.kind == "number" || p.kind == "quantity":
		return f.has(v, p, "", op+value)
	case p.kind == "string":
		return slices.ContainsFunc(f.held(v, p), func(x any) bool { return f.ordered(op, strings.ToLower(text(x)), strings.ToLower(value)) })
	}
	f.known = false
	return false
}

// defined is a test by a definition that the caller sees.
func (f *filter) defined(v *Version, p param, modifier, value string) bool {
	ok, known := f.among(v, p, modifier, value)
	f.known = f.known && known
	return ok
}

func (f *filter) ordered(op, have, asked string) bool {
	switch op {
	case "eq":
		return have == asked
	case "ne":
		return have != asked
	case "co":
		return strings.Contains(have, asked)
	case "sw":
		return strings.HasPrefix(have, asked)
	case "ew":
		return strings.HasSuffix(have, asked)
	case "gt":
		return have > asked
	case "lt":
		return have < asked
	case "ge":
		return have >= asked
	case "le":
		return have <= asked
	}
	f.known = false
	return false
}
