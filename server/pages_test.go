package server

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/store/audit"
)

// Pages come with what browsers hold them to, and with a stylesheet that is kept for ever.
func TestPages(t *testing.T) {
	w := open(t, nil)
	for _, path := range []string{"/", "/docs"} {
		a := w.do("GET", path, "", "Accept", "text/html")
		if a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" || a.header.Get("Content-Security-Policy") != ui.Policy ||
			a.header.Get("Referrer-Policy") != "no-referrer" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		if z := w.do("GET", path, "", "Accept-Encoding", "gzip"); z.header.Get("Content-Encoding") != "gzip" || len(z.body)*2 > len(a.body) {
			t.Errorf("%s: %d bytes compressed as %q", path, len(z.body), z.header.Get("Content-Encoding"))
		}
		assets := regexp.MustCompile(`href="(/assets/[^"]+)"`).FindAllStringSubmatch(string(a.body), -1)
		if len(assets) != 2 {
			t.Fatalf("%s: %d assets", path, len(assets))
		}
		for _, m := range assets {
			b := w.do("GET", m[1], "")
			if b.status != 200 || !strings.Contains(b.header.Get("Cache-Control"), "immutable") || len(b.body) == 0 ||
				!strings.HasPrefix(b.header.Get("Content-Type"), "text/css") && b.header.Get("Content-Type") != "image/svg+xml" {
				t.Errorf("%s: %d %v", m[1], b.status, b.header)
			}
		}
	}
	w.do("GET", "/assets/firewarden-0000000000000000.css", "").outcome(t, 404, "not-found")
	w.do("POST", "/docs", "").outcome(t, 405, "not-supported")
}

// The start page is drawn anew for each request, from what the server is told.
func TestHomeTellsWhatItIsGiven(t *testing.T) {
	n := 0
	w := open(t, func(o *Options) {
		o.Home = func() ui.Home {
			n++
			return ui.Home{Frame: auth.Frame{Sandbox: true}, Base: "http://x.example", SMART: true,
				Users: []auth.DemoUser{{Name: "practitioner", Password: "sandbox", Role: "doctor"}}, Counts: map[string]int{"Patient": 1000 + n}}
		}
	})
	for _, want := range []string{"1,001", "1,002"} {
		a := w.do("GET", "/", "")
		if text := string(a.body); !strings.Contains(text, want) || !strings.Contains(text, "practitioner") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("lacks %s: %s", want, text)
		}
	}
}

// What a server that is no sandbox tells everybody is where things are, not how many.
func TestHomeOfAServerTellsNoCounts(t *testing.T) {
	w := open(t, nil)
	w.write("POST", "/fhir/Patient", `{"resourceType":"Patient"}`)
	if text := string(w.do("GET", "/", "").body); strings.Contains(text, "What is in it") || !strings.Contains(text, w.url+"/fhir") {
		t.Error(text)
	}
}

