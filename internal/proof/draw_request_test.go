package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
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
	return d.one("category:text", "code:text", "family:exact", "family:contains", "nothing", "_id:exact", "_query"), "b"
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

// where draws the condition of a conditional write.
func (d drawing) where(typ string) string {
	pairs := [][2]string{}
	if typ != "Binary" && typ != "Provenance" && d.oneIn(2) {
		return d.one("identifier=1", "identifier=2", "_id=1", "_id=2", "_id="+d.id(typ), "_id=1,2,A", "identifier=http://s%7C1")
	}
	for range 1 + d.upTo(1) {
		name, value := d.condition(typ, 1)
		pairs = append(pairs, [2]string{name, value})
	}
	return joined(pairs)
}

const (
	fhirJSON  = "application/fhir+json"
	jsonPatch = "application/json-patch+json"
)

var jsonPatches = []string{
	`[{"op":"add","path":"/language","value":"en"}]`, `[{"op":"test","path":"/id","value":"1"},{"op":"add","path":"/language","value":"de"}]`, `[{"op":"test","path":"/identifier/0/value","value":"1"}]`,
	`[{"op":"replace","path":"/subject","value":{"reference":"Patient/B"}}]`, `[{"op":"add","path":"/subject","value":{"reference":"Patient/A"}}]`, `[{"op":"remove","path":"/identifier"}]`,
	`[{"op":"replace","path":"/status","value":"amended"}]`, `[{"op":"test","path":"/status","value":"final"},{"op":"remove","path":"/identifier"}]`,
	`[{"op":"remove","path":"/category"}]`, `[{"op":"add","path":"/category","value":[{"coding":[{"code":"a"}]}]}]`, `[{"op":"copy","from":"/id","path":"/language"}]`, `[{"op":"nothing"}]`,
}

var fhirPatches = []string{
	`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"%s.status"},{"name":"value","valueCode":"amended"}`,
	`{"name":"type","valueCode":"delete"},{"name":"path","valueString":"%s.identifier"}`,
	`{"name":"type","valueCode":"add"},{"name":"path","valueString":"%s"},{"name":"name","valueString":"language"},{"name":"value","valueCode":"en"}`,
}

