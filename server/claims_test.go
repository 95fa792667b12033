package server

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// statement is the part of the CapabilityStatement that says what a type can do.
type statement struct {
	Rest []struct {
		Resource []struct {
			Type                            string
			Interaction                     []struct{ Code string }
			ConditionalUpdate               bool
			ConditionalDelete               string
			Operation                       []struct{ Name string }
			SearchParam                     []struct{ Name string }
			SearchInclude, SearchRevInclude []string
		}
	}
}

// Whatever the CapabilityStatement claims is answered: every interaction of every type, every search parameter, every
// include.
func TestClaimsHold(t *testing.T) {
	w := open(t, nil)
	var s statement
	w.do("GET", "/fhir/metadata", "").decode(t, &s)
	params, includes := 0, 0
	for _, r := range s.Rest[0].Resource {
		has := func(code string) bool {
			switch code {
			case "conditional update":
				return r.ConditionalUpdate
			case "conditional delete":
				return r.ConditionalDelete == "single"
			case "conditional patch":
				code = "patch"
			}
			if op, ok := strings.CutPrefix(code, "$"); ok {
				return slices.ContainsFunc(r.Operation, func(o struct{ Name string }) bool { return o.Name == op })
			}
			return slices.ContainsFunc(r.Interaction, func(i struct{ Code string }) bool { return i.Code == code })
		}
		path := "/fhir/" + r.Type
		body := `{"resourceType":"` + r.Type + `","id":"x"}`
		for _, c := range []struct {
			code, method, path, body string
		}{
			{"read", "GET", path + "/x", ""},
			{"vread", "GET", path + "/x/_history/1", ""},
			{"update", "PUT", path + "/x", body},
			{"delete", "DELETE", path + "/y", ""},
			{"create", "POST", path, body},
			{"history-instance", "GET", path + "/y/_history", ""},
			{"history-type", "GET", path + "/_history", ""},
			{"search-type", "GET", path, ""},
			{"search-type", "POST", path + "/_search", ""},
			{"patch", "PATCH", path + "/x", `{"resourceType":"Parameters"}`},
			{"conditional update", "PUT", path + "?_id=x", body},
			{"conditional delete", "DELETE", path + "?_id=y", ""},
			{"conditional patch", "PATCH", path + "?_id=y", `{"resourceType":"Parameters"}`},
			{"$meta", "GET", path + "/x/$meta", ""},
			{"$meta", "GET", path + "/$meta", ""},
			{"$meta-add", "POST", path + "/x/$meta-add", `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}}]}`},
			{"$meta-delete", "POST", path + "/x/$meta-delete", `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"a"}]}}]}`},
		} {
			a := w.do(c.method, c.path, c.body)
			if works := a.status != 405 && a.status < 500; works != has(c.code) {
				t.Errorf("%s %s: %d, claimed: %v", c.method, c.path, a.status, has(c.code))
			}
		}
		for _, p := range r.SearchParam {
			params++
			if a := w.do("GET", path+"?"+p.Name+":missing=true&_count=0", ""); a.status != 200 {
				t.Errorf("%s: search by %s: %s", r.Type, p.Name, a.body)
			}
		}
		for name, list := range map[string][]string{"_include": r.SearchInclude, "_revinclude": r.SearchRevInclude} {
			for some := range slices.Chunk(list, 20) {
				includes += len(some)
				q := url.Values{name: some}
				if a := w.do("GET", path+"?"+q.Encode(), ""); a.status != 200 {
					t.Errorf("%s: %s: %s", r.Type, strings.Join(some, " "), a.body)
				}
			}
		}
	}
	if params < 2000 || includes < 1000 {
		t.Errorf("%d search parameters and %d includes are claimed", params, includes)
	}
}
