package interaction

import (
	"strings"
	"testing"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
)

// constraints are one of each kind of parameter and each modifier, as a scope has them, with the elements of a resource
// that is in reach by it and of one that is not.
var constraints = []struct{ typ, where, in, out string }{
	{"Patient", "name=pet", `"name":[{"given":["Peter"]}]`, `"name":[{"given":["Paul"]}]`},
	{"Patient", "name:exact=Peter", `"name":[{"given":["Peter"]}]`, `"name":[{"given":["peter"]}]`},
	{"Patient", "name:contains=ete", `"name":[{"given":["Peter"]}]`, `"name":[{"given":["Paul"]}]`},
	{"Patient", "name:missing=false", `"name":[{"given":["Peter"]}]`, `"active":true`},
	{"Patient", "name:text=peter", `"name":[{"given":["Ann Peter"]}]`, `"name":[{"given":["Paul"]}]`},
	{"Patient", "name=pet,pau", `"name":[{"given":["Paul"]}]`, `"name":[{"given":["Mary"]}]`},
	{"Patient", "name=pet&gender=male", `"name":[{"given":["Peter"]}],"gender":"male"`, `"name":[{"given":["Petra"]}],"gender":"female"`},

	{"Observation", "code=http://loinc.org|8867-4", code("http://loinc.org", "8867-4", ""), code("http://other.example.org", "8867-4", "")},
	{"Observation", "code=8867-4", code("http://other.example.org", "8867-4", ""), code("http://loinc.org", "8867-5", "")},
	{"Observation", "code=http://loinc.org|", code("http://loinc.org", "1", ""), code("http://other.example.org", "1", "")},
	{"Observation", "code=|1", code("", "1", ""), code("http://loinc.org", "1", "")},
	{"Observation", "code:not=http://loinc.org|8867-4", code("http://loinc.org", "1", ""), code("http://loinc.org", "8867-4", "")},
	{"Observation", "code:text=heart", code("", "1", "Heart rate"), code("", "1", "Body weight")},
	{"Observation", "category:missing=true", code("", "1", ""), code("", "1", "") + `,"category":[{"coding":[{"code":"laboratory"}]}]`},
	{"Patient", "gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", `"gender":"male"`, `"active":true`},
	{"Patient", "gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", `"active":true`, `"gender":"male"`},
	{"Condition", "clinical-status:below=" + clinical + "|active", status("relapse"), status("remission")},
	{"Condition", "clinical-status:above=" + clinical + "|relapse", status("active"), status("inactive")},
	{"Patient", "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|12", identifier("MR", "12"), identifier("SS", "12")},

	{"Observation", "encounter=Encounter/1", code("", "1", "") + `,"encounter":{"reference":"Encounter/1"}`, code("", "1", "") + `,"encounter":{"reference":"Encounter/2"}`},
	{"Observation", "subject:Patient=1", code("", "1", "") + `,"subject":{"reference":"Patient/1"}`, code("", "1", "") + `,"subject":{"reference":"Group/1"}`},
	{"Observation", "subject:identifier=http://x.example.org|9", code("", "1", "") + `,"subject":{"identifier":{"system":"http://x.example.org","value":"9"}}`, code("", "1", "") + `,"subject":{"reference":"Patient/9"}`},
	{"Observation", "subject:text=amy", code("", "1", "") + `,"subject":{"display":"Amy Shaw"}`, code("", "1", "") + `,"subject":{"display":"Ben Shaw"}`},
	{"Observation", "subject:missing=true", code("", "1", ""), code("", "1", "") + `,"subject":{"reference":"Patient/1"}`},

	{"Patient", "birthdate=1990", `"birthDate":"1990-05-01"`, `"birthDate":"1991"`},
	{"Patient", "birthdate=ge1990-02", `"birthDate":"1990-02-01"`, `"birthDate":"1990-01-31"`},
	{"Patient", "birthdate:missing=true", `"active":true`, `"birthDate":"1990"`},
	{"RiskAssessment", "probability=gt0.5", risk("0.6"), risk("0.4")},
	{"RiskAssessment", "probability:missing=false", risk("0.6"), `"status":"final","subject":{"reference":"Patient/1"}`},
	{"Observation", "value-quantity=gt5|http://unitsofmeasure.org|g", quantity("6", "g"), quantity("6", "mg")},
	{"Observation", "value-quantity:missing=true", code("", "1", ""), quantity("6", "g")},
	{"Observation", "code-value-quantity=http://loinc.org|1$gt5", code("http://loinc.org", "1", "") + `,"valueQuantity":{"value":6}`, code("http://loinc.org", "2", "") + `,"valueQuantity":{"value":6}`},
	{"Observation", "component-code-value-quantity=a$gt5", code("", "1", "") + component("a", "6", "b", "1"), code("", "1", "") + component("a", "1", "b", "6")},
	{"Observation", "code-value-quantity:missing=true", code("", "1", ""), code("", "1", "") + `,"valueQuantity":{"value":6}`},
	{"ValueSet", "url=http://a.example.org/x", `"status":"draft","url":"http://a.example.org/x"`, `"status":"draft","url":"http://a.example.org/x/y"`},
	{"ValueSet", "url:below=http://a.example.org/x", `"status":"draft","url":"http://a.example.org/x/y"`, `"status":"draft","url":"http://a.example.org/z"`},
	{"ValueSet", "url:above=http://a.example.org/x/y", `"status":"draft","url":"http://a.example.org/x"`, `"status":"draft","url":"http://a.example.org/z"`},
	{"ValueSet", "url:missing=true", `"status":"draft"`, `"status":"draft","url":"http://a.example.org/z"`},
	{"Location", "near=53.3|-6.2|50|km", `"position":{"latitude":53.4,"longitude":-6.3}`, `"position":{"latitude":40,"longitude":-70}`},
	{"Location", "near:missing=true", `"name":"Ward"`, `"position":{"latitude":40,"longitude":-70}`},

	{"Observation", "_id=in", code("", "1", ""), code("", "1", "")},
	{"Observation", "_id:not=out", code("", "1", ""), code("", "1", "")},
	{"Observation", "_tag=http://t.example.org|a", code("", "1", "") + `,"meta":{"tag":[{"system":"http://t.example.org","code":"a"}]}`, code("", "1", "")},
	{"Observation", "_security:not=R", code("", "1", ""), code("", "1", "") + `,"meta":{"security":[{"code":"R"}]}`},
	{"Observation", "_profile=http://p.example.org/a", code("", "1", "") + `,"meta":{"profile":["http://p.example.org/a"]}`, code("", "1", "")},
	{"Observation", "_source=http://s.example.org", code("", "1", "") + `,"meta":{"source":"http://s.example.org"}`, code("", "1", "")},
	{"Observation", "_text=fever", narrative("fever at night"), narrative("well")},
	{"Observation", "_content=fever", code("", "1", "Fever"), code("", "1", "Weight")},
	{"*", "_tag=a", `"code":{"text":"x"},"meta":{"tag":[{"code":"a"}]}`, `"code":{"text":"x"}`},
}

const clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"

func code(system, code, text string) string {
	s := `"status":"final","code":{"coding":[{`
	if system != "" {
		s += `"system":"` + system + `",`
	}
	return s + `"code":"` + code + `"}],"text":"` + text + ` "}`
}

func status(code string) string {
	return `"subject":{"reference":"Patient/1"},"clinicalStatus":{"coding":[{"system":"` + clinical + `","code":"` + code + `"}]}`
}

func identifier(typ, value string) string {
	return `"identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"` + typ + `"}]},"value":"` + value + `"}]`
}

func risk(probability string) string {
	return `"status":"final","subject":{"reference":"Patient/1"},"prediction":[{"probabilityDecimal":` + probability + `}]`
}

func quantity(value, unit string) string {
	return code("", "1", "") + `,"valueQuantity":{"value":` + value + `,"system":"http://unitsofmeasure.org","code":"` + unit + `"}`
}

func component(code1, value1, code2, value2 string) string {
	one := func(code, value string) string {
		return `{"code":{"coding":[{"code":"` + code + `"}]},"valueQuantity":{"value":` + value + `}}`
	}
	return `,"component":[` + one(code1, value1) + "," + one(code2, value2) + "]"
}

func narrative(words string) string {
	return code("", "1", "") + `,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + words + `</div>"}`
}