// Every row that is answered is described, and nothing else is.
func TestEveryRouteIsTold(t *testing.T) {
	used := map[string]bool{}
	for _, r := range routes(true) {
		if r.serve == nil {
			continue
		}
		key := r.path
		switch {
		case r.op != "":
			key = "$" + r.op
		case r.where:
			key = r.codes + "?"
		case r.codes != "":
			key = r.codes
		}
		used[key] = true
		if _, ok := tellings[key]; !ok {
			t.Errorf("tellings (api.go) says nothing of %s %s: give it a line under %q", r.method, r.path, key)
		}
	}
	for key := range tellings {
		if !used[key] {
			t.Errorf("tellings has %q, which no row has", key)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	w := open(t, nil)
	a := w.do("GET", "/openapi.json", "", "Origin", "https://tool.example")
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	type ref struct {
		Ref string `json:"$ref"`
	}
	var doc struct {
		OpenAPI string
		Servers []struct{ URL string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Parameters  []ref
			Responses   map[string]any
			RequestBody *struct{ Content map[string]any }
			Security    []map[string]any
		}
		Components map[string]map[string]any
	}
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Servers) != 1 || doc.Servers[0].URL != w.url {
		t.Errorf("%s %v", doc.OpenAPI, doc.Servers)
	}
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			if o.Summary == "" || ids[o.OperationID] || o.OperationID == "" {
				t.Errorf("%s %s: id %q, summary %q", method, path, o.OperationID, o.Summary)
			}
			ids[o.OperationID] = true
			for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if !slices.Contains(o.Parameters, ref{"#/components/parameters/" + name[1]}) {
					t.Errorf("%s %s: %s is not described", method, path, name[1])
				}
			}
			if body := method == "post" || method == "put" || method == "patch"; body != (o.RequestBody != nil) {
				t.Errorf("%s %s: body %v", method, path, o.RequestBody)
			}
			if open := !strings.HasPrefix(path, "/fhir") && path != parametersPath || path == "/fhir/metadata"; open != (len(o.Security) == 0) {
				t.Errorf("%s %s: security %v", method, path, o.Security)
			}
		}
	}
	for _, r := range routes(false) {
		_, told := doc.Paths[label(r.path)][strings.ToLower(r.method)]
		if want := r.serve != nil && !strings.HasSuffix(r.path, "/") && (strings.HasPrefix(r.path, "/fhir") || strings.HasPrefix(r.path, "/health") || r.path == "/openapi.json" || r.path == parametersPath); told != want {
			t.Errorf("%s %s: told %v", r.method, r.path, told)
		}
	}
	for _, m := range regexp.MustCompile(`"#/components/(\w+)/([^"]+)"`).FindAllStringSubmatch(string(a.body), -1) {
		if doc.Components[m[1]][m[2]] == nil {
			t.Errorf("%s is not there", m[0])
		}
	}
	if len(ids) < 20 {
		t.Errorf("%d operations", len(ids))
	}
}

// Explanations and the log are told where there are any, with what they can be asked for.
func TestAdministrationIsTold(t *testing.T) {
	told := map[string]bool{}
	for _, o := range api(routes(true)) {
		told[o.Method+" "+o.Path] = !o.Open
	}
	for _, r := range auth.Routes() {
		if r.Text != "" && !told[r.Method+" "+r.Path] || r.Text == "" && strings.HasPrefix(r.Path, apiPrefix) {
			t.Errorf("%s %s is not told", r.Method, r.Path)
		}
	}
	for _, at := range []string{"GET /api/why", "POST /api/why", "GET /api/audit", "GET /api/audit/verify", "GET /api/searchparameters"} {
		if !told[at] {
			t.Errorf("%s is not told, or told to be open", at)
		}
	}
	text := string(openAPI("http://x.example", "1", api(routes(true))))
	for _, list := range asked {
		for _, p := range list {
			if !strings.Contains(text, p.Text) {
				t.Errorf("OpenAPI does not tell %s", p.Name)
			}
		}
	}
	for _, k := range audit.Kinds {
		if !strings.Contains(text, k.Code) {
			t.Errorf("the kind %s of events is not told", k.Code)
		}
	}
	for _, f := range auditFilters() {
		if !slices.ContainsFunc(asked[auditMount], func(p ui.Parameter) bool { return p.Name == f.name }) {
			t.Errorf("of the log %s is not told", f.name)
		}
	}
}

// What is said of every search holds for the search.
func TestEverySearchTakesIt(t *testing.T) {
	w := open(t, nil)
	examples := map[string]string{"_id": "1", "_lastUpdated": "ge2020", "_has": "", "_include": "Observation:subject", "_revinclude": "Provenance:target",
		"_sort": "-_lastUpdated,_id", "_count": "2", "_total": "none", "_summary": "count", "_format": "json", "_pretty": "true", "_elements": "id",
		"_source": "http://x", "_profile": "http://x", "_list": "1", "_filter": "_id eq 1", "_maxresults": "10", "_contained": "both", "_containedType": "container"}
	for _, p := range everySearch() {
		query := p.Name + "=" + strings.ReplaceAll(examples[p.Name], " ", "%20")
		if p.Name == "_has" {
			query = "_has:Provenance:target:agent=x"
		} else if examples[p.Name] == "" {
			query = p.Name + "=x"
		}
		if a := w.do("GET", "/fhir/Observation?"+query, ""); a.status != 200 {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func BenchmarkHome(b *testing.B) {
	w := open(b, func(o *Options) {
		counts := map[string]int{}
		for i, typ := range types()[:40] {
			counts[typ] = i * 100
		}
		o.Home = func() ui.Home {
			return ui.Home{Frame: auth.Frame{Sandbox: true}, Base: "http://x.example", Counts: counts}
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		w.do("GET", "/", "")
	}
}
