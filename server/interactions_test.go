package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
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
			Meta             struct{ VersionID string }
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

	w.do("DELETE", path, "", "If-Match", `W/"1"`).outcome(t, 412, "conflict")
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
	if a = w.do("GET", "/fhir/P%61tient/p%31", ""); a.status != 200 {
		t.Errorf("an escaped path: %d", a.status)
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
