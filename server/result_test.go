package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
)

// chart puts a patient with an observation and an encounter, and another patient with an observation.
func (w *site) chart() {
	w.t.Helper()
	for _, body := range []string{
		`{"resourceType":"Patient","id":"a","gender":"male","name":[{"family":"Zimmer"}],"text":{"status":"empty","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}`,
		`{"resourceType":"Patient","id":"b","gender":"female","name":[{"family":"Adams"}]}`,
		`{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/a"},"period":{"start":"2023-01-01"}}`,
		`{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},"encounter":{"reference":"Encounter/e"},"effectiveDateTime":"2024-01-01"}`,
		`{"resourceType":"Observation","id":"p","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"},"effectiveDateTime":"2022-01-01"}`,
		`{"resourceType":"List","id":"l","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/b"}},{"item":{"reference":"Observation/o"}}]}`,
	} {
		var r struct{ ResourceType, ID string }
		answer{body: []byte(body)}.decode(w.t, &r)
		if a := w.do("PUT", "/fhir/"+r.ResourceType+"/"+r.ID, body); a.status != 201 {
			w.t.Fatalf("%s: %d %s", body, a.status, a.body)
		}
	}
}

// found are the entries as Type/id, those that are no matches with their mode before them.
func (b bundle) found() []string {
	var out []string
	for _, e := range b.Entry {
		mode := e.Search.Mode + " "
		if mode == "match " {
			mode = ""
		}
		out = append(out, mode+e.Resource.ResourceType+"/"+e.Resource.ID)
	}
	return out
}

