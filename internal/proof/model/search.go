package model

import (
	"slices"
	"strconv"
	"strings"
)

// Found is the answer of a search.
type Found struct {
	Inner  bool         // what is inside of the matches is answered, not they
	Most   int          // _maxresults: of all pages; -1: any
	Groups [][]*Version // the matches in their order, which says nothing inside a group
	Total  int
	Only   bool // _summary=count
	Told   bool // the total was asked for
	Bad    bool // it is refused

	a        *access
	includes []inclusion
	subset   subset
	within   containment
}

// inclusion is one _include or _revinclude.
type inclusion struct {
	reverse, iterate     bool
	source, code, target string // "" is any
}

// whole says whether everything of a type is in reach of s, whatever it holds: then contained ones count, too.
func (a *access) whole(typ string) bool {
	everybodys := slices.Contains(shared, typ)
	return a.bounds('s', typ) && (a.Policy == "" || a.everyone || everybodys) && slices.ContainsFunc(a.Scopes, func(s Scope) bool {
		return a.reaches(s, 's', typ) && s.Where == "" && (s.Level == "system" || s.Level == "user" && typ != "Binary" || everybodys)
	})
}

// matches says whether v has what a parameter asks for, chains and _has among them; known is false if the model does not
// know the parameter.
func (a *access) matches(v *Version, name, value string) (ok, known bool) {
	switch name {
	case "_list":
		return a.listed(v, value), true
	case "_text", "_content":
		return v.says(name, value), !v.Logged
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
		next := rest[:strings.IndexAny(rest+":", ".:")]
		has := func(typ string) bool { _, ok := a.lookup(typ, next); return ok || next == "_has" || next[0] == '_' }
		return a.chain(v, code, modifier, has, alone, func(to *Version) (bool, bool) { return a.matches(to, rest, value) })
	}
	p, known := a.lookup(v.Type, code)
	switch {
	case !known:
		return false, false
	case modifier == "identifier", p.kind != "uri" && slices.Contains(strings.Fields("in not-in above below"), modifier):
		return a.among(v, p, modifier, value)
	}
	return a.has(v, p, modifier, value), true
}

// reverse says whether some resource that refers to v is so.
func (a *access) reverse(v *Version, typ, code string, is func(*Version) (bool, bool)) (ok, known bool) {
	p, known := a.lookup(typ, code)
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

// chain says whether some resource that v refers to is so, of the contained ones, too: of the target type or, without
// one, of those that have what is asked.
func (a *access) chain(v *Version, code, target string, has func(typ string) bool, contained bool, is func(*Version) (bool, bool)) (ok, known bool) {
	p, known := a.lookup(v.Type, code)
	if !known {
		return false, false
	}
	for _, r := range a.holds(v, p) {
		if target != "" && r.typ != target || target == "" && !has(r.typ) {
			continue
		}
		if to := a.Now(r.typ, r.id); r.local() && to != nil {
			inside, k := is(to)
			known = known && k
			ok = ok || inside && a.allowed('s', to, everyHeight)
		}
		if contained && a.whole(r.typ) {
			for _, c := range v.contained() {
				if r.text == "#"+c.ID {
					inside, k := is(c)
					known = known && k
					ok = ok || inside
				}
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
	f.a, f.Most, f.subset = a, -1, asked(query)
	var where [][2]string
	var order []string
	for _, p := range Pairs(query) {
		switch name, _, _ := strings.Cut(p[0], ":"); name {
		case "_sort":
			order = strings.Split(p[1], ",")
		case "_type", "_pretty", "_format", "_elements":
		case "_count":
			f.Only = f.Only || strings.Trim(p[1], "0") == ""
		case "_maxresults":
			f.Most, _ = strconv.Atoi(p[1])
		case "_total":
			f.Told = p[1] == "accurate"
		case "_summary":
			f.Only = f.Only || p[1] == "count"
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
		case "_contained":
			f.within.of = map[string]string{"true": "true", "both": "both"}[p[1]]
		case "_containedType":
			f.Inner = p[1] == "contained"
		case "nothing": // what there is not is left out, or refused
			f.Bad = f.Bad || !a.lenient
		default:
			where = append(where, p)
			f.Bad = f.Bad || a.undefined(p[0], p[1])
		}
	}
	if known = true; f.Bad {
		return f, true
	}
	all := func(v *Version) (in bool) {
		in = true
		for _, p := range where {
			ok, k := a.matches(v, p[0], p[1])
			in, known = in && ok, known && k
		}
		return in
	}
	if f.Inner = f.Inner && f.within.of != ""; f.within.of != "" {
		f.within.typ, f.within.is = types[0], all
		all, types = f.contains, slices.DeleteFunc(Types(), func(typ string) bool { return !a.granted('s', typ) })
	}
	var found []*Version
	for _, typ := range types {
		for _, v := range a.Current(typ) {
			if in := all(v); in && a.allowed('s', v, everyHeight) && (is == nil || is(v)) {
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
