package proof

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

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
		case strings.HasPrefix(strings.TrimPrefix(r.Path, "/"), "?") || strings.Trim(r.Path, "/") == "" || r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/$meta") || r.Method == http.MethodHead || strings.HasSuffix(r.Path, "_search") || strings.Contains(r.Path, "%00"):
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
	out := Request{Method: http.MethodPost, Path: d.one("", "", "/"), Body: string(b), Header: map[string]string{"Content-Type": fhirJSON}}
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
			if !strings.HasPrefix(to, "urn:") && d.oneIn(2) {
				to = typ + "?_id=" + name
			}
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
