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
	`{"op":"add","path":"/language","value":"en"}`, `{"op":"test","path":"/identifier/0/value","value":"1"}`, `{"op":"replace","path":"/subject","value":{"reference":"Patient/B"}}`,
	`{"op":"add","path":"/subject","value":{"reference":"Patient/A"}}`, `{"op":"remove","path":"/identifier"}`, `{"op":"replace","path":"/status","value":"amended"}`, `{"op":"test","path":"/status","value":"final"}`,
	`{"op":"remove","path":"/category"}`, `{"op":"add","path":"/category","value":[{"coding":[{"code":"a"}]}]}`, `{"op":"copy","from":"/id","path":"/language"}`, `{"op":"nothing"}`,
	`{"op":"replace","path":"/identifier/0/value","value":"2"}`, `{"op":"add","path":"/identifier/-","value":{"value":"3"}}`, `{"op":"add","path":"/identifier/0","value":{"value":"1"}}`, `{"op":"remove","path":"/identifier/0"}`,
	`{"op":"copy","from":"/identifier/0","path":"/identifier/-"}`, `{"op":"move","from":"/effectiveDateTime","path":"/issued"}`, `{"op":"move","from":"/birthDate","path":"/language"}`, `{"op":"move","from":"/identifier/0","path":"/identifier/-"}`,
	`{"op":"copy","from":"/identifier/0/value","path":"/language"}`, `{"op":"add","path":"/meta","value":{"tag":[{"code":"a"}]}}`,
}

// fhirPatches are operations as type, path, and further parts; %s is the type of the resource.
var fhirPatches = [][]string{
	{"replace", "%s.status", `"name":"value","valueCode":"amended"`}, {"delete", "%s.identifier"}, {"delete", "%s.identifier[0]"}, {"delete", "%s.text"}, {"delete", "%s.effective"}, {"delete", "%s.encounter"},
	{"add", "%s", `"name":"name","valueString":"language"`, `"name":"value","valueCode":"en"`}, {"add", "%s", `"name":"name","valueString":"identifier"`, `"name":"value","valueIdentifier":{"value":"1"}`},
	{"add", "%s.identifier[0]", `"name":"name","valueString":"system"`, `"name":"value","valueUri":"http://s"`}, {"replace", "%s.identifier[0].value", `"name":"value","valueString":"2"`},
	{"insert", "%s.identifier", `"name":"index","valueInteger":0`, `"name":"value","valueIdentifier":{"value":"2"}`}, {"insert", "%s.identifier", `"name":"index","valueInteger":1`, `"name":"value","valueIdentifier":{"value":"3"}`},
	{"move", "%s.identifier", `"name":"source","valueInteger":0`, `"name":"destination","valueInteger":1`}, {"replace", "%s.subject", `"name":"value","valueReference":{"reference":"Patient/A"}`},
	{"replace", "%s.subject", `"name":"value","valueReference":{"reference":"Patient/B"}`}, {"add", "%s", `"name":"name","valueString":"subject"`, `"name":"value","valueReference":{"reference":"Patient/A"}`},
	{"replace", "%s.category[0]", `"name":"value","valueCodeableConcept":{"coding":[{"code":"a"}]}`}, {"replace", "%s.code", `"name":"value","valueCodeableConcept":{"coding":[{"code":"b"}]}`},
}

// patch draws a patch of a resource and its media type.
func (d drawing) patch(typ, id string) (body, media string) {
	var list []string
	if d.oneIn(2) {
		for range 1 + d.upTo(1) {
			op := pick(d, fhirPatches)
			parts := []string{`{"name":"type","valueCode":"` + op[0] + `"}`, `{"name":"path","valueString":"` + strings.ReplaceAll(op[1], "%s", typ) + `"}`}
			for _, part := range op[2:] {
				parts = append(parts, "{"+part+"}")
			}
			list = append(list, `{"name":"operation","part":[`+strings.Join(parts, ",")+`]}`)
		}
		return `{"resourceType":"Parameters","parameter":[` + strings.Join(list, ",") + `]}`, fhirJSON
	}
	if d.oneIn(4) {
		list = append(list, `{"op":"test","path":"/id","value":"`+id+`"}`)
	}
	for range 1 + d.upTo(1) {
		list = append(list, d.one(jsonPatches...))
	}
	return "[" + strings.Join(list, ",") + "]", jsonPatch
}

