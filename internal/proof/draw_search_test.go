package proof

import (
	"slices"
	"strings"
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
	{"RiskAssessment", "subject", "Patient"}, {"RiskAssessment", "performer", "Practitioner"}, {"DiagnosticReport", "result", "Observation"}, {"AuditEvent", "agent", "Patient"}, {"AuditEvent", "patient", "Patient"}, {"AuditEvent", "entity", "Observation"},
	{"AuditEvent", "agent", "Practitioner"}, {"AuditEvent", "entity", "Patient"}, {"AuditEvent", "entity", "Encounter"},
}

// along are the edges from a type, or to it; mostly those to what is in the world.
func (d drawing) along(side int, typ string) (out [][3]string) {
	all := d.oneIn(8)
	edges := edges
	if slices.Contains(d.own, "watcher") {
		edges = append(slices.Clone(edges), [3]string{"Observation", "watcher", "Practitioner"}, [3]string{"Observation", "watcher", "Patient"})
	}
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
				anything := strings.Contains("entity focus item target", e[1]) // without a type such a chain may be refused as too costly
				if name, value = d.condition(e[2], depth-1); !anything && d.oneIn(6) {
					return e[1] + "." + name, value
				}
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
	code, kind := d.code(typ)
	if kind != "id" && d.oneIn(8) {
		return code + ":missing", d.one("true", "false")
	}
	values := []string{d.value(typ, code, kind)}
	if d.oneIn(4) {
		values = append(values, d.value(typ, code, kind))
	}
	modifier := ""
	switch kind {
	case "token", "id":
		if d.oneIn(5) {
			modifier = "not"
		}
		if coded := slices.Contains([]string{"code", "category", "class"}, code); (coded || code == "identifier") && d.oneIn(8) {
			modifier, values = "text", []string{d.one("alpha", "Beta", "al", "alpha on", "gamma")}
		}
		if code == "identifier" && d.oneIn(8) {
			modifier, values = "of-type", []string{"http://t|" + d.one("MR", "SB") + "|" + d.one("1", "2")}
		}
	case "string":
		modifier = d.one("", "", "exact", "contains", "text")
	case "uri":
		modifier = d.one("", "", "above", "below")
	case "reference":
		typ, id, typed := strings.Cut(values[0], "/")
		switch {
		case typed && len(values) == 1 && d.oneIn(8):
			modifier, values = typ, []string{id}
		case d.oneIn(8):
			modifier, values = "text", []string{d.one("alpha", "beta", "alpha on")}
		}
	}
	if modifier != "" {
		code += ":" + modifier
	}
	return code, strings.Join(values, ",")
}

// special draws a parameter that looks at more than the values of one element.
func (d drawing) special(typ string) (name, value string) {
	n := d.upTo(10)
	if slices.Contains(d.pool, "ValueSet") && d.oneIn(2) {
		n = 5 + d.upTo(2)
	}
	switch n {
	case 0, 1, 2:
		return "_filter", d.filter(typ, 2)
	case 3:
		return "_list", d.id("List")
	case 4, 10:
		return d.one("_text", "_content"), d.words(2)
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
			return e[0][1] + ":identifier", d.one("1", "2", "http://s|1", "app", "one")
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
		return d.one("_text", "_content"), d.one("AAAA", "(", "and", "a b c d")
	}
	return d.one("nothing", "_id:exact", "_query", "family:not"), "b"
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
	keys := []string{"_lastUpdated"}
	if typ != "AuditEvent" || !d.audit { // whose ids are random
		keys = append(keys, "_id")
	}
	for code, kind := range d.codes(typ) {
		if kind != "id" && kind != "near" && kind != "composite" && code[0] != '_' {
			keys = append(keys, code)
		}
	}
	slices.Sort(keys)
	for _, e := range d.along(0, typ) {
		keys = append(keys, e[1]+":"+e[2]+"._id", e[1]+":"+e[2]+"._lastUpdated")
		if d.codes(e[2])["identifier"] != "" {
			keys = append(keys, e[1]+":"+e[2]+".identifier")
		}
	}
	value := d.one("", "-") + d.one(keys...)
	if own := slices.DeleteFunc(slices.Clone(d.own), func(code string) bool { return !slices.Contains(keys, code) }); len(own) > 0 && d.oneIn(2) {
		value = d.one("", "-") + d.one(own...)
	}
	if d.oneIn(3) {
		value += "," + d.one("", "-") + d.one(keys...)
	}
	return [2]string{"_sort", value}
}

// query draws a search on a type; plain leaves out what proof/model does not know.
func (d drawing) query(typ string, plain bool) [][2]string {
	var out [][2]string
	add := func(name, value string) { out = append(out, [2]string{name, value}) }
	for range pick(d, []int{0, 1, 1, 2}) {
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
		add("_count", d.one("1", "1", "1", "2", "2", "2", "5", "1000", "0"))
	}
	if d.oneIn(2) {
		add("_total", d.one("accurate", "accurate", "estimate", "none"))
	}
	for d.oneIn(3) && len(out) < 9 {
		out = append(out, d.include(typ))
	}
	if d.oneIn(8) {
		add("_summary", d.one("count", "count", "true", "text", "data", "false"))
	}
	if d.oneIn(12) {
		add("_elements", d.one("subject", "identifier,status", "meta"))
	}
	if d.oneIn(10) {
		add("_maxresults", d.one("0", "1", "2", "3", "5", "100"))
	}
	return out
}

// containers draws a search for what is inside of others, or for what holds it.
func (d drawing) containers(typ string) [][2]string {
	out := [][2]string{{"_contained", d.one("true", "both", "both", "false")}}
	for range d.upTo(2) {
		name, value := d.condition(typ, 0)
		out = append(out, [2]string{name, value})
	}
	inner := d.oneIn(2)
	if inner || d.oneIn(4) {
		out = append(out, [2]string{"_containedType", d.one("container", "contained", "contained")})
	}
	if !inner && d.oneIn(2) {
		out = append(out, [2]string{"_total", d.one("accurate", "estimate")})
	}
	if d.oneIn(2) {
		out = append(out, [2]string{"_sort", d.one("_id", "-_id", "-_lastUpdated")})
	}
	if d.oneIn(2) {
		out = append(out, [2]string{"_count", d.one("1", "2")})
	}
	if d.oneIn(6) {
		out = append(out, [2]string{"_summary", d.one("true", "data", "text")})
	}
	if d.oneIn(8) {
		out = append(out, [2]string{"_maxresults", d.one("1", "2")})
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
		keys := []string{"_id", "-_id", "_lastUpdated", "-_lastUpdated,_id"}
		if d.audit { // ids of events are random
			keys = []string{"_lastUpdated", "-_lastUpdated"}
		}
		out = append(out, [2]string{"_sort", d.one(keys...)})
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