func TestSearchesOnSeveralTypes(t *testing.T) {
	w := open(t, nil)
	w.chart()
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, c := range []struct {
		method, path, body, want string
	}{
		{"GET", "/fhir", "", "Encounter/e List/l Observation/o Observation/p Patient/a Patient/b"},
		{"GET", "/fhir?_count=100", "", "Encounter/e List/l Observation/o Observation/p Patient/a Patient/b"},
		{"GET", "/fhir/?_type=Patient,Encounter&_sort=_id", "", "Patient/a Patient/b Encounter/e"},
		{"GET", "/fhir?_type=Encounter,Observation&_sort=-date", "", "Observation/o Encounter/e Observation/p"},
		{"GET", "/fhir?_type=Encounter,Observation&_sort=date", "", "Observation/p Encounter/e Observation/o"},
		{"GET", "/fhir?_type=Encounter,Observation&patient=a", "", "Encounter/e Observation/o"},
		{"GET", "/fhir?_type=Encounter,Observation&date=lt2023-06", "", "Encounter/e Observation/p"},
		{"GET", "/fhir?_list=l", "", "Observation/o Patient/b"},
		{"GET", "/fhir?_list=nothing", "", ""},
		{"GET", "/fhir/Patient?_list=l", "", "Patient/b"},
		{"POST", "/fhir/_search", "_type=Encounter,Observation&patient=a", "Encounter/e Observation/o"},
		{"POST", "/fhir/_search?_type=Patient", "_id=a", "Patient/a"},
		{"GET", "/fhir?_type=Observation&_id=o&_include=Observation:subject", "", "Observation/o include Patient/a"},
		{"GET", "/fhir/Patient/a/Observation", "", "Observation/o"},
		{"GET", "/fhir/Patient/a/Observation?date=ge2025", "", ""},
		{"GET", "/fhir/Patient/a/*", "", "Encounter/e Observation/o Patient/a"},
		{"GET", "/fhir/Patient/a/*?_type=Observation,Patient", "", "Observation/o Patient/a"},
		{"GET", "/fhir/Patient/a/Patient", "", "Patient/a"},
		{"GET", "/fhir/Patient/nobody/*", "", ""},
		{"GET", "/fhir/Encounter/e/Observation", "", "Observation/o"},
		{"GET", "/fhir/Encounter/e/*", "", "Encounter/e Observation/o"},
		{"POST", "/fhir/Patient/a/_search", "_type=Observation", "Observation/o"},
		{"POST", "/fhir/Patient/a/Observation/_search", "date=ge2024", "Observation/o"},
		{"GET", "/fhir/Practitioner/x/Observation", "", ""},
		{"GET", "/fhir/RelatedPerson/x/Observation", "", ""},
		{"GET", "/fhir/Device/x/Observation", "", ""},
		{"GET", "/fhir/Observation?_sort=subject:Patient.family", "", "Observation/p Observation/o"},
		{"GET", "/fhir/Observation?_sort=-patient.family", "", "Observation/o Observation/p"},
		{"GET", "/fhir/Patient?_revinclude=Observation:subject&_include:iterate=Observation:encounter&_id=a", "", "Patient/a include Observation/o include Encounter/e"},
	} {
		b := w.do(c.method, c.path, c.body, form...).bundle(t, "searchset")
		if got := strings.Join(b.found(), " "); got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.method, c.path, c.body, got, c.want)
		}
		if strings.Contains(c.want, "include") || strings.Contains(c.path, "_count") {
			continue
		}
		// The same page by page, there and back again.
		path := c.path
		if c.method == "POST" {
			path = strings.Replace(c.path, "/_search", "", 1)
			if !strings.Contains(path, "?") {
				path += "?"
			}
			path += "&" + c.body
			if path = strings.Replace(path, "/Patient/a?", "/Patient/a/*?", 1); path == "/fhir?&"+c.body {
				path = "/fhir?" + c.body
			}
		}
		mark := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
		var forth, back []string
		page := w.do("GET", path+mark+"_count=1", "").bundle(t, "searchset")
		for {
			forth = append(forth, page.found()...)
			next := page.link("next")
			if next == "" {
				break
			}
			if page.link("first") == "" {
				t.Errorf("%s: no first link", path)
			}
			page = w.do("GET", strings.TrimPrefix(next, w.url), "").bundle(t, "searchset")
		}
		for {
			back = append(page.found(), back...)
			previous := page.link("previous")
			if previous == "" {
				break
			}
			page = w.do("GET", strings.TrimPrefix(previous, w.url), "").bundle(t, "searchset")
		}
		if got := strings.Join(forth, " "); got != c.want {
			t.Errorf("%s one by one: %s, want %s", path, got, c.want)
		}
		if !slices.Equal(forth, back) {
			t.Errorf("%s there: %s, and back: %s", path, forth, back)
		}
	}
	for _, c := range []struct {
		path   string
		status int
		code   string
		says   string
	}{
		{"/fhir?name=x", 400, "invalid", "_type"},
		{"/fhir?_type=Patient,Observation&code=x", 400, "invalid", "_type"},
		{"/fhir?_type=Pateint", 400, "value", "Patient"},
		{"/fhir?_type=Patient,", 400, "value", ""},
		{"/fhir?_type=Patient&_type=Observation", 400, "value", "twice"},
		{"/fhir/Patient?_type=Patient", 400, "invalid", "several"},
		{"/fhir/Patient/a/*?_type=Location", 400, "invalid", "compartment"},
		{"/fhir/Patient/_a/Observation", 400, "invalid", "no id"},
		{"/fhir/Patient?_list=$current", 400, "invalid", "functional"},
		{"/fhir/Patient?_list:not=l", 400, "invalid", "modifier"},
		{"/fhir/Observation?_sort=subject.family", 200, "", ""},
		{"/fhir/Observation?_sort=subject.name", 400, "invalid", "several types"},
		{"/fhir/Observation?_sort=subject:Patient.code", 400, "invalid", "code"},
		{"/fhir/Observation?_sort=code:Patient.family", 400, "invalid", "no reference"},
		{"/fhir/Observation?_sort=has-member:Observation.has-member:Observation.has-member:Observation.has-member:Observation.date", 400, "invalid", "links"},
		{"/fhir/Patient?_elements=nmae", 400, "value", "name"},
		{"/fhir/Patient?_elements=name.family", 400, "value", "name.family"},
		{"/fhir/Patient?_elements=name,", 400, "value", ""},
		{"/fhir/Patient?_elements=name&_summary=true", 400, "invalid", "_summary"},
		{"/fhir/Patient?_summary=yes", 400, "value", "true"},
		{"/fhir/Patient?_summary=text&_include=Patient:link", 400, "invalid", "_include"},
		{"/fhir/Patient?_maxresults=x", 400, "value", ""},
		{"/fhir/Patient?_explain=maybe", 400, "value", ""},
	} {
		a := w.do("GET", c.path, "")
		if c.code == "" {
			if a.status != c.status {
				t.Errorf("%s: %d %s", c.path, a.status, a.body)
			}
			continue
		}
		if got := a.outcome(t, c.status, c.code); !strings.Contains(got, c.says) {
			t.Errorf("%s: %q does not say %q", c.path, got, c.says)
		}
	}
}

