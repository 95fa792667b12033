package search_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

func TestParseResultParameters(t *testing.T) {
	o := goldenOptions
	o.MaxCount = 500
	q, err := search.Parse("Observation", pairs(t, "code=x&_sort=-date,status&_sort=_id&_count=1000000000000000000000&_total=accurate&_format=json&_pretty=true&_page=abc&"+
		"_include=Observation:subject:Patient&_revinclude=Provenance:target&_summary=false"), o)
	if err != nil {
		t.Fatal(err)
	}
	var sort []string
	for _, s := range q.Sort {
		sort = append(sort, fmt.Sprint(s.P.Code, s.Desc))
	}
	if want := []string{"datetrue", "statusfalse", "_idfalse"}; !slices.Equal(sort, want) {
		t.Errorf("sort %v, want %v", sort, want)
	}
	if q.Count != 500 || q.Total != search.TotalAccurate || q.CountOnly || q.Page != "abc" {
		t.Errorf("count %d, total %d, count only %v, page %q", q.Count, q.Total, q.CountOnly, q.Page)
	}
	if len(q.Include) != 1 || q.Include[0].P.Code != "subject" || q.Include[0].Target != "Patient" || len(q.RevInclude) != 1 || q.RevInclude[0].Source != "Provenance" {
		t.Errorf("includes %v, %v", q.Include, q.RevInclude)
	}
	var self []string
	for _, p := range q.Self {
		self = append(self, p.Name+"="+p.Value)
	}
	want := "code=x&_sort=-date,status&_sort=_id&_count=500&_total=accurate&_include=Observation:subject:Patient&_revinclude=Provenance:target&_summary=false"
	if strings.Join(self, "&") != want {
		t.Errorf("self %s\nwant %s", strings.Join(self, "&"), want)
	}
	for _, query := range []string{"_count=0", "_summary=count", "_count=0&_total=none"} {
		q, err := search.Parse("Patient", pairs(t, query), o)
		if err != nil || !q.CountOnly || q.Total != search.TotalAccurate {
			t.Errorf("%s: count only %v, total %d, %v", query, q.CountOnly, q.Total, err)
		}
	}
	if q, err := search.Parse("Patient", nil, o); err != nil || q.Count != -1 || q.Where != search.All {
		t.Errorf("no parameters: %v, count %d, %v", q.Where, q.Count, err)
	}
}

// TestParseErrors: every fault is a client's fault with the parameter as its place.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		query string
		kind  fhir.Kind
	}{
		{"nmae=x", fhir.KindUnknownParam},
		{"name:foo=x", fhir.KindUnknownParam},
		{"birthdate=xx", fhir.KindValue},
		{"birthdate=2020,", fhir.KindValue},
		{"_has:Observation:patient:value-quantity=1|http://unitsofmeasure.org|nonsense", fhir.KindValue},
		{"_has:Observation:patient:value-quantity=1|http://unitsofmeasure.org", fhir.KindValue},
		{"_sort=_text", fhir.KindUnknownParam},
		{"_query=x", fhir.KindUnknownParam},
		{"_contained=some", fhir.KindValue},
		{"_containedType=box", fhir.KindValue},
		{"_count=-1", fhir.KindValue},
		{"_sort=foo", fhir.KindUnknownParam},
		{"organization.nmae=x", fhir.KindUnknownParam},
		{"organization=Foo/1", fhir.KindValue},
		{"_has:Observation:patient:code:foo=x", fhir.KindUnknownParam},
	} {
		_, err := search.Parse("Patient", pairs(t, "gender=male&"+c.query), goldenOptions)
		var e *fhir.Error
		name, _, _ := strings.Cut(c.query, "=")
		if !errors.As(err, &e) || e.Kind != c.kind || e.Expression != "http."+name {
			t.Errorf("%s: %v", c.query, err)
		}
		o := goldenOptions
		o.Lenient = true
		q, err := search.Parse("Patient", pairs(t, "gender=male&"+c.query), o)
		if err != nil || len(q.Ignored) != 1 || q.Where.String() != "gender=male" || len(q.Self) != 1 {
			t.Errorf("lenient %s: %v, ignored %v, %v", c.query, q.Where, q.Ignored, err)
		}
	}
}

