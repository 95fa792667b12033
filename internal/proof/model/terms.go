package model

import (
	"slices"
	"strings"
)

// What modifiers and special parameters look at besides the resource at hand: value sets, code systems and hierarchies,
// as far as the caller may see them.

// among says whether v has what a modifier of a parameter asks for.
func (a *access) among(v *Version, p param, modifier, list string) (ok, known bool) {
	known = true
	for value := range strings.SplitSeq(list, ",") {
		switch {
		case p.kind == "reference" && modifier == "identifier":
			for _, path := range p.paths {
				for _, x := range values(v.JSON, append(strings.Split(path, "."), "identifier")...) {
					o, _ := x.(map[string]any)
					ok = ok || coding{text(o["system"]), text(o["value"])}.is(value)
				}
			}
		case p.kind == "reference":
			around := a.hierarchy(modifier, value)
			ok = ok || slices.ContainsFunc(a.holds(v, p), func(r reference) bool { return r.local() && around[r.typ+"/"+r.id] })
		case p.kind == "token":
			set, there := a.codes(modifier, value)
			known = known && there
			ok = ok || slices.ContainsFunc(codings(v, p.paths), func(c coding) bool { return set[c] || set[coding{c.system, ""}] })
		default:
			return false, false
		}
	}
	return ok != (modifier == "not-in"), known
}

// codes are those of a value set, or those above or below one; one without a code is its whole system. there is false
// if the caller sees no such definition.
func (a *access) codes(modifier, value string) (set map[coding]bool, there bool) {
	if modifier == "in" || modifier == "not-in" {
		return a.valueSet(value, 0)
	}
	system, code, _ := strings.Cut(value, "|")
	of := a.definition("CodeSystem", system)
	if of == nil {
		return nil, false
	}
	set = map[coding]bool{{system, code}: true}
	var walk func(list []any, above []coding)
	walk = func(list []any, above []coding) {
		for _, x := range list {
			here := append(slices.Clone(above), coding{system, text(values(x, "code")[0])})
			switch is := here[len(here)-1].code == code; {
			case is && modifier == "above":
				for _, c := range here {
					set[c] = true
				}
			case modifier == "below" && slices.Contains(here, coding{system, code}):
				set[here[len(here)-1]] = true
			}
			walk(values(x, "concept"), here)
		}
	}
	walk(of.at("concept"), nil)
	return set, true
}

// definition is the first of those with a URL that the caller sees.
func (a *access) definition(typ, url string) (first *Version) {
	for _, v := range a.Current(typ) {
		if v.JSON["url"] == url && a.seen(v, everyHeight) && (first == nil || v.ID < first.ID) {
			first = v
		}
	}
	return first
}

func (a *access) valueSet(name string, depth int) (set map[coding]bool, there bool) {
	of := a.definition("ValueSet", name)
	if id, is := strings.CutPrefix(name, "ValueSet/"); is {
		if of = a.Now("ValueSet", id); of != nil && !a.seen(of, everyHeight) {
			of = nil
		}
	}
	if of == nil || depth > 5 { // it includes itself
		return nil, false
	}
	set = map[coding]bool{}
	for _, include := range of.at("compose.include") {
		system := ""
		for _, x := range values(include, "system") {
			system = text(x)
		}
		for _, x := range values(include, "valueSet") {
			more, there := a.valueSet(text(x), depth+1)
			if !there {
				return nil, false
			}
			for c := range more {
				set[c] = true
			}
		}
		codes := values(include, "concept", "code")
		if system != "" && len(codes) == 0 {
			if of := a.definition("CodeSystem", system); of != nil {
				codes = allCodes(of.at("concept"))
			} else {
				set[coding{system, ""}] = true
			}
		}
		for _, x := range codes {
			set[coding{system, text(x)}] = true
		}
	}
	return set, true
}

func allCodes(concepts []any) (codes []any) {
	for _, x := range concepts {
		codes = append(append(codes, values(x, "code")...), allCodes(values(x, "concept"))...)
	}
	return codes
}

// hierarchy are a resource and those above or below it.
func (a *access) hierarchy(modifier, of string) map[string]bool {
	around := map[string]bool{of: true}
	for more := true; more; {
		more = false
		typ, _, _ := strings.Cut(of, "/")
		for _, v := range a.Current(typ) {
			if !a.allowed('s', v, everyHeight) {
				continue
			}
			for _, r := range a.references(v, "partOf") {
				whole, part := r.typ+"/"+r.id, v.Type+"/"+v.ID
				if modifier == "above" {
					whole, part = part, whole
				}
				if r.local() && r.typ == typ && around[whole] && !around[part] {
					around[part], more = true, true
				}
			}
		}
	}
	return around
}

// listed says whether some List of these has v as an item.
func (a *access) listed(v *Version, ids string) bool {
	for id := range strings.SplitSeq(ids, ",") {
		if l := a.Now("List", strings.TrimPrefix(id, "List/")); l != nil && a.allowed('s', l, everyHeight) && a.refersTo(l, v.Type, v.ID, "entry.item") {
			return true
		}
	}
	return false
}
