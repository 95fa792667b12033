package model

import (
	"cmp"
	"slices"
	"strings"
)

// Found is the answer of a search.
type Found struct {
	Groups [][]*Version // the matches in their order, which says nothing inside a group
	Total  int
	Only   bool // _summary=count
	Told   bool // the total was asked for
	Bad    bool // it is refused
	Part   bool // only a part of each match is asked for

	a        *access
	includes []inclusion
}

// inclusion is one _include or _revinclude.
type inclusion struct {
	reverse, iterate     bool
	source, code, target string // "" is any
}

// whole says whether everything of a type is in reach of s, whatever it holds: then contained ones count, too.
func (a *access) whole(typ string) bool {
	return a.bounds('s', typ) && (a.Policy == "" || a.everyone) && slices.ContainsFunc(a.Scopes, func(s Scope) bool {
		return a.reaches(s, 's', typ) && s.Where == "" && (s.Level == "system" || s.Level == "user" && typ != "Binary")
	})
}

// matches says whether v has what a parameter asks for, chains and _has among them; known is false if the model does not
// know the parameter.
func (a *access) matches(v *Version, name, value string) (ok, known bool) {
	switch name {
	case "_list":
		return a.listed(v, value), true
	case "_text", "_content":
		return v.says(name, value), true
	case "_filter":
		return a.filter(v, value)
	}
	if rest, is := strings.CutPrefix(name, "_has:"); is {
		parts := strings.SplitN(rest, ":", 3)
		if len(parts) < 3 {
			return false, false
		}
		return a.reverse(v, parts[0], parts[1], func(source *Version) (bool, bool) { return a.matches(source, parts[2], value) })
	}
	head, rest, chained := strings.Cut(name, ".")
	code, modifier, _ := strings.Cut(head, ":")
	if chained {
		alone := !strings.Contains(rest, ".") && !strings.HasPrefix(rest, "_has:")
		return a.chain(v, code, modifier, alone, func(to *Version) (bool, bool) { return a.matches(to, rest, value) })
	}
	p, known := lookup(v.Type, code)
	switch {
	case !known:
		return false, false
	case slices.Contains(strings.Fields("in not-in above below identifier"), modifier):
		return a.among(v, p, modifier, value)
	}
	return a.has(v, p, modifier, value), true
}

// reverse says whether some resource that refers to v is so.
func (a *access) reverse(v *Version, typ, code string, is func(*Version) (bool, bool)) (ok, known bool) {
	p, known := lookup(typ, code)
	if !known {
		return false, false
	}
	for _, source := range a.Current(typ) {
		names := slices.ContainsFunc(a.holds(source, p), func(r reference) bool { return r.local() && r.typ == v.Type && r.id == v.ID })
		inside, k := is(source)
		known = known && k
		ok = ok || names && inside && a.allowed('s', source, everyHeight)
	}
	return ok, known
}

// chain says whether some resource that v refers to is so, of the contained ones, too.
func (a *access) chain(v *Version, code, target string, contained bool, is func(*Version) (bool, bool)) (ok, known bool) {
	p, known := lookup(v.Type, code)
	if !known {
		return false, false
	}
	for _, r := range a.holds(v, p) {
		if to := a.Now(r.typ, r.id); r.local() && r.typ == target && to != nil {
			inside, k := is(to)
			known = known && k
			ok = ok || inside && a.allowed('s', to, everyHeight)
		}
		if strings.HasPrefix(r.text, "#") && r.typ == target && contained && a.whole(target) {
			for _, c := range v.at("contained") {
				inside, k := is(&Version{Type: target, ID: text(c.(map[string]any)["id"]), JSON: c.(map[string]any)})
				known = known && k
				ok = ok || inside
			}
		}
	}
	return ok, known
}

// undefined says whether a parameter names a value set or a code that the caller sees no definition of: the search is
// refused, whatever it would find.
func (a *access) undefined(name, value string) bool {
	modifier := name[strings.LastIndexByte(name, ':')+1:]
	if !slices.Contains(strings.Fields("in not-in above below"), modifier) || modifier != "in" && modifier != "not-in" && !strings.Contains(value, "|") {
		return false
	}
	return slices.ContainsFunc(strings.Split(value, ","), func(value string) bool {
		_, there := a.codes(modifier, value)
		return !there
	})
}

