package server

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// refers are the stored resources that a parameter of a resource refers to, of the types that its definition names: no
// join leads to others.
func (l *library) refers(res *fhir.Resource, p *r4.SearchParameter) (out []*fhir.Resource) {
	for _, r := range (search.World{Index: l.index}).References(p, res) {
		for _, target := range l.named(p, r) {
			if !slices.Contains(out, target) && (len(p.Targets) == 0 || slices.Contains(p.Targets, target.Type)) {
				out = append(out, target)
			}
		}
	}
	return out
}

// named are the stored resources that a reference names.
func (l *library) named(p *r4.SearchParameter, r fhir.Reference) []*fhir.Resource {
	if res := l.byName[r.String()]; res != nil {
		return []*fhir.Resource{res}
	}
	if index.Canonical(p) && r.URL != "" {
		return l.byURL[r.URL]
	}
	return nil
}

// along are the parameters of an include value, Source:code, Source:* or *.
func along(value, typ string) (source string, params []*r4.SearchParameter) {
	source, code, _ := strings.Cut(value, ":")
	if source == "*" {
		source, code = typ, "*"
	}
	for _, p := range r4.Params(source) {
		if p.Type == r4.Reference && p.Expression != "" && (code == "*" || code == p.Code) {
			params = append(params, p)
		}
	}
	return source, params
}

// include asks for one _include of a type, with an example that refers to another one if there is one.
func (l *library) include(t *testing.T, rows *table, typ, value string) {
	_, params := along(value, typ)
	id := "zzqx"
	var want []string
	for _, res := range l.byType[typ] {
		for _, p := range params {
			for _, target := range l.refers(res, p) {
				want = append(want, target.Type+"/"+target.ID)
			}
		}
		if want = slices.DeleteFunc(want, func(name string) bool { return name == typ+"/"+res.ID }); len(want) > 0 {
			id = res.ID
			break
		}
	}
	l.included(t, rows, typ, "_include", value, id, want)
}

// revinclude asks for one _revinclude of a type, likewise.
func (l *library) revinclude(t *testing.T, rows *table, typ, value string) {
	if value == "*" { // all of the others at once
		l.included(t, rows, typ, "_revinclude", value, "zzqx", nil)
		return
	}
	source, params := along(value, "")
	sources := map[*fhir.Resource][]string{}
	for _, res := range l.byType[source] {
		for _, target := range l.refers(res, params[0]) {
			if target.Type == typ && target != res {
				sources[target] = append(sources[target], source+"/"+res.ID)
			}
		}
	}
	id := "zzqx"
	var want []string
	for _, res := range l.byType[typ] {
		if want = sources[res]; len(want) > 0 && len(want) <= 100 {
			id = res.ID
			break
		}
		want = nil
	}
	l.included(t, rows, typ, "_revinclude", value, id, want)
}

func (l *library) included(t *testing.T, rows *table, typ, name, value, id string, want []string) {
	t.Helper()
	a := l.do("GET", "/fhir/"+typ+"?_id="+id+"&_elements=id&"+name+"="+url.QueryEscape(value), "")
	var bundle struct {
		Entry []struct {
			Resource struct{ ResourceType, ID string }
			Search   struct{ Mode string }
		}
	}
	if err := json.Unmarshal(a.body, &bundle); err != nil || a.status != 200 {
		t.Errorf("%s?%s=%s: %d %.300s", typ, name, value, a.status, a.body)
		return
	}
	var got []string
	for _, e := range bundle.Entry {
		if e.Search.Mode == "include" {
			got = append(got, e.Resource.ResourceType+"/"+e.Resource.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("%s?_id=%s&%s=%s: %q, want %q", typ, id, name, value, got, want)
	}
	rows.add(typ, nil, name, len(want) > 0)
}