// TestParseEmpty: a search may leave out what has no value (R4 search.html#errors); where nothing may be left out, as in the
// condition of a write, it is an error.
func TestParseEmpty(t *testing.T) {
	for _, empty := range []string{"name=", "name", "_sort=", "_count=", "_filter=", "_include=", "_elements=", "name:exact=", "_has:Observation:patient:code=", "organization.name="} {
		query := pairs(t, "gender=male&"+empty)
		if _, err := search.Parse("Patient", query, goldenOptions); err == nil {
			t.Errorf("%s is no error", empty)
		}
		o := goldenOptions
		o.SkipEmpty = true
		q, err := search.Parse("Patient", query, o)
		if err != nil || len(q.Ignored) != 1 || q.Where.String() != "gender=male" || len(q.Self) != 1 {
			t.Errorf("%s: %v, ignored %v, %v", empty, q.Where, q.Ignored, err)
		}
		q, err = search.ParseTypes([]string{"Patient", "Practitioner"}, append(query, search.Pair{Name: "_type"}), o)
		if err != nil || len(q.Ignored) != 2 || len(q.Branches) != 2 || len(q.Self) != 1 {
			t.Errorf("%s of several types: %+v, %v", empty, q, err)
		}
		for _, wrong := range []string{"gender=male,", "_page="} {
			if _, err := search.Parse("Patient", pairs(t, wrong), o); err == nil {
				t.Errorf("%s is no error", wrong)
			}
		}
	}
}