func TestSeveralTypesByScopes(t *testing.T) {
	w := open(t, nil)
	w.chart()
	for _, c := range []struct {
		scopes, path, want string
		status             int
	}{
		{"patient/Observation.rs", "/fhir", "Observation/o", 200},
		{"patient/Observation.rs patient/Encounter.s", "/fhir", "Encounter/e Observation/o", 200},
		{"patient/*.rs", "/fhir/Patient/a/*", "Encounter/e Observation/o Patient/a", 200},
		{"patient/*.rs", "/fhir/Patient/b/*", "", 200},
		{"patient/Observation.rs", "/fhir/Patient/a/*", "Observation/o", 200},
		{"patient/Observation.rs", "/fhir/Patient/a/Encounter", "", 403},
		{"patient/Observation.rs", "/fhir?_type=Encounter,Patient", "", 403},
		{"patient/Observation.rs", "/fhir?_type=Encounter,Observation", "Observation/o", 200},
		{"patient/Observation.r", "/fhir", "", 403},
		{"patient/Patient.rs patient/Observation.rs", "/fhir/Patient?_list=l", "", 200}, // the list is hidden
		{"patient/Observation.rs", "/fhir/Observation?_sort=subject:Patient.family", "Observation/o", 200},
	} {
		set, err := scope.Parse(c.scopes)
		if err != nil {
			t.Fatal(err)
		}
		v := open(t, func(o *Options) { o.Service, o.Anonymous = w.s.o.Service, set.Access(scope.Context{Patient: "a"}) })
		a := v.do("GET", c.path, "")
		if a.status != c.status {
			t.Errorf("%s by %s: %d %s", c.path, c.scopes, a.status, a.body)
			continue
		}
		if a.status == 200 {
			if got := strings.Join(a.bundle(t, "searchset").found(), " "); got != c.want {
				t.Errorf("%s by %s: %s, want %s", c.path, c.scopes, got, c.want)
			}
		}
	}
}

func TestSubsets(t *testing.T) {
	w := open(t, nil)
	w.chart()
	for _, c := range []struct{ path, has, lacks string }{
		{"/fhir/Patient/a", "gender text name", "SUBSETTED"},
		{"/fhir/Patient/a?_elements=gender", "gender SUBSETTED", "name text"},
		{"/fhir/Patient/a?_summary=true", "gender name SUBSETTED", "text"},
		{"/fhir/Patient/a?_summary=text", "text SUBSETTED", "name gender"},
		{"/fhir/Patient/a?_summary=data", "name gender SUBSETTED", "text"},
		{"/fhir/Patient/a?_summary=false", "name gender text", "SUBSETTED"},
		{"/fhir/Patient/a/_history/1?_elements=gender", "gender SUBSETTED", "name"},
		{"/fhir/Patient/a/_history?_elements=gender", "gender SUBSETTED", "name"},
		{"/fhir/Patient/_history?_summary=text", "text SUBSETTED", "gender"},
		{"/fhir/_history?_elements=gender,code", "gender SUBSETTED", "effectiveDateTime"},
		{"/fhir/Patient?_id=a&_elements=name", "name SUBSETTED", "gender"},
		{"/fhir/Patient?_id=a&gender=male&_elements=name", "name SUBSETTED", "gender\":"},
		{"/fhir/Patient?_id=a&_summary=data", "name gender SUBSETTED", "text"},
		{"/fhir/Patient?_id=a&_elements=name&_revinclude=Observation:subject", "name effectiveDateTime SUBSETTED", "gender"},
		{"/fhir/Patient?_id=a&_summary=data&_revinclude=Observation:subject", "name effectiveDateTime gender SUBSETTED", "text\":{"},
		{"/fhir?_elements=gender,class&_type=Patient,Encounter", "gender class status SUBSETTED", "name period"},
	} {
		a := w.do("GET", c.path, "")
		body := string(a.body)
		if i := strings.Index(body, `"entry"`); i >= 0 {
			body = body[i:]
		}
		if a.status != 200 {
			t.Errorf("%s: %d %s", c.path, a.status, a.body)
		}
		for part := range strings.FieldsSeq(c.has) {
			if !strings.Contains(body, part) {
				t.Errorf("%s: %q is missing: %s", c.path, part, body)
			}
		}
		for part := range strings.FieldsSeq(c.lacks) {
			if strings.Contains(body, `"`+part) {
				t.Errorf("%s: %q is there: %s", c.path, part, body)
			}
		}
	}
	w.do("GET", "/fhir/Patient/a?_summary=count", "").outcome(t, 400, "value")
	w.do("GET", "/fhir/Patient/a?_elements=x", "").outcome(t, 400, "value")
}

