package proof

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// edges are the references between the types of a world: what chains, _has and includes go along.
var edges = [][3]string{
	{"Observation", "subject", "Patient"}, {"Observation", "patient", "Patient"}, {"Observation", "encounter", "Encounter"}, {"Observation", "performer", "Practitioner"},
	{"Observation", "performer", "Patient"}, {"Observation", "focus", "Patient"}, {"Observation", "focus", "Encounter"}, {"Observation", "has-member", "Observation"}, {"Observation", "subject", "Group"},
	{"Encounter", "subject", "Patient"}, {"Encounter", "part-of", "Encounter"}, {"Encounter", "participant", "Practitioner"}, {"Encounter", "location", "Location"},
	{"Condition", "patient", "Patient"}, {"Condition", "encounter", "Encounter"}, {"Condition", "asserter", "Practitioner"}, {"Group", "member", "Patient"},
	{"Provenance", "target", "Observation"}, {"Provenance", "target", "Binary"}, {"Provenance", "target", "Patient"}, {"Provenance", "patient", "Patient"}, {"Provenance", "agent", "Practitioner"},
	{"DocumentReference", "subject", "Patient"}, {"DocumentReference", "author", "Practitioner"}, {"List", "item", "Observation"}, {"List", "item", "Encounter"}, {"List", "subject", "Patient"},
	{"CareTeam", "patient", "Patient"}, {"CareTeam", "participant", "Practitioner"}, {"RelatedPerson", "patient", "Patient"}, {"Device", "patient", "Patient"}, {"Device", "location", "Location"},
	{"Task", "patient", "Patient"}, {"Task", "focus", "Observation"}, {"Organization", "partof", "Organization"}, {"Location", "partof", "Location"}, {"Patient", "general-practitioner", "Practitioner"},
	{"Patient", "link", "Patient"}, {"Schedule", "actor", "Patient"}, {"Schedule", "actor", "Practitioner"}, {"DiagnosticReport", "subject", "Patient"},
	{"DiagnosticReport", "result", "Observation"}, {"AuditEvent", "agent", "Patient"}, {"AuditEvent", "patient", "Patient"}, {"AuditEvent", "entity", "Observation"},
}

// along are the edges from a type, or to it; mostly those to what is in the world.
func (d drawing) along(side int, typ string) (out [][3]string) {
	all := d.oneIn(8)
	for _, e := range edges {
		if e[side] == typ && (all || slices.Contains(d.pool, e[2-side])) {
			out = append(out, e)
		}
	}
	return out
}

// condition draws one parameter of a type as name and value; depth is how many joins it may hold.
func (d drawing) condition(typ string, depth int) (name, value string) {
	if depth > 0 {
		switch d.upTo(8) {
		case 4, 5, 6:
			if from := d.along(0, typ); len(from) > 0 {
				e := pick(d, from)
				name, value = d.condition(e[2], depth-1)
				return e[1] + ":" + e[2] + "." + name, value
			}
		case 7, 8:
			if to := d.along(2, typ); len(to) > 0 {
				e := pick(d, to)
				name, value = d.condition(e[0], depth-1)
				return "_has:" + e[0] + ":" + e[1] + ":" + name, value
			}
		}
	}
	codes := model.Codes(typ)
	code := pick(d, slices.Sorted(maps.Keys(codes)))
	if usual := d.one("_id", "identifier", "code", "status", "family"); codes[usual] != "" && d.oneIn(2) {
		code = usual
	}
	kind := codes[code]
	if kind != "id" && d.oneIn(8) {
		return code + ":missing", d.one("true", "false")
	}
	values := []string{d.value(typ, code, kind)}
	if d.oneIn(4) {
		values = append(values, d.value(typ, code, kind))
	}
	if (kind == "token" || kind == "id") && d.oneIn(5) {
		code += ":not"
	}
	return code, strings.Join(values, ",")
}

