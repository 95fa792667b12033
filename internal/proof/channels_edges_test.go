package proof

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/compartments"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/proof/model"
	"github.com/firewarden/firewarden/search/index"
)

// TestEveryEdge goes along every reference parameter of R4 to each type that it may name, forwards by _include and
// backwards by _revinclude. Of each type there is v, of Patient v and with the label a, and h, of Patient h without it; for
// each edge there is a resource like v that names h, and one like h that names v. Whatever comes with an answer the caller
// can read by itself; and who sees everything gets all of it.
func TestEveryEdge(t *testing.T) {
	w := newWeb(t)
	for name, open := range engines(t) {
		if name != "embedded" { // memory looks at every resource for every edge, and a database takes too long
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := *w
			w.site, w.readable = newSite(t), map[string]bool{}
			st := open()
			defer st.Close()
			if err := w.fill(st, w.ops); err != nil {
				t.Fatal(err)
			}
			all := w.along(t, unrestricted)
			for _, e := range w.edges {
				if target := e.target + "/h"; !all[e.param.String()+" "+target] {
					t.Errorf("_include=%s gives who sees everything no %s", e.param, target)
				}
				if !all[e.target+" "+e.source] {
					t.Errorf("_revinclude=%s from %s/v gives who sees everything no %s", e.param, e.target, e.source)
				}
			}
			came, withheld := 0, 0
			for _, token := range []model.Token{of("patient/*.rs", "v", "", ""), of("patient/*.rs?_tag=a", "v", "", ""), of("user/*.rs", "", "self", "Patient/v"), of("system/*.rs?_tag=a", "", "", "")} {
				clear(w.readable)
				some := w.along(t, token)
				withheld += len(all) - len(some)
				for at := range some {
					_, what, _ := strings.Cut(at, " ")
					if came++; !w.reads(t, token, what) {
						t.Errorf("%s gets %s along %s and may not read it", token, what, at)
					}
				}
			}
			t.Logf("edges: %d parameters, %d edges of the definitions, each forwards and backwards × 4 kinds of scopes: %d resources came along and could be read, %d did not come that come to who sees everything", len(w.params), len(w.edges), came, withheld)
		})
	}
}

// web is a world of edges.
type web struct {
	*site
	ops      []Op
	params   []edgeParam
	edges    []edge
	readable map[string]bool // as far as it was asked
}

type edgeParam struct{ typ, code string }

func (p edgeParam) String() string { return p.typ + ":" + p.code }

// edge is a parameter to one of the types that it may name; source is the resource like h that names v.
type edge struct {
	param          edgeParam
	target, source string
}

func newWeb(t *testing.T) *web {
	w := &web{}
	for _, typ := range r4.Resources() {
		if r4.Searchable(typ) {
			for _, id := range []string{"v", "h"} {
				w.add(t, typ, id, w.like(t, typ, id))
			}
		}
	}
	for _, typ := range r4.Resources() {
		for _, p := range r4.Params(typ) {
			if p.Type != r4.Reference || p.Expression == "" || !r4.Searchable(typ) || typ == "Bundle" { // what a Bundle holds it does not refer to
				continue
			}
			param := edgeParam{typ, p.Code}
			w.params = append(w.params, param)
			targets := p.Targets
			if len(targets) == 0 { // R4 names none
				targets = []string{"ActivityDefinition", "PlanDefinition"}
			}
			for i, target := range targets {
				if !r4.Searchable(target) {
					continue
				}
				id := fmt.Sprintf("%s-%d", p.Code, i)
				for _, like := range []string{"v", "h"} {
					o := w.like(t, typ, like)
					if o["url"] != nil {
						o["url"] = "http://c/" + typ + "/" + like + "-" + id
					}
					o["meta"] = object{"tag": append(o["meta"].(object)["tag"].([]any), object{"system": "http://edge", "code": p.Code})}
					refer(t, o, p, target, map[string]string{"v": "h", "h": "v"}[like])
					w.add(t, typ, like+"-"+id, o)
				}
				w.edges = append(w.edges, edge{param, target, typ + "/h-" + id})
			}
		}
	}
	return w
}

func (w *web) add(t *testing.T, typ, id string, o object) {
	if len(id) > 64 {
		t.Fatal(id)
	}
	o["id"] = id
	w.ops = append(w.ops, Op{Type: typ, ID: id, Body: []byte(text(o))})
}

