package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/server/ui"
)

// example fills in the parameters of a path.
func example(path string) string {
	return strings.NewReplacer(":type", "Patient", ":id", "1", ":version", "1", ":member", "Observation",
		"$:operation", "$everything", ":document", "smart-configuration",
		"/assets/:name", ui.New(ui.Options{}).Assets()[0].Path).Replace(path)
}

func TestEveryMethodOnEveryPath(t *testing.T) {
	w := open(t, nil)
	table := routes(false)
	for _, first := range table {
		path := example(first.path)
		var works []string
		for _, r := range table {
			if r.path == first.path && r.serve != nil {
				works = append(works, r.method)
				if r.method == "GET" {
					works = append(works, "HEAD")
				}
			}
		}
		options := w.do("OPTIONS", path, "")
		if options.status != 204 || len(options.body) > 0 {
			t.Errorf("OPTIONS %s: %d %s", path, options.status, options.body)
		}
		allow := strings.Split(options.header.Get("Allow"), ", ")
		if want := append(slices.Clone(works), "OPTIONS"); !sameSet(allow, want) {
			t.Errorf("OPTIONS %s: Allow %v, want %v", path, allow, want)
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "FROB"} {
			a := w.do(method, path, "")
			refused := a.status == 405 || len(works) == 0 && a.status == 404
			if slices.Contains(works, method) == refused {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
			if a.status == 405 && !sameSet(strings.Split(a.header.Get("Allow"), ", "), allow) {
				t.Errorf("%s %s: Allow %q, want %v", method, path, a.header.Get("Allow"), allow)
			}
			if a.status == 405 && method != "HEAD" {
				a.outcome(t, 405, "not-supported")
			}
		}
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func TestWhatIsMissingSaysSo(t *testing.T) {
	w := open(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/fhir/$convert", 404, "operation"},
		{"POST", "/fhir/%24convert", 404, "operation"},
		{"GET", "/fhir/Patient/$match", 404, "operation"},
		{"GET", "/fhir/Patient/1/$everything", 404, "operation"},
		{"GET", "/fhir/Patient/1/%24everything", 404, "operation"},
		{"GET", "/fhir/$meta-add", 404, "operation"},
		{"POST", "/fhir/Patient/$meta-add", 404, "operation"},
		{"GET", "/fhir/Observation/1/Patient", 404, "compartment"},
		{"GET", "/fhir/Observation/1/*", 404, "compartment"},
		{"GET", "/fhir/Patient/1/Location", 404, "compartment"},
		{"GET", "/fhir/Patient/1/nonsense", 404, "compartment"},
		{"GET", "/fhir/Patient/1/$meta-add", 405, "POST"},
		{"GET", "/fhir/Patient/", 405, "DELETE"},
		{"GET", "/fhir/.well-known/smart-configuration", 404, "authorization server"},
	} {
		if got := w.do(c.method, c.path, "").outcome(t, c.status, "not-supported"); !strings.Contains(got, c.says) {
			t.Errorf("%s %s: %q does not say %q", c.method, c.path, got, c.says)
		}
	}
}

func TestPathsAreExact(t *testing.T) {
	w := open(t, nil)
	for _, c := range []struct {
		path, code string
	}{
		{"/FHIR/metadata", "not-found"},
		{"/fhir/Metadata", "not-supported"},
		{"/fhir/metadata/", "not-supported"},
		{"/fhir/patient/1", "not-supported"},
		{"/fhir/Patients/1", "not-supported"},
		{"/fhir/Patient/1/", "not-found"},
		{"/fhir//Patient/1", "not-found"},
		{"/fhir/Patient%2F1", "not-found"},
		{"/fhir/Patient/1/_history/", "not-found"},
		{"/fhir/Patient/1/_history/1/2", "not-found"},
		{"/fhir/Parameters", "not-supported"},
		{"/fhir/DomainResource/1", "not-supported"},
		{"/fhir/HumanName/1", "not-supported"},
		{"/health/", "not-found"},
		{"/nothing", "not-found"},
		{"/favicon.ico", "not-found"},
		{"/fhir/../etc/passwd", "not-supported"},
	} {
		req, _ := http.NewRequest("GET", w.url, nil)
		req.URL.Opaque = c.path // as written, without cleaning
		w.send(req).outcome(t, 404, c.code)
	}
}

func TestClaimsAreTheTables(t *testing.T) {
	want := []string{"capabilities", "batch", "transaction", "search-system", "history-system", "search-type", "create", "update", "delete", "patch",
		"history-type", "read", "history-instance", "vread"}
	if got := claims(routes(false)); !slices.Equal(got, want) {
		t.Errorf("claims %v, want %v", got, want)
	}
}
