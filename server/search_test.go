package server

import (
	"net/url"
	"strings"
	"testing"
)

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

// TestEmptyParameterCountsNothing: in a search, not in the condition of a write.
func TestEmptyParameterCountsNothing(t *testing.T) {
	w := open(t, nil)
	w.created("Patient", ann)
	for _, path := range []string{"/fhir/Patient?name=&family=smith", "/fhir?_type=&_id=&_tag:missing=true"} {
		b := w.do("GET", path, "").bundle(t, "searchset")
		last := len(b.Entry) - 1
		if last < 1 || b.Entry[last].Search.Mode != "outcome" || !strings.Contains(b.Entry[last].Resource.Issue[0].Diagnostics, "has no value") || strings.Contains(b.link("self"), "=&") {
			t.Errorf("%s: %+v", path, b)
		}
	}
	w.do("POST", "/fhir/Patient", ann, "If-None-Exist", "name=&family=smith").outcome(t, 400, "value")
	w.do("DELETE", "/fhir/Patient?name=&family=smith", "").outcome(t, 400, "value")
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