// write draws a write of one resource.
func (d drawing) write() Request {
	typ := d.written()
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
		r.Method, r.Path = http.MethodDelete, "/"+typ+d.one("", "", "/")+"?"+d.where(typ)
	case 7, 8:
		if typ == "Binary" || typ == "AuditEvent" {
			typ = d.one("Observation", typ)
		}
		r.Method, r.Path = http.MethodPatch, "/"+typ+"/"+id
		if d.oneIn(3) {
			r.Path = "/" + typ + "?" + d.where(typ)
		}
		r.Body, r.Header["Content-Type"] = d.patch(typ, id)
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
	switch d.upTo(22) {
	case 0, 1:
		with("/"+typ+"/"+id, nil)
		switch {
		case d.oneIn(5):
			r.Header = map[string]string{"If-None-Match": `W/"` + d.one("1", "2", "3") + `"`}
		case d.oneIn(5):
			r.Header = map[string]string{"If-Modified-Since": "Thu, 01 Jan 2026 00:00:" + d.one("06", "20", "40", "59") + " GMT"}
		case d.oneIn(5):
			r.Path += d.one("?_summary=true", "?_summary=data", "?_elements=identifier", "?_pretty=true", "?_format=json")
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
		with(d.one("", "", "/"), append(d.systemQuery(plain), [2]string{"_type", d.typ() + "," + d.typ()}))
	case 8:
		with("", d.systemQuery(plain))
	case 9:
		with(d.one("/"+typ+"/"+id+"/$meta", "/"+typ+"/$meta", "/$meta", "/"+typ+"/"+id+"/_history/1/$meta"), nil)
		if !strings.Contains(r.Path, "_history") && d.oneIn(3) {
			r.Method = http.MethodPost
		}
	case 21, 22: // what is compared, and nothing else
		typ = d.one("RiskAssessment", "RiskAssessment", "Observation", "Observation", "Patient", "Location", "ValueSet")
		name, value := d.condition(typ, 0)
		if d.oneIn(4) {
			name, value = "_filter", d.filter(typ, 0)
		}
		if with("/"+typ, [][2]string{{name, value}}); d.oneIn(3) {
			with("/"+typ, [][2]string{{name, value}, d.order(typ)})
		}
	case 20:
		typ = d.one("Patient", "Practitioner", "Observation", "Location")
		with(d.one("/", "/", "/", "/Patient/A/")+typ, d.containers(typ))
	case 10:
		r = Request{Method: http.MethodPost, Path: "/" + typ + "/_search", Body: joined(d.query(typ, plain)), Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	case 11:
		pairs := d.query(typ, plain)
		if d.oneIn(2) {
			pairs = append(pairs, [2]string{"nothing", "1"})
		}
		with("/"+typ, pairs)
		r.Header = map[string]string{"Prefer": "handling=" + d.one("lenient", "lenient", "strict")}
	default:
		with("/"+typ, d.query(typ, plain))
	}
	path, query, searches := strings.Cut(r.Path, "?")
	switch {
	case searches && !strings.HasSuffix(path, "_history") && strings.Count(path, "/") != 2 && r.Method == http.MethodGet && d.oneIn(8):
		path = strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")
		return Request{Method: http.MethodPost, Path: path + "/_search", Body: query, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	case r.Method == http.MethodGet && d.oneIn(12):
		r.Method = http.MethodHead
	}
	return r
}