// query finds the current resources of the types that satisfy a query, in its order, of those that are in; nil: all.
// known is false if the model does not know what is asked.
func (a *access) query(types []string, query string, is func(*Version) bool) (f Found, known bool) {
	f.a = a
	var where [][2]string
	var order []string
	for _, p := range Pairs(query) {
		switch name, _, _ := strings.Cut(p[0], ":"); name {
		case "_sort":
			order = strings.Split(p[1], ",")
		case "_count", "_type", "_pretty":
		case "_elements":
			f.Part = true
		case "_total":
			f.Told = p[1] == "accurate"
		case "_summary":
			f.Only = p[1] == "count"
			f.Part = f.Part || p[1] != "false"
		case "_include", "_revinclude":
			i := inclusion{reverse: name == "_revinclude", iterate: strings.HasSuffix(p[0], ":iterate")}
			parts := append(strings.Split(p[1], ":"), "*", "*")
			if i.source = parts[0]; i.source == "*" {
				i.source = ""
			}
			if i.code = parts[1]; i.code == "*" {
				i.code = ""
			}
			if i.target = parts[2]; i.target == "*" {
				i.target = ""
			}
			f.includes = append(f.includes, i)
		default:
			where = append(where, p)
			f.Bad = f.Bad || a.undefined(p[0], p[1])
		}
	}
	if known = true; f.Bad {
		return f, true
	}
	var found []*Version
	for _, typ := range types {
		for _, v := range a.Current(typ) {
			in := a.allowed('s', v, everyHeight) && (is == nil || is(v))
			for _, p := range where {
				ok, k := a.matches(v, p[0], p[1])
				in, known = in && ok, known && k
			}
			if in {
				found = append(found, v)
			}
		}
	}
	f.Total = len(found)
	compare := func(x, y *Version) int { return a.compare(x, y, order, len(types) > 1) }
	slices.SortStableFunc(found, compare)
	for i, v := range found {
		if i == 0 || compare(found[i-1], v) != 0 {
			f.Groups = append(f.Groups, nil)
		}
		f.Groups[len(f.Groups)-1] = append(f.Groups[len(f.Groups)-1], v)
	}
	return f, known
}

// mainDates are the dates by which searches without _sort are ordered, latest first.
var mainDates = map[string]string{"Observation": "effectiveDateTime", "Provenance": "recorded", "Slot": "start", "AuditEvent": "recorded"}

func (a *access) compare(x, y *Version, order []string, several bool) int {
	for _, key := range order {
		key, down := strings.CutPrefix(key, "-")
		p, q := a.first(x, key, down), a.first(y, key, down)
		switch {
		case p == "" || q == "":
			if c := cmp.Compare(b2i(p == ""), b2i(q == "")); c != 0 {
				return c
			}
		case p != q:
			if c := strings.Compare(p, q); down {
				return -c
			} else {
				return c
			}
		}
	}
	if c := strings.Compare(x.Type, y.Type); c != 0 || len(order) > 0 {
		return c
	}
	p, q := "", ""
	if path := mainDates[x.Type]; path != "" {
		p, q = least(x, path), least(y, path)
	}
	return strings.Compare(q, p)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func least(v *Version, path string) string {
	for _, x := range v.at(path) {
		return text(x)
	}
	return ""
}

// first is the value of a key that comes first, as a text that compares as the values do; "" is none.
func (a *access) first(v *Version, key string, down bool) (best string) {
	for _, s := range a.keys(v, key) {
		if s != "" && (best == "" || s != best && (s < best) != down) {
			best = s
		}
	}
	return best
}

func (a *access) keys(v *Version, key string) (out []string) {
	if head, rest, chained := strings.Cut(key, "."); chained {
		code, target, _ := strings.Cut(head, ":")
		p, _ := lookup(v.Type, code)
		for _, r := range a.holds(v, p) {
			if to := a.Now(r.typ, r.id); r.local() && r.typ == target && to != nil && a.allowed('s', to, everyHeight) {
				out = append(out, a.keys(to, rest)...)
			}
		}
		return out
	}
	if key == "_lastUpdated" {
		return []string{v.At.UTC().Format("2006-01-02T15:04:05.000Z")}
	}
	p, _ := lookup(v.Type, key)
	switch p.kind {
	case "token":
		for _, c := range codings(v, p.paths) {
			out = append(out, c.code)
		}
	case "reference":
		for _, r := range a.holds(v, p) {
			switch {
			case r.local():
				out = append(out, r.typ+"/"+r.id)
			case r.elsewhere:
				out = append(out, r.text)
			}
		}
	default:
		for _, x := range a.held(v, p) {
			s := text(x)
			if p.kind == "string" {
				s = strings.ToLower(s)
			}
			out = append(out, s)
		}
	}
	return out
}