func TestExplain(t *testing.T) {
	w := open(t, func(o *Options) { o.Sandbox = true })
	w.chart()
	b := w.do("GET", "/fhir/Observation?subject:Patient.gender=male&_explain=true", "").bundle(t, "searchset")
	if len(b.Entry) != 2 || b.Entry[1].Search.Mode != "outcome" {
		t.Fatalf("%+v", b)
	}
	var all []string
	for _, i := range b.Entry[1].Resource.Issue {
		all = append(all, i.Diagnostics)
	}
	for _, part := range []string{"parsed: (chain subject:Patient gender=male)", "guarded: (and type:Observation", "simplified: ", "refers by subject to Patient", "1 rows"} {
		if !strings.Contains(strings.Join(all, "\n"), part) {
			t.Errorf("%q is missing in %q", part, all)
		}
	}
	a := w.do("GET", "/fhir?_type=Observation,Encounter&patient=a&_total=accurate&_include=Observation:subject&_explain=json", "")
	var e struct {
		Types []struct {
			Type, Parsed, Guarded, Simplified string
			Plan                              []string
		}
		Rows, Included, Total, Read, Asked, Microseconds int
	}
	if err := json.Unmarshal(a.body, &e); err != nil || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %s: %s", err, a.header.Get("Content-Type"), a.body)
	}
	if len(e.Types) != 2 || e.Types[0].Type != "Encounter" || e.Types[1].Parsed != "patient=Patient/a" || len(e.Types[1].Plan) == 0 ||
		e.Rows != 2 || e.Included != 1 || e.Total != 2 || e.Asked < 3 || e.Read < 1 {
		t.Errorf("%s", a.body)
	}
	a = w.do("GET", "/fhir/Patient?gender=male&_sort=-_id&_explain=text", "")
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") || !strings.Contains(string(a.body), "simplified (and type:Patient gender=male)") || !strings.Contains(string(a.body), "order -_id") {
		t.Errorf("%s: %s", a.header.Get("Content-Type"), a.body)
	}
	closed := open(t, nil)
	closed.do("GET", "/fhir/Patient?_explain=true", "").outcome(t, 403, "forbidden")
	if a := closed.do("GET", "/fhir/Patient?_explain=text", "", "Authorization", "Bearer "+adminKey); a.status != 200 {
		t.Errorf("the administrator: %d %s", a.status, a.body)
	}
}

func TestHistoriesInTime(t *testing.T) {
	w := open(t, nil)
	for range 3 {
		w.do("PUT", "/fhir/Patient/a", `{"resourceType":"Patient","id":"a"}`)
	}
	versions := func(path string) []string {
		var out []string
		for _, e := range w.do("GET", path, "").bundle(t, "history").Entry {
			out = append(out, e.Resource.Meta.VersionID)
		}
		return out
	}
	for path, want := range map[string]string{
		"/fhir/Patient/a/_history":                                        "3 2 1",
		"/fhir/Patient/a/_history?_sort=_lastUpdated":                     "1 2 3",
		"/fhir/Patient/a/_history?_sort=-_lastUpdated":                    "3 2 1",
		"/fhir/Patient/_history?_sort=_lastUpdated":                       "1 2 3",
		"/fhir/_history?_sort=_lastUpdated":                               "1 2 3",
		"/fhir/Patient/a/_history?_at=ge2020":                             "3 2 1",
		"/fhir/Patient/a/_history?_at=2020":                               "",
		"/fhir/_history?_at=lt2020":                                       "",
		"/fhir/Patient/_history?_at=gt2020&_at=lt2021":                    "",
		"/fhir/Patient/a/_history?_since=2020-01-01T00:00:00Z&_at=ge2020": "3 2 1",
	} {
		if got := strings.Join(versions(path), " "); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, path := range []string{"/fhir/Patient/a/_history?_count=1", "/fhir/_history?_count=1&_sort=_lastUpdated", "/fhir/Patient/_history?_count=2"} {
		var forth, back []string
		page := w.do("GET", path, "").bundle(t, "history")
		add := func(list []string, first bool) []string {
			var some []string
			for _, e := range page.Entry {
				some = append(some, e.Resource.Meta.VersionID)
			}
			if first {
				return append(some, list...)
			}
			return append(list, some...)
		}
		for forth = add(forth, false); page.link("next") != ""; forth = add(forth, false) {
			page = w.do("GET", strings.TrimPrefix(page.link("next"), w.url), "").bundle(t, "history")
		}
		for back = add(back, true); page.link("previous") != ""; back = add(back, true) {
			page = w.do("GET", strings.TrimPrefix(page.link("previous"), w.url), "").bundle(t, "history")
		}
		if len(forth) != 3 || !slices.Equal(forth, back) {
			t.Errorf("%s: %v and back %v", path, forth, back)
		}
	}
	for _, path := range []string{"_sort=name", "_at=x", "_at=ne2020", "_list=1", "_sort=_lastUpdated&_sort=_lastUpdated"} {
		if a := w.do("GET", "/fhir/Patient/a/_history?"+path, ""); a.status != 400 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}