func (d drawing) value(typ, code, kind string) string {
	switch kind {
	case "id":
		return d.id(typ)
	case "token":
		switch code {
		case "identifier":
			return d.one("", "", "", "|", "http://s|") + d.one("1", "1", "2")
		case "status":
			return pick(d, map[string][]string{"Observation": {"final", "amended"}, "DiagnosticReport": {"final"}, "Encounter": {"finished"}, "Task": {"requested", "completed"},
				"Slot": {"free", "busy"}, "DocumentReference": {"current"}, "ValueSet": {"active", "draft"}, "CodeSystem": {"active", "draft"}, "CareTeam": {"active", "inactive"}}[typ])
		case "active":
			return d.one("true", "false")
		case "gender":
			return "male"
		}
		return d.one("", "", "", "|", "http://s|") + d.one("a", "a", "b")
	case "string":
		return d.one("a", "Ab", "abc", "b")
	case "uri":
		return d.one("http://p/", "http://v/") + d.one("1", "2")
	case "instant":
		return d.one("", "ge", "lt", "gt", "le", "ne") + "2026-01-01T00:00:" + d.one("03", "06", "12", "20") + "Z"
	case "date":
		return d.one("", "ge", "lt", "gt", "le", "ne") + d.one("2020", "2021", "2020-01-01", "2020-02-02", "2021-01-02")
	}
	target := "Patient"
	for _, e := range d.along(0, typ) {
		if e[1] == code && d.oneIn(2) {
			target = e[2]
		}
	}
	return target + "/" + d.id(target)
}

// special draws a parameter that looks at more than the values of one element.
func (d drawing) special(typ string) (name, value string) {
	n := d.upTo(9)
	if slices.Contains(d.pool, "ValueSet") && d.oneIn(2) {
		n = 5 + d.upTo(2)
	}
	switch n {
	case 0, 1, 2:
		return "_filter", d.filter(typ, 2)
	case 3:
		return "_list", d.id("List")
	case 4:
		return d.one("_text", "_content"), d.one("alpha", "beta", "gamma", "al*", "gamma alpha", "1", "Ab", "ab*")
	case 5, 6:
		if code := d.coded(typ); code != "" {
			return code + ":" + d.one("in", "not-in"), d.one("http://v/1", "http://v/2", "ValueSet/1", "ValueSet/2")
		}
		if to := d.along(2, typ); len(to) > 0 {
			if e := pick(d, to); d.coded(e[0]) != "" {
				return "_has:" + e[0] + ":" + e[1] + ":" + d.coded(e[0]) + ":" + d.one("in", "not-in"), d.one("http://v/1", "ValueSet/1")
			}
		}
	case 7:
		if code := d.coded(typ); code != "" {
			return code + ":" + d.one("above", "below"), "http://s|" + d.one("a", "b", "c")
		}
	case 8:
		if e := d.along(0, typ); len(e) > 0 {
			return e[0][1] + ":identifier", d.one("1", "2", "http://s|1")
		}
	case 9:
		switch typ {
		case "Location", "Organization":
			return "partof:" + d.one("above", "below"), typ + "/" + d.id(typ)
		case "Encounter", "Device":
			return "location:" + d.one("above", "below"), "Location/" + d.id("Location")
		}
	}
	return "_list", d.id("List")
}

// coded is a parameter of a type whose values have code systems; "" if there is none.
func (d drawing) coded(typ string) string {
	for _, code := range []string{"category", "code", "class"} {
		if model.Codes(typ)[code] == "token" {
			return code
		}
	}
	return ""
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
	codes := model.Codes(typ)
	code := pick(d, slices.Sorted(maps.Keys(codes)))
	if d.oneIn(5) && codes[code] != "id" {
		return path + code + " pr " + d.one("true", "false")
	}
	op := d.one("eq", "ne")
	value := d.value(typ, code, codes[code])
	switch codes[code] {
	case "reference":
		op = "re"
	case "string":
		op = d.one("eq", "ne", "co", "sw")
	case "date", "instant":
		op, value = d.one("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"), strings.TrimLeft(value, "abcdefghijklmnopqrstuvwxyz")
	}
	return path + code + " " + op + " " + strings.TrimPrefix(value, "|")
}

// odd draws a parameter that proof/model does not know.
func (d drawing) odd(typ string) (name, value string) {
	switch d.upTo(4) {
	case 0:
		if typ == "Observation" {
			return "subject", "Patient/" + d.id("Patient") + "," + d.id("Patient")
		}
	case 1:
		if to := d.along(2, typ); len(to) > 0 {
			e := pick(d, to)
			return "_has:" + e[0] + ":" + e[1] + ":_text", "alpha"
		}
	case 2:
		return "_contained", d.one("true", "both")
	case 3:
		return d.one("_text", "_content"), d.one(`"alpha gamma"`, "not alpha", "alpha or beta", "AAAA")
	}
	if d.oneIn(2) {
		return d.one("category:text", "code:text"), "beta"
	}
	return d.one("family:exact", "family:contains", "nothing", "_id:exact", "_query"), "b"
}