func TestParseBounds(t *testing.T) {
	for name, list := range map[string][]search.Pair{
		"values":      {{Name: "code", Value: strings.Repeat("a,", 3000) + "a"}},
		"parameters":  slices.Repeat([]search.Pair{{Name: "code", Value: "a"}}, 3000),
		"sort keys":   {{Name: "_sort", Value: strings.Repeat("date,", 3000) + "date"}},
		"includes":    slices.Repeat([]search.Pair{{Name: "_include", Value: "Observation:subject"}}, 3000),
		"open chains": {{Name: strings.Repeat("focus.", 8) + "code", Value: "a"}},
		"elements":    {{Name: "_elements", Value: strings.Repeat("code,", 3000) + "code"}},
		"lists":       {{Name: "_list", Value: strings.Repeat("a,", 3000) + "a"}},
		"links":       {{Name: "_sort", Value: strings.Repeat("subject:Patient.family,", 600) + "date"}},
	} {
		for _, lenient := range []bool{false, true} {
			o := goldenOptions
			o.Lenient = lenient
			if _, err := search.Parse("Observation", list, o); fhir.KindOf(err) != fhir.KindTooCostly {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// A search on several types may hold as much as a search on one.
	ids := []search.Pair{{Name: "_id", Value: strings.Repeat("a,", 900) + "a"}}
	if q, err := search.ParseTypes(r4.Resources(), ids, goldenOptions); err != nil || len(q.Branches) != len(r4.Resources()) {
		t.Errorf("%d branches, %v", len(q.Branches), err)
	}
	if _, err := search.ParseTypes(r4.Resources(), append(ids, ids...), goldenOptions); fhir.KindOf(err) != fhir.KindTooCostly {
		t.Errorf("values of several types: %v", err)
	}
}

// TestParseSeveralTypes: what is asked of several types is asked of each.
func TestParseSeveralTypes(t *testing.T) {
	q, err := search.ParseTypes([]string{"Encounter", "Observation", "Patient"}, pairs(t, "_type=Observation,Encounter&date=2020&_sort=-date&_count=3&_include=Observation:subject"), goldenOptions)
	if err != nil || q.Type != "" || len(q.Branches) != 2 || q.Count != 3 || len(q.Include) != 1 || len(q.Self) != 5 {
		t.Fatalf("%+v, %v", q, err)
	}
	for i, typ := range []string{"Encounter", "Observation"} {
		b := q.Branches[i]
		if b.Type != typ || b.Where.String() != "date=2020" || len(b.Sort) != 1 || b.Sort[0].P.Base != typ || !b.Sort[0].Desc {
			t.Errorf("%+v", b)
		}
	}
	in := q.Within(fhir.Reference{Type: "Patient", ID: "1"})
	if got := in.Branches[1].Where.String(); got != "(and in:Patient/1 date=2020)" || q.Branches[1].Where.String() != "date=2020" {
		t.Errorf("within: %s", got)
	}
	o := goldenOptions
	o.Lenient = true
	q, err = search.ParseTypes([]string{"Encounter", "Patient"}, pairs(t, "_type=Nothing&birthdate=2020&_id=1"), o)
	if err != nil || len(q.Branches) != 2 || len(q.Ignored) != 2 || len(q.Self) != 1 {
		t.Errorf("lenient: %+v, %v", q, err)
	}
}

// TestParseEveryParameter: each parameter of each type takes a value of its type, is printed, matches nothing of an
// empty resource, and is missing there.
func TestParseEveryParameter(t *testing.T) {
	values := map[r4.ParamType]string{
		r4.Number: "5", r4.Date: "2020", r4.String: "x", r4.Token: "x", r4.Reference: "Patient/1", r4.Quantity: "5", r4.URI: "http://x",
	}
	count := 0
	for _, typ := range r4.Resources() {
		if !r4.Searchable(typ) {
			continue
		}
		empty := resource(t, fmt.Sprintf(`{"resourceType":%q}`, typ))
		for _, p := range r4.Params(typ) {
			if p.Expression == "" || p.Type == r4.Special {
				continue
			}
			value := values[p.Type]
			if p.Type == r4.Composite {
				var parts []string
				for _, c := range p.Components {
					parts = append(parts, values[c.Type])
				}
				value = strings.Join(parts, "$")
			}
			count++
			e := parse(t, typ, p.Code+"="+value)
			if want := p.Code + "=" + value; p.Code != "_id" && e.String() != want {
				t.Errorf("%s: %v, want %s", typ, e, want)
			}
			if search.Match(search.World{}, e, empty) {
				t.Errorf("%s?%s=%s finds an empty resource", typ, p.Code, value)
			}
			computed := typ+"."+p.Code == "Patient.deceased" // a comparison: without the element it is false
			if search.Match(search.World{}, parse(t, typ, p.Code+":missing=true"), empty) == computed {
				t.Errorf("%s?%s:missing=true of an empty resource", typ, p.Code)
			}
		}
	}
	if count < 1500 {
		t.Errorf("only %d parameters", count)
	}
}

// Parse never fails in any other way than with an *fhir.Error, whatever it is given.
func FuzzParse(f *testing.F) {
	for _, list := range conditions {
		for _, c := range list {
			name, value, _ := strings.Cut(c, "=")
			f.Add(name, value)
		}
	}
	f.Add("_sort", "-date,,")
	f.Add("_include", "Observation:subject:Patient")
	f.Add("subject:Patient.", "x")
	f.Add("_has:::", `\`)
	f.Add("date", "ge")
	f.Fuzz(func(t *testing.T, name, value string) {
		for _, lenient := range []bool{false, true} {
			q, err := search.Parse("Observation", []search.Pair{{Name: name, Value: value}}, search.Options{Lenient: lenient, Base: "http://x"})
			var e *fhir.Error
			if err != nil {
				if !errors.As(err, &e) || e.Kind == fhir.KindException {
					t.Fatalf("%v", err)
				}
				continue
			}
			if s := search.Simplify(q.Where); s == nil || q.Where.String() == "" {
				t.Fatalf("no expression for %q=%q", name, value)
			}
		}
	})
}
