package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

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
