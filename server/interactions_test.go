package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

const fhirJSON = "application/fhir+json"

// write posts or puts a resource.
func (w *site) write(method, path, body string, header ...string) answer {
	w.t.Helper()
	return w.do(method, path, body, append(header, "Content-Type", fhirJSON)...)
}

// created posts a resource and returns its path, without the version.
func (w *site) created(typ, body string) (path, id string) {
	w.t.Helper()
	a := w.write("POST", "/fhir/"+typ, body)
	if a.status != 201 {
		w.t.Fatalf("create %s: %d %s", typ, a.status, a.body)
	}
	location := strings.TrimPrefix(a.header.Get("Location"), w.url)
	path, _, ok := strings.Cut(location, "/_history/")
	if !ok {
		w.t.Fatalf("Location %q", location)
	}
	return path, strings.TrimPrefix(path, "/fhir/"+typ+"/")
}

func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %.300s", err, a.body)
	}
}

// bundle is the part of a Bundle that the tests look at.
type bundle struct {
	ResourceType, Type string
	Total              *int
	Link               []struct{ Relation, URL string }
	Entry              []struct {
		FullURL  string
		Resource struct {
			ResourceType, ID string
			Issue            []struct{ Diagnostics string }
		}
		Search   struct{ Mode string }
		Response struct{ Status, Location, Etag string }
	}
}

func (a answer) bundle(t testing.TB, kind string) (b bundle) {
	t.Helper()
	if a.status != 200 {
		t.Fatalf("status %d: %.300s", a.status, a.body)
	}
	a.decode(t, &b)
	if b.ResourceType != "Bundle" || b.Type != kind {
		t.Fatalf("%s of type %q, want %q", b.ResourceType, b.Type, kind)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("a Bundle with Cache-Control %q", got)
	}
	return b
}