// joined writes parameters as a URL does.
func joined(pairs [][2]string) string {
	var out []string
	for _, p := range pairs {
		out = append(out, url.QueryEscape(p[0])+"="+url.QueryEscape(p[1]))
	}
	return strings.Join(out, "&")
}

// include draws an include of any kind.
func (d drawing) include(typ string) [2]string {
	e := pick(d, edges)
	if from := d.along(0, typ); len(from) > 0 && !d.oneIn(4) {
		e = pick(d, from)
	}
	name := "_include"
	if to := d.along(2, typ); len(to) > 0 && d.oneIn(2) {
		name, e = "_revinclude", pick(d, to)
	}
	value := e[0] + ":" + e[1]
	switch d.upTo(9) {
	case 7:
		value += ":" + e[2]
	case 8:
		value = e[0] + ":*"
	case 9:
		value = "*"
	}
	if d.oneIn(3) {
		name += ":iterate"
	}
	return [2]string{name, value}
}

// order draws a _sort.
func (d drawing) order(typ string) [2]string {
	keys := []string{"_id", "_lastUpdated"}
	for code, kind := range model.Codes(typ) {
		if kind != "id" && code[0] != '_' {
			keys = append(keys, code)
		}
	}
	slices.Sort(keys)
	for _, e := range d.along(0, typ) {
		keys = append(keys, e[1]+":"+e[2]+"._id", e[1]+":"+e[2]+"._lastUpdated")
		if model.Codes(e[2])["identifier"] != "" {
			keys = append(keys, e[1]+":"+e[2]+".identifier")
		}
	}
	value := d.one("", "-") + d.one(keys...)
	if d.oneIn(3) {
		value += "," + d.one("", "-") + d.one(keys...)
	}
	return [2]string{"_sort", value}
}

// query draws a search on a type; plain leaves out what proof/model does not know.
func (d drawing) query(typ string, plain bool) [][2]string {
	var out [][2]string
	add := func(name, value string) { out = append(out, [2]string{name, value}) }
	for range max(0, d.upTo(4)-2) {
		switch {
		case !plain && d.oneIn(8):
			add(d.odd(typ))
		case d.oneIn(3):
			add(d.special(typ))
		default:
			add(d.condition(typ, 2))
		}
	}
	if d.oneIn(2) {
		out = append(out, d.order(typ))
	}
	if d.oneIn(2) {
		add("_count", d.one("1", "2", "5"))
	}
	total := "none"
	if d.oneIn(3) {
		total = "accurate"
	}
	for d.oneIn(3) && len(out) < 9 {
		out = append(out, d.include(typ))
	}
	if d.oneIn(8) {
		add("_summary", d.one("count", "count", "true", "text", "data", "false"))
	}
	switch d.upTo(15) {
	case 13:
		add("_elements", d.one("subject", "identifier,status", "meta"))
	case 14:
		if !plain {
			add("_maxresults", d.one("1", "2"))
		}
	case 15:
		if !plain {
			total = "estimate"
		}
	}
	if total != "none" {
		add("_total", total)
	}
	return out
}

func (d drawing) systemQuery(plain bool) (out [][2]string) {
	for range d.upTo(2) {
		switch d.upTo(3) {
		case 0:
			out = append(out, [2]string{"_tag", d.one("a", "b", "http://s|a")})
		case 1:
			out = append(out, [2]string{"_id", d.one("1", "2", "A", "B")})
		case 2:
			out = append(out, [2]string{"_security:missing", d.one("true", "false")})
		case 3:
			out = append(out, [2]string{d.one("_content", "_list"), d.one("1", "alpha")})
		}
	}
	if d.oneIn(3) {
		out = append(out, [2]string{"_sort", d.one("_id", "-_id", "_lastUpdated", "-_lastUpdated,_id")})
	}
	if d.oneIn(3) {
		out = append(out, [2]string{"_count", d.one("1", "2")})
	}
	if d.oneIn(4) {
		out = append(out, [2]string{"_total", "accurate"})
	}
	if d.oneIn(5) {
		out = append(out, d.include(d.typ()))
	}
	if d.oneIn(8) {
		out = append(out, [2]string{"_summary", "count"})
	}
	return out
}
