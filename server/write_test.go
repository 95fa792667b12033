package server

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestPreferReturn(t *testing.T) {
	w := open(t, nil)
	for _, c := range []struct{ prefer, want string }{
		{"", "Patient"},
		{"return=representation", "Patient"},
		{"return=minimal", ""},
		{"return=OperationOutcome", "OperationOutcome"},
		{"respond-async, return=minimal", ""},
		{"handling=lenient; return=minimal", ""},
		{`return="minimal"`, ""},
		{"return=nonsense", "Patient"},
	} {
		a := w.write("POST", "/fhir/Patient", ann, "Prefer", c.prefer)
		if a.status != 201 || a.header.Get("Location") == "" || a.header.Get("ETag") == "" {
			t.Errorf("%q: %d %v", c.prefer, a.status, a.header)
		}
		var r struct{ ResourceType string }
		if len(a.body) > 0 {
			a.decode(t, &r)
		}
		if r.ResourceType != c.want || (a.header.Get("Content-Type") == "") != (c.want == "") {
			t.Errorf("%q: %q %v", c.prefer, r.ResourceType, a.header)
		}
	}
}

func TestConditionalCreate(t *testing.T) {
	w := open(t, nil)
	body := `{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}]}`
	first := w.write("POST", "/fhir/Patient", body, "If-None-Exist", "identifier=urn:x|1")
	if first.status != 201 {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for _, condition := range []string{"identifier=urn:x|1", "identifier=urn%3Ax%7C1", "Patient?identifier=urn:x|1", "?identifier=urn:x|1"} {
		again := w.write("POST", "/fhir/Patient", body, "If-None-Exist", condition)
		if again.status != 200 || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("ETag") != `W/"1"` {
			t.Errorf("%s: %d %v", condition, again.status, again.header)
		}
	}
	w.created("Patient", body)
	w.write("POST", "/fhir/Patient", body, "If-None-Exist", "identifier=urn:x|1").outcome(t, 412, "multiple-matches")
	w.write("POST", "/fhir/Patient", body, "If-None-Exist", "nonsense=1").outcome(t, 400, "invalid")
}

func TestBadBodies(t *testing.T) {
	w := open(t, nil)
	for _, c := range []struct{ name, method, path, body, code string }{
		{"malformed", "POST", "/fhir/Patient", `{"resourceType":"Patient",}`, "invalid"},
		{"not an object", "POST", "/fhir/Patient", `[1]`, ""},
		{"no type", "POST", "/fhir/Patient", `{"id":"1"}`, ""},
		{"another type", "POST", "/fhir/Patient", `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`, ""},
		{"unknown element", "POST", "/fhir/Patient", `{"resourceType":"Patient","nmae":[]}`, ""},
		{"wrong shape", "POST", "/fhir/Patient", `{"resourceType":"Patient","name":{"family":"x"}}`, ""},
		{"bad date", "POST", "/fhir/Patient", `{"resourceType":"Patient","birthDate":"1980-13-01"}`, ""},
		{"bad code", "POST", "/fhir/Patient", `{"resourceType":"Patient","gender":"x"}`, ""},
		{"trailing data", "POST", "/fhir/Patient", ann + "{}", ""},
		{"duplicate key", "POST", "/fhir/Patient", `{"resourceType":"Patient","active":true,"active":false}`, ""},
		{"no id", "PUT", "/fhir/Patient/1", ann, ""},
		{"another id", "PUT", "/fhir/Patient/1", `{"resourceType":"Patient","id":"2"}`, ""},
		{"bad id", "PUT", "/fhir/Patient/a_b", `{"resourceType":"Patient","id":"a_b"}`, ""},
		{"no Bundle", "POST", "/fhir", ann, ""},
		{"a collection", "POST", "/fhir", `{"resourceType":"Bundle","type":"collection"}`, ""},
	} {
		a := w.write(c.method, c.path, c.body)
		if a.status != 400 {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
			continue
		}
		var o struct {
			Issue []struct{ Code, Diagnostics string }
		}
		a.decode(t, &o)
		if len(o.Issue) == 0 || o.Issue[0].Diagnostics == "" || c.code != "" && o.Issue[0].Code != c.code {
			t.Errorf("%s: %s", c.name, a.body)
		}
	}
	if b := w.do("GET", "/fhir/_history", "").bundle(t, "history"); len(b.Entry) != 0 {
		t.Errorf("something was stored: %+v", b)
	}
}

func TestBundles(t *testing.T) {
	w := open(t, nil)
	entry := `{"fullUrl":"urn:uuid:1d1a9c0c-3f2f-4d5b-9a5e-0a5a5a5a5a5a","resource":` + ann + `,"request":{"method":"POST","url":"Patient"}}`
	broken := `{"resource":{"resourceType":"Patient","gender":"x"},"request":{"method":"POST","url":"Patient"}}`
	a := w.write("POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+entry+`]}`)
	b := a.bundle(t, "transaction-response")
	if len(b.Entry) != 1 || !strings.HasPrefix(b.Entry[0].Response.Status, "201") || b.Entry[0].Response.Etag != `W/"1"` || b.Entry[0].Resource.ID != "" {
		t.Errorf("transaction: %s", a.body)
	}
	a = w.write("POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+entry+`]}`, "Prefer", "return=representation")
	if b = a.bundle(t, "transaction-response"); b.Entry[0].Resource.ID == "" {
		t.Errorf("transaction with representation: %s", a.body)
	}
	w.write("POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[`+entry+","+broken+`]}`).outcome(t, 400, "code-invalid")
	if b = w.do("GET", "/fhir/Patient?_summary=count", "").bundle(t, "searchset"); *b.Total != 2 {
		t.Errorf("%d patients", *b.Total)
	}
	b = w.write("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[`+entry+","+broken+`]}`).bundle(t, "batch-response")
	if len(b.Entry) != 2 || !strings.HasPrefix(b.Entry[0].Response.Status, "201") || !strings.HasPrefix(b.Entry[1].Response.Status, "400") {
		t.Errorf("batch: %+v", b)
	}
}

func TestGzipBodyIsStored(t *testing.T) {
	w := open(t, nil)
	req, _ := http.NewRequest("POST", w.url+"/fhir/Patient", bytes.NewReader(zip([]byte(ann))))
	if a := w.send(req, "Content-Type", fhirJSON, "Content-Encoding", "gzip"); a.status != 201 || !bytes.Contains(a.body, []byte("Smith")) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// The administrator may do what nobody else may.
func TestAdministrator(t *testing.T) {
	w := open(t, func(o *Options) { o.Anonymous = nil })
	key := []string{"Authorization", "Bearer " + adminKey}
	w.write("POST", "/fhir/Patient", ann).outcome(t, 401, "login")
	a := w.write("POST", "/fhir/SearchParameter", `{"resourceType":"SearchParameter","url":"http://x","name":"x","status":"draft","description":"x","code":"x","base":["Patient"],"type":"string"}`, key...)
	if a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a = w.do("GET", strings.TrimPrefix(a.header.Get("Location"), w.url), "", key...); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
