package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
)

// dictionary: two value sets, one of them in two versions, a code system, and rooms inside of floors inside of a house.
func dictionary() *log {
	l := &log{}
	l.put("CodeSystem", "a", `,"url":"urn:a","content":"complete","concept":[{"code":"x","concept":[{"code":"y"}]},{"code":"z"}]`)
	l.put("ValueSet", "v", `,"url":"urn:v","version":"1","status":"draft","compose":{"include":[{"system":"urn:a","filter":[{"property":"concept","op":"is-a","value":"x"}]}]}`)
	l.put("ValueSet", "w", `,"url":"urn:w","status":"active","compose":{"include":[{"system":"urn:b"}]}`)
	l.put("Observation", "x", `,"code":{"coding":[{"system":"urn:a","code":"x"}]}`)
	l.put("Observation", "y", `,"code":{"coding":[{"system":"urn:a","code":"y"}]}`)
	l.put("Observation", "z", `,"code":{"coding":[{"system":"urn:a","code":"z"},{"system":"urn:b","code":"1"}]}`)
	l.put("Observation", "n", `,"status":"final"`)
	l.put("Location", "house", `,"name":"house"`)
	l.put("Location", "floor", `,"name":"floor","partOf":{"reference":"Location/house"}`)
	l.put("Location", "room", `,"name":"room","partOf":{"reference":"Location/floor"}`)
	l.put("Location", "loop", `,"partOf":{"reference":"Location/loop"}`)
	for _, at := range []string{"house", "floor", "room", "loop", "street"} {
		l.put("Encounter", at, `,"location":[{"location":{"reference":"Location/`+at+`"}}]`)
	}
	return l
}

func TestResolve(t *testing.T) {
	all := sets{"ValueSet": "", "CodeSystem": "", "Observation": "", "Location": "", "Encounter": ""}
	without := func(typ, query string) sets {
		out := sets{}
		for k, v := range all {
			out[k] = v
		}
		if out[typ] = query; query == "" {
			delete(out, typ)
		}
		return out
	}
	for _, c := range []struct {
		typ, query string
		a          sets
		want       string
	}{
		{"Observation", "code:in=urn:v", all, "[Observation/y/1 Observation/x/1]"},
		{"Observation", "code:in=urn:v|1", all, "[Observation/y/1 Observation/x/1]"},
		{"Observation", "code:in=ValueSet/v", all, "[Observation/y/1 Observation/x/1]"},
		{"Observation", "code:in=ValueSet/v/_history/7", all, "[Observation/y/1 Observation/x/1]"},
		{"Observation", "code:in=urn:w,urn:v", all, "[Observation/z/1 Observation/y/1 Observation/x/1]"},
		{"Observation", "code:below=urn:a|x", all, "[Observation/y/1 Observation/x/1]"},
		{"Observation", "code:above=urn:a|y", all, "[Observation/y/1 Observation/x/1]"},
		{"Observation", "code:below=urn:a|y,urn:a|z", all, "[Observation/z/1 Observation/y/1]"},
		{"Observation", "code:in=urn:w", without("CodeSystem", ""), "[Observation/z/1]"},
		{"Encounter", "location:below=Location/house", all, "[Encounter/room/1 Encounter/floor/1 Encounter/house/1]"},
		{"Encounter", "location:below=house,Location/loop", all, "[Encounter/loop/1 Encounter/room/1 Encounter/floor/1 Encounter/house/1]"},
		{"Encounter", "location:above=Location/room", all, "[Encounter/room/1 Encounter/floor/1 Encounter/house/1]"},
		{"Encounter", "location:above=Location/street", all, "[Encounter/street/1]"},
		// What may not be seen has no parts, and is part of nothing.
		{"Encounter", "location:below=Location/house", without("Location", "_id=house,room"), "[Encounter/house/1]"},
		{"Encounter", "location:above=Location/room", without("Location", "_id=house,room"), "[Encounter/room/1 Encounter/floor/1]"},
		{"Encounter", "location:below=Location/house", without("Location", ""), "[Encounter/house/1]"},

		{"Observation", "code:in=urn:none", all, `http.code:in: the value set "urn:none" is not known here`},
		{"Observation", "code:in=urn:v|2", all, `http.code:in: the value set "urn:v|2" is not known here`},
		{"Observation", "code:in=ValueSet/none", all, `http.code:in: the value set "ValueSet/none" is not known here`},
		{"Observation", "code:not-in=urn:none", all, `http.code:not-in: the value set "urn:none" is not known here`},
		{"Observation", "status=nothing&code:in=urn:none", all, `http.code:in: the value set "urn:none" is not known here`},
		{"Observation", "code:below=urn:z|x", all, `http.code:below: the code system "urn:z" is not known here`},
		// An invisible one is the same as none.
		{"Observation", "code:in=urn:v", without("ValueSet", ""), `http.code:in: the value set "urn:v" is not known here`},
		{"Observation", "code:in=urn:v", without("ValueSet", "status=active"), `http.code:in: the value set "urn:v" is not known here`},
		{"Observation", "code:in=ValueSet/v", without("ValueSet", "status=active"), `http.code:in: the value set "ValueSet/v" is not known here`},
		{"Observation", "code:in=urn:v", without("CodeSystem", ""), `http.code:in: the codes of the code system "urn:a" are not known here`},
		{"Observation", "code:below=urn:a|x", without("CodeSystem", ""), `http.code:below: the code system "urn:a" is not known here`},
	} {
		l := dictionary()
		q := where(c.typ, c.query)
		got := ""
		x, err := plan.Resolve(ctx, l, q, c.a, nil, nil)
		var f *fhir.Error
		switch {
		case errors.As(err, &f):
			got = f.Expression + ": " + f.Diagnostics
		case err != nil:
			got = err.Error()
		case x.Open():
			got = "open: " + x.Where.String()
		default:
			r, err := plan.Run(ctx, l, lowered(t, search.Guard(x, c.a)), plan.Window{Limit: 10})
			if err != nil {
				t.Fatalf("%s: %v", c.query, err)
			}
			got = fmt.Sprint(names(r.Rows))
		}
		if got != c.want {
			t.Errorf("%s?%s by %v: %s, want %s", c.typ, c.query, c.a, got, c.want)
		}
	}
}

