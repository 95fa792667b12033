package server

import (
	"slices"
	"strings"
	"testing"
)

// statement is the part of the CapabilityStatement that says what a type can do.
type statement struct {
	Rest []struct {
		Interaction []struct{ Code string }
		SearchParam []claimedParam
		Compartment []string
		Resource    []struct {
			Type                            string
			Interaction                     []struct{ Code string }
			ConditionalUpdate               bool
			ConditionalDelete               string
			Operation                       []struct{ Name string }
			SearchParam                     []claimedParam
			SearchInclude, SearchRevInclude []string
		}
	}
}

type claimedParam struct{ Name, Type, Documentation string }

// Whatever the CapabilityStatement claims is answered: every interaction of every type, every compartment; what it says
// of searches is in TestTable.
func TestClaimsHold(t *testing.T) {
	w := open(t, nil)
	var s statement
	w.do("GET", "/fhir/metadata", "").decode(t, &s)
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
	}
	var everywhere, paths []string
	for _, p := range s.Rest[0].SearchParam {
		everywhere = append(everywhere, p.Name)
	}
	for _, name := range []string{"_id", "_lastUpdated", "_type", "_list", "_sort", "_elements"} {
		if !slices.Contains(everywhere, name) {
			t.Errorf("%s is not claimed of every search: %v", name, everywhere)
		}
	}
	for _, url := range s.Rest[0].Compartment {
		name := url[strings.LastIndex(url, "/")+1:]
		paths = append(paths, "/fhir/"+strings.ToUpper(name[:1])+name[1:]+"/x/*")
	}
	if slices.Sort(paths); len(paths) != 5 {
		t.Errorf("compartments %v", paths)
	}
	for _, path := range paths {
		if a := w.do("GET", path, ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if !slices.ContainsFunc(s.Rest[0].Interaction, func(i struct{ Code string }) bool { return i.Code == "search-system" }) {
		t.Error("search-system is not claimed")
	}
}