// like is a resource of a type that is Patient id's, as far as the type is anybody's.
func (w *web) like(t *testing.T, typ, id string) object {
	label := map[string]string{"v": "a", "h": "b"}[id]
	o := object{"resourceType": typ, "meta": object{"tag": []any{object{"code": label}}}}
	if def := r4.TypeOf(typ); def.Field("url") != nil {
		o["url"] = "http://c/" + typ + "/" + id
	}
	codes := compartments.Params("Patient", typ)
	if code := compartments.SubjectParam(typ); code != "" {
		codes = []string{code}
	}
	switch {
	case typ == "Binary":
		o["securityContext"] = object{"reference": "Patient/" + id}
	case typ != "Patient" && len(codes) > 0:
		refer(t, o, r4.Lookup(typ, codes[0]), "Patient", id)
	}
	return o
}

var condition = regexp.MustCompile(`\.where\(([^()]|\(\))*\)`)

// refer adds a reference where the first clause of a parameter's expression looks for it.
func refer(t *testing.T, o object, p *r4.SearchParameter, target, id string) {
	typ := o["resourceType"].(string)
	clause, _, _ := strings.Cut(p.Expression, " | ")
	where := condition.FindString(clause)
	path := strings.Trim(condition.ReplaceAllString(clause, ""), "()")
	path, as, _ := strings.Cut(path, " as ")
	if as == "" && slices.Contains(p.Elements, "Reference") {
		as = "Reference"
	}
	var value any = object{"reference": target + "/" + id}
	switch {
	case as == "Reference":
	case index.Canonical(p) && index.CanonicalType(target):
		value = "http://c/" + target + "/" + id
	default:
		value = target + "/" + id
	}
	names := strings.Split(strings.TrimPrefix(path, typ+"."), ".")
	at := o
	for i, name := range names {
		el := r4.TypeOf(typ).Field(name)
		if el == nil {
			t.Fatalf("%s of %s: %s has no %s", p.Code, p.Expression, typ, name)
		}
		ref := &el.Types[0]
		for j := range el.Types {
			if i == len(names)-1 && el.Types[j].Code == as {
				ref = &el.Types[j]
			}
		}
		name = el.JSON(ref)
		if i == len(names)-1 {
			put(at, name, value, el.Max != 1)
			return
		}
		next := object{}
		if inner, ok := at[name].(object); ok {
			next = inner
		} else {
			put(at, name, next, el.Max != 1)
		}
		if _, kind, ok := strings.Cut(where, "type='"); ok {
			next["type"] = strings.TrimRight(kind, "')")
		}
		at, typ = next, ref.Code
	}
}

// put sets a member, or adds to one that repeats.
func put(o object, name string, value any, repeats bool) {
	if repeats {
		old, _ := o[name].([]any)
		value = append(old, value)
	}
	o[name] = value
}

// along asks for every edge with a token: what came with which parameter or from which type, as "Type:code Type/id" and
// "Type Type/id".
func (w *web) along(t *testing.T, token model.Token) map[string]bool {
	t.Helper()
	if err := w.as(token); err != nil {
		t.Fatal(err)
	}
	came := map[string]bool{}
	ask := func(label, path string) {
		for path != "" {
			a, err := w.send(Request{Method: http.MethodGet, Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if a.status == http.StatusForbidden {
				return
			}
			b, err := read(a)
			if err != nil || a.status != http.StatusOK || strings.Contains(a.body, `"mode":"outcome"`) {
				t.Fatalf("%s: %v %d %.800s", path, err, a.status, a.body[max(0, strings.Index(a.body, `"mode":"outcome"`)-600):])
			}
			for _, e := range b.Entry {
				if e.Search.Mode == "include" {
					came[fmt.Sprint(label, " ", e.Resource["resourceType"], "/", e.Resource["id"])] = true
				}
			}
			path = ""
			for _, link := range links.FindAllStringSubmatch(a.body, -1) {
				if link[1] == "next" {
					path = strings.TrimPrefix(link[2], w.service.Base)
				}
			}
		}
	}
	back := map[string][]string{}
	for _, p := range w.params {
		ask(p.String(), "/"+p.typ+"?_elements=id&_count=1000&_tag="+url.QueryEscape("http://edge|"+p.code)+"&_include="+p.String())
	}
	for _, e := range w.edges {
		back[e.target] = append(back[e.target], "&_revinclude="+e.param.String())
	}
	for target, list := range back {
		several := 40
		if target == "Patient" { // to whom everything refers
			several = 1
		}
		for part := range slices.Chunk(list, several) {
			ask(target, "/"+target+"?_elements=id&_id=v"+strings.Join(part, ""))
		}
	}
	return came
}

// reads says whether the token reads a resource.
func (w *web) reads(t *testing.T, token model.Token, what string) bool {
	if ok, known := w.readable[what]; known {
		return ok
	}
	a, err := w.send(Request{Method: http.MethodGet, Path: "/" + what})
	if err != nil {
		t.Fatal(err)
	}
	w.readable[what] = a.status == http.StatusOK
	return w.readable[what]
}