// A scope may ask whatever a search can ask of a resource itself: each type of parameter, each modifier, composites and
// quantities. What is not in reach is not read, found or counted.
func TestS2_18_EveryConstraint(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for _, c := range constraints {
			typ := c.typ
			if typ == "*" {
				typ = "Basic"
			}
			r.put(`{"resourceType":"`+typ+`","id":"in",`+c.in+"}", `{"resourceType":"`+typ+`","id":"out",`+c.out+"}")
			by := as(t, "", "system/"+c.typ+".rs?"+c.where)
			if _, err := r.Read(ctx, by, typ, "in"); err != nil {
				t.Errorf("%s?%s does not show %s: %v", c.typ, c.where, c.in, err)
			}
			if _, err := r.Read(ctx, by, typ, "out"); fhir.KindOf(err) != fhir.KindNotFound {
				t.Errorf("%s?%s and %s: %v", c.typ, c.where, c.out, err)
			}
			entries, total, err := r.search(by, typ, "_id=in,out&_total=accurate")
			if err != nil || !same(entries, []string{"match " + typ + "/in"}) || total != 1 {
				t.Errorf("%s?%s finds %v of %d, %v", c.typ, c.where, entries, total, err)
			}
			for _, id := range []string{"in", "out"} {
				if _, err := r.Delete(ctx, r.root(), typ, id, WriteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// The table above leaves out no type of parameter and no modifier, but those that look at more than the resource.
func TestS2_18_NoneIsLeftOut(t *testing.T) {
	type form struct {
		of       r4.ParamType
		modifier string
	}
	types, modifiers := map[r4.ParamType]bool{}, map[form]bool{}
	for _, c := range constraints {
		for part := range strings.SplitSeq(c.where, "&") {
			name, _, _ := strings.Cut(part, "=")
			code, modifier, _ := strings.Cut(name, ":")
			p := r4.Lookup(strings.TrimPrefix(c.typ, "*"), code)
			if p == nil {
				t.Fatalf("%s has no %s", c.typ, code)
			}
			types[p.Type] = true
			if r4.IsResource(modifier) {
				modifier = "[type]"
			}
			modifiers[form{p.Type, modifier}] = true
		}
	}
	for _, typ := range r4.Resources() {
		for _, p := range r4.Params(typ) {
			if !types[p.Type] {
				t.Errorf("no constraint by a parameter like %s of %s", p.Code, typ)
				types[p.Type] = true
			}
			for _, m := range search.Modifiers(p) {
				if p.Type == r4.Reference && (m == "above" || m == "below") {
					continue // a hierarchy of others: refused
				}
				key := form{p.Type, m}
				if !modifiers[key] {
					t.Errorf("no constraint by %s:%s of %s", p.Code, m, typ)
					modifiers[key] = true
				}
			}
		}
	}
	if !modifiers[(form{r4.Reference, "[type]"})] {
		t.Error("no constraint by a reference of one type")
	}
}

// What a scope asks may depend on nothing but the resource: not on what others are, which this caller may see or not.
func TestS2_18_NothingBeyondTheResource(t *testing.T) {
	for _, s := range []string{
		"Observation.rs?subject.name=peter", "Observation.rs?subject:Patient.name=peter", "Observation.rs?subject:Patient.organization.name=x",
		"Patient.rs?_has:Observation:patient:code=1", "Observation.rs?_list=1", "Observation.rs?_filter=code eq 1", "Observation.rs?_query=x",
		"Location.rs?partof:below=1", "Location.rs?partof:above=1",
		"Observation.rs?code:in=http://nobody.example.org/ValueSet/1", "Observation.rs?code:not-in=http://nobody.example.org/ValueSet/1",
		"Observation.rs?_include=Observation:subject", "Patient.rs?_revinclude=Observation:subject", "Observation.rs?_sort=date", "Observation.rs?_count=1",
		"Observation.rs?_summary=count", "Observation.rs?_elements=code", "Observation.rs?_total=none", "Observation.rs?_contained=true",
		"Observation.rs?code:nonsense=1", "Observation.rs?nonsense=1", "Observation.rs?date=yesterday", "Observation.rs?code=", "*.rs?code=1",
	} {
		s = strings.ReplaceAll("system/"+s, " ", "%20")
		set, refused := scope.Parse(s)
		set, more := set.Available(nil, 0)
		if len(refused)+len(more) != 1 || len(set.Data()) != 0 {
			t.Errorf("%s is granted as %s, %v", s, set, append(refused, more...))
		}
	}
}
