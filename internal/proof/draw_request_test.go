package proof

import (
	"net/http"
	"strings"
)

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
			r.Header = map[string]string{"If-Modified-Since": "Thu, 01 Jan 2026 00:00:" + d.one("06", "20", "40", "59") + " GMT"}
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