// write draws a write of one resource.
func (d drawing) write() Request {
	typ := d.typ()
	id := d.id(typ)
	r := Request{Header: map[string]string{}}
	body := func(id string) string {
		r.Header["Content-Type"] = fhirJSON
		return string(d.resource(typ, id))
	}
	if d.oneIn(6) {
		r.Header["Prefer"] = "return=" + d.one("minimal", "OperationOutcome", "representation")
	}
	switch d.upTo(11) {
	case 0, 10, 11:
		r.Method, r.Path, r.Body = http.MethodPost, "/"+typ, body("x")
		if d.oneIn(2) {
			r.Header["If-None-Exist"] = d.where(typ)
		}
	case 1, 2:
		r.Method, r.Path, r.Body = http.MethodPut, "/"+typ+"/"+id, body(id)
		if d.oneIn(5) {
			r.Header["If-None-Match"] = "*"
		}
	case 3:
		r.Method, r.Path, r.Body = http.MethodPut, "/"+typ+"?"+d.where(typ), body(id)
		if d.oneIn(2) {
			r.Body = strings.Replace(r.Body, `"id":"`+id+`",`, "", 1)
		}
	case 4, 5:
		r.Method, r.Path = http.MethodDelete, "/"+typ+"/"+id
	case 6:
		r.Method, r.Path = http.MethodDelete, "/"+typ+"?"+d.where(typ)
	case 7, 8:
		if typ == "Binary" || typ == "AuditEvent" {
			typ = d.one("Observation", typ)
		}
		r.Method, r.Path = http.MethodPatch, "/"+typ+"/"+id
		if d.oneIn(3) {
			r.Path = "/" + typ + "?" + d.where(typ)
		}
		if r.Header["Content-Type"] = jsonPatch; d.oneIn(3) {
			r.Header["Content-Type"] = fhirJSON
			r.Body = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[` + strings.ReplaceAll(d.one(fhirPatches...), "%s", typ) + `]}]}`
		} else {
			r.Body = d.one(jsonPatches...)
			if d.oneIn(3) {
				r.Body = `[{"op":"test","path":"/id","value":"` + id + `"},{"op":"add","path":"/language","value":"de"}]`
			}
		}
	case 9:
		r.Method, r.Path, r.Header["Content-Type"] = http.MethodPost, "/"+typ+"/"+id+"/"+d.one("$meta-add", "$meta-delete"), fhirJSON
		r.Body = `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"` + d.one("a", "b", "c") + `"}]}}]}`
		return r
	}
	if r.Method != http.MethodPost && d.oneIn(5) {
		r.Header["If-Match"] = `W/"` + d.one("1", "2") + `"`
	}
	return r
}

// read draws a request that changes nothing.
func (d drawing) read(plain bool) Request {
	typ := d.typ()
	id := d.id(typ)
	r := Request{Method: http.MethodGet}
	with := func(path string, pairs [][2]string) {
		if r.Path = path; len(pairs) > 0 {
			r.Path += "?" + joined(pairs)
		}
	}
	history := func() (pairs [][2]string) {
		if d.oneIn(3) {
			pairs = append(pairs, [2]string{"_count", d.one("0", "1", "2")})
		}
		if d.oneIn(4) {
			pairs = append(pairs, [2]string{"_since", "2026-01-01T00:00:" + d.one("03", "06", "12") + "Z"})
		}
		if d.oneIn(4) {
			pairs = append(pairs, [2]string{"_at", d.one("", "ge", "lt") + "2026-01-01T00:00:" + d.one("03", "06", "12") + "Z"})
		}
		if d.oneIn(4) {
			pairs = append(pairs, [2]string{"_sort", d.one("_lastUpdated", "-_lastUpdated")})
		}
		return pairs
	}
	switch d.upTo(19) {
	case 0, 1:
		with("/"+typ+"/"+id, nil)
		switch {
		case plain:
		case d.oneIn(5):
			r.Header = map[string]string{"If-None-Match": `W/"` + d.one("1", "2", "3") + `"`}
		case d.oneIn(5):
			r.Header = map[string]string{"If-Modified-Since": "Thu, 01 Jan 2026 00:00:" + d.one("03", "06", "12") + " GMT"}
		case d.oneIn(5):
			r.Path += d.one("?_summary=true", "?_elements=subject", "?_pretty=true")
		}
	case 2:
		with("/"+typ+"/"+id+"/_history/"+d.one("1", "2", "3"), nil)
	case 3:
		with("/"+typ+"/"+id+"/_history", history())
	case 4:
		with("/"+typ+"/_history", history())
	case 5:
		with("/_history", history())
	case 6:
		compartment, cid := "Patient", d.id("Patient")
		if d.oneIn(3) {
			compartment, cid = d.one("Encounter", "Practitioner", "Device", "RelatedPerson"), d.id("Encounter")
		}
		if d.oneIn(2) {
			with("/"+compartment+"/"+cid+"/*", d.systemQuery(plain))
		} else {
			with("/"+compartment+"/"+cid+"/"+typ, d.query(typ, plain))
		}
	case 7:
		with("", append(d.systemQuery(plain), [2]string{"_type", d.typ() + "," + d.typ()}))
	case 8:
		with("", d.systemQuery(plain))
	case 9:
		with(d.one("/"+typ+"/"+id+"/$meta", "/"+typ+"/$meta", "/$meta", "/"+typ+"/"+id+"/_history/1/$meta"), nil)
	case 10:
		r = Request{Method: http.MethodPost, Path: "/" + typ + "/_search", Body: joined(d.query(typ, plain)), Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	case 11:
		with("/"+typ, d.query(typ, plain))
		if !plain {
			r.Header = map[string]string{"Prefer": "handling=lenient"}
		}
	default:
		with("/"+typ, d.query(typ, plain))
	}
	if plain {
		return r
	}
	path, query, searches := strings.Cut(r.Path, "?")
	switch {
	case searches && !strings.HasSuffix(path, "_history") && strings.Count(path, "/") != 2 && r.Method == http.MethodGet && d.oneIn(8):
		path = strings.TrimSuffix(path, "/*")
		return Request{Method: http.MethodPost, Path: path + "/_search", Body: query, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	case r.Method == http.MethodGet && d.oneIn(12):
		r.Method = http.MethodHead
	}
	return r
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

// bundle draws a batch or transaction.
func (d drawing) bundle(plain bool) Request {
	var entries []any
	kind := d.one("batch", "transaction", "transaction")
	phases := map[string]bool{}
	n := 1 + d.upTo(3)
	if kind == "transaction" && d.oneIn(4) {
		n = 3
	}
	moves := n == 3 && d.oneIn(2) && kind == "transaction"
	for i := range n {
		r := d.read(plain)
		switch {
		case moves:
			r = d.moved([]string{"Binary", "DocumentReference", "Provenance"}[i])
		case !d.oneIn(3):
			r = d.write()
		}
		request := object{"method": r.Method, "url": strings.TrimPrefix(r.Path, "/")}
		e := object{"request": request, "fullUrl": identity(i)}
		switch {
		case strings.HasPrefix(r.Path, "?") || r.Path == "" || r.Method == http.MethodHead || strings.HasSuffix(r.Path, "_search") || strings.Contains(r.Path, "%00"):
			continue
		case kind == "batch" && phases[phase(r)]: // entries of one phase are done in any order, at the same time
			continue
		case r.Method == http.MethodPatch && r.Header["Content-Type"] == jsonPatch:
			e["resource"] = object{"resourceType": "Binary", "contentType": jsonPatch, "data": []byte(r.Body)}
		case r.Body != "":
			e["resource"] = json.RawMessage(d.linked(r.Body, n))
		}
		phases[phase(r)] = r.Method != http.MethodGet
		for header, name := range map[string]string{"If-None-Exist": "ifNoneExist", "If-Match": "ifMatch", "If-None-Match": "ifNoneMatch"} {
			if r.Header[header] != "" {
				request[name] = r.Header[header]
			}
		}
		entries = append(entries, e)
	}
	bundle := object{"resourceType": "Bundle", "type": kind}
	if len(entries) > 0 {
		bundle["entry"] = entries
	}
	b, err := json.Marshal(bundle)
	if err != nil {
		panic(err)
	}
	out := Request{Method: http.MethodPost, Path: "", Body: string(b), Header: map[string]string{"Content-Type": fhirJSON}}
	if d.oneIn(2) {
		out.Header["Prefer"] = "return=" + d.one("representation", "OperationOutcome")
	}
	return out
}

// identity is the fullUrl of the i-th entry of a Bundle.
func identity(i int) string { return fmt.Sprintf("urn:uuid:6a0c1d7e-0000-4000-8000-%012d", i) }

// linked makes a reference of a resource in a Bundle one to an entry, or a conditional one.
func (d drawing) linked(body string, n int) string {
	if d.oneIn(2) {
		return body
	}
	typ := d.one("Patient", "Patient", "Observation", "Encounter", "Binary", "Practitioner")
	to := typ + "?" + d.one("identifier=1", "identifier=2", "_id=1", "_id=A", "_tag=a&_id=1", "general-practitioner:missing=true&_id=A")
	if d.oneIn(2) {
		to = identity(d.upTo(n - 1))
	}
	for _, typ := range []string{typ, "Binary", "Observation", "Patient"} {
		for _, name := range []string{"A", "B", "1", "2"} {
			if with := strings.Replace(body, `"`+typ+`/`+name+`"`, `"`+to+`"`, 1); with != body {
				return with
			}
		}
	}
	return body
}

// moved draws a write of a resource that is seen through others, or that shows them: in one transaction they move together.
func (d drawing) moved(typ string) Request {
	id := d.id(typ)
	r := Request{Method: http.MethodPut, Path: "/" + typ + "/" + id, Header: map[string]string{}}
	if d.oneIn(3) {
		r.Method, r.Path = http.MethodPost, "/"+typ
	}
	r.Body = string(d.resource(typ, id))
	return r
}

// phase is when an entry of a Bundle is done: deletes, creates, updates, reads.
func phase(r Request) string {
	switch {
	case r.Method == http.MethodPatch, strings.Contains(r.Path, "/$meta"):
		return http.MethodPut
	}
	return r.Method
}
