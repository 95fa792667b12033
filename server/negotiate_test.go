package server

import (
	"net/url"
	"strings"
	"testing"
)

func TestNegotiation(t *testing.T) {
	w := open(t, nil)
	for _, c := range []struct {
		accept, format string
		status         int
	}{
		{"", "", 200},
		{"*/*", "", 200},
		{"application/*", "", 200},
		{"application/fhir+json", "", 200},
		{"APPLICATION/FHIR+JSON", "", 200},
		{"application/json", "", 200},
		{"text/json", "", 200},
		{"application/fhir+json;fhirVersion=4.0", "", 200},
		{"application/fhir+json; fhirVersion=4.0.1; q=0.5", "", 200},
		{`application/fhir+json; fhirVersion="4.0"`, "", 200},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", 200},
		{"application/fhir+xml, application/fhir+json;q=0.1", "", 200},
		{"application/fhir+xml", "", 406},
		{"application/xml, text/html", "", 406},
		{"text/turtle", "", 406},
		{"application/fhir+json;fhirVersion=3.0", "", 406},
		{"application/fhir+json;fhirVersion=5.0", "", 406},
		{"application/fhir+json;q=0", "", 406},
		{"application/fhir+json;q=0.0, */*;q=0", "", 406},
		{"application/fhir+xml", "json", 200},
		{"", "json", 200},
		{"", "application/json", 200},
		{"", "application/fhir+json", 200},
		{"", "text/json", 200},
		{"", "application/fhir+json;fhirVersion=4.0", 200},
		{"*/*", "xml", 406},
		{"*/*", "application/fhir+xml", 406},
		{"*/*", "ttl", 406},
		{"*/*", "html", 406},
		{"*/*", "application/fhir+json;fhirVersion=5.0", 406},
	} {
		formats := []string{url.QueryEscape(c.format)}
		if strings.Contains(c.format, "+") {
			formats = append(formats, c.format) // a plus that was not escaped
		}
		for _, f := range formats {
			path := "/fhir/metadata"
			if f != "" {
				path += "?_format=" + f
			}
			a := w.do("GET", path, "", "Accept", c.accept)
			if a.status != c.status {
				t.Errorf("Accept %q, _format %q: %d, want %d", c.accept, f, a.status, c.status)
			}
			if a.status == 406 {
				a.outcome(t, 406, "not-supported")
			} else if got := a.header.Get("Content-Type"); got != "application/fhir+json; charset=utf-8" {
				t.Errorf("content type %q", got)
			}
		}
	}
}

func TestNegotiationReadsAllHeaders(t *testing.T) {
	w := open(t, nil)
	if a := w.do("GET", "/fhir/metadata", "", "Accept", "text/turtle", "Accept", "application/json"); a.status != 200 {
		t.Errorf("status %d", a.status)
	}
}

func TestPretty(t *testing.T) {
	w := open(t, nil)
	plain, pretty := w.do("GET", "/fhir/metadata", ""), w.do("GET", "/fhir/metadata?_pretty=true", "")
	if !strings.HasPrefix(string(plain.body), `{"resourceType":"CapabilityStatement",`) {
		t.Errorf("plain: %.80s", plain.body)
	}
	if !strings.HasPrefix(string(pretty.body), "{\n  \"resourceType\": \"CapabilityStatement\",\n") {
		t.Errorf("pretty: %.80s", pretty.body)
	}
}

func TestContentType(t *testing.T) {
	w := open(t, nil)
	for _, c := range []struct {
		media string
		want  bool
	}{
		{"application/fhir+json", true},
		{"application/fhir+json; charset=UTF-8", true},
		{"application/json; charset=\"utf-8\"", true},
		{"application/fhir+json; fhirVersion=4.0", true},
		{"application/fhir+json; fhirVersion=3.0", false},
		{"application/json; charset=iso-8859-1", false},
		{"application/fhir+xml", false},
		{"text/turtle", false},
		{"text/plain", false},
		{"application/x-www-form-urlencoded", false},
		{"application/ndjson", false},
		{"multipart/form-data; boundary=x", false},
	} {
		for _, path := range []string{"/fhir", "/fhir/Patient"} {
			a := w.do("POST", path, "{", "Content-Type", c.media)
			if c.want {
				a.outcome(t, 400, "invalid")
			} else {
				a.outcome(t, 415, "not-supported")
			}
		}
	}
}

func FuzzNegotiation(f *testing.F) {
	f.Add([]byte("application/fhir+json; fhirVersion=4.0;q=0.5, */*"))
	f.Add([]byte(`W/"1", *`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if isJSON(b) && isWild(b) {
			t.Errorf("%q is a media type and a range", b)
		}
		acceptFormat(b)
		if holdsTag(b, []byte(`W/"1"`)) && !strings.Contains(string(b), `"1"`) && !strings.Contains(string(b), "*") {
			t.Errorf("%q holds the tag", b)
		}
		requestID(b)
	})
}
