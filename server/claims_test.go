package server

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
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

// Whatever the CapabilityStatement claims is answered: every interaction of every type, every search parameter with
// every modifier, every include, every compartment.
func TestClaimsHold(t *testing.T) {
	w := open(t, nil)
	var s statement
	w.do("GET", "/fhir/metadata", "").decode(t, &s)
	params, includes, modifiers := 0, 0, 0
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
			if a := w.do("GET", path+"?"+p.Name+":missing=true&_count=0", ""); a.status != 200 && strings.Contains(p.Documentation, ":missing") {
				t.Errorf("%s: search by %s: %s", r.Type, p.Name, a.body)
			}
			modifiers += w.tryModifiers(r.Type, p)
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
	if params < 2000 || includes < 1000 || modifiers < 4000 {
		t.Errorf("%d search parameters, %d modifiers and %d includes are claimed", params, modifiers, includes)
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

// examples are values for a parameter of a type with a modifier, "" is any other.
var examples = map[string]map[string]string{
	"token": {"": "x", "missing": "true", "of-type": "a|b|c", "in": "http://hl7.org/fhir/ValueSet/observation-status", "not-in": "http://hl7.org/fhir/ValueSet/observation-status",
		"above": "http://hl7.org/fhir/observation-status|final", "below": "http://hl7.org/fhir/observation-status|final"},
	"string": {"": "x", "missing": "false"}, "uri": {"": "http://x/y", "missing": "true"}, "number": {"missing": "true"}, "date": {"missing": "true"},
	"quantity": {"missing": "true"}, "composite": {"missing": "true"}, "special": {"missing": "true"},
	"reference": {"missing": "true", "identifier": "a|b", "text": "x", "": "x", "above": "x", "below": "x", "in": "http://hl7.org/fhir/ValueSet/observation-status",
		"not-in": "http://hl7.org/fhir/ValueSet/observation-status"},
}

// tryModifiers searches with each modifier that a parameter claims.
func (w *site) tryModifiers(typ string, p claimedParam) (tried int) {
	for m := range strings.FieldsSeq(strings.TrimPrefix(p.Documentation, "Modifiers:")) {
		m = strings.TrimPrefix(m, ":")
		if m == "[type]" {
			m = r4.Lookup(typ, p.Name).Targets[0]
		}
		value, ok := examples[p.Type][m]
		if !ok {
			value, ok = examples[p.Type][""]
		}
		if !ok {
			w.t.Errorf("%s of %s claims :%s and the test has no example of it", p.Name, typ, m)
			continue
		}
		tried++
		if a := w.do("GET", "/fhir/"+typ+"?_count=0&"+p.Name+":"+m+"="+url.QueryEscape(value), ""); a.status != 200 {
			w.t.Errorf("%s?%s:%s=%s: %s", typ, p.Name, m, value, a.body)
		}
	}
	return tried
}
