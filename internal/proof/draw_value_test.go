package proof

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// code draws a parameter of a type, and its kind; mostly one that finds something, or one of a rare kind.
func (d drawing) code(typ string) (code, kind string) {
	codes := d.codes(typ)
	all := slices.Sorted(maps.Keys(codes))
	code = pick(d, all)
	if usual := d.one("_id", "identifier", "code", "status", "family"); codes[usual] != "" && d.oneIn(3) {
		code = usual
	} else if rare := slices.DeleteFunc(all, func(code string) bool { return strings.Contains("id token reference instant", codes[code]) }); len(rare) > 0 && d.oneIn(2) {
		code = pick(d, rare)
	}
	if len(d.own) > 0 && d.oneIn(3) {
		if own := d.one(d.own...); codes[own] != "" {
			code = own
		}
	}
	return code, codes[code]
}

// comparison draws what may stand before an ordered value; mostly nothing, or what is common.
func (d drawing) comparison() string {
	return d.one("", "ge", "lt", "gt", "le", "ne", "eq", "sa", "eb", "ap")
}

func (d drawing) value(typ, code, kind string) string {
	if typ == "AuditEvent" && kind != "reference" && (code[0] != '_' || code == "_lastUpdated") {
		return d.told(code)
	}
	switch kind {
	case "id":
		return d.id(typ)
	case "token":
		switch code {
		case "identifier":
			return d.one("", "", "", "|", "http://s|") + d.one("1", "1", "2")
		case "status":
			return pick(d, map[string][]string{"Observation": {"final", "amended"}, "DiagnosticReport": {"final"}, "Encounter": {"finished"}, "Task": {"requested", "completed"},
				"SearchParameter": {"active"}, "Slot": {"free", "busy"}, "DocumentReference": {"current"}, "ValueSet": {"active", "draft"}, "CodeSystem": {"active", "draft"}, "CareTeam": {"active", "inactive"}}[typ])
		case "active":
			return d.one("true", "false")
		case "spoken":
			return d.one("en", "de", "|en")
		case "gender":
			return "male"
		}
		return d.one("", "", "", "|", "http://s|") + d.one("a", "a", "b")
	case "string":
		return d.one("a", "Ab", "abc", "b", "amy", "bo")
	case "uri":
		return d.one("http://p/1", "http://v/1", "http://v/2", "http://p", "http://p/1/2", "http://v/1/2", "http://p/1/2/3")
	case "instant":
		return d.comparison() + "2026-01-01T00:00:" + d.one("03", "06", "12", "20") + "Z"
	case "date":
		return d.comparison() + d.one("2020", "2021", "2020-01", "2020-01-01", "2020-02-02", "2021-01-02")
	case "number":
		return d.comparison() + d.one("0.5", "0.50", "0.54", "0.9", "1")
	case "quantity":
		return d.comparison() + d.amount()
	case "composite":
		return d.one("", "http://s|") + d.one("a", "b") + "$" + d.one("", "gt", "le", "ap") + d.amount()
	case "near":
		return d.one("53.3|-6.2", "51.5|-0.1", "53.4|-6.3") + "|" + d.one("5|km", "50000|m", "1000|km", "1000")
	}
	target := "Patient"
	for _, e := range d.along(0, typ) {
		if e[1] == code && d.oneIn(2) {
			target = e[2]
		}
	}
	return target + "/" + d.id(target)
}

// amount draws a quantity as a search asks for it.
func (d drawing) amount() string {
	return d.one("5", "5.4", "5.40", "0.0054", "5400") + d.one("", "|http://unitsofmeasure.org|g", "|http://unitsofmeasure.org|mg", "|http://unitsofmeasure.org|kg", "|http://s|g", "||g", "||gram")
}

// words draws what _text and _content find.
func (d drawing) words(depth int) string {
	if depth > 0 {
		switch d.upTo(9) {
		case 4:
			return d.words(depth-1) + d.one(" ", " and ", " or ") + d.words(depth-1)
		case 5:
			return "not " + d.words(0)
		case 6:
			return "(" + d.words(depth-1) + d.one(" ", " or ") + d.words(0) + ") " + d.words(0)
		case 7:
			if depth == 2 { // commas are outside of all else
				return d.words(0) + "," + d.words(0)
			}
		case 8, 9:
			return d.one(`"alpha gamma"`, `"gamma alpha"`, `"alpha one"`, `"ab bo"`)
		}
	}
	return d.one("alpha", "beta", "gamma", "al*", "1", "Ab", "ab*", "one", "amy")
}

// filter draws a _filter; depth is how many parts it may have.
func (d drawing) filter(typ string, depth int) string {
	if depth > 0 {
		switch d.upTo(7) {
		case 4:
			return "not (" + d.filter(typ, depth-1) + ")"
		case 5:
			return d.filter(typ, depth-1) + " and " + d.filter(typ, 0)
		case 6:
			return d.filter(typ, depth-1) + " or " + d.filter(typ, 0)
		case 7:
			return "(" + d.filter(typ, depth-1) + ") or (" + d.filter(typ, 0) + ")"
		}
	}
	path := ""
	switch d.upTo(5) {
	case 4:
		if from := d.along(0, typ); len(from) > 0 {
			e := pick(d, from)
			path, typ = e[1]+":"+e[2]+".", e[2]
		}
	case 5:
		if to := d.along(2, typ); len(to) > 0 {
			e := pick(d, to)
			path, typ = "_has:"+e[0]+":"+e[1]+":", e[0]
		}
	}
	code, kind := d.code(typ)
	if d.oneIn(5) && kind != "id" {
		return path + code + " pr " + d.one("true", "false")
	}
	op := d.one("eq", "ne")
	value := d.value(typ, code, kind)
	switch kind {
	case "reference":
		op = "re"
	case "string":
		op = d.one("eq", "ne", "co", "co", "sw", "ew", "gt", "lt", "ge", "le")
	case "token":
		if coded := d.coded(typ); coded != "" && d.oneIn(3) {
			if op = d.one("in", "ni", "ss", "sb"); op == "in" || op == "ni" {
				return path + coded + " " + op + " " + d.one("http://v/1", "ValueSet/1")
			}
			return path + coded + " " + op + " http://s|" + d.one("a", "b")
		}
	case "near":
		op = "eq"
	case "date", "instant", "number", "quantity":
		op, value = d.one("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"), strings.TrimLeft(value, "abcdefghijklmnopqrstuvwxyz")
		if strings.Contains("date instant", kind) && d.oneIn(8) {
			op = "po"
		}
	}
	return path + code + " " + op + " " + strings.TrimPrefix(value, "|")
}

// coded is a parameter of a type whose values have code systems; "" if there is none.
func (d drawing) coded(typ string) string {
	for _, code := range []string{"category", "code", "class"} {
		if d.codes(typ)[code] == "token" {
			return code
		}
	}
	return ""
}

// joined writes parameters as a URL does.
func joined(pairs [][2]string) string {
	var out []string
	for _, p := range pairs {
		out = append(out, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
	}
	return strings.Join(out, "&")
}