func (b bundle) link(relation string) string {
	for _, l := range b.Link {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

const ann = `{"resourceType":"Patient","name":[{"family":"Smith","given":["Ann"]}],"birthDate":"1980-02-03"}`

func TestCreateReadUpdateDelete(t *testing.T) {
	w := open(t, nil)
	a := w.write("POST", "/fhir/Patient", ann)
	if a.status != 201 {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	location := a.header.Get("Location")
	instance, version, _ := strings.Cut(location, "/_history/")
	if !strings.HasPrefix(location, w.url+"/fhir/Patient/") || version != "1" || a.header.Get("ETag") != `W/"1"` ||
		a.header.Get("Content-Type") != "application/fhir+json; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("create: %v", a.header)
	}
	path := strings.TrimPrefix(instance, w.url)
	var p struct {
		ID   string
		Meta struct {
			VersionID   string
			LastUpdated time.Time
		}
		Name []struct{ Family string }
	}
	a.decode(t, &p)
	if "/fhir/Patient/"+p.ID != path || p.Meta.VersionID != "1" || p.Name[0].Family != "Smith" {
		t.Errorf("representation: %s", a.body)
	}
	modified := p.Meta.LastUpdated.Truncate(time.Second).UTC().Format(http.TimeFormat)
	if got := a.header.Get("Last-Modified"); got != modified {
		t.Errorf("Last-Modified %q, want %q", got, modified)
	}

	read := w.do("GET", path, "")
	if read.status != 200 || !bytes.Equal(read.body, a.body) || read.header.Get("ETag") != `W/"1"` ||
		read.header.Get("Last-Modified") != modified || read.header.Get("Cache-Control") != "private, no-cache" ||
		read.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("read: %d %v %s", read.status, read.header, read.body)
	}

	second := strings.Replace(ann, "Ann", "Anne", 1)
	a = w.write("PUT", path, strings.Replace(second, `{"res`, `{"id":"`+p.ID+`","res`, 1), "If-Match", `W/"1"`)
	if a.status != 200 || a.header.Get("ETag") != `W/"2"` || a.header.Get("Location") != instance+"/_history/2" {
		t.Fatalf("update: %d %v %s", a.status, a.header, a.body)
	}
	w.write("PUT", path, strings.Replace(second, `{"res`, `{"id":"`+p.ID+`","res`, 1), "If-Match", `W/"1"`).outcome(t, 412, "conflict")
	w.write("PUT", path, strings.Replace(second, `{"res`, `{"id":"other","res`, 1)).outcome(t, 400, "invalid")
	if first := w.do("GET", path+"/_history/1", ""); first.status != 200 || !bytes.Equal(first.body, read.body) || first.header.Get("ETag") != `W/"1"` {
		t.Errorf("vread: %d %s", first.status, first.body)
	}
	w.do("GET", path+"/_history/3", "").outcome(t, 404, "not-found")
	w.do("GET", path+"/_history/x", "").outcome(t, 404, "not-found")

	a = w.do("DELETE", path, "")
	if a.status != 204 || len(a.body) > 0 || a.header.Get("ETag") != `W/"3"` {
		t.Errorf("delete: %d %v %s", a.status, a.header, a.body)
	}
	w.do("GET", path, "").outcome(t, 410, "deleted")
	w.do("GET", path+"/_history/3", "").outcome(t, 410, "deleted")
	if a = w.do("DELETE", path, ""); a.status != 204 {
		t.Errorf("delete again: %d", a.status)
	}
	if a = w.do("DELETE", "/fhir/Patient/nobody", ""); a.status != 204 || a.header.Get("ETag") != "" {
		t.Errorf("delete nobody: %d %v", a.status, a.header)
	}
	var o struct{ ResourceType string }
	if a = w.do("DELETE", "/fhir/Patient/nobody", "", "Prefer", "return=OperationOutcome"); a.status != 200 {
		t.Errorf("delete with an outcome: %d", a.status)
	} else if a.decode(t, &o); o.ResourceType != "OperationOutcome" {
		t.Errorf("delete with an outcome: %s", a.body)
	}
	b := w.do("GET", path+"/_history", "").bundle(t, "history")
	if len(b.Entry) != 3 || *b.Total != 3 {
		t.Errorf("history: %+v", b)
	}
	if b = w.do("GET", "/fhir/Patient/_history?_count=2", "").bundle(t, "history"); len(b.Entry) != 2 || b.link("next") == "" {
		t.Errorf("history of the type: %+v", b)
	}
	if b = w.do("GET", strings.TrimPrefix(b.link("next"), w.url), "").bundle(t, "history"); len(b.Entry) != 1 || b.link("next") != "" {
		t.Errorf("next page of the history: %+v", b)
	}
	if b = w.do("GET", "/fhir/_history", "").bundle(t, "history"); len(b.Entry) != 3 {
		t.Errorf("history of the system: %+v", b)
	}
}

func TestUpdateCreates(t *testing.T) {
	w := open(t, nil)
	a := w.write("PUT", "/fhir/Patient/p1", strings.Replace(ann, `{"res`, `{"id":"p1","res`, 1))
	if a.status != 201 || a.header.Get("Location") != w.url+"/fhir/Patient/p1/_history/1" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

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

func TestConditionalRead(t *testing.T) {
	w := open(t, nil)
	path, _ := w.created("Patient", ann)
	modified, err := http.ParseTime(w.do("GET", path, "").header.Get("Last-Modified"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) string { return modified.Add(d).UTC().Format(http.TimeFormat) }
	for _, c := range []struct {
		header []string
		status int
	}{
		{[]string{"If-None-Match", `W/"1"`}, 304},
		{[]string{"If-None-Match", `"1"`}, 304},
		{[]string{"If-None-Match", `"0", W/"1"`}, 304},
		{[]string{"If-None-Match", `"0",W/"1","2"`}, 304},
		{[]string{"If-None-Match", "*"}, 304},
		{[]string{"If-None-Match", `W/"2"`}, 200},
		{[]string{"If-None-Match", `W/"11"`}, 200},
		{[]string{"If-None-Match", `1`}, 200},
		{[]string{"If-None-Match", `W/"`}, 200},
		{[]string{"If-Modified-Since", at(0)}, 304},
		{[]string{"If-Modified-Since", at(time.Hour)}, 304},
		{[]string{"If-Modified-Since", at(-time.Second)}, 200},
		{[]string{"If-Modified-Since", "yesterday"}, 200},
		{[]string{"If-None-Match", `W/"2"`, "If-Modified-Since", at(time.Hour)}, 200},
		{[]string{"If-None-Match", `W/"1"`, "If-Modified-Since", at(-time.Hour)}, 304},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			for _, p := range []string{path, path + "/_history/1"} {
				a := w.do(method, p, "", c.header...)
				if a.status != c.status || a.header.Get("ETag") != `W/"1"` {
					t.Errorf("%s %v: %d %v, want %d", method, c.header, a.status, a.header, c.status)
				}
				if c.status == 304 && (len(a.body) > 0 || a.header.Get("Content-Type") != "") {
					t.Errorf("304 with a body: %v %s", a.header, a.body)
				}
			}
		}
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	w := open(t, nil)
	path, _ := w.created("Patient", ann)
	for _, p := range []string{path, path + "/_history/1", path + "/_history", "/fhir/Patient?name=smith", "/fhir/Patient/_history",
		"/fhir/_history", "/fhir/metadata", "/fhir/Patient/nobody", "/fhir/Nothing", "/fhir/Patient?nonsense=1", "/"} {
		get, head := w.do("GET", p, ""), w.do("HEAD", p, "")
		if get.status != head.status || len(head.body) > 0 || len(get.body) == 0 {
			t.Errorf("%s: %d and %d", p, get.status, head.status)
		}
		for _, name := range []string{"Content-Length", "Content-Type", "ETag", "Last-Modified", "Cache-Control"} {
			if g, h := get.header.Get(name), head.header.Get(name); g != h {
				t.Errorf("%s: %s %q and %q", p, name, g, h)
			}
		}
	}
}

func TestSearch(t *testing.T) {
	w := open(t, nil)
	_, one := w.created("Patient", ann)
	_, two := w.created("Patient", strings.Replace(ann, "Ann", "Bert", 1))
	w.created("Observation", `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1-1"}]},"subject":{"reference":"Patient/`+one+`"}}`)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		name, method, path, body string
		ids                      []string
	}{
		{"get", "GET", "/fhir/Patient?name=ann", "", []string{one}},
		{"nothing asked", "GET", "/fhir/Patient", "", []string{one, two}},
		{"escaped", "GET", "/fhir/Patient?n%61me=a%6En", "", []string{one}},
		{"repeated parameters all count", "GET", "/fhir/Patient?given=ann&given=bert", "", nil},
		{"comma", "GET", "/fhir/Patient?given=ann,bert", "", []string{one, two}},
		{"escaped comma", "GET", `/fhir/Patient?given=ann\,bert`, "", nil},
		{"plus is a blank", "GET", "/fhir/Patient?family=smith&given=ann+x", "", nil},
		{"format and pretty", "GET", "/fhir/Patient?name=ann&_format=json&_pretty=true", "", []string{one}},
		{"form", "POST", "/fhir/Patient/_search", "name=ann", []string{one}},
		{"form and address together", "POST", "/fhir/Patient/_search?family=smith", "given=bert", []string{two}},
		{"form and address repeat", "POST", "/fhir/Patient/_search?given=ann", "given=bert", nil},
		{"empty form", "POST", "/fhir/Patient/_search?given=bert", "", []string{two}},
		{"pretty in the form", "POST", "/fhir/Patient/_search", "given=bert&_pretty=true&_format=application/fhir%2Bjson", []string{two}},
		{"chain", "GET", "/fhir/Observation?subject:Patient.given=ann&_summary=count", "", []string{}},
		{"token with a bar", "GET", "/fhir/Observation?code=http://loinc.org%7C1-2", "", nil},
	} {
		a := w.do(c.method, c.path, c.body, form...)
		b := a.bundle(t, "searchset")
		if len(b.Entry) != len(c.ids) {
			t.Errorf("%s: %d entries: %s", c.name, len(b.Entry), a.body)
			continue
		}
		found := map[string]bool{}
		for _, e := range b.Entry {
			found[e.Resource.ID] = true
			if e.Search.Mode != "match" || e.FullURL != w.url+"/fhir/"+e.Resource.ResourceType+"/"+e.Resource.ID {
				t.Errorf("%s: %+v", c.name, e)
			}
		}
		for _, id := range c.ids {
			if !found[id] {
				t.Errorf("%s: lacks %s", c.name, id)
			}
		}
		if self := b.link("self"); !strings.HasPrefix(self, w.url+"/fhir/") {
			t.Errorf("%s: self is %q", c.name, self)
		}
	}
	if b := w.do("GET", "/fhir/Observation?subject:Patient.given=ann&_summary=count", "").bundle(t, "searchset"); b.Total == nil || *b.Total != 1 {
		t.Errorf("count: %+v", b)
	}
}

func TestBadSearch(t *testing.T) {
	w := open(t, nil)
	for _, c := range []struct {
		path   string
		status int
		code   string
		says   string
	}{
		{"/fhir/Patient?nmae=x", 400, "invalid", "name"},
		{"/fhir/Patient?birthdate=notadate", 400, "value", ""},
		{"/fhir/Patient?name:nonsense=x", 400, "invalid", ""},
		{"/fhir/Patient?_count=-1", 400, "value", ""},
		{"/fhir/Patient?_count=x", 400, "value", ""},
		{"/fhir/Patient?_include=nonsense", 400, "value", ""},
		{"/fhir/Patient?name=%FF", 400, "invalid", "UTF-8"},
		{"/fhir/Patient?_page=tampered", 400, "invalid", "page"},
		{"/fhir/Pateint", 404, "not-supported", "Patient"},
	} {
		if got := w.do("GET", c.path, "").outcome(t, c.status, c.code); !strings.Contains(got, c.says) {
			t.Errorf("%s: %q does not say %q", c.path, got, c.says)
		}
	}
}

func TestAbsurdCountIsCut(t *testing.T) {
	w := open(t, nil)
	for _, count := range []string{"1001", "99999999999999999999999"} {
		b := w.do("GET", "/fhir/Patient?_count="+count, "").bundle(t, "searchset")
		if self := b.link("self"); !strings.HasSuffix(self, "_count=1000") {
			t.Errorf("_count=%s: self is %s", count, self)
		}
	}
}

func TestLenientSearchSaysWhatItLeftOut(t *testing.T) {
	w := open(t, nil)
	w.created("Patient", ann)
	w.do("GET", "/fhir/Patient?nmae=x", "", "Prefer", "handling=strict").outcome(t, 400, "invalid")
	b := w.do("GET", "/fhir/Patient?nmae=x", "", "Prefer", "handling=lenient").bundle(t, "searchset")
	if len(b.Entry) != 2 || b.Entry[1].Search.Mode != "outcome" || !strings.Contains(b.Entry[1].Resource.Issue[0].Diagnostics, "name") {
		t.Errorf("%+v", b)
	}
	if strings.Contains(b.link("self"), "nmae") {
		t.Errorf("self is %q", b.link("self"))
	}
}

func TestPagesAndTamperedCursors(t *testing.T) {
	w := open(t, nil)
	for range 5 {
		w.created("Patient", ann)
	}
	seen := map[string]int{}
	pages := 0
	next := "/fhir/Patient?family=smith&_count=2"
	var cursor string
	for next != "" {
		b := w.do("GET", next, "").bundle(t, "searchset")
		for _, e := range b.Entry {
			seen[e.Resource.ID]++
		}
		pages++
		next = strings.TrimPrefix(b.link("next"), w.url)
		if cursor == "" {
			cursor = next
		}
	}
	if pages != 3 || len(seen) != 5 {
		t.Errorf("%d resources on %d pages", len(seen), pages)
	}
	u, err := url.Parse(cursor)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	page := q.Get("_page")
	flipped := []byte(page)
	flipped[len(flipped)/2] ^= 1
	for name, path := range map[string]string{
		"flipped":        "/fhir/Patient?family=smith&_count=2&_page=" + string(flipped),
		"cut":            "/fhir/Patient?family=smith&_count=2&_page=" + page[:len(page)-3],
		"other query":    "/fhir/Patient?family=smit&_count=2&_page=" + page,
		"other type":     "/fhir/Person?_count=2&_page=" + page,
		"of the history": "/fhir/Patient/_history?_count=2&_page=" + page,
	} {
		if a := w.do("GET", path, ""); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := w.do("GET", cursor, "", "Authorization", "Bearer "+adminKey); a.status != 400 {
		t.Errorf("a cursor of somebody else: %d", a.status)
	}
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

func TestGzipAnswers(t *testing.T) {
	w := open(t, nil)
	long := strings.Replace(ann, "Smith", strings.Repeat("Smith", 500), 1)
	path, _ := w.created("Patient", long)
	short, _ := w.created("Patient", ann)
	plain := w.do("GET", path, "")
	a := w.do("GET", path, "", "Accept-Encoding", "gzip")
	if a.header.Get("Content-Encoding") != "gzip" || a.header.Get("ETag") != `W/"1"` || !strings.Contains(a.header.Get("Vary"), "Accept-Encoding") {
		t.Errorf("%v", a.header)
	}
	r, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, plain.body) || len(a.body) > len(b)/2 {
		t.Errorf("%d bytes inflate to %d, %v", len(a.body), len(b), err)
	}
	if a = w.do("GET", short, "", "Accept-Encoding", "gzip"); a.header.Get("Content-Encoding") != "" {
		t.Errorf("%d bytes are compressed", len(a.body))
	}
	if a = w.do("GET", path+"?_pretty=true", ""); !bytes.HasPrefix(a.body, []byte("{\n  \"resourceType\"")) {
		t.Errorf("pretty: %.50s", a.body)
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

// Requests on many connections at once keep apart: what one writes it reads again (run with -race).
func TestManyAtOnce(t *testing.T) {
	w := open(t, nil)
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			for i := range 15 {
				name := fmt.Sprintf("Family%dx%d", n, i)
				id := fmt.Sprintf("p-%d-%d", n, i)
				body := strings.Replace(strings.Replace(ann, "Smith", name, 1), `{"res`, `{"id":"`+id+`","res`, 1)
				requestID := fmt.Sprintf("r-%d-%d", n, i)
				a := w.write("PUT", "/fhir/Patient/"+id, body, "X-Request-Id", requestID)
				if a.status != 201 || a.header.Get("X-Request-Id") != requestID || !strings.HasSuffix(a.header.Get("Location"), id+"/_history/1") {
					t.Errorf("%s: %d %v", id, a.status, a.header)
				}
				if a = w.do("GET", "/fhir/Patient/"+id, ""); !bytes.Contains(a.body, []byte(name)) {
					t.Errorf("%s: %s", id, a.body)
				}
				b := w.do("GET", "/fhir/Patient?family:exact="+name, "").bundle(t, "searchset")
				if len(b.Entry) != 1 || b.Entry[0].Resource.ID != id {
					t.Errorf("%s: %+v", name, b)
				}
			}
		})
	}
	all.Wait()
}

// Every resource and Bundle that goes out is strict JSON.
func TestAnswersAreStrictJSON(t *testing.T) {
	w := open(t, nil)
	path, _ := w.created("Patient", ann)
	for _, p := range []string{path, "/fhir/Patient", path + "/_history", "/fhir/Patient?_pretty=true", `/fhir/Patient?name="%00\<é`} {
		req, _ := http.NewRequest("GET", w.url, nil)
		req.URL.Opaque = p
		if a := w.send(req); a.status >= 500 {
			t.Errorf("%s: %d %s", p, a.status, a.body)
		} else if _, err := fhir.Parse(a.body, fhir.DefaultLimits); err != nil {
			t.Errorf("%s: %v in %s", p, err, a.body)
		}
	}
}