// What may be read by a condition that cannot be asked ends the request; it is not the same as nothing.
func TestResolveByAnOpenAccess(t *testing.T) {
	open := where("Observation", "code:in=urn:v").Where
	for query, typ := range map[string]string{"code:in=urn:v": "ValueSet", "code:in=ValueSet/v": "ValueSet", "code:below=urn:a|x": "CodeSystem"} {
		q, err := plan.Resolve(ctx, dictionary(), where("Observation", query), byOwn{open, typ}, nil, nil)
		if err == nil || strings.Contains(err.Error(), "not known here") {
			t.Errorf("%s: %v (%v)", query, q.Where, err)
		}
	}
	for _, query := range []string{"location:below=house", "location:above=room"} {
		if q, err := plan.Resolve(ctx, dictionary(), where("Encounter", query), byOwn{open, "Location"}, nil, nil); err == nil {
			t.Errorf("%s: %v", query, q.Where)
		}
	}
}

// All of a level are followed, and what is stored may name this server by its base.
func TestHierarchyLevels(t *testing.T) {
	l := &log{}
	l.put("Location", "house", `,"name":"house"`)
	for of, parts := range map[string][]string{"house": {"first", "second"}, "first": {"a", "b"}, "second": {"c", "d"}} {
		for _, part := range parts {
			l.put("Location", part, `,"partOf":{"reference":"Location/`+of+`"}`)
		}
	}
	l.put("Location", "bed", `,"partOf":{"reference":"https://here.test/fhir/Location/a"}`)
	x := &index.Indexer{Base: "https://here.test/fhir"}
	for query, want := range map[string]string{"below=house": "a b c d first house second", "above=bed": "a bed first house"} {
		q, err := plan.Resolve(ctx, l, where("Encounter", "location:"+query), sets{"Location": ""}, x, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range q.Where.(search.Param).Any {
			got = append(got, v.Ref.ID)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
}

// Inside of every kind of expression.
func TestResolveInside(t *testing.T) {
	all := sets{"ValueSet": "", "CodeSystem": "", "Observation": "", "Patient": "", "Location": ""}
	for _, c := range []struct{ typ, query, want string }{
		{"Patient", "_has:Observation:patient:code:in=urn:v", "(has Observation:patient code:in=urn:v)"},
		{"Observation", "has-member:Observation.code:in=urn:v", "(chain has-member:Observation code:in=urn:v)"},
		{"Observation", "code:in=urn:v&code:not-in=urn:w", "(and code:in=urn:v code:not-in=urn:w)"},
		{"Encounter", "location.partof:below=Location/house", "(chain location:Location partof=Location/house,Location/floor,Location/room)"},
	} {
		x, err := plan.Resolve(ctx, dictionary(), where(c.typ, c.query), all, nil, nil)
		if err != nil || x.Open() || x.Where.String() != c.want {
			t.Errorf("%s: %v (%v), want %s", c.query, x.Where, err, c.want)
		}
	}
	open := where("Observation", "code:in=urn:v")
	if _, err := plan.Lower(search.Guard(open, all), nil); err == nil {
		t.Error("what is open is lowered")
	}
	res := parsed(&dictionary().rows[3])
	if search.Match(search.World{}, open.Where, res) || search.Match(search.World{}, where("Observation", "code:not-in=urn:v").Where, res) {
		t.Error("what is open finds something")
	}
}
